/** The data of one metric. It is kept only as far back as an alarm looks. */

import type { Statistic } from './template-alarm';
import {
  ageOf,
  type EvaluationWindow,
  leavesAtMs,
  MINUTE_MS,
  minuteOf,
  nextEvaluationMs,
  nextMoveMs,
  windowEndMs,
} from './window';

/** A period with data. */
export interface PeriodValue {
  /** Number of periods back from the end of the window; 0 is the latest. */
  readonly age: number;
  readonly value: number;
}

/** One metric's data as alarms read it. */
export interface MetricSeries {
  /** Returns the periods of the window that have visible data, newest first. */
  periods(window: EvaluationWindow, statistic: Statistic): readonly PeriodValue[];
  /**
   * Returns the time of the next evaluation that could see different periods; undefined when only new data could change
   * them.
   *
   * @param byAge - whether the alarm's state depends on the age of a period, not only on the order
   */
  nextChangeMs(window: EvaluationWindow, byAge: boolean): number | undefined;
}

interface Point {
  readonly minuteMs: number;
  readonly visibleMs: number;
  readonly value: number;
}

/** A metric whose values are sent one by one. */
export class PointSeries implements MetricSeries {
  readonly #keepMs: number;
  #points: Point[] = [];

  /** @param keepMs - how far back an alarm may look */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** Adds a value to its minute. Alarms see it from `visibleMs` on. */
  add(atMs: number, visibleMs: number, value: number): void {
    const oldest = this.#points[0];
    if (oldest && oldest.minuteMs < atMs - 2 * this.#keepMs) {
      this.#points = this.#points.filter(({ minuteMs }) => minuteMs >= atMs - this.#keepMs);
    }
    const point = { minuteMs: minuteOf(atMs), visibleMs, value };
    const later = this.#points.findLastIndex(({ minuteMs }) => minuteMs <= point.minuteMs);
    this.#points.splice(later + 1, 0, point);
  }

  periods(window: EvaluationWindow, statistic: Statistic): readonly PeriodValue[] {
    const periods: PeriodValue[] = [];
    let values: number[] = [];
    let age = -1;
    for (let index = this.#points.length - 1; index >= 0; index--) {
      const point = this.#points[index];
      if (!point || point.visibleMs > window.evaluatedAtMs) continue;
      const pointAge = ageOf(window, point.minuteMs);
      if (pointAge >= window.periods) break;
      if (pointAge < 0) continue;
      if (pointAge !== age && values.length > 0) {
        periods.push({ age, value: aggregate(values, statistic) });
        values = [];
      }
      age = pointAge;
      values.push(point.value);
    }
    if (values.length > 0) periods.push({ age, value: aggregate(values, statistic) });
    return periods;
  }

  nextChangeMs(window: EvaluationWindow, byAge: boolean): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    let newer: number | undefined;
    for (let index = this.#points.length - 1; index >= 0; index--) {
      const point = this.#points[index];
      if (!point) continue;
      const { minuteMs, visibleMs } = point;
      if (visibleMs > window.evaluatedAtMs) {
        next = Math.min(next, nextEvaluationMs(visibleMs));
        continue;
      }
      if (ageOf(window, minuteMs) >= window.periods) break;
      // Two minutes less than a period apart may lie in the same period or in two.
      const mayMerge = newer !== undefined && newer !== minuteMs && newer - minuteMs < window.periodMs;
      const outside = ageOf(window, minuteMs) < 0;
      next = Math.min(next, leavesAtMs(window, minuteMs));
      if (byAge || outside || mayMerge) next = Math.min(next, nextMoveMs(window, minuteMs));
      if (mayMerge && newer !== undefined) next = Math.min(next, nextMoveMs(window, newer));
      newer = minuteMs;
    }
    return Number.isFinite(next) ? next : undefined;
  }
}

interface Step {
  readonly fromMs: number;
  /** Undefined while no samples are sent. */
  readonly value: number | undefined;
}

/** A metric that is sampled every minute, such as the depth of a queue. Only its changes are stored. */
export class LevelSeries implements MetricSeries {
  readonly #keepMs: number;
  readonly #delayMs: number;
  #steps: Step[] = [];

  /**
   * @param keepMs - how far back an alarm may look
   * @param delayMs - from a sample to the time from which alarms see it
   */
  constructor(keepMs: number, delayMs: number) {
    this.#keepMs = keepMs;
    this.#delayMs = delayMs;
  }

  /** Sets the level from a time on. Undefined ends the samples. */
  set(fromMs: number, value: number | undefined): void {
    if (this.#steps.at(-1)?.value === value) return;
    const stale = this.#steps.findLastIndex((step) => step.fromMs < fromMs - this.#keepMs);
    if (stale > 0) this.#steps.splice(0, stale);
    this.#steps.push({ fromMs, value });
  }

  periods(window: EvaluationWindow, statistic: Statistic): readonly PeriodValue[] {
    const periods: PeriodValue[] = [];
    const endMs = windowEndMs(window);
    for (let age = 0; age < window.periods; age++) {
      const toMs = endMs - age * window.periodMs;
      const samples = this.#samples(toMs - window.periodMs, toMs, window.evaluatedAtMs - this.#delayMs);
      if (samples.length > 0) periods.push({ age, value: aggregate(samples, statistic) });
    }
    return periods;
  }

  nextChangeMs(window: EvaluationWindow): number | undefined {
    const last = this.#steps.at(-1);
    if (!last) return undefined;
    const settledMs = nextEvaluationMs(last.fromMs + this.#delayMs + (window.periods + 1) * window.periodMs);
    return window.evaluatedAtMs < settledMs ? window.evaluatedAtMs + MINUTE_MS : undefined;
  }

  /** Returns the samples of the minutes in `[fromMs, toMs)` that were taken until `latestMs`. */
  #samples(fromMs: number, toMs: number, latestMs: number): number[] {
    const samples: number[] = [];
    let index = this.#steps.findLastIndex((step) => step.fromMs <= fromMs);
    for (
      let minuteMs = nextEvaluationMs(fromMs);
      minuteMs < toMs && minuteMs <= latestMs;
      minuteMs += MINUTE_MS
    ) {
      while ((this.#steps[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY) <= minuteMs) index++;
      const value = this.#steps[index]?.value;
      if (value !== undefined) samples.push(value);
    }
    return samples;
  }
}

function aggregate(values: readonly number[], statistic: Statistic): number {
  switch (statistic) {
    case 'Sum':
      return values.reduce((sum, value) => sum + value, 0);
    case 'Average':
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case 'SampleCount':
      return values.length;
    case 'Maximum':
      return values.reduce((most, value) => Math.max(most, value));
    case 'Minimum':
      return values.reduce((least, value) => Math.min(least, value));
  }
}
