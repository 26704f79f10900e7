/** The state of one region: its targets, its last run, the next run, firing alarms, queues and the last look of the watch. */

import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { Operator } from '../operator';
import { listAlarms } from './alarms';
import {
  type HealthProblem,
  isHealthy,
  judgeAlarms,
  judgeQueues,
  judgeRuns,
  judgeSchedule,
  judgeWatch,
} from './health';
import type { LastSuccess } from './history';
import { type LastFailure, readRuns } from './runs';
import { nextFixedTime } from './schedule';
import { countMessages, type DeployedStack, intervalMs, requireStack } from './stack';
import { readWatchStatus } from './watch-status';

const HOUR_MS = 60 * 60_000;

/** Why the last attempt to refresh a target failed, as `--json` shows it. */
export interface ShownFailure {
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
export interface TargetStatus {
  readonly target: string;
  /** Id, or name in parentheses. @default - unknown */
  readonly registryAuthId?: string;
  /** Its name at Runpod. @default - the configuration does not have it, or the id is unknown */
  readonly registryAuthName?: string;
  readonly registry: string;
  /** ISO 8601. @default - no success in the last 12 hours */
  readonly lastSuccess?: string;
  readonly route?: string;
  /** Remaining life of the credential. @default - unknown, or it has no time of expiry */
  readonly minutesLeft?: number;
  /** @default - the last attempt succeeded, or there was none in the last 12 hours */
  readonly lastFailure?: ShownFailure;
}

/** The state of one region, as `--json` shows it. */
export type RegionStatus = Awaited<ReturnType<typeof readRegion>>['state'];

/**
 * Reads the state of the operator's region, and judges it as if there were no other region.
 *
 * @throws ConfigError or CliError
 * @throws the AWS client's error
 */
export async function readRegion(operator: Operator) {
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
        ...(id !== undefined && registryAuthName !== undefined && { registryAuthName }),
        registry: registry.type === 'ecr' ? `ecr ${registry.region ?? ''}`.trim() : registry.type,
        ...lifeOf(success),
        ...(failure && { lastFailure: shownFailure(failure) }),
      };
    },
  );
  const runProblems = judgeRuns(runs, settings);
  const retries = { waiting, givenUp, undelivered };
  // The problems that say most about the cause come first, because the first one is shown as the reason.
  const problems: HealthProblem[] = [
    ...judgeSchedule(nextRun !== 'disabled'),
    ...runProblems,
    ...judgeAlarms(alarms),
    ...judgeQueues(retries, isHealthy(runProblems)),
    ...(watch ? judgeWatch(watch) : []),
  ];
  const firing = alarms.filter((alarm) => alarm.firing);
  const { lastRun } = runs;
  const state = {
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
  return { problems, state };
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
 * Returns when the rule fires next: at its next fixed time, or one interval after it fired last. A rule with a rate that
 * has not fired recently fires within one interval. The exact time is unknown, because a rate counts from its creation.
 */
async function nextRunOf(
  operator: Operator,
  stack: DeployedStack,
  interval: number,
): Promise<Date | 'disabled' | undefined> {
  const { State, ScheduleExpression = '' } = await operator
    .client(EventBridgeClient)
    .send(new DescribeRuleCommand({ Name: stack.output('RuleName') }));
  if (State === 'DISABLED') return 'disabled';
  const now = Date.now();
  const fixed = nextFixedTime(ScheduleExpression, new Date(now));
  if (fixed) return fixed;
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
