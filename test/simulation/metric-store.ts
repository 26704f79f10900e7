import { LevelSeries, type MetricSeries, PointSeries } from './metric-series';
import type { MetricIdentity } from './template-alarm';

/** Is called when a metric has new data, which alarms see from `visibleMs` on. */
export type MetricListener = (visibleMs: number) => void;

interface Watched {
  readonly points: PointSeries;
  readonly levels: LevelSeries;
  readonly listeners: MetricListener[];
  sampled: boolean;
}

/** The metrics that alarms watch. The data of other metrics is dropped. */
export class MetricStore {
  readonly #delayMs: number;
  readonly #keepMs: number;
  readonly #isDown: (atMs: number) => boolean;
  readonly #watched = new Map<string, Watched>();

  /**
   * @param delayMs - from a value to the time from which alarms see it
   * @param keepMs - how far back any alarm may look
   * @param isDown - returns whether values that are sent at this time are lost
   */
  constructor(delayMs: number, keepMs: number, isDown: (atMs: number) => boolean = () => false) {
    this.#delayMs = delayMs;
    this.#keepMs = keepMs;
    this.#isDown = isDown;
  }

  /** Subscribes to a metric. Returns a function that returns its series, which is empty before the first value. */
  watch(metric: MetricIdentity, listener: MetricListener): () => MetricSeries {
    const key = keyOf(metric);
    const watched = this.#watched.get(key) ?? {
      points: new PointSeries(this.#keepMs),
      levels: new LevelSeries(this.#keepMs, this.#delayMs),
      listeners: [],
      sampled: false,
    };
    watched.listeners.push(listener);
    this.#watched.set(key, watched);
    return () => (watched.sampled ? watched.levels : watched.points);
  }

  /**
   * Sends one value.
   *
   * @param atMs - the time of the value
   * @param sentMs - when it leaves its source, if that is later
   */
  put(metric: MetricIdentity, atMs: number, value: number, sentMs = atMs): void {
    const watched = this.#watched.get(keyOf(metric));
    if (!watched || this.#isDown(sentMs)) return;
    const visibleMs = sentMs + this.#delayMs;
    watched.points.add(atMs, visibleMs, value);
    for (const listener of watched.listeners) listener(visibleMs);
  }

  /** Sets the level of a metric that is sampled every minute. Undefined ends the samples. */
  level(metric: MetricIdentity, fromMs: number, value: number | undefined): void {
    const watched = this.#watched.get(keyOf(metric));
    if (!watched) return;
    watched.sampled = true;
    watched.levels.set(fromMs, value);
    for (const listener of watched.listeners) listener(fromMs + this.#delayMs);
  }
}

function keyOf({ namespace, name, dimensions }: MetricIdentity): string {
  const pairs = Object.entries(dimensions).map(([key, value]) => `${key}=${value}`);
  return [namespace, name, ...pairs.sort()].join('|');
}
