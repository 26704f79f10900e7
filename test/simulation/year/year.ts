import type { RefresherSettings } from '../../../lambda/core/model';
import {
  expiredTimes,
  pagesAfterFix,
  pagesOf,
  type Violation,
  violationsOf,
  type YearOutcome,
} from './claims';
import { type DeployedStack, Deployment, type Run, runYear } from './deployment';
import { drawYear, type YearPlan } from './incidents';
import { type Margin, marginOf } from './margin';
import { outagesOf } from './outages';
import { SeededRandom } from './random';
import { World, type Write } from './world';

const START_MS = Date.UTC(2027, 0, 1);

/** The input of a simulated year. */
export interface YearProps extends DeployedStack {
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
  readonly timeline: { readonly writes: readonly Write[]; readonly runs: readonly Run[] };
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
  const drawn = plan(drawYear(random, START_MS, margin.intervalMs));
  const world = new World(drawn, margin.lifeMs, authsOf(settings));
  const deployment = new Deployment({ template, settings, world, random, side: 'primary' });
  await runYear([deployment], world);

  const outcome = {
    outages: outagesOf(world, margin),
    expired: expiredTimes(world),
    pages: pagesOf(world, deployment.sim.pages),
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
    invocations: deployment.runs.length,
    violations: violationsOf(margin, outcome, areMetricsLostAt),
    timeline: { writes: world.writes, runs: deployment.runs },
  };
}

/** Returns whether a run that a page at this time looks back on may have lost its metrics. */
function wereMetricsLost({ plan }: World, { intervalMs, recoveryMs }: Margin, atMs: number): boolean {
  return plan.incidents.some(
    ({ kind, fromMs, toMs }) =>
      kind === 'metrics-lost' && fromMs <= atMs && atMs < toMs + 2 * intervalMs + recoveryMs,
  );
}

/** Returns the registry auths that targets name by id. They exist from the start; the others are created by name. */
export function authsOf({ targets }: RefresherSettings): { id: string; name: string }[] {
  return targets.flatMap(({ name, registryAuthId }) =>
    registryAuthId === undefined ? [] : [{ id: registryAuthId, name }],
  );
}
