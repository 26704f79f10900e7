/** The state of one quota window as a server reports it (`RateLimit: "minute";r=0;t=12`). */
export interface QuotaWindow {
  readonly name: string;
  /** Requests left in the window. */
  readonly remaining: number;
  /** Seconds until the window resets. */
  readonly resetSeconds: number;
}

/**
 * Reads a `RateLimit` header (IETF draft "RateLimit header fields for HTTP", a structured-field list).
 * Members that are not understood are skipped. The server answers 429 when such a limit is reached.
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

/** Reads a `RateLimit-Policy` header. Members that are not understood are skipped. */
export function parseRateLimitPolicy(header: string | undefined): QuotaPolicy[] {
  return members(header).flatMap(({ name, parameters }) => {
    const quota = wholeNumber(parameters.get('q'));
    const windowSeconds = wholeNumber(parameters.get('w'));
    // A quota or a window of zero is a mistake of the server.
    return !quota || !windowSeconds ? [] : [{ name, quota, windowSeconds }];
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

/** Added to the time until the reset. Servers give that time in whole seconds and may round either way. */
const ROUNDING_MS = 1_000;

/** Wait while requests in flight may use up the rest of a quota. One of their answers soon brings a new count. */
const IN_FLIGHT_WAIT_MS = 20;

/**
 * A count is believed for at most this long. Then one request tests a limit that is used up. A server that names a reset
 * in years must not block a process for the rest of its life.
 */
const MAX_MEMORY_MS = 10 * 60_000;

/** What is known about a window: the lowest count that the server gave, and when the window ends. */
interface KnownWindow {
  remaining: number;
  resetAtMs: number;
  /** From this moment on the count is too old to hold back requests, although the window may not be over. */
  believedUntilMs: number;
  /** The count was too old once. The next answer replaces it. */
  outdated: boolean;
}

/**
 * Keeps the requests of one account within the quota that the server reports. Once the quota is known, a large run
 * does not provoke a 429. Runpod's quotas are per user and shared with the user's other tools, so the server's count is
 * used and not our own.
 */
export class RateLimiter {
  readonly #windows = new Map<string, KnownWindow>();
  readonly #policies = new Map<string, QuotaPolicy>();
  readonly #allowance: ((policy: QuotaPolicy) => number) | undefined;
  /** Requests of this process in each window. Only counted with an allowance. */
  readonly #own = new Map<string, number>();
  /** Requests that were sent before any answer named a window. */
  #unassigned = 0;
  #inFlight = 0;
  #heldUntilMs = 0;

  /**
   * @param allowance - returns how many requests per window this process may send, however many the server has left.
   *   @default - as many as the server has left
   */
  constructor(allowance?: (policy: QuotaPolicy) => number) {
    this.#allowance = allowance;
  }

  /**
   * Asks for permission to send one request.
   *
   * @returns 0 when the request may be sent. It is then counted, and `end` must be called after it. Otherwise the
   *   milliseconds after which to ask again.
   */
  tryBegin(nowMs: number): number {
    this.#renewWindows(nowMs);
    const waitsMs = [...this.#windows].map(([name, window]) =>
      Math.max(this.#waitMs(window, nowMs), this.#allowanceWaitMs(name, window, nowMs)),
    );
    const waitMs = Math.max(0, this.#heldUntilMs - nowMs, ...waitsMs);
    if (waitMs === 0) this.#countBegin();
    return waitMs;
  }

  #countBegin(): void {
    this.#inFlight += 1;
    if (!this.#allowance) return;
    this.#unassigned += 1;
    for (const [name, count] of this.#own) this.#own.set(name, count + 1);
  }

  /** How long to wait until this process has a part of the window's quota left. */
  #allowanceWaitMs(name: string, { resetAtMs }: KnownWindow, nowMs: number): number {
    const policy = this.#policies.get(name);
    if (!this.#allowance || !policy) return 0;
    return (this.#own.get(name) ?? 0) < this.#allowance(policy) ? 0 : Math.max(1, resetAtMs - nowMs);
  }

  /** Counts the end of a request, and learns the quota from its answer. @param headers - absent when the answer was lost */
  end(nowMs: number, headers?: { readonly [name: string]: string | string[] | undefined }): void {
    this.#inFlight -= 1;
    for (const policy of parseRateLimitPolicy(single(headers?.['ratelimit-policy']))) {
      this.#policies.set(policy.name, policy);
    }
    const reported = new Set<string>();
    for (const { name, remaining, resetSeconds } of parseRateLimit(single(headers?.ratelimit))) {
      const resetAtMs = nowMs + resetSeconds * 1_000 + ROUNDING_MS;
      this.#learn(name, { remaining, resetAtMs, believedUntilMs: nowMs + MAX_MEMORY_MS, outdated: false });
      reported.add(name);
    }
    // A window without a new count: the answer was lost or had no header. The server may have counted the request.
    for (const [name, window] of this.#windows) if (!reported.has(name)) window.remaining -= 1;
  }

  /** Holds back every further request for a time, as a 429 with `Retry-After` asks. */
  hold(nowMs: number, forMs: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, nowMs + Math.min(forMs, MAX_MEMORY_MS));
  }

  /** Subtracts the requests in flight, because the server may not have counted them yet. */
  #waitMs({ remaining, resetAtMs, believedUntilMs }: KnownWindow, nowMs: number): number {
    if (remaining > this.#inFlight) return 0;
    return remaining > 0 ? IN_FLIGHT_WAIT_MS : Math.min(resetAtMs, believedUntilMs) - nowMs;
  }

  /**
   * Answers can arrive out of order. Within one window the lowest count is the latest one. A much later end belongs to
   * the next window. A much earlier end belongs to a window that is over, so that answer is ignored. "Much" is half a
   * window, because a slow answer makes the end of its own window look later by less than that.
   */
  #learn(name: string, seen: KnownWindow): void {
    const last = this.#windows.get(name);
    const known = last?.outdated ? undefined : last;
    const windowMs = (this.#policies.get(name)?.windowSeconds ?? 0) * 1_000;
    const apartMs = seen.resetAtMs - (known?.resetAtMs ?? seen.resetAtMs);
    const marginMs = Math.max(2 * ROUNDING_MS, windowMs / 2);
    if (windowMs > 0 && apartMs < -marginMs) return;
    const sameWindow = known !== undefined && apartMs <= marginMs;
    const remaining = sameWindow ? Math.min(known.remaining, seen.remaining) : seen.remaining;
    if (this.#allowance && !this.#own.has(name)) this.#own.set(name, this.#unassigned);
    else if (this.#allowance && !sameWindow) this.#own.set(name, this.#inFlight);
    this.#windows.set(name, { ...seen, remaining });
  }

  /** A window that was reset counts as full until the next answer. Without a known quota it is forgotten. */
  #renewWindows(nowMs: number): void {
    for (const [name, { remaining, resetAtMs, believedUntilMs }] of this.#windows) {
      const policy = this.#policies.get(name);
      const known = { believedUntilMs: nowMs + MAX_MEMORY_MS, outdated: false };
      if (nowMs < resetAtMs) {
        if (nowMs < believedUntilMs) continue;
        // The window is not over. Where it is used up, one request tests whether the limit still stands.
        this.#windows.set(name, { ...known, remaining: Math.max(1, remaining), resetAtMs, outdated: true });
      } else if (policy === undefined) this.#windows.delete(name);
      else {
        const windowMs = Math.max(1, policy.windowSeconds) * 1_000;
        const renewals = Math.floor((nowMs - resetAtMs) / windowMs) + 1;
        const nextResetMs = resetAtMs + renewals * windowMs;
        if (this.#own.has(name)) this.#own.set(name, this.#inFlight);
        this.#windows.set(name, { ...known, remaining: policy.quota, resetAtMs: nextResetMs });
      }
    }
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
