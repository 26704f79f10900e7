import type { Clock } from '../../lambda/core/clock';

/** Noon of an ordinary day, in milliseconds since the epoch. */
export const NOON = Date.parse('2026-11-21T12:00:00Z');

/**
 * A clock in virtual time. When no other work is left, time jumps to the next sleeper that is due. So concurrent
 * workers are tested without real waiting.
 */
export class FakeClock implements Clock {
  /** The duration of every call to `sleep`, in milliseconds. */
  readonly sleeps: number[] = [];
  /** The number that `random` returns. */
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

  /** Like `sleep`, but not listed in `sleeps`. Tests use it for the latency of a fake. */
  pass(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ dueMs: this.#nowMs + ms, wake });
      if (this.#sleepers.length === 1) this.#wakeNextWhenIdle();
    });
  }

  /** Moves time forward at once without waking a sleeper. */
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
