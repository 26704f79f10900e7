/**
 * Makes each value once, so that a thousand targets that share a question ask it once. A promise is kept even
 * when it rejects: within one run the answer would be the same.
 */
export class Memo<K, V> {
  readonly #values = new Map<K, V>();

  /** Whether the value was made already, or is being made. */
  has(key: K): boolean {
    return this.#values.has(key);
  }

  get(key: K, make: () => V): V {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.#values.set(key, value);
    return value;
  }
}
