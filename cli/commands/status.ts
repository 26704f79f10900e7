/** `status`: the targets, the next run, firing alarms, queues and the last look of the watch. */

import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { listAlarms } from '../deployment/alarms';
import { type LastSuccess, lastSuccesses, readHistory } from '../deployment/history';
import { countMessages, type DeployedStack, intervalMs, requireStack } from '../deployment/stack';
import { readWatchStatus, showWatch } from '../deployment/watch-status';
import { EXIT } from '../exit-codes';
import { formatDuration, formatTime } from '../format';
import type { Operator } from '../operator';
import type { Output } from '../output';

const HOUR_MS = 60 * 60_000;

/** How far back successes are searched. An ECR credential from an older success has expired. */
const LOOK_BACK_MS = ECR_TOKEN_LIFE_HOURS * HOUR_MS;

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
}

/**
 * Prints the state of the deployment.
 *
 * @returns the exit code: broken if a target has no valid credential, the schedule is disabled, an alarm pages, the
 * watch is silent, or two of its looks in a row found a problem
 */
export async function status(operator: Operator, output: Output): Promise<number> {
  const view = await output.withSpinner('reading the stack, its log and its alarms', () =>
    readStatus(operator),
  );
  output.data(view);
  showTargets(output, view.targets);
  output.line();
  output.line(`Next run    ${nextRunText(output, view)}`);
  output.line(
    `Alarms      ${view.alarms.length === 0 ? 'none firing' : output.colors.red(view.alarms.join(', '))}`,
  );
  if (view.warnings.length > 0) output.line(`Warnings    ${output.colors.yellow(view.warnings.join(', '))}`);
  const { waiting, givenUp, undelivered } = view.retries;
  output.line(`Retries     ${waiting} waiting, ${givenUp} given up, ${undelivered} never delivered`);
  if (view.watch) showWatch(output, view.watch, operator.options);
  return view.healthy ? EXIT.ok : EXIT.broken;
}

function nextRunText(
  { colors }: Output,
  { schedule, nextRun }: { readonly schedule: string; readonly nextRun?: string },
): string {
  if (schedule === 'disabled') return colors.red('none: the schedule is disabled');
  if (nextRun === undefined) return 'unknown';
  return `${formatTime(new Date(nextRun))} (in ${formatDuration(Date.parse(nextRun) - Date.now())})`;
}

async function readStatus(operator: Operator) {
  const settings = await operator.refresherSettings();
  const stack = await requireStack(operator);
  const since = new Date(Date.now() - LOOK_BACK_MS);
  const [history, alarms, waiting, givenUp, undelivered, nextRun, watch] = await Promise.all([
    readHistory(operator, stack.output('LogGroupName'), since),
    listAlarms(operator, settings.service),
    countMessages(operator, stack.output('RetryQueueUrl')),
    countMessages(operator, stack.output('DeadLetterQueueUrl')),
    countMessages(operator, stack.output('UndeliveredQueueUrl')),
    nextRunOf(operator, stack, intervalMs(settings.minCredentialMinutes)),
    readWatchStatus(operator, stack),
  ]);
  const successes = lastSuccesses(history);
  const targets = settings.targets.map(
    ({ name, registryAuthId, registryAuthName, registry }): TargetStatus => {
      const id = registryAuthId ?? successes.get(name)?.registryAuthId;
      return {
        target: name,
        ...((id ?? registryAuthName) !== undefined && { registryAuthId: id ?? `(${registryAuthName})` }),
        registry: registry.type === 'ecr' ? `ecr ${registry.region ?? ''}`.trim() : registry.type,
        ...lifeOf(successes.get(name)),
      };
    },
  );
  const allFresh = targets.every(
    ({ lastSuccess, minutesLeft = 1 }) => lastSuccess !== undefined && minutesLeft > 0,
  );
  const firing = alarms.filter((alarm) => alarm.firing);
  const pages = firing.filter(({ severity }) => severity === 'page');
  return {
    healthy: allFresh && nextRun !== 'disabled' && pages.length === 0 && watch?.healthy !== false,
    stack: stack.name,
    targets,
    schedule: nextRun === 'disabled' ? 'disabled' : 'enabled',
    ...(nextRun instanceof Date && { nextRun: nextRun.toISOString() }),
    alarms: pages.map(({ name }) => name),
    warnings: firing.filter(({ severity }) => severity === 'warning').map(({ name }) => name),
    retries: { waiting, givenUp, undelivered },
    ...(watch && { watch }),
  };
}

function lifeOf(success: LastSuccess | undefined): Partial<TargetStatus> {
  if (!success) return {};
  const { at, route, expiresAt } = success;
  const minutesLeft = expiresAt && Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 60_000));
  return { lastSuccess: at.toISOString(), route, ...(minutesLeft !== undefined && { minutesLeft }) };
}

/** Returns when the rule fires next. EventBridge counts a rate from the last time it fired, or from the rule's creation. */
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
  const nextMs = (fired.length > 0 ? Math.max(...fired) : stack.changedAt.getTime()) + interval;
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

/** A credential with less remaining life is shown in yellow. */
const SHORT_LIFE_MINUTES = 240;

function lifeText(output: Output, minutes: number): string {
  const text = formatDuration(minutes * 60_000);
  return minutes < SHORT_LIFE_MINUTES ? output.colors.yellow(text) : text;
}
