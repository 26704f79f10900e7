/** `refresh`: runs the deployed function now and tells its story. */

import type { RefreshedTarget } from '../../lambda/core/model';
import { type LogLine, readHistory } from '../deployment/history';
import { type InvocationOutcome, invokeFunction } from '../deployment/invoke';
import { requireStack } from '../deployment/stack';
import { CliError, describeAwsError, EXIT, wrongUse } from '../errors';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { minutesText, timeText } from '../times';

/** What `refresh` is asked. */
export interface RefreshOptions {
  /** Names of targets. @default - all of them */
  readonly target?: readonly string[];
  readonly dryRun?: boolean;
}

/** How often the log is looked at while the function runs. */
const LOOK_EVERY_MS = 2_000;

/** How much the clock of this machine may differ from AWS's, which is in the log. */
const CLOCK_TOLERANCE_MS = 60_000;

/** How long the log may take to have all lines of a run that has ended. */
const LOG_PATIENCE_MS = 15_000;

/** Invokes the function and waits. @returns the exit code */
export async function refresh(operator: Operator, output: Output, options: RefreshOptions): Promise<number> {
  const names = options.target;
  const known = operator.settings().targets.map(({ name }) => name);
  const stranger = names?.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw wrongUse(`No target is named ${stranger}. There are ${known.slice(0, 20).join(', ')}.`);
  }
  const stack = await requireStack(operator);
  const functionName = stack.output('FunctionName');
  const story = new Story(output);
  output.line(
    `${output.colors.dim('invoking')} ${functionName}${options.dryRun ? ' (dry run: nothing is written)' : ''}`,
  );
  const startedMs = Date.now();
  const readLog = () =>
    readHistory(operator, stack.output('LogGroupName'), new Date(startedMs - CLOCK_TOLERANCE_MS));
  const outcome = await output
    .during('the function is at work', () =>
      tellWhile(
        invokeFunction(functionName, {
          ...(names && { targets: names }),
          ...(options.dryRun && { dryRun: true }),
        }),
        async () => story.tell((await readLog()).filter(({ at }) => at.getTime() >= startedMs)),
      ),
    )
    .catch((cause: unknown) => {
      throw new CliError(
        `The function could not be invoked: ${describeAwsError(cause)}. See what is broken: ${commandLine('doctor', operator.options)}`,
        { cause },
      );
    });
  story.tell(outcome.lines);
  const requestId = outcome.lines.at(-1)?.requestId ?? '';
  if (outcome.error && requestId !== '') {
    const readRun = async () => (await readLog()).filter((line) => line.requestId === requestId);
    await output.during('reading the log to its end', () => tellTheRest(story, requestId, readRun));
  }
  return conclude(operator, output, outcome, { story, requestId, elapsedMs: Date.now() - startedMs });
}

function conclude(
  operator: Operator,
  output: Output,
  { report, error }: InvocationOutcome,
  { story, requestId, elapsedMs }: { story: Story; requestId: string; elapsedMs: number },
): number {
  const seconds = (elapsedMs / 1_000).toFixed(1);
  if (report) {
    // A short log holds every target already; of a long one the answer tells the rest.
    story.tellRest(requestId, report.refreshed);
    output.data(report);
    const done = report.dryRun ? 'would be refreshed' : 'refreshed';
    output.line(output.colors.green(`${report.refreshed.length} ${done}, none failed, in ${seconds} s`));
    return EXIT.well;
  }
  const { refreshed, failed, untold } = story.ofRun(requestId);
  output.data({ refreshed, failed, error });
  if (error?.type === 'InvalidEventError') {
    throw wrongUse(
      `The deployed function does not understand it: ${error.message}. Deploy the configuration first.`,
    );
  }
  if (failed.length === 0) output.line(`${output.mark('broken')} ${error?.type}: ${error?.message}`);
  else if (untold > 0) output.line(`… and ${untold} more; the function's log has them`);
  output.complain(
    output.colors.red(
      `Failed after ${seconds} s. What is broken, and what mends it: ${commandLine('doctor', operator.options)}`,
    ),
  );
  return EXIT.broken;
}

/** The answer of a run that failed has the end of its log only; the rest arrives in the log group in seconds. */
async function tellTheRest(
  story: Story,
  requestId: string,
  readLog: () => Promise<readonly LogLine[]>,
): Promise<void> {
  const untilMs = Date.now() + LOG_PATIENCE_MS;
  while (story.ofRun(requestId).untold > 0 && Date.now() < untilMs) {
    story.tell(await readLog().catch(() => []));
    if (story.ofRun(requestId).untold > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** A target that failed, as `--json` tells it. */
interface ToldFailure {
  readonly target: string;
  readonly why: unknown;
  /** Present where a person must act. */
  readonly reason?: unknown;
}

/** What was told of one run. */
interface ToldRun {
  readonly refreshed: readonly RefreshedTarget[];
  readonly failed: readonly ToldFailure[];
  /** Targets of which no line was seen, once the run's last line was. */
  readonly untold: number;
}

/** Tells each line of the log once, whichever way it comes. A run of the schedule may be told beside the own one. */
class Story {
  readonly #output: Output;
  /** By run and target. */
  readonly #told = new Map<string, LogLine>();
  readonly #targetsOfRun = new Map<string, number>();

  constructor(output: Output) {
    this.#output = output;
  }

  ofRun(requestId: string): ToldRun {
    const lines = [...this.#told.values()].filter((line) => line.requestId === requestId);
    const isFailure = ({ message }: LogLine) => message === 'target failed';
    return {
      refreshed: lines.filter((line) => !isFailure(line)).map(({ fields }) => reportOf(fields)),
      failed: lines.filter(isFailure).map(({ fields }) => failureOf(fields)),
      untold: Math.max(0, (this.#targetsOfRun.get(requestId) ?? 0) - lines.length),
    };
  }

  tell(lines: readonly LogLine[]): void {
    for (const line of lines) {
      const { message, requestId, fields } = line;
      if (message !== 'run finished') this.#tellOnce(line);
      else this.#targetsOfRun.set(requestId, Number(fields.refreshed) + Number(fields.failed));
    }
  }

  tellRest(
    requestId: string,
    refreshed: readonly {
      readonly target: string;
      readonly route: string;
      readonly expiresAt?: string;
      readonly verified: boolean;
    }[],
  ): void {
    for (const fields of refreshed) {
      this.#tellOnce({ at: new Date(), message: 'target refreshed', requestId, fields: { ...fields } });
    }
  }

  #tellOnce(line: LogLine): void {
    const { message, requestId, fields } = line;
    const target = String(fields.target);
    if (this.#told.has(`${requestId} ${target}`)) return;
    this.#told.set(`${requestId} ${target}`, line);
    const output = this.#output;
    if (message === 'target failed') {
      output.line(`${output.mark('broken')} ${output.colors.bold(target)}  ${fields.why}`);
      return;
    }
    const proof = fields.verified === true ? 'proved' : 'not proved';
    const took = typeof fields.durationMs === 'number' ? `  ${fields.durationMs} ms` : '';
    output.line(
      `${output.mark(fields.verified === true ? 'ok' : 'warning')} ${output.colors.bold(target)}  over ${fields.route}, ${proof}${lifeOf(fields.expiresAt)}${output.colors.dim(took)}`,
    );
  }
}

function failureOf({ target, why, reason }: LogLine['fields']): ToldFailure {
  return { target: String(target), why, ...(reason !== undefined && { reason }) };
}

/** What the function returns of a target that was refreshed; its log line has more. */
function reportOf({
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
  return `, good until ${timeText(date)} (${minutesText(date.getTime() - Date.now())})`;
}

/** Does something again and again until the work has ended. That it fails ends nothing: the work's answer counts. */
async function tellWhile<T>(work: Promise<T>, tell: () => Promise<void>): Promise<T> {
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
      timer = setTimeout(resolve, LOOK_EVERY_MS);
    });
    await Promise.race([end, pause]);
    clearTimeout(timer);
    if (!ended) await tell().catch(() => undefined);
  }
  return work;
}
