/**
 * The time from a failure to the page, found by simulating the services event by event.
 *
 * `test/lib/page-budget.ts` computes the same time by arithmetic. The two share no code on purpose: each is a check of the
 * other, and the test of this file holds them against each other on the real template.
 */

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
 * A way in which refreshing can stop.
 *
 * - `function-fails`: every target fails for a transient reason
 * - `function-crashes`: the function ends before it reports
 * - `operator`: a person must act
 * - `partial-failure`: one target of several fails
 * - `rule-cannot-invoke`: the rule cannot invoke the function
 * - `nothing-runs`: the schedule does not fire
 * - `metrics-lost`: the function works, but its metrics do not arrive
 */
export type Failure = (typeof FAILURES)[number];

/** The input of a page budget. */
export interface PageBudgetProps {
  readonly template: CloudFormationTemplate;
  readonly failure: Failure;
  /** Life of a credential when it is written, in minutes. @default 720 */
  readonly lifeMinutes?: number;
  /** Durations of a failing invocation. @default - two seconds, and five seconds less than the timeout */
  readonly failingForMs?: readonly number[];
  /** @default - both */
  readonly alignments?: readonly Alignment[];
  /** Numbers of additional periods that CloudWatch may look back. @default - 1, 2 and 4 */
  readonly extraPeriods?: readonly number[];
}

/** The first page, under one set of assumptions about CloudWatch. */
export interface PageTime {
  /** Logical id of the alarm that fires first; undefined when none fires within twice the credential's life. */
  readonly alarm: string | undefined;
  /** From the last success to the page. The failure begins right after that success. */
  readonly minutes: number;
  /** Remaining life, at the page, of the credential that the last success wrote. */
  readonly lifeLeftMinutes: number;
  readonly alignment: Alignment;
  readonly extraPeriods: number;
}

/** The page budget of one failure. */
export interface PageBudget extends PageTime {
  readonly failure: Failure;
  /** The latest page for each alignment. The budget itself is the later of the two. */
  readonly byAlignment: readonly PageTime[];
}

/**
 * Simulates a failure that begins right after a success, which is the worst time. Does so for every assumption about
 * CloudWatch and for several offsets of the schedule, and returns the latest page.
 *
 * @throws NotUnderstoodError when the template uses something that the simulation does not model
 */
export async function timeToPage(props: PageBudgetProps): Promise<PageBudget> {
  const byAlignment: PageTime[] = [];
  for (const alignment of props.alignments ?? (['sliding', 'aligned'] as const)) {
    const times: PageTime[] = [];
    for (const variant of variants(props, alignment)) times.push(await firstPage(props, variant));
    byAlignment.push(latest(times));
  }
  return { failure: props.failure, ...latest(byAlignment), byAlignment };
}

interface Variant {
  readonly alignment: Alignment;
  readonly extraPeriods: number;
  readonly failingForMs: number;
  /** Offset of the schedule against the clock. */
  readonly phaseMs: number;
}

/** Offsets at and near the boundaries of common periods, up to half an hour. */
const PHASES_MS = [0, 1, 59, 61, 299, 420, 899, 1_081, 1_199, 1_739].map((seconds) => seconds * 1_000);

function variants(props: PageBudgetProps, alignment: Alignment): readonly Variant[] {
  const { failingForMs = [2_000, functionTimeoutMs(props.template) - 5_000] } = props;
  return (props.extraPeriods ?? [1, 2, 4]).flatMap((extraPeriods) =>
    failingForMs.flatMap((duration) =>
      PHASES_MS.map((phaseMs) => ({ alignment, extraPeriods, failingForMs: duration, phaseMs })),
    ),
  );
}

async function firstPage(props: PageBudgetProps, variant: Variant): Promise<PageTime> {
  const { template, failure, lifeMinutes = 720 } = props;
  const { alignment, extraPeriods, failingForMs, phaseMs } = variant;
  const intervalMs = scheduleIntervalMs(template);
  const startMs = Date.UTC(2026, 0, 1) + phaseMs;
  // Two successful runs first, so that no alarm looks back to a time before the service existed.
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
  // A delivery that is retried is noticed later than one that is denied.
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

/** Returns the metrics of a successful run, with some replaced. */
export function runMetrics(changes: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const success = {
    RunSucceeded: 1,
    TargetsRefreshed: 1,
    TargetsFailed: 0,
    OperatorActionNeeded: 0,
    FallbackRoute: 0,
  };
  return { ...success, ...changes };
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
