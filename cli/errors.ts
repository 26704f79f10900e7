/** Errors that end a command. Each is one sentence with the next step. */

/** Exit codes of every command. */
export const EXIT = { ok: 0, broken: 1, usageError: 2, interrupted: 130 } as const;

/** An error that a person can fix. The command line prints its message only; `--debug` adds the stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  /** @param options - `exitCode` is `EXIT.broken` by default */
  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.broken;
  }
}

/** Makes the error for a command line that is not understood. */
export function usageError(message: string): CliError {
  return new CliError(message, { exitCode: EXIT.usageError });
}

/** Returns the error's name. For an error of an AWS client this is the service's error code. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** Whether AWS refused a call because a permission is missing. */
export function isAccessDenied(error: unknown): boolean {
  return /^(AccessDenied|UnauthorizedOperation)/.test(errorName(error));
}

/** Whether a secret is marked for deletion. Secrets Manager has no error code for this, so the message decides. */
export function isMarkedForDeletion(error: unknown): boolean {
  return error instanceof Error && /marked for deletion|scheduled for deletion/.test(error.message);
}

/**
 * Describes a failed call to AWS in one sentence with the next step.
 *
 * Only a service's own refusal is quoted: it names principal, action and resource. Other messages are dropped,
 * because a parser that fails on an answer may quote the answer.
 */
export function describeAwsError(error: unknown): string {
  if (error instanceof CliError) return error.message;
  const name = errorName(error);
  const message = error instanceof Error ? error.message : '';
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name)) {
    const profile = process.env.AWS_PROFILE;
    return profile
      ? `the AWS profile ${profile} has no usable credentials, or does not exist (aws configure list-profiles); sign in with aws sso login --profile ${profile}, or name another with --profile`
      : 'there are no AWS credentials; sign in (aws sso login, or aws configure), or name a profile with --profile';
  }
  if (/^Region is missing$/.test(message)) {
    return 'no AWS region is set; name it with --region, or set AWS_REGION';
  }
  if (/^(ExpiredToken|ExpiredTokenException|RequestExpired)$/.test(name)) {
    return 'your AWS credentials have expired; sign in again (aws sso login)';
  }
  if (/^(InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch)$/.test(name)) {
    return 'AWS does not accept your credentials; sign in again (aws sso login, or aws configure)';
  }
  const refused = error instanceof Error && '$fault' in error && error.$fault === 'client';
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name;
  return refused ? `${name}: ${message.slice(0, 400)}` : `AWS gave no usable answer (${code}); try again`;
}
