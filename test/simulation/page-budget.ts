/** How long a failure lasts before a person is paged, and how much life the old credential has left by then. */

import type { InvocationResult } from './lambda-function';
import { createSimulation, type Simulation } from './simulation';
import { readTemplate } from './template';
import { type CloudFormationTemplate, NotUnderstoodError } from './template-values';
import type { Alignment } from './window';

const MINUTE_MS = 60_000;

/** The ways in which refreshing can stop. */
export const FAILURES = [
  'function-fails',
  'function-crashes',
  'operator',
  'partial-failure',
  'rule-cannot-invoke',
  'nothing-runs',
  'metrics-lost',
] as const;

/**
 * A way in which refreshing can stop: every target fails for a passing reason; the function dies before it reports;
 * a person must act; one target of several fails; the rule cannot invoke; the schedule is silent; the function works
 * but its metrics are lost.
 */
export type Failure = (typeof FAILURES)[number];

/** One question to the page budget. */
export interface PageQuestion {
  readonly template: CloudFormationTemplate;
  readonly failure: Failure;
  /** Life of a credential when it is written, in minutes. @default 720 */
  readonly lifeMinutes?: number;
  /** How long a failing invocation takes. @default - at once, and all but the function's time-out */
  readonly failingForMs?: readonly number[];
  /** @default - both */
  readonly alignments?: readonly Alignment[];
  /** How many further periods CloudWatch looks back, of which it says only that there are some. @default 1, 2, 4 */
  readonly extraPeriods?: readonly number[];
}

/** The first page in one reading of CloudWatch's rules. */
export interface PageTime {
  /** Logical id of the alarm that rings first; undefined when none rings before twice the credential's life is over. */
  readonly alarm: string | undefined;
  /** From the last success, right after which the failing begins, to the page. */
  readonly minutes: number;
  /** Life that the credential of the last success has left at the page. */
  readonly lifeLeftMinutes: number;
  readonly alignment: Alignment;
  readonly extraPeriods: number;
}

/** The page budget of one kind of failure. */
export interface PageBudget extends PageTime {
  readonly failure: Failure;
  /** The least favourable page of each alignment; the budget itself is the worse of them. */
  readonly byAlignment: readonly PageTime[];
}

/**
 * Simulates a failure that begins right after a success, which is the worst moment, in every reading of CloudWatch's
 * rules and at several positions of the schedule against the clock, and answers with the latest page.
 *
 * @throws NotUnderstoodError where the template uses what the simulation does not model
 */
export async function timeToPage(question: PageQuestion): Promise<PageBudget> {
  const byAlignment: PageTime[] = [];
  for (const alignment of question.alignments ?? (['sliding', 'aligned'] as const)) {
    const times: PageTime[] = [];
    for (const variant of variants(question, alignment)) times.push(await firstPage(question, variant));
    byAlignment.push(latest(times));
  }
  return { failure: question.failure, ...latest(byAlignment), byAlignment };
}

interface Variant {
  readonly alignment: Alignment;
  readonly extraPeriods: number;
  readonly failingForMs: number;
  /** Where the schedule stands against the clock. */
  readonly phaseMs: number;
}

/** Phases at and around the boundaries of common periods: the second, the minute, and up to half an hour. */
const PHASES_MS = [0, 1, 59, 61, 299, 420, 899, 1_081, 1_199, 1_739].map((seconds) => seconds * 1_000);

function variants(question: PageQuestion, alignment: Alignment): readonly Variant[] {
  const { failingForMs = [2_000, functionTimeoutMs(question.template) - 5_000] } = question;
  return (question.extraPeriods ?? [1, 2, 4]).flatMap((extraPeriods) =>
    failingForMs.flatMap((duration) =>
      PHASES_MS.map((phaseMs) => ({ alignment, extraPeriods, failingForMs: duration, phaseMs })),
    ),
  );
}

async function firstPage(question: PageQuestion, variant: Variant): Promise<PageTime> {
  const { template, failure, lifeMinutes = 720 } = question;
  const { alignment, extraPeriods, failingForMs, phaseMs } = variant;
  const intervalMs = scheduleIntervalMs(template);
  const startMs = Date.UTC(2026, 0, 1) + phaseMs;
  // Two runs, so that no alarm looks back beyond the beginning of the service.
  const lastSuccessMs = startMs + 2 * intervalMs;
  const endMs = lastSuccessMs + 2 * lifeMinutes * MINUTE_MS;
  const sim = createSimulation({
    template,
    startMs,
    behaviour: { alignment, extraPeriods },
    logLimit: 0,
    invoke: (_event, { nowMs }) =>
      nowMs > lastSuccessMs ? failingRun(failure, failingForMs) : succeedingRun(lifeMinutes),
  });
  breakServices(sim, failure, lastSuccessMs + MINUTE_MS);
  const page = await firstAlarm(sim, lastSuccessMs, endMs, intervalMs);
  const minutes = page ? (page.atMs - lastSuccessMs) / MINUTE_MS : Number.POSITIVE_INFINITY;
  return { alarm: page?.alarm, minutes, lifeLeftMinutes: lifeMinutes - minutes, alignment, extraPeriods };
}

async function firstAlarm(sim: Simulation, fromMs: number, toMs: number, stepMs: number) {
  for (let ms = fromMs + stepMs; ms <= toMs + stepMs; ms += stepMs) {
    await sim.runUntil(ms);
    const page = sim.pages.find(({ state, atMs }) => state === 'ALARM' && atMs > fromMs);
    if (page) return page;
  }
  return undefined;
}

function breakServices(sim: Simulation, failure: Failure, fromMs: number): void {
  const toMs = Number.POSITIVE_INFINITY;
  // A delivery that is retried is noticed later than one that is refused.
  if (failure === 'rule-cannot-invoke') sim.faults.lambdaDelivery(fromMs, toMs, 'unavailable');
  if (failure === 'nothing-runs') sim.faults.scheduleSilent(fromMs, toMs);
  if (failure === 'metrics-lost') sim.faults.ownMetricsLost(fromMs, toMs);
}

function succeedingRun(lifeMinutes: number): InvocationResult {
  return { ok: true, durationMs: 2_000, metrics: runMetrics({ CredentialMinutesLeft: lifeMinutes }) };
}

function failingRun(failure: Failure, durationMs: number): InvocationResult {
  const failed = { ok: false, durationMs, error: failure };
  switch (failure) {
    case 'function-fails':
    case 'rule-cannot-invoke':
    case 'nothing-runs':
      return { ...failed, metrics: runMetrics({ RunSucceeded: 0, TargetsRefreshed: 0, TargetsFailed: 1 }) };
    case 'operator':
      return {
        ...failed,
        metrics: runMetrics({
          RunSucceeded: 0,
          TargetsRefreshed: 0,
          TargetsFailed: 1,
          OperatorActionNeeded: 1,
        }),
      };
    case 'partial-failure':
      return { ...failed, metrics: runMetrics({ RunSucceeded: 0, TargetsFailed: 1 }) };
    case 'function-crashes':
      return { ...failed, metrics: {} };
    case 'metrics-lost':
      return succeedingRun(0);
  }
}

/** The metrics that a run sends, as of a success unless said otherwise. */
export function runMetrics(but: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const success = {
    RunSucceeded: 1,
    TargetsRefreshed: 1,
    TargetsFailed: 0,
    OperatorActionNeeded: 0,
    FallbackRoute: 0,
  };
  return { ...success, ...but };
}

function latest(times: readonly PageTime[]): PageTime {
  return times.reduce((worst, time) => (time.minutes > worst.minutes ? time : worst));
}

function scheduleIntervalMs(template: CloudFormationTemplate): number {
  const [rule, ...others] = readTemplate(template).rules;
  if (!rule || others.length > 0) throw new NotUnderstoodError('AWS::Events::Rule', 'expected one schedule');
  return rule.intervalMs;
}

function functionTimeoutMs(template: CloudFormationTemplate): number {
  const { rules, functions } = readTemplate(template);
  const id = rules[0]?.targets[0]?.functionId;
  const fn = functions.find((candidate) => candidate.id === id);
  if (!fn)
    throw new NotUnderstoodError(
      'AWS::Events::Rule',
      'expected a target that is a function of this template',
    );
  return fn.timeoutMs;
}
