/** Errors that end a command. Each message says the next step. */

import { isAboutSignature } from '../lambda/core/aws';
import { RefresherError, TransientError } from '../lambda/core/errors';
import { describeNetworkError } from '../lambda/core/network-errors';
import { isCertificateError } from '../lambda/core/transport';
import { isKnownRegion, nearestRegion } from '../lib/config/aws-regions';
import { ConfigError } from '../lib/config/mistakes';
import { nearest } from '../lib/config/nearest';
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
 * JSON parser does, and the answer may hold the key. The refusal of a signature quotes the request.
 */
export function debugLines(error: unknown): string[] {
  const lines: string[] = [];
  let current = error;
  for (let depth = 0; current instanceof Error && depth <= MAX_CAUSES; depth += 1) {
    const isShown = isOwnError(current) || (isAwsRefusal(current) && !isAboutSignature(errorName(current)));
    const shown = isShown ? `: ${current.message.slice(0, 400)}` : '';
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

/** Where a call to AWS went. */
export interface AwsPlace {
  /** Host, with its port if it is not the usual one. */
  readonly host: string;
  /** Such as `CloudFormation`. */
  readonly service: string;
  readonly region: string;
}

/** More about a failed call to AWS. */
interface AwsCallErrorOptions {
  /** The error of the AWS client. */
  readonly cause?: unknown;
  /** @default false */
  readonly needsSignIn?: boolean;
}

/** A call to AWS that the service did not answer, or that had no usable credentials or region. */
export class AwsCallError extends TransientError {
  /** The message without the fix. */
  readonly problem: string;
  readonly fix: string;
  /** Whether the credentials are missing, expired or not accepted. */
  readonly needsSignIn: boolean;

  constructor(problem: string, fix: string, { cause, needsSignIn = false }: AwsCallErrorOptions = {}) {
    super(`${problem}; ${fix}`);
    this.problem = problem;
    this.fix = fix;
    this.needsSignIn = needsSignIn;
    // Not enumerable, like the cause of any error.
    Object.defineProperty(this, 'cause', { value: cause });
  }
}

/**
 * Returns the error to show for a failed call to AWS; undefined when a service refused the call in its own words.
 *
 * @param place - @default - not known, because no request was made
 */
export function explainAwsError(error: unknown, place?: AwsPlace): AwsCallError | undefined {
  if (error instanceof AwsCallError) return error;
  if (isOwnError(error)) return undefined;
  const name = errorName(error);
  const message = error instanceof Error ? error.message : '';
  const signIn = (problem: string, fix: string) =>
    new AwsCallError(problem, fix, { cause: error, needsSignIn: true });
  if (/^(CredentialsProviderError|TokenProviderError)$/.test(name)) {
    const profile = process.env.AWS_PROFILE;
    return profile
      ? signIn(
          `the AWS profile ${profile} has no usable credentials, or does not exist (aws configure list-profiles)`,
          `sign in with aws sso login --profile ${profile}, or name another with --profile`,
        )
      : signIn(
          'there are no AWS credentials',
          'sign in (aws sso login, or aws configure), or name a profile with --profile',
        );
  }
  if (/^Region is missing$/.test(message)) {
    return new AwsCallError('no AWS region is set', 'name it with --region, or set AWS_REGION', {
      cause: error,
    });
  }
  if (/^(ExpiredToken|ExpiredTokenException|RequestExpired)$/.test(name)) {
    return signIn('your AWS credentials have expired', 'sign in again (aws sso login)');
  }
  if (isAboutSignature(name) && /^Signature (expired|not yet current)/.test(message)) {
    return signIn("this computer's clock differs from that of AWS", 'set the clock, then try again');
  }
  if (isAboutSignature(name) || /^(InvalidClientTokenId|UnrecognizedClientException)$/.test(name)) {
    return signIn('AWS does not accept your credentials', 'sign in again (aws sso login, or aws configure)');
  }
  if (isAwsRefusal(error)) return undefined;
  return place && explainNoAnswer(error, place);
}

/** Returns the error for a call that got no answer, or an answer that the client does not understand. */
function explainNoAnswer(error: unknown, place: AwsPlace): AwsCallError {
  const { host, service, region } = place;
  const where = `${host} (${service}, region ${region})`;
  const code = codeOf(error);
  const status = statusOf(error);
  const explain = (problem: string, fix: string) => new AwsCallError(problem, fix, { cause: error });
  if (isCertificateError(code)) {
    return explain(
      `the certificate of ${where} is not trusted (${code})`,
      "if a proxy of your company signs it, put the proxy's authority into a file and name it in NODE_EXTRA_CA_CERTS",
    );
  }
  if (status !== undefined && status >= 500) {
    return explain(
      `${where} answered ${status}`,
      'try again in some minutes; https://health.aws.amazon.com shows outages',
    );
  }
  if (status !== undefined) {
    return explain(`${where} gave an answer that is not understood (${status}, ${code})`, proxyFix(service));
  }
  return explain(`could not reach ${where}: ${describeNetworkError(code)}`, networkFix(code, place));
}

/** Returns the error for a web page instead of an answer of AWS. */
export function webPageError({ host, service, region }: AwsPlace, status: number): AwsCallError {
  return new AwsCallError(
    `${host} (${service}, region ${region}) answered with a web page (${status}) instead of an AWS response`,
    proxyFix(service),
  );
}

/**
 * Returns the variable that sends the calls of a service to a host other than AWS, such as `AWS_ENDPOINT_URL_SQS`;
 * undefined when there is none.
 */
function endpointVariable(service: string): string | undefined {
  const names = Object.keys(process.env).filter((name) => process.env[name] && name.startsWith(ENDPOINT));
  const own = names.find((name) => letters(name) === letters(`${ENDPOINT}${service}`));
  return own ?? names.find((name) => name === ENDPOINT);
}

const ENDPOINT = 'AWS_ENDPOINT_URL';

/** The words of a name are divided in a variable only, as in `SECRETS_MANAGER`. */
function letters(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}

function proxyFix(service: string): string {
  const variable = endpointVariable(service);
  return variable
    ? `check ${variable}, which names another host than AWS`
    : 'a proxy or the sign-in page of a network may have answered: open the address in a browser, then try again';
}

function networkFix(code: string, { service, region }: AwsPlace): string {
  const variable = endpointVariable(service);
  if (variable) return `check ${variable}, which names another host than AWS, then try again`;
  if (code === 'ENOTFOUND' && !isKnownRegion(region)) {
    const similar = nearestRegion(region);
    return `check the region ${region}${similar ? ` (did you mean ${similar}?)` : ''}`;
  }
  return 'check the network, VPN and proxy, then try again';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : errorName(error);
}

/** The status of the answer that an AWS client could not use; undefined when there was no answer. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  // The client hides the answer in this property, because it may hold a secret. Only the status is read.
  const response: unknown = Reflect.get(error, '$response');
  const metadata: unknown = Reflect.get(error, '$metadata');
  const statuses = [read(response, 'statusCode'), read(metadata, 'httpStatusCode')];
  return statuses.find((status) => typeof status === 'number');
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

/**
 * Makes the fix for a name that does not exist: the name that was probably meant, and which names there are.
 *
 * @param shown - the names as they are shown. @default - `names`
 */
export function nameFix(wanted: string, names: readonly string[], shown = names): string {
  const similar = nearest(wanted, names);
  const list = shown.slice(0, MAX_NAMED).join(', ');
  const more = shown.length > MAX_NAMED ? ` and ${shown.length - MAX_NAMED} more` : '';
  return `${similar === undefined ? '' : `Did you mean ${similar}? `}There are ${list}${more}.`;
}

/** How many names a message lists. */
const MAX_NAMED = 20;

/**
 * Describes a failed call to AWS in one sentence with the next step.
 *
 * Only a service's own refusal is quoted: it names principal, action and resource. Other messages are dropped,
 * because a parser that fails on an answer may quote the answer.
 */
export function describeAwsError(error: unknown): string {
  if (error instanceof CliError || error instanceof AwsCallError) return error.message;
  if (isMissingCdk(error)) return MISSING_CDK.message;
  const explained = explainAwsError(error);
  if (explained) return explained.message;
  return isAwsRefusal(error)
    ? `${errorName(error)}: ${error.message.slice(0, 400)}`
    : `something unexpected happened (${codeOf(error)}); --debug shows where`;
}
