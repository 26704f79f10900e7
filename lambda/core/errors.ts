/**
 * Every error of the function. What becomes of a failure is decided by class, never by message text:
 * transient (retried), operator must act (never retried, pages), route cannot (the next route is tried).
 *
 * A message names the setting or the target, what was expected, what arrived and what to do. It never holds
 * a request, a header, an answer's body or a secret: an error ends in the log. For the same reason no foreign
 * error is attached as `cause`: the SDK's errors carry the raw response.
 */

/** What a failure asks for: patience, a person, or Runpod's next API. */
export type FailureKind = 'transient' | 'operator-must-act' | 'route-cannot';

/** Base of all failures that the function understands. */
export abstract class RefresherError extends Error {
  abstract readonly kind: FailureKind;
}

/** It will mend itself: an outage, a time-out, a rate limit. */
export class TransientError extends RefresherError {
  override readonly name = 'TransientError';
  readonly kind = 'transient';
}

/** The run's time is over before a request could be sent; nothing was tried, and no other route has more time. */
export class OutOfTimeError extends TransientError {}

/** A defect, or a kind of outage that nobody foresaw. Retried like an outage; its stack trace goes to the log. */
export class UnexpectedError extends TransientError {}

/** Why a person must act; a fixed vocabulary, so that logs can be counted by it. */
export type OperatorReason =
  | 'api-key-refused'
  | 'permission-missing'
  | 'secret-unusable'
  | 'registry-auth-missing'
  | 'no-route-left'
  | 'credential-rejected'
  | 'image-unproved'
  | 'configuration-wrong';

/** No retry can mend it. */
export class OperatorMustActError extends RefresherError {
  override readonly name: string = 'OperatorMustActError';
  readonly kind = 'operator-must-act';
  readonly reason: OperatorReason;

  constructor(reason: OperatorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Runpod refused the API key (401): worth one more try with a freshly read secret, then a person must act. */
export class ApiKeyRefusedError extends OperatorMustActError {
  override readonly name = 'ApiKeyRefusedError';

  constructor(message: string) {
    super('api-key-refused', message);
  }
}

/** This API of Runpod's cannot do what was asked, or can no more; another may. */
export class RouteCannotError extends RefresherError {
  override readonly name = 'RouteCannotError';
  readonly kind = 'route-cannot';
  /**
   * True when the API said plainly that it cannot (404, 405, 410, 501 …); false when its answer was not
   * understood, so that the request may have been carried out.
   */
  readonly definite: boolean;
  /** A web page stood in the API's place, as one does for maintenance: later the API may be there again. */
  readonly mayPass: boolean;

  constructor(message: string, { definite, mayPass = false }: { definite: boolean; mayPass?: boolean }) {
    super(message);
    this.definite = definite;
    this.mayPass = mayPass;
  }
}

/** The event that invoked the function is not one that it understands: the caller's mistake, nothing was done. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
}

/** One target that was not refreshed. */
export interface FailedTarget {
  readonly target: string;
  readonly error: RefresherError;
}

/** Thrown when any target failed, after all the others were finished. Names each failed target with its reason. */
export class RefreshFailedError extends Error {
  override readonly name = 'RefreshFailedError';

  constructor(failed: readonly FailedTarget[], total: number) {
    super(`${failed.length} of ${total} targets failed. ${describeFailures(failed)}`);
    // Lambda sends the stack along with the message, which it would repeat: of a thousand targets that is much.
    this.stack = `${this.name}${stackFrames(this)}`;
  }
}

/** One clause per distinct reason, so that a thousand targets with one cause stay readable. */
function describeFailures(failed: readonly FailedTarget[]): string {
  const targetsByReason = new Map<string, string[]>();
  for (const { target, error } of failed) {
    targetsByReason.set(error.message, [...(targetsByReason.get(error.message) ?? []), target]);
  }
  return [...targetsByReason].map(([reason, targets]) => `${targets.join(', ')}: ${reason}`).join(' | ');
}

/**
 * Turns whatever was thrown into a failure that the function understands.
 *
 * What it does not know is a defect or a new kind of outage. Its message may quote anything (a parser quotes
 * what it could not parse), so only its class name is kept.
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
