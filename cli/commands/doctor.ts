/** `doctor`: finds the first thing that is broken, and how to fix it. */

import { accountChecks } from '../doctor/account-checks';
import { type Check, type CheckResult, runChecks } from '../doctor/check';
import { alarmsCheck, deploymentChecks } from '../doctor/deployment-checks';
import { pagingCheck } from '../doctor/paging-check';
import { pullChecks } from '../doctor/pull-checks';
import { EXIT } from '../exit-codes';
import { formatCount } from '../format';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { routeAsker } from '../runpod/access';

const TITLE_WIDTH = 23;

/** Runs the checks and prints each result. @returns the exit code */
export async function doctor(operator: Operator, output: Output): Promise<number> {
  const askRoutes = routeAsker(operator);
  const checks = [
    ...accountChecks(operator, askRoutes),
    ...deploymentChecks(operator),
    // Before the alarms, because they say which workload is meant and what to do about it.
    ...pullChecks(operator, askRoutes, { isWatched: await isWatched(operator) }),
    alarmsCheck(operator),
    pagingCheck(operator),
  ];
  const refreshes = hasTargets(operator);
  const results = await runChecks(
    checks.filter(({ withoutTargets }) => refreshes || withoutTargets),
    (check, run) => output.withSpinner(() => labelOf(check), run),
    (result) => show(output, result),
  );
  const cause = results.find(({ status }) => status === 'broken');
  // Scripts read the results from `links`.
  output.data({ healthy: cause === undefined, cause: cause?.id ?? null, links: results });
  output.line();
  output.line(
    cause
      ? `${output.colors.red('The first problem is:')} ${cause.title}.`
      : output.colors.green(`All ${results.length} checks passed.`),
  );
  // Only when there is nothing else to do, and only while nobody has chosen an API.
  const isWell = results.every(({ status }) => status === 'ok');
  if (isWell && refreshes && (await operator.settings()).runpod.api === 'auto') {
    const command = commandLine('check-runpod', operator.options);
    output.line(output.colors.dim(`To see which of Runpod's APIs can update with your key: ${command}`));
  }
  return cause ? EXIT.broken : EXIT.ok;
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

function labelOf({ title, progress }: Check): string {
  return progress ? `${title}: ${progress()}` : title;
}

function show(output: Output, { title, status, found, fix, problems }: CheckResult): void {
  const { colors } = output;
  const indent = ' '.repeat(TITLE_WIDTH + 2);
  const arrow = (text: string) => `${colors.cyan('→')} ${text}`;
  const [first = '', ...more] = problems ? [formatCount(problems.length, 'problem')] : found;
  const text = status === 'not-checked' ? colors.dim(first) : first;
  output.line(`${output.mark(status)} ${colors.bold(title.padEnd(TITLE_WIDTH))}${text}`);
  for (const line of more) output.line(`${indent}${line}`);
  for (const problem of problems ?? []) {
    output.line(`${indent}${output.mark(problem.status)} ${problem.found}`);
    if (problem.fix !== undefined) output.line(`${indent}  ${arrow(problem.fix)}`);
  }
  if (fix !== undefined && !problems) output.line(`${indent}${arrow(fix)}`);
}
