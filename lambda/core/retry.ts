/** How often and how patiently one request is repeated. */
export interface RetryPolicy {
  /** Counts the first try. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Time-out of one attempt, from connecting to the last byte of the answer. */
  readonly attemptTimeoutMs: number;
}

/** Patient enough for a restart at the other end, short enough that three routes fit in one invocation. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 4,
  baseDelayMs: 300,
  maxDelayMs: 8_000,
  attemptTimeoutMs: 10_000,
};

/**
 * Chooses how long to wait before the next attempt, in milliseconds.
 *
 * Full jitter: uniform between zero and a ceiling that doubles per failure
 * (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @param failures - attempts that have failed so far, from 1
 * @param random - draws from [0, 1)
 */
export function jitteredDelayMs(failures: number, policy: RetryPolicy, random: () => number): number {
  const ceilingMs = Math.min(policy.baseDelayMs * 2 ** (failures - 1), policy.maxDelayMs);
  return Math.floor(random() * ceilingMs);
}

/** Whether an answer with this status says "not now" rather than "no". 501 says "never": that is a route's business. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Reads `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or an HTTP date.
 *
 * @returns milliseconds to wait, never negative; undefined when the header is absent or not understood
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  // An HTTP date begins with a day's name; Date.parse alone would read "-5" or "1.5" as some year.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
