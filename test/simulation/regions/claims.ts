/** The claims about a simulated year of two regions, and how each is checked. */

import type { Side } from '../../../lambda/core/contract';
import type { Transition } from '../alarm-watch';
import {
  alarmName,
  type ExpiredTime,
  falsePages,
  LEAST_LIFE_AT_PAGE_MS,
  lifeHistory,
  pagesOf,
} from '../year/claims';
import type { Deployment } from '../year/deployment';
import { type Outage, outagesOf } from '../year/outages';
import type { World } from '../year/world';
import { SIDES } from './plan';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The silence alarms go off after one interval and this time without a success. */
const SILENCE_BEYOND_INTERVAL_MS = HOUR_MS;

/**
 * The longest time until the notification, from the end of that time or from the return of CloudWatch: two more periods
 * of five minutes, and the delays of the metric, the evaluation and the notification.
 */
const ALARM_LAG_MS = 15 * MINUTE_MS;

/** From a success until the report to the other region has arrived or was given up. */
const TELLING_MS = 10_000;

/** The claims, with what each says. */
export const CLAIMS = {
  'no expired credential':
    'a credential is dead only while each side has been unable to refresh for longer than its margin',
  'paged in time':
    'when 240 min of life are left, each side whose CloudWatch has worked for 15 min has paged',
  'one side pages nobody':
    'RefreshSilent pages only when neither side succeeded for 7 h, or CloudWatch lost metrics',
  'one side warns':
    'RegionSilent warns of 7 h 15 min without a success on its side, when its CloudWatch has worked for 15 min',
  'no false warning':
    'RegionSilent warns only when its side did not succeed for 7 h, or CloudWatch lost metrics',
  'no false page': 'no other page for an outage that ended by itself within 30 min',
} as const;

/** Name of a claim. */
export type Claim = keyof typeof CLAIMS;

/** A claim that did not hold. */
export interface Violation {
  readonly claim: Claim;
  readonly side: Side;
  readonly atMs: number;
  readonly what: string;
}

/** A time from `fromMs` until just before `toMs`. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What the claims are about. */
export interface TwoRegions {
  readonly world: World;
  readonly sides: Readonly<Record<Side, Deployment>>;
  readonly expired: readonly ExpiredTime[];
}

/** The result of the checks. */
export interface Checked {
  readonly violations: readonly Violation[];
  readonly outages: Readonly<Record<Side, readonly Outage[]>>;
  /** Notifications of a silence alarm whose CloudWatch could not receive a success. */
  readonly lostMetrics: { readonly pages: number; readonly warnings: number };
  readonly shortOfLife: readonly ShortOfLife[];
}

/** A time with less than 240 minutes of life left. */
export interface ShortOfLife extends Span {
  /** Whether at its start a CloudWatch had worked for 15 minutes, so that a page was due. */
  readonly pageWasDue: boolean;
  /** Life left at the first page; undefined when nobody was paged until the credential was refreshed. */
  readonly lifeLeftAtPageMs: number | undefined;
}

/** Checks a year that is over. */
export function checkTwoRegions(year: TwoRegions): Checked {
  const { world, sides, expired } = year;
  const outages = {
    primary: outagesOf(world, sides.primary.margin, 'primary'),
    standby: outagesOf(world, sides.standby.margin, 'standby'),
  };
  const short = timesShortOfLife(world);
  const silence = SIDES.map((side) => new SilenceCheck(year, side));
  const silent = silence.map((check) => check.notifications());
  return {
    violations: [
      ...SIDES.flatMap((side) => unexplainedExpiry(expired, sides[side], outages[side])),
      ...silence.flatMap((check) => check.mustBeOn('RefreshSilent', 'paged in time', short)),
      ...silence.flatMap((check) => check.mustBeOn('RegionSilent', 'one side warns', check.silentTimes())),
      ...silent.flatMap(({ violations }) => violations),
      ...SIDES.flatMap((side) => otherFalsePages(year, side, outages[side])),
    ],
    outages,
    lostMetrics: {
      pages: sum(silent.map(({ lostPages }) => lostPages)),
      warnings: sum(silent.map(({ lostWarnings }) => lostWarnings)),
    },
    shortOfLife: short.map((time) => ({
      ...time,
      pageWasDue: silence.some((check) => check.isDueAt(time.fromMs)),
      lifeLeftAtPageMs: lifeAtFirstPage(time, silence, world),
    })),
  };
}

/** Returns the times of a dead credential in which this side was not unable to refresh for longer than its margin. */
function unexplainedExpiry(
  expired: readonly ExpiredTime[],
  { side, margin }: Deployment,
  outages: readonly Outage[],
): Violation[] {
  const long = outages.filter(({ sinceDueRunMs }) => sinceDueRunMs > margin.marginMs);
  return expired
    .filter(
      ({ fromMs, toMs }) => !long.some((one) => one.fromMs < fromMs && toMs <= one.toMs + margin.recoveryMs),
    )
    .map(({ auth, fromMs, toMs }) => ({
      claim: 'no expired credential',
      side,
      atMs: fromMs,
      what: `${auth} held an expired credential for ${Math.round((toMs - fromMs) / MINUTE_MS)} min`,
    }));
}

/** Returns the times in which the least life of a credential was shorter than a page must leave. */
function timesShortOfLife(world: World): Span[] {
  const times: { fromMs: number; toMs: number }[] = [];
  const history = lifeHistory(world);
  for (const [index, { atMs, leastExpiryMs }] of history.entries()) {
    const fromMs = Math.max(atMs, leastExpiryMs - LEAST_LIFE_AT_PAGE_MS);
    const toMs = history[index + 1]?.atMs ?? world.plan.endMs;
    const last = times.at(-1);
    if (fromMs >= toMs) continue;
    // A write of one of several registry auths may leave the least life as it is.
    if (last?.toMs === fromMs) last.toMs = toMs;
    else times.push({ fromMs, toMs });
  }
  return times;
}

function lifeAtFirstPage(time: Span, silence: readonly SilenceCheck[], world: World): number | undefined {
  const firstMs = Math.min(...silence.map((check) => check.onSinceMs('RefreshSilent', time)));
  const life = lifeHistory(world).findLast(({ atMs }) => atMs <= firstMs);
  return life && Number.isFinite(firstMs) ? life.leastExpiryMs - firstMs : undefined;
}

/** The silence alarms: of both sides, and of one. */
type SilenceAlarm = 'RefreshSilent' | 'RegionSilent';

/** Checks the two silence alarms of one side. */
class SilenceCheck {
  readonly #side: Side;
  readonly #world: World;
  readonly #own: readonly number[];
  readonly #all: readonly number[];
  readonly #deployment: Deployment;
  readonly #silenceMs: number;
  /** When CloudWatch is down. */
  readonly #down: readonly Span[];

  constructor({ world, sides }: TwoRegions, side: Side) {
    this.#side = side;
    this.#world = world;
    this.#deployment = sides[side];
    this.#own = successesOf(sides[side]);
    this.#all = [...successesOf(sides.primary), ...successesOf(sides.standby)].sort((a, b) => a - b);
    this.#silenceMs = sides[side].margin.intervalMs + SILENCE_BEYOND_INTERVAL_MS;
    this.#down = world.plan.incidents.filter(
      (one) => (one.kind === 'cloudwatch' || one.kind === 'region') && (one.side ?? side) === side,
    );
  }

  /** Returns the times in which this side has not succeeded for so long that its alarm must be on. */
  silentTimes(): Span[] {
    return this.#own.flatMap((atMs, index) => {
      const fromMs = atMs + this.#silenceMs + ALARM_LAG_MS;
      const toMs = this.#own[index + 1] ?? this.#world.plan.endMs;
      return fromMs < toMs ? [{ fromMs, toMs }] : [];
    });
  }

  /** Finds times in which an alarm was not on, although CloudWatch had worked for long enough. */
  mustBeOn(alarm: SilenceAlarm, claim: Claim, times: readonly Span[]): Violation[] {
    const on = this.#onTimes(alarm);
    return times
      .flatMap(({ fromMs, toMs }) => this.#upDuring({ fromMs: fromMs - ALARM_LAG_MS, toMs }))
      .flatMap(({ fromMs, toMs }) => {
        const dueMs = fromMs + ALARM_LAG_MS;
        if (dueMs >= toMs || on.some((one) => one.fromMs <= dueMs && toMs <= one.toMs)) return [];
        const what = `${alarm} was not on within ${ALARM_LAG_MS / MINUTE_MS} min`;
        return [{ claim, side: this.#side, atMs: dueMs, what }];
      });
  }

  /** Returns whether CloudWatch had worked for long enough at this time to evaluate an alarm and notify. */
  isDueAt(atMs: number): boolean {
    const fromMs = atMs - ALARM_LAG_MS;
    return this.#upDuring({ fromMs, toMs: atMs }).some((up) => up.fromMs === fromMs && up.toMs === atMs);
  }

  /** Returns since when an alarm has been on during a time; infinite when it was not. */
  onSinceMs(alarm: SilenceAlarm, { fromMs, toMs }: Span): number {
    const on = this.#onTimes(alarm).find((one) => one.fromMs < toMs && one.toMs > fromMs);
    return on?.fromMs ?? Number.POSITIVE_INFINITY;
  }

  /** Checks every notification of the silence alarms. */
  notifications(): { violations: Violation[]; lostPages: number; lostWarnings: number } {
    const pages = this.#judge('RefreshSilent', 'one side pages nobody', this.#all);
    const warnings = this.#judge('RegionSilent', 'no false warning', this.#own);
    return {
      violations: [...pages.violations, ...warnings.violations],
      lostPages: pages.lost,
      lostWarnings: warnings.lost,
    };
  }

  #judge(
    alarm: SilenceAlarm,
    claim: Claim,
    successes: readonly number[],
  ): { violations: Violation[]; lost: number } {
    const violations: Violation[] = [];
    let lost = 0;
    for (const { fromMs: atMs } of this.#onTimes(alarm)) {
      const since = successes.filter((ms) => atMs - this.#silenceMs <= ms && ms < atMs - ALARM_LAG_MS);
      if (since.some((ms) => this.#isHeard(ms))) {
        violations.push({ claim, side: this.#side, atMs, what: `${alarm} went off` });
      } else if (since.length > 0) lost++;
    }
    return { violations, lost };
  }

  /** Returns whether this side's CloudWatch could receive a success. */
  #isHeard(atMs: number): boolean {
    const isDown = this.#down.some(({ fromMs, toMs }) => fromMs <= atMs && atMs - TELLING_MS < toMs);
    return !isDown && !(this.#own.includes(atMs) && this.#deployment.sim.faults.areOwnMetricsLost(atMs));
  }

  /** The times from a page of RefreshSilent, or a warning of RegionSilent, to the end of the alarm. */
  #onTimes(alarm: SilenceAlarm): Span[] {
    const { sim } = this.#deployment;
    const notified = new Set(alarm === 'RefreshSilent' ? sim.pages : sim.warnings);
    const changes = sim.transitions.filter((one) => alarmName(one.alarm) === alarm);
    return changes.flatMap((change: Transition, index) =>
      change.state === 'ALARM' && notified.has(change)
        ? [{ fromMs: change.atMs, toMs: changes[index + 1]?.atMs ?? Number.POSITIVE_INFINITY }]
        : [],
    );
  }

  /** The parts of a time in which CloudWatch works. */
  #upDuring(time: Span): Span[] {
    let fromMs = time.fromMs;
    const up: Span[] = [];
    for (const down of this.#down) {
      if (down.toMs <= fromMs || down.fromMs >= time.toMs) continue;
      if (down.fromMs > fromMs) up.push({ fromMs, toMs: down.fromMs });
      fromMs = Math.max(fromMs, down.toMs);
    }
    if (fromMs < time.toMs) up.push({ fromMs, toMs: time.toMs });
    return up;
  }
}

/** Returns when each full run of a side ended that refreshed every target. */
function successesOf({ runs }: Deployment): number[] {
  return runs
    .filter(({ ok }) => ok)
    .map(({ endedMs }) => endedMs)
    .sort((a, b) => a - b);
}

/** Checks the pages about this side alone, by the claim about one region. */
function otherFalsePages({ world, sides }: TwoRegions, side: Side, outages: readonly Outage[]): Violation[] {
  const { margin, sim } = sides[side];
  const pages = pagesOf(world, sim.pages).filter(({ alarm }) => alarmName(alarm) !== 'RefreshSilent');
  return falsePages(margin, { pages, outages, expired: [] }, () => false).map(({ atMs, what }) => ({
    claim: 'no false page',
    side,
    atMs,
    what,
  }));
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
