import type { Side } from '../../../lambda/core/contract';
import type { Incident, YearPlan } from '../year/incidents';
import { type Course, simulateTwoRegions, type TwoRegionStacks, type TwoRegionYearReport } from './year';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A time in which something was down. */
export interface ShownOutage {
  /** The only side that it concerns. @default - both */
  readonly side?: Side;
  readonly fromMs: number;
  readonly toMs: number;
  readonly causes: readonly string[];
}

/** What one refresher did in that time, or two together. Times are in milliseconds since the epoch. */
export interface ShownCourse extends Omit<Course, 'avoidableMinutes' | 'waitingMinutes'> {
  readonly fromMs: number;
  readonly toMs: number;
  /** Life of a new credential, in milliseconds. */
  readonly lifeMs: number;
  readonly outages: readonly ShownOutage[];
}

/** The same days without a standby and with one. Writes before the start are included, because they still live. */
export interface RegionDownDay {
  readonly seed: number;
  readonly alone: ShownCourse;
  readonly together: ShownCourse;
}

/**
 * Returns two days around the first outage of the first refresher's whole region that lasts half a day to a day. A rule
 * chooses it, so that nobody can pick a good-looking one. The years are those of the seeds 1, 2, 3 and so on, as in
 * `npm run simulate`. The days begin at midnight UTC. The simulation begins only three days earlier, to be quick.
 */
export async function dayOfARegionDown(stacks: TwoRegionStacks): Promise<RegionDownDay> {
  for (let seed = 1; ; seed++) {
    let found: Incident | undefined;
    const plan = (drawn: YearPlan) => {
      found = drawn.incidents.find(isDayLong);
      return found ? onlyAround(found, drawn) : { ...drawn, endMs: drawn.startMs };
    };
    const report = await simulateTwoRegions({ stacks, seed, plan });
    if (found) return showAround(found, report);
  }
}

function isDayLong({ kind, side, fromMs, toMs }: Incident): boolean {
  const lastsMs = toMs - fromMs;
  return kind === 'region' && side === 'primary' && lastsMs >= 12 * HOUR_MS && lastsMs <= DAY_MS;
}

/** Returns the midnight before an outage, at least six hours before it. */
function startOf({ fromMs }: Incident): number {
  return Math.floor((fromMs - 6 * HOUR_MS) / DAY_MS) * DAY_MS;
}

function endOf(outage: Incident): number {
  return startOf(outage) + 2 * DAY_MS;
}

function onlyAround(outage: Incident, drawn: YearPlan): YearPlan {
  const daysBefore = Math.floor((startOf(outage) - 3 * DAY_MS - drawn.startMs) / DAY_MS);
  const startMs = drawn.startMs + Math.max(0, daysBefore) * DAY_MS;
  return {
    ...drawn,
    startMs,
    endMs: endOf(outage),
    incidents: drawn.incidents.filter(({ fromMs }) => fromMs >= startMs),
  };
}

function showAround(outage: Incident, report: TwoRegionYearReport): RegionDownDay {
  const [fromMs, toMs] = [startOf(outage), endOf(outage)];
  const outages = report.incidents
    .filter((one) => one.fromMs < toMs && one.toMs > fromMs)
    .map(({ kind, side, ...span }) => ({
      ...(side && { side }),
      fromMs: span.fromMs,
      toMs: span.toMs,
      causes: [kind],
    }));
  const isShown = ({ atMs }: { readonly atMs: number }) => fromMs <= atMs && atMs < toMs;
  const show = (course: Course, shown: readonly ShownOutage[]): ShownCourse => ({
    fromMs,
    toMs,
    lifeMs: report.margin.lifeMs,
    outages: shown,
    writes: course.writes.filter(({ atMs }) => atMs < toMs),
    runs: course.runs.filter(isShown),
    pages: course.pages.filter(isShown),
    warnings: course.warnings.filter(isShown),
    expired: course.expired.filter((one) => one.fromMs < toMs && one.toMs > fromMs),
  });
  return {
    seed: report.seed,
    alone: show(
      report.alone,
      outages.filter(({ side }) => side !== 'standby'),
    ),
    together: show(report.together, outages),
  };
}
