/** A random number generator: the same seed gives the same numbers. */
export class SeededRandom {
  #state: number;

  /** @param seed - any whole number */
  constructor(seed: number) {
    this.#state = seed >>> 0;
    // The first numbers of neighbouring seeds are similar, so they are skipped.
    for (let warmUp = 0; warmUp < 8; warmUp++) this.next();
  }

  /** Returns a number in [0, 1) (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  /** Returns a number in [from, to), uniformly distributed. */
  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** Returns one of the items, each with the same probability. */
  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }

  /** Returns a count with this mean (Poisson distribution, Knuth's algorithm). */
  count(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count++;
    return count;
  }

  /** Returns a number from a Pareto distribution: mostly near `least`, sometimes close to `most`. */
  heavyTailed(least: number, most: number, shape: number): number {
    return Math.min(most, least / (1 - this.next()) ** (1 / shape));
  }
}
