/** `status`: the last run, the targets, the next run, firing alarms, queues and the last look of the watch. */

import type { Side } from '../../lambda/core/contract';
import { PAGE_BUDGET_MINUTES } from '../../lambda/core/model';
import { type HealthProblem, isHealthy, judgeRegions } from '../deployment/health';
import { type RegionStatus, readRegion, type TargetStatus } from '../deployment/region-status';
import { showWatch } from '../deployment/watch-status';
import { AwsCallError, CliError, describeAwsError } from '../errors';
import { EXIT } from '../exit-codes';
import { formatCount, formatDuration, formatTime } from '../format';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';
import { visibleName } from '../visible';

/** One of two regions that refresh the same targets. */
interface RegionName {
  readonly side: Side;
  readonly region: string;
  readonly stack: string;
}

/** One of two regions, as `--json` shows it. */
type RegionView = RegionName & (RegionStatus | { readonly unreadable: string });

/** A target with the last write of either region. */
interface WrittenTarget extends Omit<TargetStatus, 'lastFailure'> {
  /** The region of the last write. @default - neither region wrote it in the last 12 hours */
  readonly region?: string;
}

/** The state of a deployment in two regions. The fields at the top are those of the region that was asked for. */
type BothView = RegionView & {
  readonly healthy: boolean;
  readonly problems: readonly HealthProblem[];
  /** The last write of each target, from either region. */
  readonly lastWritten: readonly WrittenTarget[];
  readonly other: RegionView;
};

/**
 * Prints the state of the deployment, in both regions where there is a standby.
 *
 * @returns the exit code: broken when the deployment is not healthy, as `deployment/health.ts` defines it
 */
export async function status(operator: Operator, output: Output): Promise<number> {
  await operator.refresherSettings();
  const other = await operator.other();
  return other ? statusOfBoth(operator, other, output) : statusOfOne(operator, output);
}

const SPINNER = 'reading the stack, its log and its alarms';

async function statusOfOne(operator: Operator, output: Output): Promise<number> {
  const { problems, state } = await output.withSpinner(SPINNER, () => readRegion(operator));
  const healthy = isHealthy(problems);
  output.data({ healthy, problems, ...state });
  showTargets(output, state.targets);
  output.line();
  showRegion(output, state, operator);
  if (!healthy) showWhy(output, problems, commandLine('doctor', operator.options));
  return healthy ? EXIT.ok : EXIT.broken;
}

async function statusOfBoth(operator: Operator, other: Operator, output: Output): Promise<number> {
  const view = await output.withSpinner(SPINNER, () => readBoth(operator, other));
  output.data(view);
  showTargets(output, view.lastWritten, true);
  for (const [region, of] of [
    [view, operator],
    [view.other, other],
  ] as const) {
    output.line();
    output.line(output.colors.bold(`${region.region}: ${SIDES[region.side]}, stack ${region.stack}`));
    if ('unreadable' in region) {
      output.line(`${output.mark('warning')} could not be read: ${region.unreadable}`);
      continue;
    }
    showRegion(output, region, of);
    showLost(
      output,
      view.problems.filter((problem) => problem.region === region.region),
    );
  }
  if (!view.healthy) showWhy(output, view.problems, commandLine('doctor', operator.options));
  return view.healthy ? EXIT.ok : EXIT.broken;
}

const SIDES: Readonly<Record<Side, string>> = { primary: 'first region', standby: 'standby' };

/** Reads both regions at the same time. @throws CliError when neither can be read */
async function readBoth(operator: Operator, other: Operator): Promise<BothView> {
  const [own, beside] = await Promise.all([readSafely(operator), readSafely(other)]);
  if ('error' in own && 'error' in beside) throw unreadableBoth(own, beside);
  const problems = judgeRegions([own, beside]);
  const [view, otherView] = [viewOf(own), viewOf(beside)];
  return {
    healthy: isHealthy(problems),
    problems,
    ...view,
    lastWritten: lastWritten(view, otherView),
    other: otherView,
  };
}

/** A region with its state and problems, or the reason why it cannot be read. */
type ReadRegion = RegionName &
  (Awaited<ReturnType<typeof readRegion>> | { readonly unreadable: string; readonly error: unknown });

async function readSafely(operator: Operator): Promise<ReadRegion> {
  const name = {
    side: (await operator.side()) ?? 'primary',
    region: await operator.region(),
    stack: operator.stackName(),
  };
  try {
    return { ...name, ...(await readRegion(operator)) };
  } catch (error) {
    return { ...name, unreadable: describeAwsError(error), error };
  }
}

type Unreadable = Extract<ReadRegion, { readonly error: unknown }>;

/** Returns the error when neither region can be read. A refused sign-in concerns both regions, so it is shown once. */
function unreadableBoth(own: Unreadable, other: Unreadable): unknown {
  const { error } = own;
  if (error instanceof AwsCallError && error.needsSignIn) return error;
  return new CliError(
    `Neither region could be read. ${own.region}: ${own.unreadable}. ${other.region}: ${other.unreadable}.`,
    { cause: error },
  );
}

function viewOf(read: ReadRegion): RegionView {
  const { side, region, stack } = read;
  if ('error' in read) return { side, region, stack, unreadable: read.unreadable };
  return { side, region, ...read.state };
}

/** Returns each target with the state from the region that refreshed it last. */
function lastWritten(own: RegionView, other: RegionView): WrittenTarget[] {
  const byName = new Map<string, WrittenTarget>();
  for (const view of [own, other]) {
    for (const { lastFailure: _, ...target } of targetsOf(view)) {
      const known = byName.get(target.target);
      if (known && (known.lastSuccess ?? '') >= (target.lastSuccess ?? '')) continue;
      const isWritten = target.lastSuccess !== undefined;
      byName.set(target.target, { ...target, ...(isWritten && { region: view.region }) });
    }
  }
  return [...byName.values()];
}

function targetsOf(region: RegionView): readonly TargetStatus[] {
  return 'unreadable' in region ? [] : region.targets;
}

/** Prints the last and the next run of a region, its alarms, its queues and its watch. */
function showRegion(output: Output, state: RegionStatus, { options }: Operator): void {
  output.line(`Last run    ${lastRunText(output, state)}`);
  for (const target of state.targets) showFailure(output, target);
  output.line(`Next run    ${nextRunText(output, state)}`);
  output.line(
    `Alarms      ${state.alarms.length === 0 ? 'none firing' : output.colors.red(state.alarms.join(', '))}`,
  );
  if (state.warnings.length > 0)
    output.line(`Warnings    ${output.colors.yellow(state.warnings.join(', '))}`);
  const { waiting, givenUp, undelivered } = state.retries;
  output.line(`Retries     ${waiting} waiting, ${givenUp} given up, ${undelivered} never delivered`);
  if (state.watch) showWatch(output, state.watch, options);
}

/** Prints why a region does not refresh, if the lines above do not say it. */
function showLost(output: Output, problems: readonly HealthProblem[]): void {
  for (const { kind, severity, found } of problems) {
    if (kind !== 'not-refreshed' && kind !== 'run-missed' && kind !== 'credential-expired') continue;
    for (const line of found) output.line(`  ${output.mark(severity)} ${line}`);
  }
}

/** Prints why the deployment is not healthy: the most urgent problem, and how many there are. */
function showWhy(output: Output, problems: readonly HealthProblem[], doctor: string): void {
  const broken = problems.filter(({ severity }) => severity === 'broken');
  const more = broken.length > 1 ? ` (and ${formatCount(broken.length - 1, 'other problem')})` : '';
  const [{ region, kind, found } = { region: undefined, kind: undefined, found: [] }] = broken;
  const where = region === undefined || kind === 'region-unreadable' ? '' : `${region}: `;
  output.line();
  output.line(`${output.colors.red('Not healthy:')} ${where}${found[0]}${more}`);
  output.line(`To find the fix: ${doctor}`);
}

function lastRunText({ colors }: Output, { lastRun }: RegionStatus): string {
  if (lastRun === undefined) return colors.red('none in 12 h');
  const { at, refreshed, failed } = lastRun;
  const when = `${formatTime(new Date(at))} (${formatDuration(Date.now() - Date.parse(at))} ago)`;
  const failures = failed > 0 ? colors.red(`${failed} failed`) : 'none failed';
  return `${when}: ${refreshed} refreshed, ${failures}`;
}

function showFailure(output: Output, { target, lastFailure }: TargetStatus): void {
  if (!lastFailure) return;
  const { at, kind, reason, why } = lastFailure;
  const what = reason === undefined ? kind : `${kind}, ${reason}`;
  output.line(
    `  ${output.mark(reason === undefined ? 'warning' : 'broken')} ${target} failed at ${formatTime(new Date(at))} (${what})`,
  );
  output.line(`    ${why}`);
}

function nextRunText({ colors }: Output, { schedule, nextRun, intervalHours }: RegionStatus): string {
  if (schedule === 'disabled') return colors.red('none: the schedule is disabled');
  if (nextRun === undefined) return `within the next ${intervalHours} h`;
  return `${formatTime(new Date(nextRun))} (in ${formatDuration(Date.parse(nextRun) - Date.now())})`;
}

function showTargets(output: Output, targets: readonly WrittenTarget[], withRegion = false): void {
  const rows = targets.map(
    ({ target, registryAuthId, registryAuthName, registry, lastSuccess, minutesLeft, route, region }) => [
      target,
      registryAuthName === undefined
        ? (registryAuthId ?? '')
        : `${registryAuthId} (${visibleName(registryAuthName)})`,
      registry,
      lastSuccess === undefined ? output.colors.red('none in 12 h') : formatTime(new Date(lastSuccess)),
      minutesLeft === undefined ? '' : lifeText(output, minutesLeft),
      route ?? '',
      ...(withRegion ? [region ?? ''] : []),
    ],
  );
  const headings = ['Target', 'Registry auth', 'Registry', 'Last success', 'Life left', 'Route'];
  output.table(withRegion ? [...headings, 'Written from'] : headings, rows);
}

/** From this life on, a page may come too late. */
function lifeText(output: Output, minutes: number): string {
  const text = formatDuration(minutes * 60_000);
  return minutes < PAGE_BUDGET_MINUTES ? output.colors.yellow(text) : text;
}
