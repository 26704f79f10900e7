/** The checks of the deployment: stack, function, registry, schedule, queues and alarms. */

import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type AlarmName, LOG_MESSAGES } from '../../lambda/core/contract';
import type { OperatorReason } from '../../lambda/core/errors';
import { ECR_TOKEN_LIFE_HOURS } from '../../lambda/core/model';
import { listAlarms, runbookSection } from '../deployment/alarms';
import { recreateFunction } from '../deployment/deployed-refresher';
import { lastSuccesses, readHistory } from '../deployment/history';
import { type InvocationOutcome, invokeFunction } from '../deployment/invoke';
import {
  countMessages,
  type DeployedStack,
  deployedTemplate,
  findStack,
  intervalMs,
  requireStack,
} from '../deployment/stack';
import { describeAwsError, errorName, isAccessDenied } from '../errors';
import { formatCount, formatDuration } from '../format';
import type { Operator } from '../operator';
import { awsCommand, commandLine, deployCommand } from '../options';
import { type Check, type Finding, fail, ok, warn } from './check';
import { fixFor, fixForCrash, type TargetFailure } from './failure-fixes';
import { logLevelProblem } from './log-level';

const HOUR_MS = 60 * 60_000;

/** How far back successes are searched. An ECR credential from an older success has expired. */
const LOOK_BACK_MS = ECR_TOKEN_LIFE_HOURS * HOUR_MS;

/** Makes the checks of the function, in the order in which they run. Two of them share one dry run of the function. */
export function deploymentChecks(operator: Operator): Check[] {
  let outcome: Promise<InvocationOutcome> | undefined;
  const dryRun = () => {
    outcome ??= invokeDryRun(operator);
    return outcome;
  };
  return [
    { id: 'stack', withoutTargets: true, title: 'Stack', run: () => checkStack(operator) },
    { id: 'function', title: 'Function and its role', run: () => checkFunction(operator, dryRun) },
    { id: 'registry', title: 'Registry accepts', run: () => checkRegistry(operator, dryRun) },
    { id: 'last-run', title: 'Schedule, last run', run: () => checkLastRun(operator) },
  ];
}

/** Makes the check of the queues and alarms. It comes after the checks that know a better fix. */
export function alarmsCheck(operator: Operator): Check {
  return { id: 'alarms', title: 'Queues and alarms', run: () => checkAlarms(operator) };
}

async function checkStack(operator: Operator): Promise<Finding> {
  const stack = await findStack(operator);
  const deploy = deployCommand(operator.options);
  if (!stack) return fail([`${operator.stackName()} is not deployed in ${await operator.region()}`], deploy);
  if (/_IN_PROGRESS$/.test(stack.status)) {
    return fail([`${stack.name} is being deployed (${stack.status})`], 'wait for the deployment to end');
  }
  if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(stack.status)) {
    const events = awsCommand(
      `cloudformation describe-stack-events --stack-name ${stack.name}`,
      operator.options,
    );
    return fail([`${stack.name} is in the state ${stack.status}`], `${deploy}; ${events} says why`);
  }
  if (operator.options.stack !== undefined) {
    return ok(
      `${stack.name} is ${stack.status}`,
      'not checked: whether it is the same as your CDK app (npx cdk diff shows that)',
    );
  }
  const { differingResources, expectedTemplate } = await import('../deployment/expected-template');
  const place = { account: (await operator.identity()).account, region: await operator.region() };
  const differing = differingResources(expectedTemplate(operator, place), await deployedTemplate(operator));
  if (differing.length === 0) return ok(`${stack.name} is ${stack.status} and the same as the configuration`);
  const some = `${differing.slice(0, 3).join(', ')}${differing.length > 3 ? ', …' : ''}`;
  return fail(
    [
      `${stack.name} differs from ${operator.configLabel} and this code in ${formatCount(differing.length, 'resource')} (${some})`,
    ],
    deploy,
  );
}

/** Invokes a dry run. Only the function itself can check its role, network and settings. */
async function invokeDryRun(operator: Operator): Promise<InvocationOutcome> {
  const stack = await requireStack(operator);
  return invokeFunction(stack.output('FunctionName'), { dryRun: true });
}

/** Reasons of failures that the registry caused. */
const REGISTRY_REASONS: readonly OperatorReason[] = ['credential-rejected', 'image-unproved'];

function failuresOf({ lines }: InvocationOutcome): TargetFailure[] {
  return lines
    .filter(({ message }) => message === LOG_MESSAGES.targetFailed)
    .map(({ fields: { target, why, reason } }) => ({
      target: String(target),
      why: String(why),
      ...(typeof reason === 'string' && { reason }),
    }));
}

function isByRegistry({ reason }: TargetFailure): boolean {
  return REGISTRY_REASONS.some((known) => known === reason);
}

/** One line for each of the first ten failures. */
function linesOf(failures: readonly TargetFailure[]): string[] {
  return failures.slice(0, 10).map(({ target, why }) => `${target}: ${why}`);
}

async function checkFunction(operator: Operator, dryRun: () => Promise<InvocationOutcome>): Promise<Finding> {
  const silenced = await checkLogLevel(operator);
  if (silenced?.status === 'broken') return silenced;
  const outcome = await dryRun().catch((error: unknown) => explainInvokeError(error, operator));
  if ('status' in outcome) return outcome;
  const failures = failuresOf(outcome);
  const own = failures.filter((failure) => !isByRegistry(failure));
  if (own.length > 0) return fail(linesOf(own), await fixFor(operator, own));
  if (outcome.error && failures.length === 0) {
    const { type, message } = outcome.error;
    return fail([`${type}: ${message}`], fixForCrash(operator, outcome.error));
  }
  const well = 'a dry run with its own role read the key, asked Runpod and got the credentials';
  return silenced ? warn([well, ...silenced.found]) : ok(well);
}

/** Checks the log level of the refresher. */
async function checkLogLevel(operator: Operator): Promise<Finding | undefined> {
  const name = (await requireStack(operator)).output('FunctionName');
  try {
    const { LoggingConfig } = await operator
      .client(LambdaClient)
      .send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return logLevelProblem(operator, name, LoggingConfig);
  } catch (error) {
    // The function does not exist. The dry run reports that with its fix.
    if (errorName(error) === 'ResourceNotFoundException') return undefined;
    return warn([`its log level cannot be read: ${describeAwsError(error)}`]);
  }
}

function explainInvokeError(error: unknown, operator: Operator): Finding {
  if (isAccessDenied(error)) {
    return fail(
      ['you may not invoke the function, so it cannot be checked'],
      'allow your own identity to call lambda:InvokeFunction on it',
    );
  }
  if (errorName(error) !== 'ResourceNotFoundException') throw error;
  const { options } = operator;
  const deleteStack = awsCommand(`cloudformation delete-stack --stack-name ${operator.stackName()}`, options);
  return fail(
    ['the stack exists, but its function was deleted'],
    // A stack of somebody's own has other resources too.
    options.stack === undefined
      ? `${deleteStack}, then ${deployCommand(options)}`
      : recreateFunction(options),
  );
}

async function checkRegistry(operator: Operator, dryRun: () => Promise<InvocationOutcome>): Promise<Finding> {
  const outcome = await dryRun();
  const failures = failuresOf(outcome);
  if (failures.length > 0) return fail(linesOf(failures), await fixFor(operator, failures));
  const unproved = (outcome.report?.refreshed ?? []).filter(({ verified }) => !verified);
  const names = unproved.map(({ target }) => target).join(', ');
  return unproved.length > 0
    ? warn([`not proved for ${names}: the registry could not be asked, or verify is off`])
    : ok('every new credential was accepted');
}

async function checkLastRun(operator: Operator): Promise<Finding> {
  const stack = await requireStack(operator);
  const rule = stack.output('RuleName');
  const { State } = await operator.client(EventBridgeClient).send(new DescribeRuleCommand({ Name: rule }));
  if (State === 'DISABLED') {
    return fail(
      [`the schedule is ${String(State).toLowerCase()}: nothing is refreshed automatically`],
      awsCommand(`events enable-rule --name ${rule}`, operator.options),
    );
  }
  return checkSuccesses(operator, stack);
}

async function checkSuccesses(operator: Operator, stack: DeployedStack): Promise<Finding> {
  const now = Date.now();
  const history = await readHistory(operator, stack.output('LogGroupName'), new Date(now - LOOK_BACK_MS));
  const { targets, minCredentialMinutes } = await operator.settings();
  const all = lastSuccesses(history);
  // The log may still have a target that was renamed or removed.
  const successes = new Map([...all].filter(([target]) => targets.some(({ name }) => name === target)));
  const refresh = commandLine('refresh', operator.options);
  const never = targets.filter(({ name }) => !successes.has(name)).map(({ name }) => name);
  if (never.length > 0) {
    return fail([`${never.join(', ')}: not refreshed in the last 12 hours`], refresh);
  }
  const lives = [...successes.values()].flatMap(({ expiresAt }) =>
    expiresAt ? [expiresAt.getTime() - now] : [],
  );
  const least = Math.min(...lives);
  if (least <= 0) return fail(['the credential at Runpod has expired'], refresh);
  const oldest = Math.max(...[...successes.values()].map(({ at }) => now - at.getTime()));
  const late = oldest > intervalMs(minCredentialMinutes) + HOUR_MS;
  const summary = `refreshed ${formatDuration(oldest)} ago${lives.length > 0 ? `, good for another ${formatDuration(least)}` : ''}`;
  return late ? fail([`a run was missed: ${summary}`], refresh) : ok(summary);
}

async function checkAlarms(operator: Operator): Promise<Finding> {
  const stack = await requireStack(operator);
  const [alarms, retrying, dead, undelivered] = await Promise.all([
    listAlarms(operator, (await operator.settings()).service),
    countMessages(operator, stack.output('RetryQueueUrl')),
    countMessages(operator, stack.output('DeadLetterQueueUrl')),
    countMessages(operator, stack.output('UndeliveredQueueUrl')),
  ]);
  const purge = (url: string) => awsCommand(`sqs purge-queue --queue-url ${url}`, operator.options);
  if (dead > 0) {
    return fail(
      [
        `${formatCount(dead, 'failed run')} in the dead-letter queue; every earlier check passed, so the cause is gone`,
      ],
      purge(stack.output('DeadLetterQueueUrl')),
    );
  }
  if (undelivered > 0) {
    return fail(
      [
        `${formatCount(undelivered, 'event')} never reached the function; every earlier check passed, so the cause is gone`,
      ],
      purge(stack.output('UndeliveredQueueUrl')),
    );
  }
  const firing = alarms.filter((alarm) => alarm.firing);
  const pages = firing.filter(({ severity }) => severity === 'page').map(({ name }) => name);
  if (pages.length > 0) {
    const found = [`firing: ${pages.join(', ')} (docs/runbook.md has a heading for each)`];
    const refresh = commandLine('refresh', operator.options);
    return fail(found, pages.every(isOfWatch) ? await waitForLook(operator) : refresh);
  }
  const warnings = [
    ...(retrying > 0 ? [`${formatCount(retrying, 'failed run')} will be tried again within 15 minutes`] : []),
    ...firing.map(({ name }) => `warning: ${name}; see ${runbookSection(name)}`),
  ];
  return warnings.length > 0 ? warn(warnings) : ok('the queues are empty, no alarm is firing');
}

/** The pages of the watch. A refresh does not end them. */
const PAGES_OF_WATCH: readonly string[] = ['PullsFailing', 'ImagesUnpullable'] satisfies AlarmName[];

function isOfWatch(name: string): boolean {
  return PAGES_OF_WATCH.includes(name);
}

/** Doctor found no failing pull, so the alarm is older than the fix. */
async function waitForLook(operator: Operator): Promise<string> {
  const { intervalMinutes = 60 } = (await operator.pullWatch()) ?? {};
  return `wait for the next look of the watch, which ends the alarm within ${formatDuration(intervalMinutes * 60_000)}`;
}
