/** `status`: the last run, the targets, the next run, firing alarms, queues and the last look of the watch. */

import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PAGE_BUDGET_MINUTES } from '../../lambda/core/model';
import { listAlarms } from '../deployment/alarms';
import {
  type HealthProblem,
  isHealthy,
  judgeAlarms,
  judgeQueues,
  judgeRuns,
  judgeSchedule,
  judgeWatch,
} from '../deployment/health';
import type { LastSuccess } from '../deployment/history';
import { type LastFailure, readRuns } from '../deployment/runs';
import { countMessages, type DeployedStack, intervalMs, requireStack } from '../deployment/stack';
import { readWatchStatus, showWatch } from '../deployment/watch-status';
import { EXIT } from '../exit-codes';
import { formatCount, formatDuration, formatTime } from '../format';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import type { Output } from '../output';

const HOUR_MS = 60 * 60_000;

/** Why the last attempt to refresh a target failed, as `--json` shows it. */
interface ShownFailure {
  /** ISO 8601. */
  readonly at: string;
  /** `operator-must-act`, or `transient` for a retry. */
  readonly kind: string;
  /** Why a person must act. @default - the failure is transient */
  readonly reason?: string;
  /** One sentence. */
  readonly why: string;
}

/** One target, as `--json` shows it. */
interface TargetStatus {
  readonly target: string;
  /** Id, or name in parentheses. @default - unknown */
  readonly registryAuthId?: string;
  readonly registry: string;
  /** ISO 8601. @default - no success in the last 12 hours */
  readonly lastSuccess?: string;
  readonly route?: string;
  /** Remaining life of the credential. @default - unknown, or it has no time of expiry */
  readonly minutesLeft?: number;
  /** @default - the last attempt succeeded, or there was none in the last 12 hours */
  readonly lastFailure?: ShownFailure;
}

/** The state of the deployment. */
type StatusView = Awaited<ReturnType<typeof readStatus>>;

/**
 * Prints the state of the deployment.
 *
 * @returns the exit code: broken when the deployment is not healthy, as `deployment/health.ts` defines it
 */
export async function status(operator: Operator, output: Output): Promise<number> {
  const view = await output.withSpinner('reading the stack, its log and its alarms', () =>
    readStatus(operator),
  );
  output.data(view);
  showTargets(output, view.targets);
  output.line();
  output.line(`Last run    ${lastRunText(output, view)}`);
  for (const target of view.targets) showFailure(output, target);
  output.line(`Next run    ${nextRunText(output, view)}`);
  output.line(
    `Alarms      ${view.alarms.length === 0 ? 'none firing' : output.colors.red(view.alarms.join(', '))}`,
  );
  if (view.warnings.length > 0) output.line(`Warnings    ${output.colors.yellow(view.warnings.join(', '))}`);
  const { waiting, givenUp, undelivered } = view.retries;
  output.line(`Retries     ${waiting} waiting, ${givenUp} given up, ${undelivered} never delivered`);
  if (view.watch) showWatch(output, view.watch, operator.options);
  if (!view.healthy) showWhy(output, view, commandLine('doctor', operator.options));
  return view.healthy ? EXIT.ok : EXIT.broken;
}

/** Prints why the deployment is not healthy: the most urgent problem, and how many there are. */
function showWhy(output: Output, { problems }: StatusView, doctor: string): void {
  const broken = problems.filter(({ severity }) => severity === 'broken');
  const more = broken.length > 1 ? ` (and ${formatCount(broken.length - 1, 'other problem')})` : '';
  output.line();
  output.line(`${output.colors.red('Not healthy:')} ${broken[0]?.found[0]}${more}`);
  output.line(`To find the fix: ${doctor}`);
}

function lastRunText({ colors }: Output, { lastRun }: StatusView): string {
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

function nextRunText({ colors }: Output, { schedule, nextRun, intervalHours }: StatusView): string {
  if (schedule === 'disabled') return colors.red('none: the schedule is disabled');
  if (nextRun === undefined) return `within the next ${intervalHours} h`;
  return `${formatTime(new Date(nextRun))} (in ${formatDuration(Date.parse(nextRun) - Date.now())})`;
}

async function readStatus(operator: Operator) {
  const settings = await operator.refresherSettings();
  const stack = await requireStack(operator);
  const interval = intervalMs(settings.minCredentialMinutes);
  const [runs, alarms, waiting, givenUp, undelivered, nextRun, watch] = await Promise.all([
    readRuns(operator, stack),
    listAlarms(operator, settings.service),
    countMessages(operator, stack.output('RetryQueueUrl')),
    countMessages(operator, stack.output('DeadLetterQueueUrl')),
    countMessages(operator, stack.output('UndeliveredQueueUrl')),
    nextRunOf(operator, stack, interval),
    readWatchStatus(operator, stack),
  ]);
  const runsOf = new Map(runs.targets.map((one) => [one.target, one]));
  const targets = settings.targets.map(
    ({ name, registryAuthId, registryAuthName, registry }): TargetStatus => {
      const { success, failure } = runsOf.get(name) ?? {};
      const id = registryAuthId ?? success?.registryAuthId;
      return {
        target: name,
        ...((id ?? registryAuthName) !== undefined && { registryAuthId: id ?? `(${registryAuthName})` }),
        registry: registry.type === 'ecr' ? `ecr ${registry.region ?? ''}`.trim() : registry.type,
        ...lifeOf(success),
        ...(failure && { lastFailure: shownFailure(failure) }),
      };
    },
  );
  const runProblems = judgeRuns(runs, settings);
  const retries = { waiting, givenUp, undelivered };
  // Those that say most about the cause come first, because the first one is shown as the reason.
  const problems: HealthProblem[] = [
    ...judgeSchedule(nextRun !== 'disabled'),
    ...runProblems,
    ...judgeAlarms(alarms),
    ...judgeQueues(retries, isHealthy(runProblems)),
    ...(watch ? judgeWatch(watch) : []),
  ];
  const firing = alarms.filter((alarm) => alarm.firing);
  const { lastRun } = runs;
  return {
    healthy: isHealthy(problems),
    problems,
    stack: stack.name,
    targets,
    ...(lastRun && { lastRun: { ...lastRun, at: lastRun.at.toISOString() } }),
    schedule: nextRun === 'disabled' ? 'disabled' : 'enabled',
    intervalHours: interval / HOUR_MS,
    ...(nextRun instanceof Date && { nextRun: nextRun.toISOString() }),
    alarms: firing.filter(({ severity }) => severity === 'page').map(({ name }) => name),
    warnings: firing.filter(({ severity }) => severity === 'warning').map(({ name }) => name),
    retries,
    ...(watch && { watch }),
  };
}

function shownFailure({ at, kind, reason, why }: LastFailure): ShownFailure {
  return { at: at.toISOString(), kind, ...(reason !== undefined && { reason }), why };
}

function lifeOf(success: LastSuccess | undefined): Partial<TargetStatus> {
  if (!success) return {};
  const { at, route, expiresAt } = success;
  const minutesLeft = expiresAt && Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 60_000));
  return { lastSuccess: at.toISOString(), route, ...(minutesLeft !== undefined && { minutesLeft }) };
}

/**
 * Returns when the rule fires next: one interval after it fired last. A rule that has not fired lately fires within one
 * interval, but nothing tells when, because EventBridge counts from the rule's creation.
 */
async function nextRunOf(
  operator: Operator,
  stack: DeployedStack,
  interval: number,
): Promise<Date | 'disabled' | undefined> {
  const { State } = await operator
    .client(EventBridgeClient)
    .send(new DescribeRuleCommand({ Name: stack.output('RuleName') }));
  if (State === 'DISABLED') return 'disabled';
  const now = Date.now();
  const { Datapoints } = await operator.client(CloudWatchClient).send(
    new GetMetricStatisticsCommand({
      Namespace: 'AWS/Events',
      MetricName: 'TriggeredRules',
      Dimensions: [{ Name: 'RuleName', Value: stack.output('RuleName') }],
      StartTime: new Date(now - interval - HOUR_MS),
      EndTime: new Date(now),
      Period: 60,
      Statistics: ['Sum'],
    }),
  );
  const fired = (Datapoints ?? []).flatMap(({ Timestamp, Sum }) =>
    Timestamp && Sum ? [Timestamp.getTime()] : [],
  );
  const nextMs = Math.max(...fired) + interval;
  return nextMs > now ? new Date(nextMs) : undefined;
}

function showTargets(output: Output, targets: readonly TargetStatus[]): void {
  const rows = targets.map(({ target, registryAuthId, registry, lastSuccess, minutesLeft, route }) => [
    target,
    registryAuthId ?? '',
    registry,
    lastSuccess === undefined ? output.colors.red('none in 12 h') : formatTime(new Date(lastSuccess)),
    minutesLeft === undefined ? '' : lifeText(output, minutesLeft),
    route ?? '',
  ]);
  output.table(['Target', 'Registry auth', 'Registry', 'Last success', 'Life left', 'Route'], rows);
}

/** From this life on, a page may come too late. */
function lifeText(output: Output, minutes: number): string {
  const text = formatDuration(minutes * 60_000);
  return minutes < PAGE_BUDGET_MINUTES ? output.colors.yellow(text) : text;
}
