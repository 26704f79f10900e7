/** A clock that runs with the machine's and can be put forward, so that a credential expires without waiting. */
export class StandInClock {
  #aheadMs = 0;

  now(): Date {
    return new Date(Date.now() + this.#aheadMs);
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
  }
}
