/** How many requests per window. */
export interface QuotaOptions {
  /** @default 'minute' */
  readonly name?: string;
  readonly limit: number;
  /** @default 60 */
  readonly windowSeconds?: number;
}

/** What became of a request that was counted. */
export interface Counted {
  /** Name of the window whose quota it exceeds; undefined where it is within all of them. */
  readonly exceeded: string | undefined;
  /** To be added to whatever is answered. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Quotas of requests in fixed windows, reported in every answer as Runpod does. */
export class Quota {
  readonly #windows: readonly QuotaWindow[];

  constructor(...windows: readonly QuotaOptions[]) {
    this.#windows = windows.map((options) => new QuotaWindow(options));
  }

  /** Counts a request in every window, unless one of them is exhausted. */
  count(nowMs: number): Counted {
    for (const window of this.#windows) window.turn(nowMs);
    const exceeded = this.#windows.find(({ left }) => left <= 0);
    if (!exceeded) for (const window of this.#windows) window.left -= 1;
    const inAll = (part: (window: QuotaWindow) => string) => this.#windows.map(part).join(', ');
    const headers = {
      ratelimit: inAll((window) => `"${window.name}";r=${window.left};t=${window.resetSeconds(nowMs)}`),
      'ratelimit-policy': inAll(({ name, limit, seconds }) => `"${name}";q=${limit};w=${seconds}`),
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

  /** Begins anew when the window is over; a window begins with its first request. */
  turn(nowMs: number): void {
    if (nowMs < this.#endMs) return;
    this.#endMs = nowMs + this.seconds * 1_000;
    this.left = this.limit;
  }

  resetSeconds(nowMs: number): number {
    return Math.ceil((this.#endMs - nowMs) / 1_000);
  }
}
