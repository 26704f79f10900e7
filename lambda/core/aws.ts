import type { Clock } from './clock';
import { OperatorMustActError, type OperatorReason, type RefresherError, TransientError } from './errors';
import { describeNetworkError } from './network-errors';

/** Timeout of one AWS call including the SDK's own retries. The deadline of the run can shorten it. */
const CALL_LIMIT_MS = 25_000;

/**
 * Options of every AWS client. The SDK retries AWS calls, not our own HTTP client. `throwOnRequestTimeout` is needed,
 * because by default the SDK only logs a request timeout.
 */
export const AWS_CLIENT_DEFAULTS = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 6_000, throwOnRequestTimeout: true },
};

/** One AWS call. Messages name it. */
export interface AwsCall {
  /** Such as `ecr:GetAuthorizationToken in us-east-1`. */
  readonly name: string;
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** Reason of the error when AWS refuses the call. A missing permission is always `permission-missing`. */
  readonly reason: OperatorReason;
  /**
   * Functions by the name of AWS's error. Each returns a sentence that says how to fix the refusal. It receives AWS's
   * message, because AWS uses some names for several causes.
   * @default - only AWS's message is shown
   */
  readonly fixes?: Readonly<Record<string, (message: string) => string>> | undefined;
}

/** Runs an AWS call within the deadline. @throws OperatorMustActError or TransientError, never the SDK's own error */
export async function callAws<T>(call: AwsCall, clock: Clock, send: () => Promise<T>): Promise<T> {
  const limitMs = Math.min(CALL_LIMIT_MS, call.deadlineMs - clock.steady());
  if (limitMs <= 0) throw new TransientError(`${call.name}: this run was out of time before the call`);
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TransientError(`${call.name}: no answer within ${limitMs} ms`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([send(), timeUp]);
  } catch (error) {
    const root = rootOf(error);
    throw root instanceof TransientError ? root : meaningOfAwsError(root, call);
  } finally {
    clearTimeout(timer);
  }
}

/** Client errors that a retry can fix: throttling, expired credentials, a clock that is off. */
const TRANSIENT_FAULTS =
  /^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ExpiredToken|RequestExpired|RequestTimeout|RequestTimeTooSkewed)/;

/**
 * Turns a failed AWS call into one of our errors, by the name and status of AWS's error.
 *
 * The message of a service's refusal is kept, because it names the principal, the action and the resource. Any other
 * message is dropped: a parser quotes the answer that it could not read, and the answer may hold the secret.
 */
export function meaningOfAwsError(thrown: unknown, call: AwsCall): RefresherError {
  const { name, message, status } = describe(rootOf(thrown));
  const refused =
    status >= 400 && status < 500 && status !== 408 && status !== 429 && !TRANSIENT_FAULTS.test(name);
  if (refused) {
    const fix = call.fixes?.[name]?.(message);
    const description = `${call.name}: ${name}: ${message}${fix ? ` ${fix}` : ''}`;
    return new OperatorMustActError(reasonOf(name, call.reason), description, fix);
  }
  return new TransientError(`${call.name}: ${describeNetworkError(name)}${status ? ` (${status})` : ''}`);
}

/**
 * Whether an error code of AWS means that the signature of a call was refused. The message quotes the request that
 * should have been signed, with the session token in it, so it must not be shown.
 */
export function isAboutSignature(code: string): boolean {
  return /^(SignatureDoesNotMatch|(InvalidSignature|IncompleteSignature)(Exception)?)$/.test(code);
}

/** The innermost cause: Powertools wraps the SDK's errors. An error of the project already says what to do. */
function rootOf(thrown: unknown): unknown {
  if (thrown instanceof TransientError) return thrown;
  return thrown instanceof Error && thrown.cause instanceof Error ? rootOf(thrown.cause) : thrown;
}

function describe(error: unknown): { name: string; message: string; status: number } {
  if (!(error instanceof Error)) return { name: typeof error, message: '', status: 0 };
  const metadata =
    '$metadata' in error ? (error.$metadata as { httpStatusCode?: unknown } | undefined) : undefined;
  const isServiceRefusal = '$fault' in error && error.$fault === 'client';
  const status =
    isServiceRefusal && typeof metadata?.httpStatusCode === 'number' ? metadata.httpStatusCode : 0;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const name = isServiceRefusal ? error.name : code;
  const message = isAboutSignature(name) ? 'AWS does not accept the signature' : error.message.slice(0, 400);
  return { name, message, status };
}

function reasonOf(name: string, otherwise: OperatorReason): OperatorReason {
  return /^(AccessDenied|UnauthorizedOperation)/.test(name) ? 'permission-missing' : otherwise;
}
