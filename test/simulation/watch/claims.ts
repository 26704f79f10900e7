/** The claims about a simulated year of the watch, and how each is checked. */

import type { Transition } from '../alarm-watch';
import { Sight } from './sight';
import type { SimulatedLook } from './watcher';
import type { WatchWorld } from './world';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The longest time from the end of a look to the notification. */
export const WATCH_ALARM_LAG_MS = 5 * MINUTE_MS;

/** A datapoint stays in the alarm's window for this long. An earlier delivery may have sent one. */
const WINDOW_MS = 7 * MINUTE_MS;

/** `WatchSilent` looks back 24 hours, and CloudWatch up to two periods more. */
const SILENT_AFTER_MS = 27 * HOUR_MS + WATCH_ALARM_LAG_MS;

/** The claims, each with what it says. */
export const WATCH_CLAIMS = {
  'paged within two looks': 'a problem that two looks could see is paged within 5 min of the second',
  'no false page': 'no page for what two looks in a row did not see',
  'all clear': 'the alarm is OK within 10 min of a look that could see everything and had nothing to see',
  'no false all clear':
    'no OK for a problem that stayed, because the looks of up to a day could not look for it',
  'a blind key never pages': 'no page because a key may not read',
  'silent after a day': 'WatchSilent goes off after a day without a report, and only then',
} as const;

/** A claim that did not hold. */
export interface WatchViolation {
  readonly claim: keyof typeof WATCH_CLAIMS;
  readonly atMs: number;
  readonly what: string;
}

/** The figures of a year. */
export interface WatchFigures {
  /** Times at which a second look could see a problem, so that the alarm had to be on. */
  readonly due: number;
  /** Times from the first look that could see a problem to its page, when no look between was lost or kept from looking. */
  readonly pageDelaysMs: readonly number[];
  /** The same, when looks between were lost or could not look. */
  readonly heldUpDelaysMs: readonly number[];
  /** Times from the look that saw nothing any more to the notification that all is well. */
  readonly clearDelaysMs: readonly number[];
  readonly pages: Readonly<Record<string, number>>;
  readonly silences: number;
}

/** What the claims are checked against. */
export interface WatchOutcome {
  readonly world: WatchWorld;
  readonly looks: readonly SimulatedLook[];
  readonly transitions: readonly Transition[];
  readonly intervalMs: number;
}

/** Checks a year against the claims. */
export function checkClaims(outcome: WatchOutcome): {
  readonly violations: WatchViolation[];
  readonly figures: WatchFigures;
} {
  const check = new Check(outcome);
  check.pagedWithinTwoLooks();
  check.noFalsePage();
  check.allClear();
  check.noFalseAllClear();
  check.silentAfterADay();
  return { violations: check.violations, figures: check.figures() };
}

/** The problems by the alarm that they set off. */
const ALARMS = ['PullsFailing', 'ImagesUnpullable'] as const;

type PageAlarm = (typeof ALARMS)[number];

class Check {
  readonly violations: WatchViolation[] = [];
  readonly #outcome: WatchOutcome;
  readonly #sight: Sight;
  readonly #reported: readonly SimulatedLook[];
  readonly #pageDelaysMs: number[] = [];
  readonly #heldUpDelaysMs: number[] = [];
  readonly #clearDelaysMs: number[] = [];
  #due = 0;

  constructor(outcome: WatchOutcome) {
    this.#outcome = outcome;
    this.#sight = new Sight(outcome.world, outcome.looks, outcome.intervalMs);
    this.#reported = outcome.looks.filter(({ reported }) => reported).sort((a, b) => a.endMs - b.endMs);
  }

  figures(): WatchFigures {
    const pages = Object.fromEntries(
      ALARMS.map((alarm) => [alarm, this.#changes(alarm).filter(({ state }) => state === 'ALARM').length]),
    );
    const silences = this.#changes('WatchSilent').filter(({ state }) => state === 'ALARM').length;
    return {
      due: this.#due,
      pageDelaysMs: this.#pageDelaysMs,
      heldUpDelaysMs: this.#heldUpDelaysMs,
      clearDelaysMs: this.#clearDelaysMs,
      pages,
      silences,
    };
  }

  /** Once a second look could see a problem, the alarm is on. While the problem stays in sight, the alarm stays on. */
  pagedWithinTwoLooks(): void {
    for (const { first, second, problem, heldUp } of this.#sight.confirmations()) {
      this.#due += 1;
      const alarm = problem.problem === 'pull-failed' ? 'PullsFailing' : 'ImagesUnpullable';
      const byMs = second.endMs + WATCH_ALARM_LAG_MS;
      const page = this.#changes(alarm).find(
        ({ state, atMs }) => state === 'ALARM' && second.startMs < atMs && atMs <= byMs,
      );
      if (page?.topics.length === 0) {
        this.violations.push({
          claim: 'paged within two looks',
          atMs: page.atMs,
          what: `${alarm} notifies nobody`,
        });
      } else if (page) (heldUp ? this.#heldUpDelaysMs : this.#pageDelaysMs).push(page.atMs - first.startMs);
      else if (!this.#isOn(alarm, this.#nextReportMs(second, byMs))) {
        const what = `${problem.workload.id} has ${problem.problem}, and ${alarm} is not on`;
        this.violations.push({ claim: 'paged within two looks', atMs: second.endMs, what });
      }
    }
  }

  noFalsePage(): void {
    for (const alarm of ALARMS) {
      for (const { state, atMs } of this.#changes(alarm)) {
        if (state !== 'ALARM') continue;
        const looks = this.#reported.filter(
          ({ endMs }) => endMs <= atMs && atMs < endMs + 2 * WATCH_ALARM_LAG_MS,
        );
        if (looks.some((look) => this.#sight.sawTwice(look, alarm === 'PullsFailing'))) continue;
        const isBlind = looks.some((look) => this.#sight.isBlind(look));
        const claim = isBlind ? 'a blind key never pages' : 'no false page';
        this.violations.push({ claim, atMs, what: `${alarm} paged` });
      }
    }
  }

  allClear(): void {
    for (const alarm of ALARMS) {
      const changes = this.#changes(alarm);
      for (const [index, { from, state, atMs: onMs }] of changes.entries()) {
        if (from === 'ALARM' && state === 'OK') this.#noteClear(onMs);
        if (state === 'ALARM')
          this.#checkCleared(alarm, onMs, changes[index + 1]?.atMs ?? Number.POSITIVE_INFINITY);
      }
    }
  }

  #noteClear(atMs: number): void {
    const last = this.#reported.findLast(({ endMs }) => endMs <= atMs);
    if (last) this.#clearDelaysMs.push(atMs - last.endMs);
  }

  #checkCleared(alarm: PageAlarm, onMs: number, offMs: number): void {
    const lagMs = 2 * WATCH_ALARM_LAG_MS;
    const untilMs = Math.min(offMs, this.#outcome.world.plan.endMs) - lagMs;
    for (const [index, look] of this.#reported.entries()) {
      const { endMs } = look;
      if (endMs < onMs || endMs >= untilMs) continue;
      const [before, after] = [this.#reported[index - 1], this.#reported[index + 1]];
      const isAlone =
        (!before || before.endMs <= endMs - WINDOW_MS) && (!after || after.endMs > endMs + lagMs);
      if (!isAlone || !this.#sight.hadNothingToSee(look, alarm === 'PullsFailing')) continue;
      this.violations.push({ claim: 'all clear', atMs: endMs, what: `${alarm} stayed on` });
    }
  }

  noFalseAllClear(): void {
    for (const alarm of ALARMS) {
      for (const { from, state, atMs } of this.#changes(alarm)) {
        if (from !== 'ALARM' || state !== 'OK') continue;
        const last = this.#reported.findLast(({ endMs }) => endMs <= atMs);
        const hidden = last && this.#sight.hiddenProblem(last, alarm === 'PullsFailing');
        if (!hidden) continue;
        const what = `${alarm} ended, but ${hidden.workload.id} still has ${hidden.problem}`;
        this.violations.push({ claim: 'no false all clear', atMs, what });
      }
    }
  }

  silentAfterADay(): void {
    const silences = this.#changes('WatchSilent').filter(({ state }) => state === 'ALARM');
    const claim = 'silent after a day';
    for (const { atMs } of silences) {
      const last = this.#reported.findLast(({ endMs }) => endMs < atMs - WATCH_ALARM_LAG_MS);
      if (last && atMs - last.endMs >= DAY_MS) continue;
      this.violations.push({ claim, atMs, what: 'WatchSilent warned although a look had reported' });
    }
    for (const [index, { endMs }] of this.#reported.entries()) {
      const nextMs = this.#reported[index + 1]?.endMs ?? this.#outcome.world.plan.endMs;
      if (nextMs - endMs <= SILENT_AFTER_MS) continue;
      if (silences.some(({ atMs }) => endMs < atMs && atMs <= endMs + SILENT_AFTER_MS)) continue;
      this.violations.push({
        claim,
        atMs: endMs,
        what: 'WatchSilent did not warn of a day without a report',
      });
    }
  }

  /** Another delivery may report before the alarm has changed. Then the alarm only has to be on until that report. */
  #nextReportMs({ endMs }: SimulatedLook, byMs: number): number {
    const next = this.#reported.find((look) => look.endMs > endMs);
    return next && next.endMs < byMs ? endMs : byMs;
  }

  #isOn(alarm: PageAlarm, atMs: number): boolean {
    return this.#changes(alarm).findLast((change) => change.atMs <= atMs)?.state === 'ALARM';
  }

  #changes(alarm: string): readonly Transition[] {
    return this.#byAlarm.get(alarm) ?? [];
  }

  get #byAlarm(): ReadonlyMap<string, readonly Transition[]> {
    this.#grouped ??= new Map(
      [...ALARMS, 'WatchSilent'].map((name) => [
        name,
        this.#outcome.transitions.filter(({ alarm }) => alarm.startsWith(`Alarms${name}`)),
      ]),
    );
    return this.#grouped;
  }

  #grouped: Map<string, Transition[]> | undefined;
}
