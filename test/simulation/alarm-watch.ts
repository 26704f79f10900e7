import { type AlarmState, decideState, isBreaching } from './alarm-state';
import type { EventQueue } from './event-queue';
import type { MetricSeries } from './metric-series';
import type { MetricStore } from './metric-store';
import type { AlarmResource } from './template-alarm';
import { type Alignment, type EvaluationWindow, nextEvaluationMs } from './window';

/** A change of an alarm's state. */
export interface Transition {
  readonly atMs: number;
  /** Logical id of the alarm. */
  readonly alarm: string;
  readonly state: AlarmState;
  readonly from: AlarmState;
  /** The topics that are notified. Empty when the alarm has no action for this state. */
  readonly topics: readonly string[];
}

/** The details of alarm evaluation that CloudWatch does not document fully. */
export interface EvaluationOptions {
  readonly alignment: Alignment;
  /**
   * How many periods an alarm looks back in addition to its evaluation periods. CloudWatch documents examples with 2, but
   * no rule. A wall clock window does not look further back.
   */
  readonly extraPeriods: number;
  /** From an evaluation to the notification, in milliseconds. */
  readonly evaluationDelayMs: number;
}

interface AlarmWatchProps {
  readonly alarm: AlarmResource;
  readonly events: EventQueue;
  readonly metrics: MetricStore;
  readonly options: EvaluationOptions;
  readonly createdMs: number;
  readonly onTransition: (transition: Transition) => void;
  /** Returns the first time, at or after this one, at which CloudWatch evaluates alarms. @default - at every time */
  readonly backMs?: (atMs: number) => number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * One alarm.
 *
 * CloudWatch evaluates an alarm every minute, or every hour when its window is longer than a day. Here it is evaluated
 * only in the minutes in which its data could differ from the last evaluation.
 */
export class AlarmWatch {
  state: AlarmState = 'INSUFFICIENT_DATA';
  readonly #props: AlarmWatchProps;
  readonly #series: () => MetricSeries;
  readonly #warmUpEndsMs: number;
  #plannedMs: number | undefined;

  constructor(props: AlarmWatchProps) {
    this.#props = props;
    const { alarm, metrics, createdMs } = props;
    this.#warmUpEndsMs = createdMs + (alarm.warmUp?.durationMs ?? 0);
    this.#series = metrics.watch(alarm.metric, (visibleMs) => this.#plan(visibleMs));
  }

  /** Starts the evaluations, from the alarm's creation on. */
  start(): void {
    const { alarm, events, createdMs } = this.#props;
    this.#plan(createdMs);
    if (alarm.warmUp) events.at(this.#warmUpEndsMs, () => this.#plan(this.#warmUpEndsMs));
  }

  #plan(ms: number): void {
    const { events, createdMs } = this.#props;
    const dueMs = this.#evaluationAtOrAfter(Math.max(ms, createdMs, events.nowMs));
    if (this.#plannedMs !== undefined && this.#plannedMs <= dueMs) return;
    this.#plannedMs = dueMs;
    events.at(dueMs, () => {
      if (this.#plannedMs !== dueMs) return;
      this.#plannedMs = undefined;
      this.#evaluate(dueMs);
    });
  }

  #evaluationAtOrAfter(ms: number): number {
    const { alarm, backMs = (atMs) => atMs } = this.#props;
    const isLong = alarm.periodMs * alarm.evaluationPeriods > DAY_MS;
    const dueMs = isLong ? Math.ceil(ms / HOUR_MS) * HOUR_MS : nextEvaluationMs(ms);
    const upMs = backMs(dueMs);
    return upMs === dueMs ? dueMs : this.#evaluationAtOrAfter(upMs);
  }

  #evaluate(atMs: number): void {
    const { alarm } = this.#props;
    const window = this.#window(atMs);
    const points = this.#series()
      .periods(window, alarm.statistic)
      .map(({ age, value }) => ({ age, breaching: isBreaching(value, alarm) }));
    if (!this.#isWarmingUp(atMs, points.length)) this.#changeTo(decideState(alarm, points, this.state), atMs);
    const byAge = alarm.missingData === 'missing' || alarm.missingData === 'ignore';
    const nextMs = this.#series().nextChangeMs(window, byAge);
    if (nextMs !== undefined) this.#plan(nextMs);
  }

  #window(evaluatedAtMs: number): EvaluationWindow {
    const { alarm, options } = this.#props;
    return {
      evaluatedAtMs,
      alignment: alarm.wallClock ? 'aligned' : options.alignment,
      periodMs: alarm.periodMs,
      periods: alarm.evaluationPeriods + (alarm.wallClock ? 0 : options.extraPeriods),
    };
  }

  /** A warm-up ends early when the evaluation window is full of data, unless the alarm requires the whole warm-up. */
  #isWarmingUp(atMs: number, points: number): boolean {
    const { warmUp, evaluationPeriods } = this.#props.alarm;
    return atMs < this.#warmUpEndsMs && (warmUp?.full === true || points < evaluationPeriods);
  }

  #changeTo(state: AlarmState, evaluatedMs: number): void {
    if (state === this.state) return;
    const { alarm, events, options, onTransition } = this.#props;
    const from = this.state;
    this.state = state;
    const atMs = evaluatedMs + options.evaluationDelayMs;
    const topics = state === 'ALARM' ? alarm.alarmTopics : state === 'OK' ? alarm.okTopics : [];
    events.at(atMs, () => onTransition({ atMs, alarm: alarm.id, state, from, topics }));
  }
}
