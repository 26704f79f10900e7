/** Runs one command: its options, its output, its errors and its exit code. */

import { OperatorMustActError, RefresherError } from '../lambda/core/errors';
import { ConfigError } from '../lib/config/mistakes';
import {
  AwsCallError,
  CliError,
  debugLines,
  describeAwsError,
  explainAwsError,
  isMissingCdk,
  isOwnError,
  MISSING_CDK,
  usageError,
} from './errors';
import { EXIT } from './exit-codes';
import { interruptCommand } from './interrupts';
import { adoptAwsOptions, Operator } from './operator';
import { commandLine, type GlobalOptions } from './options';
import { Output } from './output';
import { PLAIN_VARIABLE } from './plain';

/** Runs a command. @returns the exit code */
export type Action = (operator: Operator, output: Output) => Promise<number>;

/** An error as `--json` shows it. */
interface ShownError {
  readonly message: string;
  /** What to do about it. @default - the message says enough */
  readonly fix?: string | undefined;
}

const INTERRUPTED =
  'Interrupted. No file and no secret was left half written. A run that has started in AWS continues.';

/**
 * Runs a command and prints its error, if it throws one.
 *
 * @returns the exit code
 */
export async function run(options: GlobalOptions, action: Action): Promise<number> {
  const { stdout, stderr, env } = process;
  // Questions, and the commands that this one starts, are plain as well.
  if (options.plain) env[PLAIN_VARIABLE] = '1';
  const output = new Output({ stdout, stderr, env, json: options.json === true });
  // The exit code is the shell's convention: 128 plus the signal's number.
  process.on('SIGINT', () => {
    if (interruptCommand()) return;
    stderr.write(`\n${INTERRUPTED}\n`);
    showError(output, { message: INTERRUPTED });
    process.exit(EXIT.interrupted);
  });
  try {
    if (options.refresher !== undefined && options.stack === undefined) {
      throw usageError(
        '--refresher chooses among the refreshers of a stack.',
        'Name the stack with --stack.',
      );
    }
    adoptAwsOptions(options, env);
    return await action(new Operator(options), output);
  } catch (error) {
    return report(isMissingCdk(error) ? MISSING_CDK : (explainAwsError(error) ?? error), options, output);
  }
}

/** Prints an error on standard error, and with `--json` as a document on standard output. @returns the exit code */
function report(error: unknown, options: GlobalOptions, output: Output): number {
  const doctor = `To find the cause: ${commandLine('doctor', options)}`;
  // The project's other errors say what to do. These may have a cause that only doctor finds.
  const needsDoctor = !isOwnError(error) || error instanceof RefresherError;
  const { message, fix } = shown(error);
  const text = isOwnError(error) ? error.message : message;
  const debug = options.debug ? debugLines(error) : [];
  // Only the mistakes in a configuration have more than one line.
  const lines = error instanceof ConfigError ? text.split('\n') : [sentence(text, needsDoctor ? doctor : '')];
  for (const line of [...lines, ...debug]) output.error(line);
  showError(output, { message, fix: needsDoctor ? sentence(fix ?? '', doctor) : fix });
  const exitCode = error instanceof CliError ? error.exitCode : EXIT.broken;
  // Requests that are under way would keep the process alive.
  if (exitCode === EXIT.interrupted) process.exit(exitCode);
  return exitCode;
}

/** Joins two sentences, either of which may be empty. */
function sentence(first: string, second: string): string {
  if (first === '' || second === '') return first || second;
  return `${first.replace(/\.$/, '')}. ${second}`;
}

/** Writes the document of an error, unless the command has already written its own. */
function showError(output: Output, { message, fix }: ShownError): void {
  if (!output.hasData) output.data({ ...output.done, error: { message, ...(fix && { fix }) } });
}

function shown(error: unknown): ShownError {
  if (error instanceof CliError || error instanceof AwsCallError || error instanceof ConfigError) {
    return { message: error.problem, fix: error.fix };
  }
  if (!isOwnError(error)) return { message: describeAwsError(error) };
  if (!(error instanceof OperatorMustActError)) return { message: error.message };
  const fix = error.message.slice(error.problem.length).replace(/^[;\s]+/, '');
  return { message: error.problem, fix };
}
