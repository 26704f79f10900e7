import { type Side, WARNINGS_BESIDE_ANOTHER_REGION } from '../../../lambda/core/contract';
import { TransientError } from '../../../lambda/core/errors';
import { EventQueue } from '../event-queue';
import type { Simulation } from '../simulation';
import { alarmName, type ExpiredTime, expiredTimes, pagesOf } from '../year/claims';
import { type DeployedStack, Deployment, type Run, runYear } from '../year/deployment';
import type { Incident, YearPlan } from '../year/incidents';
import { type Margin, marginOf, nextRunMs } from '../year/margin';
import { SeededRandom } from '../year/random';
import type { TellVia } from '../year/refresher';
import { World, type Write } from '../year/world';
import { authsOf } from '../year/year';
import { type Checked, checkTwoRegions } from './claims';
import { drawTwoRegions, SIDES } from './plan';

const MINUTE_MS = 60_000;

/** The years begin before the first run of the day. */
const NEW_YEAR_MS = Date.UTC(2027, 0, 1);

/** How long the handler waits for a region that does not answer: two attempts of two seconds each. */
const TELLING_MS = 4_000;

/** The same refresher, synthesised without a standby and with one. */
export interface TwoRegionStacks {
  readonly alone: DeployedStack;
  readonly primary: DeployedStack;
  readonly standby: DeployedStack;
}

/** The input of a simulated year of two regions. */
export interface TwoRegionYearProps {
  readonly stacks: TwoRegionStacks;
  /** The same seed gives the same year. */
  readonly seed: number;
  /** Replaces the drawn plan. The end may be earlier. @default - keeps the drawn plan */
  readonly plan?: (drawn: YearPlan) => YearPlan;
  /** Makes the function that reports a success to the other side. @default - it counts in the other side's CloudWatch */
  readonly tellIn?: (other: () => Simulation) => TellVia;
}

/** A notification of one side. */
export interface Notification {
  readonly side: Side;
  /** Name of the alarm. */
  readonly alarm: string;
  readonly atMs: number;
}

/** What one refresher did, or two together. */
export interface Course {
  readonly writes: readonly Write[];
  /** In the order of time. */
  readonly runs: readonly (Run & { readonly side: Side })[];
  readonly pages: readonly (Notification & { readonly lifeLeftMs: number })[];
  readonly warnings: readonly Notification[];
  readonly expired: readonly ExpiredTime[];
  /** Minutes with an expired credential, summed over the registry auths, in which ECR, Runpod and its key worked. */
  readonly avoidableMinutes: number;
  /** Minutes with an expired credential in which a refresher could have refreshed, but no run had started yet. */
  readonly waitingMinutes: number;
}

/** The outcome of a simulated year of two regions. */
export interface TwoRegionYearReport extends Checked {
  readonly seed: number;
  readonly margin: Margin;
  readonly incidents: readonly Incident[];
  /** The refresher without a standby, in the same world. */
  readonly alone: Course;
  /** The refresher and its standby. */
  readonly together: Course;
}

/**
 * Simulates one year of a refresher with a standby and checks it against the claims. Then it simulates the same refresher
 * without a standby in the same world. Only the fixes of the people on call may differ between the two.
 */
export async function simulateTwoRegions(props: TwoRegionYearProps): Promise<TwoRegionYearReport> {
  const { stacks, seed } = props;
  const { margin, world, sides } = await simulateTogether(props);
  const checked = checkTwoRegions({ world, sides, expired: expiredTimes(world) });
  return {
    seed,
    margin,
    incidents: world.plan.incidents,
    ...checked,
    alone: await simulateAlone(props, stacks.alone),
    together: courseOf(
      world,
      SIDES.map((side) => sides[side]),
    ),
  };
}

async function simulateTogether({ stacks, seed, plan, tellIn = countIn }: TwoRegionYearProps) {
  const { margin, world } = worldOf(stacks, seed, plan);
  const events = new EventQueue(world.plan.startMs);
  const deploy = (side: Side, other: () => Deployment) =>
    new Deployment({
      ...stacks[side],
      world,
      random: new SeededRandom(2 * seed + SIDES.indexOf(side)),
      side,
      events,
      alignment: seed % 2 === 0 ? 'aligned' : 'sliding',
      tellVia: tellIn(() => other().sim),
      warnings: ['RegionSilent', ...WARNINGS_BESIDE_ANOTHER_REGION[side]],
    });
  const sides: Record<Side, Deployment> = {
    primary: deploy('primary', () => sides.standby),
    standby: deploy('standby', () => sides.primary),
  };
  await runYear([sides.primary, sides.standby], world);
  return { margin, world, sides };
}

async function simulateAlone(
  { stacks, seed, plan }: TwoRegionYearProps,
  stack: DeployedStack,
): Promise<Course> {
  const { world } = worldOf(stacks, seed, plan);
  const random = new SeededRandom(2 * seed);
  const deployment = new Deployment({ ...stack, world, random, side: 'primary' });
  await runYear([deployment], world);
  return courseOf(world, [deployment]);
}

/** Makes the world of a seed. The operators' fixes change it, so each simulation has its own. */
function worldOf(
  { primary }: TwoRegionStacks,
  seed: number,
  plan: (drawn: YearPlan) => YearPlan = (drawn) => drawn,
): { margin: Margin; world: World } {
  const margin = marginOf(primary.template);
  const { intervalMs, lifeMs } = margin;
  const startMs = nextRunMs(margin, NEW_YEAR_MS, NEW_YEAR_MS);
  const drawn = drawTwoRegions(new SeededRandom(seed), startMs, intervalMs);
  return { margin, world: new World(plan(drawn), lifeMs, authsOf(primary.settings)) };
}

/** Counts a success in the CloudWatch of the other region, unless that is down. */
function countIn(other: () => Simulation): TellVia {
  return (clock) => async () => {
    if (other().faults.isCloudWatchDown(clock.now())) {
      await clock.sleep(TELLING_MS);
      throw new TransientError('CloudWatch of the other region gives no answer');
    }
    other().countFromElsewhere('RunSucceeded', clock.now());
  };
}

function courseOf(world: World, deployments: readonly Deployment[]): Course {
  const expired = expiredTimes(world);
  const notifications = deployments.map(({ side, sim }) => ({
    pages: pagesOf(world, sim.pages).map((page) => ({ ...page, side, alarm: alarmName(page.alarm) })),
    warnings: sim.warnings
      .filter(({ state }) => state === 'ALARM')
      .map(({ alarm, atMs }) => ({ side, alarm: alarmName(alarm), atMs })),
  }));
  return {
    writes: inOrder(world.writes),
    runs: inOrder(deployments.flatMap(({ side, runs }) => runs.map((run) => ({ ...run, side })))),
    pages: inOrder(notifications.flatMap(({ pages }) => pages)),
    warnings: inOrder(notifications.flatMap(({ warnings }) => warnings)),
    expired,
    avoidableMinutes: countMinutes(expired, (atMs) => world.servicesWorkAt(atMs)),
    waitingMinutes: countMinutes(expired, (atMs) =>
      deployments.some(({ side }) => world.canRefreshAt(atMs, side)),
    ),
  };
}

function countMinutes(times: readonly ExpiredTime[], isCounted: (atMs: number) => boolean): number {
  let minutes = 0;
  for (const { fromMs, toMs } of times) {
    for (let atMs = fromMs; atMs < toMs; atMs += MINUTE_MS) if (isCounted(atMs)) minutes++;
  }
  return minutes;
}

function inOrder<T extends { readonly atMs: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.atMs - b.atMs);
}
