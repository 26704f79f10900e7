/** The three claims about a simulated year, and how each is checked. */

import type { Transition } from '../alarm-watch';
import type { Margin } from './margin';
import type { Outage } from './outages';
import type { World, Write } from './world';

const MINUTE_MS = 60_000;

/** Life that must be left when a person is paged for a long outage. */
export const LEAST_LIFE_AT_PAGE_MS = 240 * MINUTE_MS;

/** An outage that ends by itself within this time must not page. */
export const TOLERATED_OUTAGE_MS = 30 * MINUTE_MS;

/** The longest time from sending a metric to the notification. */
const ALARM_LAG_MS = 5 * MINUTE_MS;

/** A claim that did not hold. */
export interface Violation {
  readonly claim: 'no expired credential' | 'paged in time' | 'no false page';
  readonly atMs: number;
  readonly what: string;
  /** The latest outage before it. */
  readonly outage?: Outage;
}

/** A time in which a registry auth at Runpod held an expired credential. */
export interface ExpiredTime {
  readonly auth: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A page, with the state of the credentials at Runpod at that time. */
export interface Page {
  readonly alarm: string;
  readonly atMs: number;
  /** The least remaining life of any credential. */
  readonly lifeLeftMs: number;
  /** Time of the last write before the page. */
  readonly refreshedMs: number;
}

/** The part of a year's outcome that the claims are about. */
export interface YearOutcome {
  readonly expired: readonly ExpiredTime[];
  readonly pages: readonly Page[];
  readonly outages: readonly Outage[];
}

/** Returns the times from the expiry of a credential to the next write, up to the end of the year. */
export function expiredTimes(world: World): ExpiredTime[] {
  const { endMs } = world.plan;
  return [...byAuth(world.writes)].flatMap(([auth, writes]) =>
    writes.flatMap(({ expiresMs }, index) => {
      const toMs = writes[index + 1]?.atMs ?? endMs;
      return expiresMs < toMs ? [{ auth, fromMs: expiresMs, toMs }] : [];
    }),
  );
}

/** From a write to the next: the least expiry time of the credentials at Runpod. */
export interface LifeAfterWrite {
  readonly atMs: number;
  readonly leastExpiryMs: number;
}

/** Returns the least expiry time after each write, in the order of time, once every registry auth was written. */
export function lifeHistory({ writes }: World): LifeAfterWrite[] {
  const auths = byAuth(writes).size;
  const expiries = new Map<string, number>();
  return [...writes]
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap(({ auth, atMs, expiresMs }) => {
      expiries.set(auth, expiresMs);
      return expiries.size < auths ? [] : [{ atMs, leastExpiryMs: Math.min(...expiries.values()) }];
    });
}

/** Returns every transition to ALARM as a page, in the order of time. */
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
 * Checks a year against the three claims.
 *
 * @param areMetricsLostAt - returns whether a page at that time is explained by lost metrics
 */
export function violationsOf(
  margin: Margin,
  outcome: YearOutcome,
  areMetricsLostAt: (atMs: number) => boolean,
): Violation[] {
  const long = outcome.outages.filter(({ sinceDueRunMs }) => sinceDueRunMs > margin.marginMs);
  return [
    ...unexplainedExpiry(margin, outcome, long),
    ...notPagedInTime(outcome, long),
    ...falsePages(margin, outcome, areMetricsLostAt),
  ];
}

function unexplainedExpiry(
  { recoveryMs }: Margin,
  { expired, outages }: YearOutcome,
  long: readonly Outage[],
): Violation[] {
  return expired
    .filter(({ fromMs, toMs }) => !long.some((one) => one.fromMs < fromMs && toMs <= one.toMs + recoveryMs))
    .map(({ auth, fromMs, toMs }) => ({
      claim: 'no expired credential',
      atMs: fromMs,
      what: `${auth} held an expired credential for ${minutes(toMs - fromMs)} min`,
      ...around(outages, fromMs),
    }));
}

function notPagedInTime({ pages }: YearOutcome, long: readonly Outage[]): Violation[] {
  const isInTime = ({ atMs, lifeLeftMs }: Page, { fromMs, toMs }: Outage) =>
    fromMs <= atMs && atMs <= toMs && lifeLeftMs >= LEAST_LIFE_AT_PAGE_MS;
  return long
    .filter((one) => !pages.some((page) => isInTime(page, one)))
    .map((one) => ({
      claim: 'paged in time',
      atMs: one.fromMs,
      what: `${minutes(one.sinceDueRunMs)} min without a refresh, and no page with four hours of life left`,
      outage: one,
    }));
}

/** Finds the pages that no outage explains. */
export function falsePages(
  margin: Margin,
  { pages, outages }: YearOutcome,
  areMetricsLostAt: (atMs: number) => boolean,
): Violation[] {
  const deservesPage = ({ fromMs, toMs, neededOperator }: Outage) =>
    neededOperator || toMs - fromMs > TOLERATED_OUTAGE_MS;
  return pages
    .filter(({ atMs }) => !areMetricsLostAt(atMs))
    .filter((page) => !outages.some((one) => deservesPage(one) && mayBeFor(page, one, margin)))
    .map(({ alarm, atMs }) => ({
      claim: 'no false page',
      atMs,
      what: `${alarm} paged`,
      ...around(outages, atMs),
    }));
}

/**
 * Returns whether a page may be for this outage: the alarm fired during it, before the first refresh after it, or while
 * the alarm's windows still reached back to it.
 */
function mayBeFor({ alarm, atMs, refreshedMs }: Page, { fromMs, toMs }: Outage, margin: Margin): boolean {
  const lagMs = margin.recoveryMs + (margin.looksBackMs.get(alarm) ?? 0) + ALARM_LAG_MS;
  return fromMs <= atMs && (atMs <= toMs + lagMs || refreshedMs <= toMs);
}

/** Counts the pages that came after the outage was over and the credentials were refreshed. They are only a nuisance. */
export function pagesAfterFix({ pages, outages }: YearOutcome, { recoveryMs }: Margin): number {
  return pages.filter(
    ({ atMs }) =>
      !outages.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs + recoveryMs + ALARM_LAG_MS),
  ).length;
}

/** Returns the latest outage that had begun at this time. */
function around(outages: readonly Outage[], atMs: number): { outage?: Outage } {
  const outage = outages.findLast(({ fromMs }) => fromMs <= atMs);
  return outage ? { outage } : {};
}

/** Returns the name of an alarm: a logical id consists of the construct's path, the alarm's name, and a hash. */
export function alarmName(logicalId: string): string {
  return logicalId.replace(/^Alarms/, '').replace(/[0-9A-F]{8}$/, '');
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
