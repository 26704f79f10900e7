/** The check of the watch itself: it is deployed, its schedule is enabled, and it has looked. */

import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
} from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { PullFinding } from '../../lambda/core/model';
import { runbookSection } from '../deployment/alarms';
import { requireStack } from '../deployment/stack';
import { type LastLook, silentAfterMs } from '../deployment/watch';
import { describeAwsError, errorName, isAccessDenied } from '../errors';
import { formatCount, formatDuration } from '../format';
import type { Operator } from '../operator';
import { awsCommand } from '../options';
import { type Check, type Finding, fail, ok, warn } from './check';
import { logLevelProblem } from './log-level';

/** What the check depends on. */
export interface WatchCheckOptions {
  /** Minutes from one look to the next. */
  readonly intervalMinutes: () => Promise<number>;
  /** Reads the last look; undefined when there was none within a day. */
  readonly readLastLook: () => Promise<LastLook | undefined>;
  /** What the fresh look found; undefined when there was none. */
  readonly foundNow: () => readonly PullFinding[] | undefined;
}

/** Makes the check that the watch looks. */
export function watchCheck(operator: Operator, options: WatchCheckOptions): Check {
  return {
    id: 'watch',
    title: 'Watch of the pulls',
    needs: ['stack'],
    // What the fresh look finds is compared with the last look.
    after: ['usage'],
    run: () => checkWatch(operator, options),
  };
}

async function checkWatch(operator: Operator, options: WatchCheckOptions): Promise<Finding> {
  const name = (await requireStack(operator)).output('WatchFunctionName');
  const unknown: string[] = [];
  try {
    const problem = await checkFunction(operator, name);
    if (problem) return problem;
  } catch (error) {
    if (!isAccessDenied(error)) throw error;
    unknown.push(`whether it can run is not known: ${describeAwsError(error)}`);
  }
  return checkLastLook(operator, name, unknown, options);
}

/** Checks what makes the function look: that it exists, that its log has every line, and that a rule invokes it. */
async function checkFunction(operator: Operator, name: string): Promise<Finding | undefined> {
  const deploy = operator.deployCommand();
  try {
    const { FunctionArn, LoggingConfig } = await operator
      .client(LambdaClient)
      .send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    const silenced = logLevelProblem(operator, name, LoggingConfig);
    return silenced ?? (await checkRule(operator, FunctionArn ?? name));
  } catch (error) {
    if (errorName(error) !== 'ResourceNotFoundException') throw error;
    return fail(['its function or its rule was deleted'], `${deploy} --revert-drift`);
  }
}

async function checkRule(operator: Operator, functionArn: string): Promise<Finding | undefined> {
  const events = operator.client(EventBridgeClient);
  const { RuleNames = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn: functionArn }));
  const states = await Promise.all(
    RuleNames.map(async (Name) => ({
      Name,
      State: (await events.send(new DescribeRuleCommand({ Name }))).State,
    })),
  );
  if (states.length === 0) {
    return fail(['no rule invokes it, so it never looks'], `${operator.deployCommand()} --revert-drift`);
  }
  if (states.some(({ State }) => State !== 'DISABLED')) return undefined;
  return fail(
    ['its schedule is disabled, so it never looks'],
    awsCommand(`events enable-rule --name ${states[0]?.Name}`, operator.options),
  );
}

async function checkLastLook(
  operator: Operator,
  name: string,
  unknown: readonly string[],
  { intervalMinutes, readLastLook, foundNow }: WatchCheckOptions,
): Promise<Finding> {
  const limitMs = silentAfterMs(await intervalMinutes());
  const look = await readLastLook();
  const ageMs = look && Date.now() - look.at.getTime();
  if (ageMs === undefined || ageMs > limitMs) {
    const { changedAt } = await requireStack(operator);
    const sinceChangeMs = Date.now() - changedAt.getTime();
    if (sinceChangeMs <= limitMs) {
      return warn([
        `it has not looked since the deployment ${formatDuration(sinceChangeMs)} ago`,
        ...unknown,
      ]);
    }
    const invoke = `lambda invoke --function-name ${name} --cli-read-timeout 330 /dev/stdout`;
    return fail(
      [
        ageMs === undefined
          ? 'it has not looked for a day'
          : `its last look was ${formatDuration(ageMs)} ago, and it should look every ${formatDuration(await intervalMs(intervalMinutes))}`,
        ...unknown,
      ],
      `${awsCommand(invoke, operator.options)} shows its error; see ${runbookSection('WatchSilent')}`,
    );
  }
  return describeLook(look as LastLook, ageMs, unknown, foundNow());
}

async function intervalMs(intervalMinutes: () => Promise<number>): Promise<number> {
  return (await intervalMinutes()) * 60_000;
}

function describeLook(
  look: LastLook,
  ageMs: number,
  unknown: readonly string[],
  foundNow: readonly PullFinding[] | undefined,
): Finding {
  const { workloads, findingCount, findings, blind } = look;
  const problems = findingCount === 0 ? 'no problem' : formatCount(findingCount, 'problem');
  const summary = `looked ${formatDuration(ageMs)} ago at ${formatCount(workloads, 'workload')}: ${problems}`;
  const gone = findings.filter(
    ({ workload, problem }) => !foundNow?.some((one) => one.workload === workload && one.problem === problem),
  );
  const warnings = [
    ...blind.map(({ target, reason }) => `it is blind for target ${target}: ${reason}`),
    ...(foundNow ? gone : [])
      .slice(0, MAX_SHOWN)
      .map(({ workload, detail }) => `found then and not now: ${workload}: ${detail}`),
    ...unknown,
  ];
  return warnings.length > 0 ? warn([summary, ...warnings]) : ok(summary);
}

/** So many problems of the last look are shown. `status` shows more. */
const MAX_SHOWN = 5;
