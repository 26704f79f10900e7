/**
 * Every error of the functions. The class decides what happens next, never the text of a message:
 *
 * - `TransientError`: retried, because time may fix it.
 * - `OperatorMustActError`: never retried. It pages a person.
 * - `ApiUnsupportedError`: the next of Runpod's APIs is tried.
 *
 * A message says what failed, what was expected, what arrived and what to do. It never holds a request, a header,
 * the body of an answer or a secret, because errors end in the log. For the same reason no foreign error is attached
 * as `cause`: the AWS SDK's errors carry the raw response.
 */

/** Base class of all failures that the functions understand. */
export abstract class RefresherError extends Error {}

/** Time may fix it: an outage, a timeout, a rate limit. */
export class TransientError extends RefresherError {
  override readonly name = 'TransientError';
}

/** The run had no time left, so no request was sent. Another API would not have more time. */
export class OutOfTimeError extends TransientError {}

/** The answer was lost or not understood. The request may or may not have been carried out. */
export class UnconfirmedError extends TransientError {}

/** A defect, or an outage of a kind that the code does not know. Retried; its stack trace goes to the log. */
export class UnexpectedError extends TransientError {}

/** Why a person must act. A fixed vocabulary, so that log lines can be grouped by it. */
export type OperatorReason =
  | 'api-key-refused'
  | 'permission-missing'
  | 'secret-unusable'
  | 'registry-auth-missing'
  | 'no-route-left'
  | 'credential-rejected'
  | 'image-unproved'
  | 'configuration-wrong';

/** No retry can fix it: a person must act. */
export class OperatorMustActError extends RefresherError {
  override readonly name: string = 'OperatorMustActError';
  readonly reason: OperatorReason;

  constructor(reason: OperatorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Runpod refused the API key (401). The secret is read once more; after a second refusal a person must act. */
export class ApiKeyRefusedError extends OperatorMustActError {
  override readonly name = 'ApiKeyRefusedError';

  constructor(message: string) {
    super('api-key-refused', message);
  }
}

/**
 * How certain it is that an API cannot do what was asked.
 *
 * - `final`: the API said so itself (404, 405, 410, 501). Nothing was done.
 * - `may-pass`: a web page came instead of the API, as during maintenance. Nothing was done; the API may come back.
 * - `unclear`: the answer was not understood. The request may have been carried out.
 */
export type Certainty = 'final' | 'may-pass' | 'unclear';

/** One of Runpod's APIs cannot do what was asked. Another one may be able to. */
export class ApiUnsupportedError extends RefresherError {
  override readonly name = 'ApiUnsupportedError';
  readonly certainty: Certainty;

  constructor(message: string, certainty: Certainty) {
    super(message);
    this.certainty = certainty;
  }
}

/** The event is not one that the function understands. Nothing was done; the caller must correct the event. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
}

/** One target that was not refreshed. */
export interface FailedTarget {
  readonly target: string;
  readonly error: RefresherError;
}

/** Thrown when any target failed, after the other targets were finished. Names each failed target with its reason. */
export class RefreshFailedError extends Error {
  override readonly name = 'RefreshFailedError';

  constructor(failed: readonly FailedTarget[], total: number) {
    super(`${failed.length} of ${total} targets failed. ${describeFailures(failed)}`);
    // Lambda sends the stack beside the message. Without this line the message would be sent twice.
    this.stack = `${this.name}${stackFrames(this)}`;
  }
}

/** Names each reason once with its targets, so that a thousand targets with one cause stay readable. */
function describeFailures(failed: readonly FailedTarget[]): string {
  const targetsByReason = new Map<string, string[]>();
  for (const { target, error } of failed) {
    targetsByReason.set(error.message, [...(targetsByReason.get(error.message) ?? []), target]);
  }
  return [...targetsByReason].map(([reason, targets]) => `${targets.join(', ')}: ${reason}`).join(' | ');
}

/**
 * Turns anything thrown into a failure that the functions understand.
 *
 * Only the class name of an unknown error is kept. Its message may quote anything, as a parser quotes its input.
 */
export function asRefresherError(thrown: unknown): RefresherError {
  if (thrown instanceof RefresherError) return thrown;
  const error = new UnexpectedError(`unexpected ${className(thrown)}; the stack trace is in the log`);
  const frames = thrown instanceof Error ? stackFrames(thrown) : '';
  error.stack = `${error.name}: ${error.message}${frames}`;
  return error;
}

function className(thrown: unknown): string {
  return thrown instanceof Error ? thrown.constructor.name : typeof thrown;
}

/** The frames of a stack trace without the message above them. */
function stackFrames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => `\n${line}`)
    .join('');
}
