/** The state of one quota window as a server reports it (`RateLimit: "minute";r=0;t=12`). */
export interface QuotaWindow {
  readonly name: string;
  /** Requests left in the window. */
  readonly remaining: number;
  /** Seconds until the window is renewed. */
  readonly resetSeconds: number;
}

/**
 * Reads a `RateLimit` header (IETF draft "RateLimit header fields for HTTP", a structured-field list).
 * Members that are not understood are passed over: a limit that cannot be read is found out by a 429.
 */
export function parseRateLimit(header: string | undefined): QuotaWindow[] {
  return members(header).flatMap(({ name, parameters }) => {
    const remaining = wholeNumber(parameters.get('r'));
    const resetSeconds = wholeNumber(parameters.get('t'));
    return remaining === undefined || resetSeconds === undefined ? [] : [{ name, remaining, resetSeconds }];
  });
}

/** A quota that a server announces (`RateLimit-Policy: "minute";q=60;w=60`). */
export interface QuotaPolicy {
  readonly name: string;
  /** Requests per window. */
  readonly quota: number;
  readonly windowSeconds: number;
}

/** Reads a `RateLimit-Policy` header, passing over what is not understood. */
export function parseRateLimitPolicy(header: string | undefined): QuotaPolicy[] {
  return members(header).flatMap(({ name, parameters }) => {
    const quota = wholeNumber(parameters.get('q'));
    const windowSeconds = wholeNumber(parameters.get('w'));
    return quota === undefined || windowSeconds === undefined ? [] : [{ name, quota, windowSeconds }];
  });
}

function members(header: string | undefined): { name: string; parameters: Map<string, string> }[] {
  return (header ?? '').split(',').flatMap((member) => {
    const [item = '', ...parameters] = member.split(';').map((part) => part.trim());
    const name = /^"([^"]*)"$/.exec(item)?.[1];
    if (name === undefined) return [];
    return [{ name, parameters: new Map(parameters.map((p) => p.split('=', 2) as [string, string])) }];
  });
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Servers give the time to the renewal in whole seconds; whichever way they round, this is not too early. */
const ROUNDING_MS = 1_000;

/**
 * Keeps the requests of one account within the quota that the server reports, so that a large run never
 * provokes a 429 once it knows the quota. Quotas are per user and shared with the user's other tools, so the
 * server's own count is believed rather than ours.
 */
export class Pacer {
  readonly #windows = new Map<string, { remaining: number; resetAtMs: number }>();
  readonly #policies = new Map<string, QuotaPolicy>();
  #inFlight = 0;
  #heldUntilMs = 0;

  /**
   * Asks for leave to send one request.
   *
   * @returns 0 when it may go, and counts it: `end` must follow; otherwise the milliseconds after which to ask again
   */
  tryBegin(nowMs: number): number {
    this.#renewWindows(nowMs);
    const exhausted = [...this.#windows.values()].filter(({ remaining }) => remaining <= 0);
    const waitMs = Math.max(
      0,
      this.#heldUntilMs - nowMs,
      ...exhausted.map(({ resetAtMs }) => resetAtMs - nowMs),
    );
    if (waitMs > 0) return waitMs;
    this.#inFlight += 1;
    for (const window of this.#windows.values()) window.remaining -= 1;
    return 0;
  }

  /** Counts the end of a request, and learns from its answer where there is one. */
  end(nowMs: number, headers?: { readonly [name: string]: string | string[] | undefined }): void {
    this.#inFlight -= 1;
    for (const policy of parseRateLimitPolicy(single(headers?.['ratelimit-policy']))) {
      this.#policies.set(policy.name, policy);
    }
    for (const { name, remaining, resetSeconds } of parseRateLimit(single(headers?.ratelimit))) {
      this.#learn(name, remaining, nowMs + resetSeconds * 1_000 + ROUNDING_MS);
    }
  }

  /** Holds every further request of the account, as a 429 with `Retry-After` asks. */
  hold(untilMs: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, untilMs);
  }

  /** The server may not have counted what is in flight yet, so that much is taken off; within a window the count only falls. */
  #learn(name: string, remaining: number, resetAtMs: number): void {
    const known = this.#windows.get(name);
    const left = remaining - this.#inFlight;
    this.#windows.set(name, { remaining: known ? Math.min(known.remaining, left) : left, resetAtMs });
  }

  /** A renewed window is worth its whole quota until the next answer tells. */
  #renewWindows(nowMs: number): void {
    for (const [name, window] of this.#windows) {
      if (nowMs < window.resetAtMs) continue;
      const policy = this.#policies.get(name);
      if (policy === undefined) this.#windows.delete(name);
      else {
        const resetAtMs = nowMs + policy.windowSeconds * 1_000 + ROUNDING_MS;
        this.#windows.set(name, { remaining: policy.quota - this.#inFlight, resetAtMs });
      }
    }
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
