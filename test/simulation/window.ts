/** Where the periods of an alarm's evaluation fall. */

/** Standard-resolution metrics are kept by the minute, and alarms are evaluated every minute. */
export const MINUTE_MS = 60_000;

/**
 * How a window's boundaries fall. `sliding` is CloudWatch's documented default: the window ends at the evaluation
 * (13:07–14:07, then 13:08–14:08). `aligned` puts them on multiples of the period and sees only complete ones, as a
 * wall clock window does, and as older descriptions of CloudWatch had it for every alarm.
 * Source: User Guide, "Alarm evaluation window" and "Alarm evaluation".
 */
export type Alignment = 'sliding' | 'aligned';

/** The periods that one evaluation looks at. */
export interface EvaluationWindow {
  readonly evaluatedAtMs: number;
  readonly alignment: Alignment;
  readonly periodMs: number;
  /** Evaluation periods, and how many more CloudWatch looks back. */
  readonly periods: number;
}

/** The first moment after the window. */
export function windowEndMs({ evaluatedAtMs, alignment, periodMs }: EvaluationWindow): number {
  return alignment === 'sliding' ? evaluatedAtMs : Math.floor(evaluatedAtMs / periodMs) * periodMs;
}

/** How many periods back a minute lies: 0 is the newest, negative is after the window. */
export function ageOf(window: EvaluationWindow, minuteMs: number): number {
  return Math.ceil((windowEndMs(window) - minuteMs) / window.periodMs) - 1;
}

/** The next evaluation at which a minute of data lies in an older period than now, or enters the window. */
export function nextMoveMs(window: EvaluationWindow, minuteMs: number): number {
  const boundaryMs = minuteMs + Math.max(0, ageOf(window, minuteMs) + 1) * window.periodMs;
  return window.alignment === 'sliding'
    ? boundaryMs + MINUTE_MS
    : Math.floor(window.evaluatedAtMs / window.periodMs + 1) * window.periodMs;
}

/** The next evaluation at which a minute of data has left the window. */
export function leavesAtMs(window: EvaluationWindow, minuteMs: number): number {
  const rangeMs = window.periods * window.periodMs;
  if (window.alignment === 'sliding') return minuteMs + rangeMs + MINUTE_MS;
  return (Math.floor(minuteMs / window.periodMs) + 1) * window.periodMs + rangeMs;
}

/** The first evaluation that is not before `ms`. */
export function nextEvaluationMs(ms: number): number {
  return Math.ceil(ms / MINUTE_MS) * MINUTE_MS;
}

/** The minute that a value is filed under. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}
