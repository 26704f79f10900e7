/** Where the periods of an alarm's evaluation lie. */

/** The resolution of standard metrics and of alarm evaluation. */
export const MINUTE_MS = 60_000;

/**
 * Where a window's boundaries lie.
 *
 * `sliding` is CloudWatch's documented default: the window ends at the evaluation (13:07–14:07, then 13:08–14:08).
 * `aligned` has its boundaries at multiples of the period and contains only complete periods. A wall clock window is
 * aligned, and older descriptions of CloudWatch say so for every alarm.
 * Source: User Guide, "Alarm evaluation window" and "Alarm evaluation".
 */
export type Alignment = 'sliding' | 'aligned';

/** The periods of one evaluation. */
export interface EvaluationWindow {
  readonly evaluatedAtMs: number;
  readonly alignment: Alignment;
  readonly periodMs: number;
  /** The evaluation periods and the additional periods that CloudWatch looks back. */
  readonly periods: number;
}

/** Returns the first time after the window. */
export function windowEndMs({ evaluatedAtMs, alignment, periodMs }: EvaluationWindow): number {
  return alignment === 'sliding' ? evaluatedAtMs : Math.floor(evaluatedAtMs / periodMs) * periodMs;
}

/** Returns how many periods back a minute lies: 0 is the newest period, a negative age is after the window. */
export function ageOf(window: EvaluationWindow, minuteMs: number): number {
  return Math.ceil((windowEndMs(window) - minuteMs) / window.periodMs) - 1;
}

/** Returns the next evaluation at which a minute lies in an older period than now, or enters the window. */
export function nextMoveMs(window: EvaluationWindow, minuteMs: number): number {
  const boundaryMs = minuteMs + Math.max(0, ageOf(window, minuteMs) + 1) * window.periodMs;
  return window.alignment === 'sliding'
    ? boundaryMs + MINUTE_MS
    : Math.floor(window.evaluatedAtMs / window.periodMs + 1) * window.periodMs;
}

/** Returns the first evaluation at which a minute has left the window. */
export function leavesAtMs(window: EvaluationWindow, minuteMs: number): number {
  const rangeMs = window.periods * window.periodMs;
  if (window.alignment === 'sliding') return minuteMs + rangeMs + MINUTE_MS;
  return (Math.floor(minuteMs / window.periodMs) + 1) * window.periodMs + rangeMs;
}

/** Returns the first evaluation at or after `ms`. */
export function nextEvaluationMs(ms: number): number {
  return Math.ceil(ms / MINUTE_MS) * MINUTE_MS;
}

/** Returns the start of the minute that a time lies in. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}
