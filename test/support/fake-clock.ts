import type { Clock } from '../../lambda/core/clock';

/** Noon of an ordinary day, in milliseconds since the epoch. */
export const NOON = Date.parse('2026-11-21T12:00:00Z');

/**
 * A clock that a test owns. Nobody really waits: once nothing else is left to do, time jumps to the next
 * sleeper, in the order in which the sleepers are due. So many workers can be watched in virtual time.
 */
export class FakeClock implements Clock {
  /** Every sleep that was asked for, in milliseconds. */
  readonly sleeps: number[] = [];
  /** What `random` draws. */
  draw = 0.5;
  #nowMs: number;
  #correctionMs = 0;
  readonly #sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];

  constructor(startMs = NOON) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs + this.#correctionMs;

  readonly steady = (): number => this.#nowMs;

  readonly random = (): number => this.draw;

  readonly sleep = (ms: number): Promise<void> => {
    this.sleeps.push(ms);
    return this.pass(ms);
  };

  /** Like `sleep`, for whatever takes time in a test without being a decision of the code: an answer's latency. */
  pass(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ dueMs: this.#nowMs + ms, wake });
      if (this.#sleepers.length === 1) this.#wakeNextWhenIdle();
    });
  }

  /** Moves time on at once, waking nobody. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** Corrects the time of day, as a time server does. Waits and deadlines must not notice. */
  correctTimeOfDay(ms: number): void {
    this.#correctionMs += ms;
  }

  #wakeNextWhenIdle(): void {
    setImmediate(() => {
      const due = Math.min(...this.#sleepers.map(({ dueMs }) => dueMs));
      const index = this.#sleepers.findIndex(({ dueMs }) => dueMs === due);
      const [next] = this.#sleepers.splice(index, 1);
      this.#nowMs = Math.max(this.#nowMs, due);
      next?.wake();
      if (this.#sleepers.length > 0) this.#wakeNextWhenIdle();
    });
  }
}
