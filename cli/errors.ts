/** What ends a command early, in one sentence with the next step. */

/** What a command's exit code says. */
export const EXIT = { well: 0, broken: 1, wrongUse: 2 } as const;

/** Something that a person can mend. Its message is all that is shown; `--debug` shows where it came from. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.broken;
  }
}

/** The command was called in a way that it does not understand. */
export function wrongUse(message: string): CliError {
  return new CliError(message, { exitCode: EXIT.wrongUse });
}

/** The error's name where it has one: AWS's own code, for errors of its clients. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** Whether AWS refused a call for want of a permission. */
export function isAccessDenied(error: unknown): boolean {
  return /^(AccessDenied|UnauthorizedOperation)/.test(nameOf(error));
}

/** Whether a secret is on its way out. Secrets Manager has no error of its own for it, so its words must do. */
export function isMarkedForDeletion(error: unknown): boolean {
  return error instanceof Error && /marked for deletion|scheduled for deletion/.test(error.message);
}

/**
 * Says a failed call to AWS in one sentence with the next step.
 *
 * Only a service's own refusal is quoted, since it names principal, action and resource. Any other message is
 * dropped: a parser that fails on an answer quotes the answer.
 */
export function describeAwsError(error: unknown): string {
  if (error instanceof CliError) return error.message;
  const name = nameOf(error);
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
