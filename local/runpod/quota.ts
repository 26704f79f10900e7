/** A limit on the number of requests in a window. */
export interface QuotaOptions {
  /** @default 'minute' */
  readonly name?: string;
  readonly limit: number;
  /** @default 60 */
  readonly windowSeconds?: number;
}

/** The result of counting one request. */
export interface Counted {
  /** Name of the window whose limit is exceeded; undefined when the request is within all limits. */
  readonly exceeded: string | undefined;
  /** Headers for the answer, whatever the answer is. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Request quotas in fixed windows, reported in every answer as Runpod does. */
export class Quota {
  readonly #windows: readonly QuotaWindow[];

  constructor(...windows: readonly QuotaOptions[]) {
    this.#windows = windows.map((options) => new QuotaWindow(options));
  }

  /** Counts a request in every window. Does not count it when a window is exhausted. */
  count(nowMs: number): Counted {
    for (const window of this.#windows) window.restartIfOver(nowMs);
    const exceeded = this.#windows.find(({ left }) => left <= 0);
    if (!exceeded) for (const window of this.#windows) window.left -= 1;
    const forAll = (part: (window: QuotaWindow) => string) => this.#windows.map(part).join(', ');
    const headers = {
      ratelimit: forAll((window) => `"${window.name}";r=${window.left};t=${window.resetSeconds(nowMs)}`),
      'ratelimit-policy': forAll(({ name, limit, seconds }) => `"${name}";q=${limit};w=${seconds}`),
      ...(exceeded && { 'retry-after': String(exceeded.resetSeconds(nowMs)) }),
    };
    return { exceeded: exceeded?.name, headers };
  }
}

class QuotaWindow {
  readonly name: string;
  readonly limit: number;
  readonly seconds: number;
  left: number;
  #endMs = 0;

  constructor({ name = 'minute', limit, windowSeconds = 60 }: QuotaOptions) {
    this.name = name;
    this.limit = limit;
    this.seconds = windowSeconds;
    this.left = limit;
  }

  /** Starts a new window when the current one is over. A window starts with its first request. */
  restartIfOver(nowMs: number): void {
    if (nowMs < this.#endMs) return;
    this.#endMs = nowMs + this.seconds * 1_000;
    this.left = this.limit;
  }

  resetSeconds(nowMs: number): number {
    return Math.ceil((this.#endMs - nowMs) / 1_000);
  }
}
