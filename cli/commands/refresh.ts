/** `refresh`: runs the deployed function now and shows what it did. */

import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { RefreshedTarget } from '../../lambda/core/model';
import { type LogLine, readHistory } from '../deployment/history';
import { type InvocationOutcome, invokeFunction } from '../deployment/invoke';
import { requireStack } from '../deployment/stack';
import { AwsCallError, CliError, describeAwsError, nameFix, usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { formatDuration, formatTime } from '../format';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';

/** The flags of `refresh`. */
export interface RefreshOptions {
  /** Names of targets. @default - all of them */
  readonly target?: readonly string[];
  /** Do everything but write. @default false */
  readonly dryRun?: boolean;
  /** Run the function of the standby. @default false */
  readonly standby?: boolean;
}

/** Pause between two reads of the log. */
const POLL_INTERVAL_MS = 2_000;

/** How far this machine's clock may be ahead of AWS's clock, by which log lines are searched. */
const CLOCK_TOLERANCE_MS = 60_000;

/** How long the log group may take to show all lines of a run that has ended. */
const LOG_TIMEOUT_MS = 15_000;

/**
 * Invokes the function, waits, and prints each target as soon as its log line appears.
 *
 * @returns the exit code
 * @throws CliError (usage error) for an unknown target, and CliError when the function cannot be invoked
 */
export async function refresh(operator: Operator, output: Output, options: RefreshOptions): Promise<number> {
  if (options.standby) return refreshRegion(await standbyOf(operator), output, options);
  try {
    return await refreshRegion(operator, output, options);
  } catch (error) {
    throw (await hintAtStandby(operator, error)) ?? error;
  }
}

/** Returns the operator of the standby. @throws CliError (usage error) when there is none */
async function standbyOf(operator: Operator): Promise<Operator> {
  const standby = (await operator.side()) === 'standby' ? operator : await operator.other();
  if (standby) return standby;
  throw usageError(
    `There is no standby. The refresher of ${operator.configLabel} knows of no other region.`,
    'Leave --standby out.',
  );
}

/** Returns the error with the command for the standby, if there is a standby and AWS did not answer. */
async function hintAtStandby(operator: Operator, error: unknown): Promise<CliError | undefined> {
  const cause = error instanceof CliError ? error.cause : error;
  if (!(cause instanceof AwsCallError) || cause.needsSignIn || !operator.hasConfigFile) return undefined;
  const other = await operator.otherPlace();
  if (!other) return undefined;
  const problem = error instanceof CliError ? error.problem : `${cause.message}.`;
  const command = commandLine('refresh --standby', operator.options);
  return new CliError(problem, { cause, fix: `There is a standby in ${other.region}: ${command}` });
}

async function refreshRegion(operator: Operator, output: Output, options: RefreshOptions): Promise<number> {
  const names = options.target;
  const known = (await operator.refresherSettings()).targets.map(({ name }) => name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageError(`No target is named ${unknown}.`, nameFix(unknown, known));
  }
  const stack = await requireStack(operator);
  const functionName = stack.output('FunctionName');
  const report = new RunReport(output);
  output.line(
    `${output.colors.dim('invoking')} ${functionName}${options.dryRun ? ' (dry run: nothing is written)' : ''}`,
  );
  const startedMs = Date.now();
  const readLog = () =>
    readHistory(operator, stack.output('LogGroupName'), new Date(startedMs - CLOCK_TOLERANCE_MS));
  const invocation = invokeFunction(operator, functionName, {
    ...(names && { targets: names }),
    ...(options.dryRun && { dryRun: true }),
  });
  const showNewLines = async () =>
    report.addLines((await readLog()).filter(({ at }) => at.getTime() >= startedMs));
  const outcome = await output
    .withSpinner('the function is running', () => pollWhile(invocation, showNewLines))
    .catch((cause: unknown) => {
      throw new CliError(`The function could not be invoked: ${describeAwsError(cause)}.`, {
        cause,
        fix: `To find the cause: ${commandLine('doctor', operator.options)}`,
      });
    });
  report.addLines(outcome.lines);
  const requestId = outcome.lines.at(-1)?.requestId ?? '';
  if (outcome.error && requestId !== '') {
    const readRun = async () => (await readLog()).filter((line) => line.requestId === requestId);
    await output.withSpinner('reading the rest of the log', () => waitForLog(report, requestId, readRun));
  }
  return conclude(operator, output, outcome, { report, requestId, elapsedMs: Date.now() - startedMs });
}

/** The run that this command started, and the lines that were read so far. */
interface FinishedRun {
  readonly report: RunReport;
  readonly requestId: string;
  readonly elapsedMs: number;
}

function conclude(
  operator: Operator,
  output: Output,
  { report: answer, error }: InvocationOutcome,
  { report, requestId, elapsedMs }: FinishedRun,
): number {
  const seconds = (elapsedMs / 1_000).toFixed(1);
  if (answer) {
    // The answer has only the last 4 KB of the log. A run with many targets writes more.
    report.addRefreshed(requestId, answer.refreshed);
    output.data(answer);
    const done = answer.dryRun ? 'would be refreshed' : 'refreshed';
    output.line(output.colors.green(`${answer.refreshed.length} ${done}, none failed, in ${seconds} s`));
    return EXIT.ok;
  }
  if (error?.type === 'InvalidEventError') {
    throw usageError(
      `The deployed function does not understand the event: ${error.message}.`,
      'Deploy the configuration first.',
    );
  }
  const { refreshed, failed, missing } = report.ofRun(requestId);
  output.data({ refreshed, failed, error });
  if (failed.length === 0) output.line(`${output.mark('broken')} ${error?.type}: ${error?.message}`);
  else if (missing > 0) output.line(`… and ${missing} more; the function's log has them`);
  output.error(
    output.colors.red(
      `Failed after ${seconds} s. To find the cause and its fix: ${commandLine('doctor', operator.options)}`,
    ),
  );
  return EXIT.broken;
}

/** Waits for the rest of the log. A failed invocation returns only its end, and the log group lags by some seconds. */
async function waitForLog(
  report: RunReport,
  requestId: string,
  readLog: () => Promise<readonly LogLine[]>,
): Promise<void> {
  const untilMs = Date.now() + LOG_TIMEOUT_MS;
  while (report.ofRun(requestId).missing > 0 && Date.now() < untilMs) {
    report.addLines(await readLog().catch(() => []));
    if (report.ofRun(requestId).missing > 0) {
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
    }
  }
}

/** A target that failed, as `--json` shows it. */
interface FailedTarget {
  readonly target: string;
  readonly why: unknown;
  /** Why a person must act. @default - the failure is transient */
  readonly reason?: unknown;
}

/** The targets of one run. */
interface RunTargets {
  readonly refreshed: readonly RefreshedTarget[];
  readonly failed: readonly FailedTarget[];
  /** Number of targets without a line. It is 0 until the run's last line has been read. */
  readonly missing: number;
}

/** Prints one line for each target, even if its log line is read twice. The log may also have other runs. */
class RunReport {
  readonly #output: Output;
  /** The lines by run and target. */
  readonly #lines = new Map<string, LogLine>();
  readonly #targetsOfRun = new Map<string, number>();

  constructor(output: Output) {
    this.#output = output;
  }

  /** Returns what is known about the targets of one run. */
  ofRun(requestId: string): RunTargets {
    const lines = [...this.#lines.values()].filter((line) => line.requestId === requestId);
    return {
      refreshed: lines.filter((line) => !isFailure(line)).map(({ fields }) => refreshedOf(fields)),
      failed: lines.filter(isFailure).map(({ fields }) => failureOf(fields)),
      missing: Math.max(0, (this.#targetsOfRun.get(requestId) ?? 0) - lines.length),
    };
  }

  addLines(lines: readonly LogLine[]): void {
    for (const line of lines) {
      const { message, requestId, fields } = line;
      if (message !== LOG_MESSAGES.runFinished) this.#addOnce(line);
      else this.#targetsOfRun.set(requestId, Number(fields.refreshed) + Number(fields.failed));
    }
  }

  /** Adds the targets of the function's answer that no log line has named. */
  addRefreshed(requestId: string, refreshed: readonly RefreshedTarget[]): void {
    for (const fields of refreshed) {
      const message = LOG_MESSAGES.targetRefreshed;
      this.#addOnce({ at: new Date(), message, requestId, fields: { ...fields } });
    }
  }

  #addOnce(line: LogLine): void {
    const { requestId, fields } = line;
    const target = String(fields.target);
    if (this.#lines.has(`${requestId} ${target}`)) return;
    this.#lines.set(`${requestId} ${target}`, line);
    const output = this.#output;
    if (isFailure(line)) {
      output.line(`${output.mark('broken')} ${output.colors.bold(target)}  ${fields.why}`);
      return;
    }
    const proof = fields.verified === true ? 'proved' : 'not proved';
    const took = typeof fields.durationMs === 'number' ? `  ${Math.round(fields.durationMs)} ms` : '';
    output.line(
      `${output.mark(fields.verified === true ? 'ok' : 'warning')} ${output.colors.bold(target)}  over ${fields.route}, ${proof}${lifeOf(fields.expiresAt)}${output.colors.dim(took)}`,
    );
  }
}

function isFailure({ message }: LogLine): boolean {
  return message === LOG_MESSAGES.targetFailed;
}

function failureOf({ target, why, reason }: LogLine['fields']): FailedTarget {
  return { target: String(target), why, ...(reason !== undefined && { reason }) };
}

/** Reduces the fields of a log line to those that the function returns. */
function refreshedOf({
  target,
  registryAuthId,
  route,
  expiresAt,
  verified,
}: LogLine['fields']): RefreshedTarget {
  return {
    target,
    registryAuthId,
    route,
    ...(expiresAt !== undefined && { expiresAt }),
    verified,
  } as RefreshedTarget;
}

function lifeOf(expiresAt: unknown): string {
  if (typeof expiresAt !== 'string') return '';
  const date = new Date(expiresAt);
  return `, good until ${formatTime(date)} (${formatDuration(date.getTime() - Date.now())})`;
}

/** Calls `poll` repeatedly until `work` has ended. Errors of `poll` are ignored, because only the result of `work` counts. */
async function pollWhile<T>(work: Promise<T>, poll: () => Promise<void>): Promise<T> {
  let ended = false;
  const end = work.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  while (!ended) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, POLL_INTERVAL_MS);
    });
    await Promise.race([end, pause]);
    clearTimeout(timer);
    if (!ended) await poll().catch(() => undefined);
  }
  return work;
}
