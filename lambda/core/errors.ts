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
  | 'api-key-permission-missing'
  | 'permission-missing'
  | 'secret-unusable'
  | 'registry-auth-missing'
  | 'no-route-left'
  | 'value-refused'
  | 'credential-rejected'
  | 'certificate-untrusted'
  | 'image-unproved'
  | 'configuration-wrong';

/** No retry can fix it: a person must act. */
export class OperatorMustActError extends RefresherError {
  override readonly name: string = 'OperatorMustActError';
  readonly reason: OperatorReason;
  /** Private, because the log prints every enumerable field, and the message already ends with the fix. */
  readonly #fix: string;

  /** @param fix - the end of the message, if it says what to do. @default - the message has no such part */
  constructor(reason: OperatorReason, message: string, fix = '') {
    super(message);
    this.reason = reason;
    this.#fix = fix;
  }

  /** The message without the fix at its end, for a caller that knows a better fix. */
  get problem(): string {
    const end = this.message.length - (this.message.endsWith(this.#fix) ? this.#fix.length : 0);
    return this.message.slice(0, end).replace(/[;\s]+$/, '');
  }
}

/** The certificate of the other side is not trusted. Another attempt would meet the same certificate. */
export class UntrustedCertificateError extends OperatorMustActError {
  override readonly name = 'UntrustedCertificateError';

  constructor(message: string) {
    super('certificate-untrusted', message);
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
  /** The HTTP status of the answer, where the status decided. */
  readonly status: number | undefined;

  constructor(message: string, certainty: Certainty, status?: number) {
    super(message);
    this.certainty = certainty;
    this.status = status;
  }
}

/** One of Runpod's APIs refused what was sent (400, 409, 422 …). Nothing was done. */
export class ValueRefusedError extends ApiUnsupportedError {
  /** The field that the API named, if we sent that field. */
  readonly field: string | undefined;

  constructor(message: string, field?: string) {
    super(message, 'final');
    this.field = field;
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

/**
 * Thrown when any target failed, after the other targets were finished. Names the failed targets with their reasons, in
 * at most 1,500 bytes: CloudFormation drops the reason of a failed deployment whose answer is larger than 4,096 bytes,
 * and the CDK's trigger sends the message and the stack trace.
 */
export class RefreshFailedError extends Error {
  override readonly name = 'RefreshFailedError';

  constructor(failed: readonly FailedTarget[], total: number) {
    const summary = `${failed.length} of ${total} targets failed. `;
    super(`${summary}${describeFailures(failed, MAX_MESSAGE_BYTES - summary.length)}`);
    // Lambda sends the stack beside the message. Without this line the message would be sent twice.
    this.stack = `${this.name}${stackFrames(this)}`;
  }
}

const MAX_MESSAGE_BYTES = 1_500;

/** Maximum size of one reason, so that several reasons fit. */
const MAX_REASON_BYTES = 600;

/**
 * One clause for each distinct reason, so that a thousand targets with one cause stay readable. Reasons for which a
 * person must act come first, then the reasons of the most targets. What does not fit is only counted.
 */
function describeFailures(failed: readonly FailedTarget[], maxBytes: number): string {
  const groups = new Map<string, { readonly mustAct: boolean; readonly targets: string[] }>();
  for (const { target, error } of failed) {
    const group = groups.get(error.message) ?? {
      mustAct: error instanceof OperatorMustActError,
      targets: [],
    };
    group.targets.push(target);
    groups.set(error.message, group);
  }
  const sorted = [...groups].sort(
    ([, a], [, b]) => Number(b.mustAct) - Number(a.mustAct) || b.targets.length - a.targets.length,
  );
  const rest = (count: number) => `and ${count} more, see the log`;
  const reserve = rest(failed.length).length + 3;
  const clauses: string[] = [];
  let left = maxBytes - reserve;
  let unnamed = failed.length;
  for (const [reason, { targets }] of sorted) {
    const clause = clauseOf(reason, targets, Math.min(left, MAX_REASON_BYTES));
    if (clause === undefined) break;
    clauses.push(clause.text);
    left -= Buffer.byteLength(clause.text) + 3;
    unnamed -= clause.named;
  }
  return [...clauses, ...(unnamed > 0 ? [rest(unnamed)] : [])].join(' | ');
}

/** Returns `a, b: reason` with as many names as fit; undefined when not even one name fits. */
function clauseOf(reason: string, targets: readonly string[], maxBytes: number) {
  const [first = '', ...others] = targets;
  const text = cutBytes(reason, maxBytes - first.length - 2);
  if (text === '') return undefined;
  let names = first;
  let named = 1;
  for (const name of others) {
    if (Buffer.byteLength(`${names}, ${name}: ${text}`) > maxBytes) break;
    names += `, ${name}`;
    named += 1;
  }
  return { text: `${names}: ${text}`, named };
}

/** Returns the text, cut to this many bytes of UTF-8; empty when no useful part would be left. */
function cutBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  if (maxBytes < 40) return '';
  // A cut inside a character leaves replacement characters at the end.
  return `${Buffer.from(text)
    .subarray(0, maxBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
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
