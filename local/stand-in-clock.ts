/** A clock that can be set forward, so that tests see a credential expire without waiting. */
export class StandInClock {
  readonly #base: () => Date;
  #aheadMs = 0;

  /** @param base - returns the time before any advance; the machine's clock by default */
  constructor(base: () => Date = () => new Date()) {
    this.#base = base;
  }

  now(): Date {
    return new Date(this.#base().getTime() + this.#aheadMs);
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
  }
}
