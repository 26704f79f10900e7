import type { Clock } from '../../../lambda/core/clock';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * The clock of one invocation, in virtual time. It runs ahead of the simulation's clock while the handler works. A sleep
 * does not really wait: when nothing else is left to run, time jumps to the end of the earliest sleep.
 */
export class InvocationClock implements Clock {
  readonly random: () => number;
  readonly #sleepers: Sleeper[] = [];
  #nowMs: number;
  #waking = false;

  constructor(startMs: number, random: () => number) {
    this.#nowMs = startMs;
    this.random = random;
  }

  readonly now = (): number => this.#nowMs;

  readonly steady = (): number => this.#nowMs;

  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      this.#sleepers.push({ dueMs: this.#nowMs + Math.max(0, ms), wake });
      if (!this.#waking) this.#wakeNextWhenIdle();
    });

  /** Sets the time to the start of the next invocation. A warm process keeps its clock. */
  restart(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #wakeNextWhenIdle(): void {
    this.#waking = true;
    // The handler sleeps only inside promises, and the next tick comes after all pending promises.
    process.nextTick(() => {
      let next = 0;
      for (let index = 1; index < this.#sleepers.length; index++) {
        if ((this.#sleepers[index]?.dueMs ?? 0) < (this.#sleepers[next]?.dueMs ?? 0)) next = index;
      }
      const [sleeper] = this.#sleepers.splice(next, 1);
      this.#nowMs = Math.max(this.#nowMs, sleeper?.dueMs ?? 0);
      sleeper?.wake();
      this.#waking = false;
      if (this.#sleepers.length > 0) this.#wakeNextWhenIdle();
    });
  }
}
