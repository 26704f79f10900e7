import { version } from '../../package.json';
import type { Clock } from './clock';
import { OutOfTimeError, TransientError } from './errors';
import type { RateLimiter } from './rate-limit';
import type { HttpAnswer, HttpRequest, StreamLimits, Transport } from './transport';

/** Runpod's edge refuses some default user agents with 403, so requests name themselves. */
export const USER_AGENT = `runpod-ecr-credential-refresher/${version}`;

/** Larger than any answer that the functions read. A list of thousands of names is smaller. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * A quota per minute never asks for a longer wait. When a run has no time for a longer wait, that counts as an outage of
 * the API, so that another API is tried.
 */
const LONG_WAIT_MS = 5 * 60_000;

/** How often one request is tried, and how long each attempt may take. */
export interface RetryPolicy {
  /** Counts the first attempt. */
  readonly maxAttempts: number;
  /** Ceiling of the delay after the first failure. It doubles with each further failure. */
  readonly baseDelayMs: number;
  /** Ceiling of every delay. */
  readonly maxDelayMs: number;
  /** Timeout of one attempt, from connecting to the last byte of the answer. */
  readonly attemptTimeoutMs: number;
}

/** Bridges an interruption of a second or two, and leaves time for three APIs in one invocation. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 4,
  baseDelayMs: 300,
  maxDelayMs: 8_000,
  attemptTimeoutMs: 10_000,
};

/** How one request may be sent. */
export interface SendOptions {
  /** No attempt starts and no wait ends after this moment of `clock.steady()` (milliseconds). */
  readonly deadlineMs: number;
  /** False for a request that must not be sent twice, such as a create. @default true */
  readonly repeatable?: boolean;
  /** The caller needs only status and headers, so the body is not read. @default false */
  readonly ignoreBody?: boolean;
  /** Maximum size of the answer. @default - 1 MiB */
  readonly maxBytes?: number;
  /** Counts the first attempt. @default - as the policy says */
  readonly maxAttempts?: number;
  /** Timeout of one attempt, if it is shorter than the policy's, in milliseconds. */
  readonly attemptTimeoutMs?: number;
  /** The answer stays open and is read as a stream. @default - the answer ends */
  readonly stream?: StreamLimits;
  /** The quota that the request counts against. @default - none */
  readonly rateLimiter?: RateLimiter;
}

/**
 * Sends a request and returns its answer, whatever the status.
 *
 * Throws TransientError when no answer arrived, or when the answer said "not now" (408, 425, 429, 5xx except 501):
 * after the last attempt of the policy, or when the deadline leaves no room for another. Throws OutOfTimeError when
 * the deadline passed before a request was sent.
 */
export type SendHttp = (request: HttpRequest, options: SendOptions) => Promise<HttpAnswer>;

/** What sending depends on. */
export interface HttpDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly policy: RetryPolicy;
}

/** Makes the function that sends every request: with timeout, retries, `Retry-After`, rate limit and size limit. */
export function createHttp({ transport, clock, policy }: HttpDependencies): SendHttp {
  return async (request, options) => {
    const allowedAttempts = options.repeatable === false ? 1 : (options.maxAttempts ?? policy.maxAttempts);
    for (let attempt = 1; ; attempt += 1) {
      await waitForQuota(options, clock);
      const outcome = await tryOnce(request, options);
      if ('answer' in outcome) return outcome.answer;
      const delayMs = Math.max(outcome.retryAfterMs, jitteredDelayMs(attempt, policy, clock.random));
      const noRoom = clock.steady() + delayMs >= options.deadlineMs;
      if (attempt >= allowedAttempts || noRoom) throw outcome.failure;
      await clock.sleep(delayMs);
    }
  };

  async function tryOnce(
    request: HttpRequest,
    { deadlineMs, rateLimiter, ignoreBody = false, maxBytes = MAX_ANSWER_BYTES, ...options }: SendOptions,
  ): Promise<Attempt> {
    const attemptMs = Math.min(policy.attemptTimeoutMs, options.attemptTimeoutMs ?? policy.attemptTimeoutMs);
    const timeoutMs = Math.min(attemptMs, deadlineMs - clock.steady());
    try {
      const { stream } = options;
      const limits = { timeoutMs, maxBytes, ignoreBody, ...(stream && { stream }) };
      const answer = await transport(withUserAgent(request), limits);
      rateLimiter?.end(clock.steady(), answer.headers);
      return isRetryableStatus(answer.status) ? notNow(request, answer, rateLimiter) : { answer };
    } catch (error) {
      rateLimiter?.end(clock.steady());
      if (error instanceof TransientError) return { failure: error, retryAfterMs: 0 };
      throw error;
    }
  }

  function notNow(
    request: HttpRequest,
    { status, headers }: HttpAnswer,
    rateLimiter: RateLimiter | undefined,
  ): Attempt {
    const waitMs = retryAfterMs(headers['retry-after'], clock.now()) ?? 0;
    if (status === 429) rateLimiter?.hold(clock.steady(), waitMs);
    const peer = request.peer ?? new URL(request.url).host;
    const failure = new TransientError(`${request.method} ${peer} answered ${status}`);
    return { failure, retryAfterMs: waitMs };
  }
}

type Attempt =
  | { readonly answer: HttpAnswer }
  | { readonly failure: TransientError; readonly retryAfterMs: number };

/** Waits for the rate limiter. It asks again after each wait, because another request may have been faster. */
async function waitForQuota({ deadlineMs, rateLimiter }: SendOptions, clock: Clock): Promise<void> {
  for (;;) {
    if (clock.steady() >= deadlineMs) throw new OutOfTimeError(outOfTime(0));
    const waitMs = rateLimiter?.tryBegin(clock.steady()) ?? 0;
    if (waitMs === 0) return;
    if (clock.steady() + waitMs >= deadlineMs) {
      throw new (waitMs > LONG_WAIT_MS ? TransientError : OutOfTimeError)(outOfTime(waitMs));
    }
    await clock.sleep(waitMs);
  }
}

function outOfTime(waitMs: number): string {
  return waitMs > 0
    ? `Runpod's rate limit asks to wait another ${Math.ceil(waitMs / 1_000)} s, longer than this run may take; the next retry continues from here`
    : 'this run was out of time before the request was sent; the next retry continues from here';
}

function withUserAgent(request: HttpRequest): HttpRequest {
  return { ...request, headers: { ...request.headers, 'user-agent': USER_AGENT } };
}

/**
 * Returns the delay before the next attempt, in milliseconds.
 *
 * Full jitter: uniform between zero and a ceiling that doubles with each failure
 * (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @param failures - number of failed attempts so far, at least 1
 * @param random - returns a number in [0, 1)
 */
export function jitteredDelayMs(failures: number, policy: RetryPolicy, random: () => number): number {
  const ceilingMs = Math.min(policy.baseDelayMs * 2 ** (failures - 1), policy.maxDelayMs);
  return Math.floor(random() * ceilingMs);
}

/** Whether a status means "not now" rather than "no". 501 means "never". */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Reads `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or an HTTP date.
 *
 * @param nowMs - milliseconds since the epoch
 * @returns milliseconds to wait, never negative; undefined when the header is absent or not understood
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  // An HTTP date begins with the name of a day. Date.parse alone would read "-5" or "1.5" as a year.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
