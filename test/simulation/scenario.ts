import { fixtureTemplate } from './fixture-template';
import type { InvocationResult, Invoke } from './lambda-function';
import { runMetrics } from './page-budget';
import { createSimulation, type Simulation, type SimulationProps } from './simulation';
import type { CloudFormationTemplate } from './template-values';

/** Start of every scenario. */
export const START_MS = Date.UTC(2026, 0, 1);

/** Returns a time after the start, in milliseconds since the epoch. */
export function at(hours: number, minutes = 0): number {
  return START_MS + (hours * 60 + minutes) * 60_000;
}

/** Returns the minutes since the start. */
export function minutesOf(ms: number): number {
  return (ms - START_MS) / 60_000;
}

/** A run that refreshes every target. */
export const SUCCESS: InvocationResult = { ok: true, durationMs: 2_000, metrics: runMetrics() };
/** A run with a transient failure. */
export const FAILURE: InvocationResult = {
  ok: false,
  durationMs: 2_000,
  metrics: runMetrics({ RunSucceeded: 0, TargetsRefreshed: 0, TargetsFailed: 1 }),
  error: 'Runpod answered 503',
};
/** A run that fails until the operator acts. */
export const REFUSED: InvocationResult = {
  ...FAILURE,
  metrics: { ...FAILURE.metrics, OperatorActionNeeded: 1 },
  error: 'Runpod refused the API key',
};

/** An invocation in a scenario. */
export interface Seen {
  readonly minutes: number;
  readonly event: unknown;
  readonly ok: boolean;
}

/** Creates a simulation in which the time of an invocation decides its outcome. */
export function scenario(
  behave: (nowMs: number) => InvocationResult,
  props: Partial<SimulationProps> & { readonly template?: CloudFormationTemplate } = {},
): { readonly sim: Simulation; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const invoke: Invoke = (event, { nowMs }) => {
    const result = behave(nowMs);
    seen.push({ minutes: minutesOf(nowMs), event, ok: result.ok });
    return result;
  };
  return {
    sim: createSimulation({ template: fixtureTemplate(), startMs: START_MS, ...props, invoke }),
    seen,
  };
}

/** Returns a behaviour that fails within `[fromMs, toMs)` and succeeds otherwise. */
export function failsBetween(
  fromMs: number,
  toMs: number,
  failure = FAILURE,
): (nowMs: number) => InvocationResult {
  return (nowMs) => (fromMs <= nowMs && nowMs < toMs ? failure : SUCCESS);
}

/** Returns notifications as lines of alarm and state, without the first change of a new alarm to OK. */
export function alarmChanges(notifications: Simulation['pages']): string[] {
  return notifications
    .filter(({ from, state }) => state === 'ALARM' || from === 'ALARM')
    .map(({ alarm, state }) => `${alarm} ${state}`);
}
