/** `doctor`: finds everything that is broken, and how to fix it. */

import { accountChecks } from '../doctor/account-checks';
import { type Check, type CheckResult, runChecks } from '../doctor/check';
import { alarmsCheck, deploymentChecks, deploymentOf } from '../doctor/deployment-checks';
import { nodeCheck, type TemplateReaders, templateReaders } from '../doctor/local-checks';
import { judgeOf, otherChecks, type TwoRegions } from '../doctor/other-checks';
import { pagingCheck } from '../doctor/paging-check';
import { pullChecks } from '../doctor/pull-checks';
import { usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { formatCount } from '../format';
import { whileInterruptible } from '../interrupts';
import { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { routeAsker } from '../runpod/access';

const TITLE_WIDTH = 23;

/** The flags of `doctor`. */
export interface DoctorFlags {
  /** Repeats the checks until Ctrl-C: `true`, or the number of seconds between two rounds. @default - once */
  readonly watch?: true | string;
}

/**
 * Runs the checks and prints each result.
 *
 * @returns the exit code
 * @throws CliError (usage error) when the flags do not fit
 */
export async function doctor(operator: Operator, output: Output, flags: DoctorFlags = {}): Promise<number> {
  if (flags.watch === undefined) return checkOnce(operator, output);
  if (operator.options.json) {
    throw usageError('--watch repeats for a person, and --json is one document: leave one of them out.');
  }
  return repeat(operator, output, secondsOf(flags.watch));
}

/** Pause between two rounds, in seconds. Each round invokes a dry run and lists the workloads at Runpod. */
const PAUSE_SECONDS = 10;

function secondsOf(watch: true | string): number {
  if (watch === true) return PAUSE_SECONDS;
  const seconds = /^\d{1,4}$/.test(watch) ? Number(watch) : 0;
  if (seconds > 0) return seconds;
  throw usageError(`--watch: expected a number of seconds from 1 to 9999, found "${watch}".`);
}

/** Repeats the checks until Ctrl-C, which ends this process with the exit code of the last round that ended. */
async function repeat(operator: Operator, output: Output, pauseSeconds: number): Promise<number> {
  let code: number = EXIT.interrupted;
  const end = () => {
    output.line();
    // Requests that are under way would keep the process alive.
    process.exit(code);
  };
  return whileInterruptible(end, async () => {
    for (;;) {
      output.line(output.colors.bold(clockTime(Date.now())));
      // A new operator reads the configuration and the keys again.
      code = await checkOnce(new Operator(operator.options), output);
      const next = clockTime(Date.now() + pauseSeconds * 1_000);
      output.line();
      await output.withSpinner(
        `the next round is at ${next}; Ctrl-C ends`,
        () => new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1_000)),
      );
    }
  });
}

/** Formats a time of the day, such as `19:00:05 UTC`. */
function clockTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}

async function checkOnce(operator: Operator, output: Output): Promise<number> {
  const templates = templateReaders(operator);
  const both = await bothRegions(operator, templates);
  const checks = await checksOf(operator, templates, both);
  let running: readonly Check[] = [];
  const results = await output.withSpinner(
    () => labelOf(running),
    () =>
      runChecks(checks, {
        onResult: (result) => show(output, result),
        judge: both && judgeOf(both),
        onProgress: (checksUnderWay) => {
          running = checksUnderWay;
        },
      }),
  );
  const broken = results.filter(({ status }) => status === 'broken');
  const [cause] = broken;
  // Scripts read the results from `links`.
  output.data({ healthy: cause === undefined, cause: cause?.id ?? null, links: results });
  showSummary(output, results, broken);
  // Only when there is nothing else to do, and only while nobody has chosen an API.
  const isWell = results.every(({ status }) => status === 'ok');
  if (isWell && hasTargets(operator) && (await operator.settings()).runpod.api === 'auto') {
    const command = commandLine('check-runpod', operator.options);
    output.line(output.colors.dim(`To see which of Runpod's APIs can update with your key: ${command}`));
  }
  return cause ? EXIT.broken : EXIT.ok;
}

/** Returns the checks for these options, each after those that it needs: the first broken one is the first to fix. */
async function checksOf(
  operator: Operator,
  { template: expectedTemplate }: TemplateReaders,
  both: TwoRegions | undefined,
): Promise<Check[]> {
  const askRoutes = routeAsker(operator);
  const deployment = deploymentOf(operator, expectedTemplate);
  const checks = [
    nodeCheck(),
    ...accountChecks(operator, askRoutes, expectedTemplate),
    ...deploymentChecks(deployment),
    // Before the alarms, because they say which workload is meant and what to do about it.
    ...pullChecks(operator, askRoutes, { isWatched: await isWatched(operator) }),
    alarmsCheck(deployment),
    pagingCheck(operator),
    ...(both ? otherChecks(both) : []),
  ];
  return hasTargets(operator) ? checks : checks.filter(({ withoutTargets }) => withoutTargets);
}

/** Returns the two regions; undefined when there is only one, or when the settings cannot be read, which a check reports. */
async function bothRegions(
  own: Operator,
  { standbyTemplate }: TemplateReaders,
): Promise<TwoRegions | undefined> {
  try {
    const other = await own.other();
    const side = await own.side();
    if (!other || side === undefined) return undefined;
    return { own, other, side, otherTemplate: own.hasConfigFile ? standbyTemplate : undefined };
  } catch {
    return undefined;
  }
}

function showSummary(
  output: Output,
  results: readonly CheckResult[],
  [cause, ...others]: readonly CheckResult[],
): void {
  const { red, green } = output.colors;
  output.line();
  if (results.some(({ status }) => status !== 'ok')) output.legend(results.map(({ status }) => status));
  const skipped = results.filter(({ status }) => status === 'not-checked').length;
  if (cause) output.line(`${red('The first problem is:')} ${cause.title}.`);
  else if (skipped === 0) output.line(green(`All ${results.length} checks passed.`));
  else
    output.line(
      `Nothing is broken while one region works. ${formatCount(skipped, 'check')} could not be made.`,
    );
  if (others.length > 0) output.line(`Also broken: ${others.map(({ title }) => title).join('; ')}.`);
}

/** A configuration that cannot be read counts as one with targets: a check reports it. */
function hasTargets(operator: Operator): boolean {
  try {
    return operator.options.stack !== undefined || operator.config().targets.length > 0;
  } catch {
    return true;
  }
}

/** Whether there is to be a watch. Settings that cannot be read count as those with one: a check reports it. */
async function isWatched(operator: Operator): Promise<boolean> {
  try {
    return (await operator.pullWatch()) !== undefined;
  } catch {
    return true;
  }
}

/** Names one of the checks that are under way: the one that tells how far it has come, or else the first. */
function labelOf(running: readonly Check[]): string {
  const check = running.find(({ progress }) => progress) ?? running[0];
  if (!check) return '';
  const { title, progress } = check;
  const more = running.length > 1 ? ` (and ${formatCount(running.length - 1, 'other check')})` : '';
  return `${progress ? `${title}: ${progress()}` : title}${more}`;
}

/** A narrower terminal has no room for a column of titles. */
const NARROW_COLUMNS = 80;

function show(output: Output, { title, status, found, fix, problems }: CheckResult): void {
  const { colors, columns = NARROW_COLUMNS } = output;
  const isNarrow = output.plain || columns < NARROW_COLUMNS;
  const indent = ' '.repeat(isNarrow ? 2 : TITLE_WIDTH + 2);
  const showFix = (text: string, depth: string) =>
    output.line(`${depth}${output.arrow('fix:')} ${text}`, depth.length + 2);
  const [first = '', ...more] = problems ? [formatCount(problems.length, 'problem')] : found;
  // The mark of plain output says this already.
  const reason = output.plain ? first.replace(/^not checked, /, '') : first;
  const text = status === 'not-checked' ? colors.dim(reason) : first;
  const heading = isNarrow ? `${title}: ` : title.padEnd(TITLE_WIDTH);
  output.line(`${output.mark(status)} ${colors.bold(heading)}${text}`, indent.length);
  for (const line of more) output.line(`${indent}${line}`, indent.length + 2);
  for (const problem of problems ?? []) {
    output.line(`${indent}${output.mark(problem.status)} ${problem.found}`, indent.length + 2);
    if (problem.fix !== undefined) showFix(problem.fix, `${indent}  `);
  }
  if (fix !== undefined && !problems) showFix(fix, indent);
}
