/** A clock that runs with the machine's and can be put forward, so that a credential expires without waiting. */
export class StandInClock {
  readonly #base: () => Date;
  #aheadMs = 0;

  /** @param base - what it is put forward from; the machine's clock by default */
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
