import type { Transition } from '../alarm-watch';
import type { Episode } from './episodes';
import type { Margin } from './margin';
import type { World, Write } from './world';

const MINUTE_MS = 60_000;

/** Life that must be left when a person is paged for a long outage. */
export const LEAST_LIFE_AT_PAGE_MS = 240 * MINUTE_MS;

/** What mends itself within this must not page. */
export const PATIENCE_MS = 30 * MINUTE_MS;

/** From a figure to the notification: the metric's way, an evaluation, the notification's own. */
const ALARM_LAG_MS = 5 * MINUTE_MS;

/** A claim that did not hold. */
export interface Violation {
  readonly claim: 'no dead credential' | 'paged in time' | 'no false page';
  readonly atMs: number;
  readonly what: string;
  /** What was wrong then. */
  readonly episode?: Episode;
}

/** A time in which a registry auth at Runpod held an expired credential. */
export interface DeadTime {
  readonly auth: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A page, and the least life of any credential at Runpod then. */
export interface Page {
  readonly alarm: string;
  readonly atMs: number;
  readonly lifeLeftMs: number;
  /** When a credential last arrived before it. */
  readonly refreshedMs: number;
}

/** What became of a year, as far as the claims look at it. */
export interface YearOutcome {
  readonly dead: readonly DeadTime[];
  readonly pages: readonly Page[];
  readonly episodes: readonly Episode[];
}

/** The gaps between one credential's death and the next one's arrival, up to the year's end. */
export function deadTimes(world: World): DeadTime[] {
  const { endMs } = world.plan;
  return [...byAuth(world.writes)].flatMap(([auth, writes]) =>
    writes.flatMap(({ expiresMs }, index) => {
      const toMs = writes[index + 1]?.atMs ?? endMs;
      return expiresMs < toMs ? [{ auth, fromMs: expiresMs, toMs }] : [];
    }),
  );
}

/** Every notification that rings, in the order of time. */
export function pagesOf(world: World, transitions: readonly Transition[]): Page[] {
  const histories = [...byAuth(world.writes).values()];
  return transitions
    .filter(({ state }) => state === 'ALARM')
    .map(({ alarm, atMs }) => {
      const expiries = histories.flatMap(
        (writes) => writes.findLast((write) => write.atMs <= atMs)?.expiresMs ?? [],
      );
      const refreshedMs = world.writes.findLast((write) => write.atMs <= atMs)?.atMs ?? world.plan.startMs;
      return { alarm, atMs, lifeLeftMs: Math.min(...expiries) - atMs, refreshedMs };
    });
}

/**
 * Holds a year to the three claims.
 *
 * @param areFiguresLostAt - whether the service's own figures did not arrive: a page then is for their loss
 */
export function violationsOf(
  margin: Margin,
  outcome: YearOutcome,
  areFiguresLostAt: (atMs: number) => boolean,
): Violation[] {
  const long = outcome.episodes.filter(({ feltMs }) => feltMs > margin.marginMs);
  return [
    ...deadWithoutExcuse(margin, outcome, long),
    ...notPagedInTime(outcome, long),
    ...falsePages(margin, outcome, areFiguresLostAt),
  ];
}

function deadWithoutExcuse(
  { cadenceMs }: Margin,
  { dead, episodes }: YearOutcome,
  long: readonly Episode[],
): Violation[] {
  return dead
    .filter(({ fromMs, toMs }) => !long.some((one) => one.fromMs < fromMs && toMs <= one.toMs + cadenceMs))
    .map(({ auth, fromMs, toMs }) => ({
      claim: 'no dead credential',
      atMs: fromMs,
      what: `${auth} held a dead credential for ${minutes(toMs - fromMs)} min`,
      ...around(episodes, fromMs),
    }));
}

function notPagedInTime({ pages }: YearOutcome, long: readonly Episode[]): Violation[] {
  const isInTime = ({ atMs, lifeLeftMs }: Page, { fromMs, toMs }: Episode) =>
    fromMs <= atMs && atMs <= toMs && lifeLeftMs >= LEAST_LIFE_AT_PAGE_MS;
  return long
    .filter((one) => !pages.some((page) => isInTime(page, one)))
    .map((one) => ({
      claim: 'paged in time',
      atMs: one.fromMs,
      what: `${minutes(one.feltMs)} min without a refresh, and no page with four hours of life left`,
      episode: one,
    }));
}

function falsePages(
  margin: Margin,
  { pages, episodes }: YearOutcome,
  areFiguresLostAt: (atMs: number) => boolean,
): Violation[] {
  const deserves = ({ fromMs, toMs, neededPerson }: Episode) => neededPerson || toMs - fromMs > PATIENCE_MS;
  return pages
    .filter(({ atMs }) => !areFiguresLostAt(atMs))
    .filter((page) => !episodes.some((one) => deserves(one) && mayBeFor(page, one, margin)))
    .map(({ alarm, atMs }) => ({
      claim: 'no false page',
      atMs,
      what: `${alarm} paged`,
      ...around(episodes, atMs),
    }));
}

/**
 * Whether a page may be for this episode: rung in it, before anything was refreshed after it, or by windows that reach
 * back to it.
 */
function mayBeFor({ alarm, atMs, refreshedMs }: Page, { fromMs, toMs }: Episode, margin: Margin): boolean {
  const lagMs = margin.cadenceMs + (margin.looksBackMs.get(alarm) ?? 0) + ALARM_LAG_MS;
  return fromMs <= atMs && (atMs <= toMs + lagMs || refreshedMs <= toMs);
}

/** Pages that rang when the credential had been refreshed already: no more than a nuisance, but one. */
export function pagesAfterTheMend({ pages, episodes }: YearOutcome, { cadenceMs }: Margin): number {
  return pages.filter(
    ({ atMs }) =>
      !episodes.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + cadenceMs + ALARM_LAG_MS),
  ).length;
}

/** The episode that a person would look at first: the latest that had begun. */
function around(episodes: readonly Episode[], atMs: number): { episode?: Episode } {
  const episode = episodes.findLast(({ fromMs }) => fromMs <= atMs);
  return episode ? { episode } : {};
}

function byAuth(writes: readonly Write[]): Map<string, Write[]> {
  const grouped = new Map<string, Write[]>();
  for (const write of writes) {
    const known = grouped.get(write.auth);
    if (known) known.push(write);
    else grouped.set(write.auth, [write]);
  }
  for (const one of grouped.values()) one.sort((a, b) => a.atMs - b.atMs);
  return grouped;
}

function minutes(ms: number): number {
  return Math.round(ms / MINUTE_MS);
}
