import type { Cloud } from './cloud';
import type { InvocationResult, SimulatedFunction } from './lambda-function';
import type { SqsQueue } from './sqs-queue';

/** "A one-minute wait between the first two attempts, and two minutes between the second and third" (Lambda guide). */
const RETRY_WAITS_MS = [60_000, 120_000];
/** A throttled event waits "from 1 second after the first attempt to a maximum of 5 minutes" (Lambda guide). */
const THROTTLE_WAIT_MS = { first: 1_000, most: 300_000 };

interface Pending {
  readonly event: unknown;
  readonly requestId: string;
  readonly sentMs: number;
  invocations: number;
  throttles: number;
}

/** Lambda's queue of asynchronous events, with retries, the age limit and the on-failure destination. */
export class AsyncInvoker {
  readonly #fn: SimulatedFunction;
  readonly #cloud: Cloud;
  readonly #onFailure: SqsQueue | undefined;

  constructor(fn: SimulatedFunction, cloud: Cloud, onFailure: SqsQueue | undefined) {
    this.#fn = fn;
    this.#cloud = cloud;
    this.#onFailure = onFailure;
  }

  /** Accepts an event. The function runs at once. */
  send(event: unknown): void {
    const { events, newId } = this.#cloud;
    const pending = { event, requestId: newId(), sentMs: events.nowMs, invocations: 0, throttles: 0 };
    events.at(events.nowMs, () => this.#attempt(pending));
  }

  #attempt(pending: Pending): Promise<void> | undefined {
    const { events } = this.#cloud;
    if (this.#fn.isThrottled()) {
      const waitMs = Math.min(THROTTLE_WAIT_MS.first * 2 ** pending.throttles++, THROTTLE_WAIT_MS.most);
      this.#tryAgain(pending, events.nowMs + waitMs, undefined);
      return undefined;
    }
    pending.invocations++;
    return this.#fn.run(pending.event, pending.requestId, (result) => {
      if (!result.ok) this.#afterFailure(pending, result);
    });
  }

  #afterFailure(pending: Pending, result: InvocationResult): void {
    const retries = pending.invocations - 1;
    if (retries >= this.#fn.resource.maxRetries) {
      this.#giveUp(pending, 'RetriesExhausted', result);
      return;
    }
    const waitMs = RETRY_WAITS_MS[retries] ?? 0;
    this.#tryAgain(pending, this.#cloud.events.nowMs + waitMs, result);
  }

  /** Plans the next attempt. An event that would be too old by then is given up when it reaches the age limit. */
  #tryAgain(pending: Pending, atMs: number, last: InvocationResult | undefined): void {
    const { events } = this.#cloud;
    const expiresMs = pending.sentMs + this.#fn.resource.maxEventAgeMs;
    if (atMs >= expiresMs) events.at(expiresMs, () => this.#giveUp(pending, 'EventAgeExceeded', last));
    else events.at(atMs, () => this.#attempt(pending));
  }

  #giveUp(pending: Pending, condition: string, last: InvocationResult | undefined): void {
    this.#cloud.log(this.#fn.resource.id, `event given up: ${condition}`);
    this.#onFailure?.send(
      JSON.stringify(failureRecord(this.#fn.resource.id, pending, condition, last, this.#cloud.events.nowMs)),
    );
  }
}

/** Returns the record for the on-failure destination (Lambda guide, "Capturing records of asynchronous invocations"). */
function failureRecord(
  functionId: string,
  { event, requestId, invocations }: Pending,
  condition: string,
  last: InvocationResult | undefined,
  nowMs: number,
): Record<string, unknown> {
  return {
    version: '1.0',
    timestamp: new Date(nowMs).toISOString(),
    requestContext: {
      requestId,
      functionArn: `arn:aws:lambda:us-east-1:123456789012:function:${functionId}:$LATEST`,
      condition,
      approximateInvokeCount: invocations,
    },
    requestPayload: event,
    ...(last && {
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: { errorType: 'Error', errorMessage: last.error ?? 'failed' },
    }),
  };
}
