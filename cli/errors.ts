/** Errors that end a command. Each message says the next step. */

import { RefresherError } from '../lambda/core/errors';
import { isCertificateError } from '../lambda/core/transport';
import { ConfigError } from '../lib/config/mistakes';
import { EXIT } from './exit-codes';

/** An error that a person can fix. The command line prints its message only; `--debug` adds the stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  /** What went wrong: the message without the fix. */
  readonly problem: string;
  /** What to do about it: a sentence at the end of the message. @default - the problem says enough */
  readonly fix: string | undefined;

  /** @param options - `exitCode` is `EXIT.broken` by default; `fix` is added to the message */
  constructor(problem: string, options: { fix?: string; exitCode?: number; cause?: unknown } = {}) {
    super(options.fix === undefined ? problem : `${problem} ${options.fix}`, { cause: options.cause });
    this.problem = problem;
    this.fix = options.fix;
    this.exitCode = options.exitCode ?? EXIT.broken;
  }
}

/** Makes the error for a command line that is not understood. @param fix - a sentence that is added to the message */
export function usageError(problem: string, fix?: string): CliError {
  return new CliError(problem, { exitCode: EXIT.usageError, ...(fix !== undefined && { fix }) });
}

/** The error of what synthesises a stack, where the CDK is not installed beside the package. */
export const MISSING_CDK = new CliError('This needs aws-cdk-lib, which is not installed.', {
  fix: 'Install it: npm install aws-cdk-lib constructs',
});

/** Whether Node did not find the CDK, which is not part of the package. */
export function isMissingCdk(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    /'(aws-cdk-lib|constructs)/.test(error.message)
  );
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
 * Whether the message of a failed read says that the secret does not exist. Secrets Manager's error code is the same for
 * a secret without a value, so the message decides.
 */
export function isMissingSecret(message: string): boolean {
  return message.includes('ResourceNotFoundException') && !/staging label/i.test(message);
}

/** Whether an error is one of the project's own. Only such a message was written to be shown. */
export function isOwnError(error: unknown): error is CliError | ConfigError | RefresherError {
  return error instanceof CliError || error instanceof ConfigError || error instanceof RefresherError;
}

/** Whether a service of AWS refused a call. Its message names principal, action and resource. */
function isAwsRefusal(error: unknown): error is Error {
  return error instanceof Error && '$fault' in error && error.$fault === 'client';
}

/** How many nested causes of an error are shown. */
const MAX_CAUSES = 5;

/**
 * Returns the lines that `--debug` shows: the class and the stack frames of an error and of its causes.
 *
 * A message is shown only if it is the project's own or a refusal by AWS. Any other message may quote an answer, as a
 * JSON parser does, and the answer may hold the key.
 */
export function debugLines(error: unknown): string[] {
  const lines: string[] = [];
  let current = error;
  for (let depth = 0; current instanceof Error && depth <= MAX_CAUSES; depth += 1) {
    const shown = isOwnError(current) || isAwsRefusal(current) ? `: ${current.message.slice(0, 400)}` : '';
    lines.push(
      `${depth > 0 ? 'caused by ' : ''}${current.constructor.name}${shown}`,
      ...stackFrames(current),
    );
    current = current.cause;
  }
  return lines;
}

/**
 * The frames of a stack trace. The message above them is dropped first, because it may look like a frame. The AWS SDK
 * appends lines to a message, which the stack does not have.
 */
function stackFrames({ stack = '', message }: Error): string[] {
  for (let lines = message.split('\n'); lines.length > 0; lines = lines.slice(0, -1)) {
    const start = stack.indexOf(lines.join('\n'));
    if (start < 0) continue;
    const rest = stack.slice(start + lines.join('\n').length);
    return rest.split('\n').filter((line) => /^ {4}at /.test(line));
  }
  return [];
}

/**
 * Describes a failed call to AWS in one sentence with the next step.
 *
 * Only a service's own refusal is quoted: it names principal, action and resource. Other messages are dropped,
 * because a parser that fails on an answer may quote the answer.
 */
export function describeAwsError(error: unknown): string {
  if (error instanceof CliError) return error.message;
  if (isMissingCdk(error)) return MISSING_CDK.message;
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
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name;
  if (isCertificateError(code)) {
    return `the certificate of the other side is not trusted (${code}); if a proxy of your company signs it, put the proxy's authority into a file and name it in NODE_EXTRA_CA_CERTS`;
  }
  return isAwsRefusal(error)
    ? `${name}: ${message.slice(0, 400)}`
    : `AWS gave no usable answer (${code}); try again`;
}
