/** A quota of requests in fixed windows, reported in every answer as Runpod does. */
export class Quota {
  readonly #name: string;
  readonly #limit: number;
  readonly #windowMs: number;
  #startMs = 0;
  #used = 0;

  constructor({ name = 'minute', limit, windowSeconds = 60 }: QuotaOptions) {
    this.#name = name;
    this.#limit = limit;
    this.#windowMs = windowSeconds * 1_000;
  }

  /** Counts a request. @returns whether it was within the quota, and the headers to answer with */
  count(nowMs: number): { allowed: boolean; headers: Record<string, string> } {
    if (nowMs >= this.#startMs + this.#windowMs) {
      this.#startMs = nowMs;
      this.#used = 0;
    }
    const allowed = this.#used < this.#limit;
    if (allowed) this.#used += 1;
    const resetSeconds = Math.ceil((this.#startMs + this.#windowMs - nowMs) / 1_000);
    const headers = {
      ratelimit: `"${this.#name}";r=${this.#limit - this.#used};t=${resetSeconds}`,
      'ratelimit-policy': `"${this.#name}";q=${this.#limit};w=${this.#windowMs / 1_000}`,
      ...(!allowed && { 'retry-after': String(resetSeconds) }),
    };
    return { allowed, headers };
  }
}

/** How many requests per window. */
export interface QuotaOptions {
  /** @default 'minute' */
  readonly name?: string;
  readonly limit: number;
  /** @default 60 */
  readonly windowSeconds?: number;
}
