/** `status`: one table of what is kept fresh, and what waits or rings. */

import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { alarmsOf } from '../deployment/alarms';
import { type LastSuccess, lastSuccesses, readHistory } from '../deployment/history';
import { waitingIn } from '../deployment/queues';
import { type DeployedStack, requireStack } from '../deployment/stack';
import { EXIT } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { minutesText, timeText } from '../times';

const HOUR_MS = 60 * 60_000;

/** What a credential of ECR lives at the most. */
const LOOK_BACK_MS = 12 * HOUR_MS;

/** How one target stands. */
interface TargetStatus {
  readonly target: string;
  /** Absent where neither the configuration nor the log tells it. */
  readonly registryAuthId?: string;
  readonly registry: string;
  readonly lastSuccess?: string;
  readonly route?: string;
  /** Absent where the credential does not die by the clock, or where none is known. */
  readonly minutesLeft?: number;
}

/** Shows the table. @returns the exit code: 1 when a credential is dead or unknown, nothing runs, or an alarm that pages rings */
export async function status(operator: Operator, output: Output): Promise<number> {
  const view = await output.during('looking at the stack, its log and its alarms', () => look(operator));
  output.data(view);
  showTargets(output, view.targets);
  output.line();
  output.line(`Next run    ${nextRunText(output, view)}`);
  output.line(
    `Alarms      ${view.alarms.length === 0 ? 'none rings' : output.colors.red(view.alarms.join(', '))}`,
  );
  if (view.warnings.length > 0) output.line(`Warnings    ${output.colors.yellow(view.warnings.join(', '))}`);
  const { waiting, givenUp, undelivered } = view.retries;
  output.line(`Retries     ${waiting} waiting, ${givenUp} given up, ${undelivered} never delivered`);
  return view.healthy ? EXIT.well : EXIT.broken;
}

function nextRunText(
  { colors }: Output,
  { schedule, nextRun }: { readonly schedule: string; readonly nextRun?: string },
): string {
  if (schedule === 'disabled') return colors.red('none: the schedule is disabled');
  if (nextRun === undefined) return 'unknown';
  return `${timeText(new Date(nextRun))} (in ${minutesText(Date.parse(nextRun) - Date.now())})`;
}

async function look(operator: Operator) {
  const stack = await requireStack(operator);
  const since = new Date(Date.now() - LOOK_BACK_MS);
  const [history, alarms, waiting, givenUp, undelivered, nextRun] = await Promise.all([
    readHistory(operator, stack.output('LogGroupName'), since),
    alarmsOf(operator, stack.name),
    waitingIn(operator, stack.output('RetryQueueUrl')),
    waitingIn(operator, stack.output('DeadLetterQueueUrl')),
    waitingIn(operator, stack.output('UndeliveredQueueUrl')),
    nextRunOf(operator, stack),
  ]);
  const successes = lastSuccesses(history);
  const targets = operator
    .settings()
    .targets.map(({ name, registryAuthId, registryAuthName, registry }): TargetStatus => {
      const id = registryAuthId ?? successes.get(name)?.registryAuthId;
      return {
        target: name,
        ...((id ?? registryAuthName) !== undefined && { registryAuthId: id ?? `(${registryAuthName})` }),
        registry: registry.type === 'ecr' ? `ecr ${registry.region ?? ''}`.trim() : registry.type,
        ...lifeOf(successes.get(name)),
      };
    });
  const fresh = targets.every(
    ({ lastSuccess, minutesLeft = 1 }) => lastSuccess !== undefined && minutesLeft > 0,
  );
  const ringing = alarms.filter(({ rings }) => rings);
  return {
    healthy: fresh && nextRun !== 'disabled' && !ringing.some(({ pages }) => pages),
    stack: stack.name,
    targets,
    schedule: nextRun === 'disabled' ? 'disabled' : 'enabled',
    ...(nextRun instanceof Date && { nextRun: nextRun.toISOString() }),
    alarms: ringing.filter(({ pages }) => pages).map(({ name }) => name),
    warnings: ringing.filter(({ pages }) => !pages).map(({ name }) => name),
    retries: { waiting, givenUp, undelivered },
  };
}

function lifeOf(success: LastSuccess | undefined): Partial<TargetStatus> {
  if (!success) return {};
  const { at, route, expiresAt } = success;
  const minutesLeft = expiresAt && Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 60_000));
  return { lastSuccess: at.toISOString(), route, ...(minutesLeft !== undefined && { minutesLeft }) };
}

/** A rate counts from the last time that the rule fired, or from its creation. @throws AWS's own error */
async function nextRunOf(operator: Operator, stack: DeployedStack): Promise<Date | 'disabled' | undefined> {
  const { State } = await operator.events.send(new DescribeRuleCommand({ Name: stack.output('RuleName') }));
  if (State !== 'ENABLED') return 'disabled';
  const intervalMs = operator.config().refreshIntervalHours * HOUR_MS;
  const now = Date.now();
  const { Datapoints } = await operator.cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace: 'AWS/Events',
      MetricName: 'TriggeredRules',
      Dimensions: [{ Name: 'RuleName', Value: stack.output('RuleName') }],
      StartTime: new Date(now - intervalMs - HOUR_MS),
      EndTime: new Date(now),
      Period: 60,
      Statistics: ['Sum'],
    }),
  );
  const fired = (Datapoints ?? []).flatMap(({ Timestamp, Sum }) =>
    Timestamp && Sum ? [Timestamp.getTime()] : [],
  );
  const nextMs = (fired.length > 0 ? Math.max(...fired) : stack.changedAt.getTime()) + intervalMs;
  return nextMs > now ? new Date(nextMs) : undefined;
}

function showTargets(output: Output, targets: readonly TargetStatus[]): void {
  const rows = targets.map(({ target, registryAuthId, registry, lastSuccess, minutesLeft, route }) => [
    target,
    registryAuthId ?? '',
    registry,
    lastSuccess === undefined ? output.colors.red('none in 12 h') : timeText(new Date(lastSuccess)),
    minutesLeft === undefined ? '' : lifeText(output, minutesLeft),
    route ?? '',
  ]);
  output.table(['Target', 'Registry auth', 'Registry', 'Last success', 'Life left', 'Route'], rows);
}

/** Less than this many minutes are no longer what two missed runs leave over. */
const WORRYING_MINUTES = 240;

function lifeText(output: Output, minutes: number): string {
  const text = minutesText(minutes * 60_000);
  return minutes < WORRYING_MINUTES ? output.colors.yellow(text) : text;
}
