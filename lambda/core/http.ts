import { version } from '../../package.json';
import type { Clock } from './clock';
import { OutOfTimeError, TransientError } from './errors';
import type { Pacer } from './rate-limit';
import { isRetryableStatus, jitteredDelayMs, type RetryPolicy, retryAfterMs } from './retry';
import type { HttpAnswer, HttpRequest, Transport } from './transport';

/** Runpod's edge refuses some default user agents with 403, so requests say what they are. */
export const USER_AGENT = `runpod-ecr-credential-refresher/${version}`;

/** More than any answer that the function reads; a list of thousands of names stays below it. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Longer than any quota of a minute makes a retry wait: the API is as good as down, and another may step in. */
const LONG_LIMIT_MS = 5 * 60_000;

/** How one request may be sent. */
export interface SendOptions {
  /** No attempt starts and no wait ends after this moment (milliseconds since the epoch). */
  readonly deadlineMs: number;
  /** False for a request that must not be repeated blindly: a create. @default true */
  readonly repeatable?: boolean;
  /** The quota that the request counts against. @default - none */
  readonly pacer?: Pacer;
}

/**
 * Sends a request and returns its answer, whatever the status.
 *
 * Throws TransientError when no answer arrived, or when the answer said "not now" (408, 425, 429, 5xx but 501),
 * each after the policy's attempts or when the deadline leaves no room for another.
 */
export type SendHttp = (request: HttpRequest, options: SendOptions) => Promise<HttpAnswer>;

/** What sending depends on. */
export interface HttpDependencies {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly policy: RetryPolicy;
}

/** Makes the one place from which requests are sent: time-out, retry, `Retry-After`, quota, size cap. */
export function createHttp({ transport, clock, policy }: HttpDependencies): SendHttp {
  return async (request, options) => {
    const maxAttempts = options.repeatable === false ? 1 : policy.maxAttempts;
    for (let attempt = 1; ; attempt += 1) {
      await waitForTurn(options, clock);
      const outcome = await tryOnce(request, options);
      if ('answer' in outcome) return outcome.answer;
      const delayMs = Math.max(outcome.retryAfterMs, jitteredDelayMs(attempt, policy, clock.random));
      const noRoom = clock.now() + delayMs >= options.deadlineMs;
      if (attempt >= maxAttempts || noRoom) throw outcome.failure;
      await clock.sleep(delayMs);
    }
  };

  async function tryOnce(request: HttpRequest, { deadlineMs, pacer }: SendOptions): Promise<Attempt> {
    const timeoutMs = Math.min(policy.attemptTimeoutMs, deadlineMs - clock.now());
    try {
      const answer = await transport(withUserAgent(request), { timeoutMs, maxBytes: MAX_ANSWER_BYTES });
      pacer?.end(clock.now(), answer.headers);
      return isRetryableStatus(answer.status) ? notNow(request, answer, pacer) : { answer };
    } catch (error) {
      pacer?.end(clock.now());
      if (error instanceof TransientError) return { failure: error, retryAfterMs: 0 };
      throw error;
    }
  }

  function notNow(request: HttpRequest, { status, headers }: HttpAnswer, pacer: Pacer | undefined): Attempt {
    const waitMs = retryAfterMs(headers['retry-after'], clock.now()) ?? 0;
    if (status === 429) pacer?.hold(clock.now() + waitMs);
    const failure = new TransientError(`${request.method} ${new URL(request.url).host} answered ${status}`);
    return { failure, retryAfterMs: waitMs };
  }
}

type Attempt =
  | { readonly answer: HttpAnswer }
  | { readonly failure: TransientError; readonly retryAfterMs: number };

/** Waits until the account's quota allows a request, and takes the place. Another may be quicker, so it asks again. */
async function waitForTurn({ deadlineMs, pacer }: SendOptions, clock: Clock): Promise<void> {
  for (;;) {
    if (clock.now() >= deadlineMs) throw new OutOfTimeError(outOfTime(0));
    const waitMs = pacer?.tryBegin(clock.now()) ?? 0;
    if (waitMs === 0) return;
    if (clock.now() + waitMs >= deadlineMs) {
      throw new (waitMs > LONG_LIMIT_MS ? TransientError : OutOfTimeError)(outOfTime(waitMs));
    }
    await clock.sleep(waitMs);
  }
}

function outOfTime(waitMs: number): string {
  return waitMs > 0
    ? `Runpod's rate limit asks to wait another ${Math.ceil(waitMs / 1_000)} s, longer than this run may take; the next retry goes on from here`
    : 'this run was out of time before the request was sent; the next retry goes on from here';
}

function withUserAgent(request: HttpRequest): HttpRequest {
  return { ...request, headers: { ...request.headers, 'user-agent': USER_AGENT } };
}
