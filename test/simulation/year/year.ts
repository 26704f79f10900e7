import type { RefresherSettings } from '../../../lambda/core/model';
import { createSimulation, type Simulation } from '../simulation';
import type { CloudFormationTemplate } from '../template-values';
import {
  expiredTimes,
  pagesAfterFix,
  pagesOf,
  type Violation,
  violationsOf,
  type YearOutcome,
} from './claims';
import { drawYear, type Incident, needsOperator, type YearPlan } from './incidents';
import { type Margin, marginOf, RULE_DELAY_MS } from './margin';
import { Operator } from './operator';
import { outagesOf } from './outages';
import { SeededRandom } from './random';
import { Refresher } from './refresher';
import { World, type Write } from './world';

const START_MS = Date.UTC(2027, 0, 1);

/** How often the operator may act. It is shorter than the operator's fastest reaction. */
const STEP_MS = 15 * 60_000;

/** The input of a simulated year. */
export interface YearProps {
  readonly template: CloudFormationTemplate;
  readonly settings: RefresherSettings;
  /** The same seed gives the same year. */
  readonly seed: number;
  /** Replaces the drawn plan, for a counter-example. The end may be earlier. @default - keeps the drawn plan */
  readonly plan?: (drawn: YearPlan) => YearPlan;
}

/** The outcome of a simulated year. */
export interface YearReport extends YearOutcome {
  readonly seed: number;
  readonly margin: Margin;
  readonly plan: YearPlan;
  /** Pages that are explained by lost metrics: the service may have worked, but CloudWatch could not know. */
  readonly pagesForLostMetrics: number;
  readonly pagesAfterFix: number;
  readonly writes: number;
  readonly invocations: number;
  readonly violations: readonly Violation[];
  /** What happened, in the order of time. */
  readonly timeline: {
    readonly writes: readonly Write[];
    readonly runs: readonly { readonly atMs: number; readonly ok: boolean }[];
  };
}

/** Simulates one year with the real handler and the synthesised services, and checks it against the claims. */
export async function simulateYear({
  template,
  settings,
  seed,
  plan = (drawn) => drawn,
}: YearProps): Promise<YearReport> {
  const random = new SeededRandom(seed);
  const margin = marginOf(template);
  const world = new World(
    plan(drawYear(random, START_MS, margin.intervalMs)),
    margin.lifeMs,
    authsOf(settings),
  );
  const refresher = new Refresher(settings, world, random);
  const runs: { atMs: number; ok: boolean }[] = [];
  const sim = createSimulation({
    template,
    startMs: START_MS,
    logLimit: 0,
    behaviour: { ruleDelayMs: () => random.next() * RULE_DELAY_MS },
    invoke: async (event, context) => {
      const result = await refresher.invoke(event, context);
      runs.push({ atMs: context.nowMs, ok: result.ok });
      return result;
    },
  });
  await run(sim, world, new Operator(sim, world, margin.functionId, random));

  const outcome = {
    outages: outagesOf(world, margin),
    expired: expiredTimes(world),
    pages: pagesOf(world, sim.pages),
  };
  const areMetricsLostAt = (atMs: number) => wereMetricsLost(world, margin, atMs);
  return {
    seed,
    margin,
    plan: world.plan,
    ...outcome,
    pagesForLostMetrics: outcome.pages.filter(({ atMs }) => areMetricsLostAt(atMs)).length,
    pagesAfterFix: pagesAfterFix(outcome, margin),
    writes: world.writes.length,
    invocations: runs.length,
    violations: violationsOf(margin, outcome, areMetricsLostAt),
    timeline: { writes: world.writes, runs },
  };
}

async function run(sim: Simulation, world: World, operator: Operator): Promise<void> {
  const { startMs, endMs, incidents } = world.plan;
  for (const incident of incidents) breakService(sim, incident, incident);
  const untilFixed = incidents.filter(needsOperator);
  for (let nowMs = startMs; nowMs < endMs; nowMs += STEP_MS) {
    const untilMs = nowMs + STEP_MS;
    // One millisecond more: the schedule may fire at the very end of a step, before the operator acts.
    for (const incident of untilFixed) {
      const span = { fromMs: Math.max(incident.fromMs, nowMs), toMs: Math.min(incident.toMs, untilMs + 1) };
      if (span.fromMs < span.toMs) breakUntilFixed(sim, incident, span);
    }
    await sim.runUntil(untilMs);
    operator.act();
  }
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function breakService({ faults }: Simulation, { kind }: Incident, { fromMs, toMs }: Span): void {
  if (kind === 'delivery') faults.lambdaDelivery(fromMs, toMs, 'unavailable');
  if (kind === 'throttling') faults.throttling(fromMs, toMs);
  if (kind === 'metrics-lost') faults.ownMetricsLost(fromMs, toMs);
}

/** The end of these incidents depends on the operator, so they are extended step by step. */
function breakUntilFixed({ faults }: Simulation, { kind }: Incident, { fromMs, toMs }: Span): void {
  if (kind === 'schedule-denied') faults.lambdaDelivery(fromMs, toMs, 'denied');
  if (kind === 'schedule-disabled') faults.scheduleSilent(fromMs, toMs);
}

/** Returns whether a run that a page at this time looks back on may have lost its metrics. */
function wereMetricsLost({ plan }: World, { intervalMs, recoveryMs }: Margin, atMs: number): boolean {
  return plan.incidents.some(
    ({ kind, fromMs, toMs }) =>
      kind === 'metrics-lost' && fromMs <= atMs && atMs < toMs + 2 * intervalMs + recoveryMs,
  );
}

/** Returns the registry auths that targets name by id. They exist from the start; the others are created by name. */
function authsOf({ targets }: RefresherSettings): { id: string; name: string }[] {
  return targets.flatMap(({ name, registryAuthId }) =>
    registryAuthId === undefined ? [] : [{ id: registryAuthId, name }],
  );
}
