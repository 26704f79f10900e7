/** Seeded chance: the same seed draws the same years. */
export class Chance {
  #state: number;

  /** @param seed - any whole number */
  constructor(seed: number) {
    this.#state = seed >>> 0;
    // The first draws of neighbouring seeds resemble each other.
    for (let warmUp = 0; warmUp < 8; warmUp++) this.next();
  }

  /** Draws from [0, 1) (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }

  /** How many of something happen that happen so often on average (Poisson, Knuth's way). */
  count(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count++;
    return count;
  }

  /** Heavy-tailed (Pareto): mostly near the least, now and then very long. */
  heavyTailed(least: number, most: number, shape: number): number {
    return Math.min(most, least / (1 - this.next()) ** (1 / shape));
  }
}
