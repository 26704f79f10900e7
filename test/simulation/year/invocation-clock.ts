import type { Clock } from '../../../lambda/core/clock';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * The clock of one invocation, in virtual time: it runs ahead of the simulation's own for as long as the handler
 * works. Nobody really waits; once nothing else is left to do, time jumps to the sleeper that is due next.
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

  /** Puts the clock to the start of the next invocation: a warm process keeps its clock. */
  restart(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #wakeNextWhenIdle(): void {
    this.#waking = true;
    // The handler only ever sleeps from within promises, and a tick comes when all of those have had their turn.
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
