/** The checks of the deployment: stack, function, registry, schedule, queues and alarms. */

import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type AlarmName, LOG_MESSAGES } from '../../lambda/core/contract';
import type { OperatorReason } from '../../lambda/core/errors';
import { withoutSecretForms } from '../../lambda/core/shown-text';
import { type DeployedAlarm, listAlarms, runbookSection } from '../deployment/alarms';
import { recreateFunction } from '../deployment/deployed-refresher';
import {
  describeRuns,
  type HealthKind,
  type HealthProblem,
  isHealthy,
  judgeQueues,
  judgeRuns,
  judgeSchedule,
  pagesBeside,
} from '../deployment/health';
import { type InvocationOutcome, invokeFunction } from '../deployment/invoke';
import { type Runs, readRuns } from '../deployment/runs';
import { countMessages, deployedTemplate, findStack, requireStack } from '../deployment/stack';
import { describeAwsError, errorName, isAccessDenied } from '../errors';
import { formatCount, formatDuration } from '../format';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import { visibleLine, visibleName } from '../visible';
import {
  brokenBy,
  type Cause,
  type Check,
  type FindCause,
  type Finding,
  fail,
  NO_CAUSE,
  notChecked,
  ok,
  together,
  warn,
} from './check';
import { fixFor, fixForCrash, type TargetFailure } from './failure-fixes';
import { type ExpectedTemplate, templateReaders } from './local-checks';
import { logLevelProblem } from './log-level';

/** What the checks of the deployment share: each is read once. */
export interface Deployment {
  readonly operator: Operator;
  readonly expectedTemplate: ExpectedTemplate;
  /** Invokes a dry run. Only the function itself can check its role, network and settings. */
  readonly dryRun: () => Promise<InvocationOutcome>;
  /** Judges the last runs, as `status` does. */
  readonly lastRuns: () => Promise<{ readonly runs: Runs; readonly problems: readonly HealthProblem[] }>;
}

/** Makes what the checks of the deployment share. */
export function deploymentOf(
  operator: Operator,
  expectedTemplate: ExpectedTemplate = templateReaders(operator).template,
): Deployment {
  const invoke = async () => {
    const stack = await requireStack(operator);
    return invokeFunction(operator, stack.output('FunctionName'), { dryRun: true });
  };
  const read = async () => {
    const runs = await readRuns(operator, await requireStack(operator));
    return { runs, problems: judgeRuns(runs, await operator.settings()) };
  };
  let outcome: ReturnType<typeof invoke> | undefined;
  let lastRuns: ReturnType<typeof read> | undefined;
  return {
    operator,
    expectedTemplate,
    dryRun: () => {
      outcome ??= invoke();
      return outcome;
    },
    lastRuns: () => {
      lastRuns ??= read();
      return lastRuns;
    },
  };
}

/** The checks that may find the cause of a failed dry run first. */
const CHECKS_BEFORE_FUNCTION = ['secret', 'runpod-key', 'registry-auth', 'images'];

/** The checks that explain why a run fails. */
const CAUSES_OF_FAILED_RUNS = ['secret', 'runpod-key', 'registry-auth', 'function', 'registry'];

/** Makes the checks of the stack, of its function and of its schedule, each after those that it needs. */
export function deploymentChecks(deployment: Deployment): Check[] {
  return [
    {
      id: 'stack',
      withoutTargets: true,
      title: 'Stack',
      needs: ['identity', 'configuration'],
      after: ['template'],
      run: (causeAmong) => checkStack(deployment, causeAmong),
    },
    {
      id: 'function',
      title: 'Function and its role',
      needs: ['stack'],
      after: CHECKS_BEFORE_FUNCTION,
      run: (causeAmong) => checkFunction(deployment, causeAmong),
    },
    {
      id: 'registry',
      title: 'Registry accepts',
      needs: ['stack'],
      after: [...CHECKS_BEFORE_FUNCTION, 'function'],
      run: (causeAmong) => checkRegistry(deployment, causeAmong),
    },
    {
      id: 'last-run',
      title: 'Schedule, last run',
      needs: ['stack'],
      after: CAUSES_OF_FAILED_RUNS,
      run: (causeAmong) => checkLastRun(deployment, causeAmong),
    },
  ];
}

/** Makes the check of the queues and alarms. It comes after the checks that know a better fix. */
export function alarmsCheck(deployment: Deployment): Check {
  return {
    id: 'alarms',
    title: 'Queues and alarms',
    needs: ['stack'],
    after: [...CAUSES_OF_FAILED_RUNS, 'last-run', ...CAUSES_OF_FAILED_PULLS],
    run: (causeAmong) => checkAlarms(deployment, causeAmong),
  };
}

/** The checks that explain an alarm of the watch. */
const CAUSES_OF_FAILED_PULLS = ['usage', 'watch'];

async function checkStack(
  { operator, expectedTemplate }: Deployment,
  causeAmong: FindCause = NO_CAUSE,
): Promise<Finding> {
  const stack = await findStack(operator);
  const deploy = operator.deployCommand();
  if (!stack) return fail([`${operator.stackName()} is not deployed in ${await operator.region()}`], deploy);
  if (stack.status === 'DELETE_IN_PROGRESS') {
    return fail([`${stack.name} is being deleted`], `wait until it is gone, then: ${deploy}`);
  }
  if (/_IN_PROGRESS$/.test(stack.status)) {
    return fail([`${stack.name} is being deployed (${stack.status})`], 'wait for the deployment to end');
  }
  if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(stack.status)) {
    const events = awsCommand(
      `cloudformation describe-stack-events --stack-name ${stack.name}`,
      operator.options,
    );
    const finding = fail([`${stack.name} is in the state ${stack.status}`], `${deploy}; ${events} says why`);
    // After a failed update, the resources of before are still there.
    return { ...finding, usable: stack.status.startsWith('UPDATE_') };
  }
  if (!operator.hasConfigFile) {
    return ok(
      `${stack.name} is ${stack.status}`,
      'not checked: whether it is the same as your CDK app (npx cdk diff shows that)',
    );
  }
  const untold = causeAmong(['template']);
  if (untold) {
    const why = `not checked: whether it is the same as the configuration, because "${untold.title}" is broken`;
    return warn([`${stack.name} is ${stack.status}`, why]);
  }
  const { differingResources } = await import('../deployment/expected-template');
  const differing = differingResources(await expectedTemplate(), await deployedTemplate(operator));
  if (differing.length === 0) return ok(`${stack.name} is ${stack.status} and the same as the configuration`);
  const some = `${differing.slice(0, 3).join(', ')}${differing.length > 3 ? ', …' : ''}`;
  const differs = `${stack.name} differs from ${operator.configLabel} and this code in ${formatCount(differing.length, 'resource')} (${some})`;
  return { ...fail([differs], deploy), usable: true };
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

/** The check that finds the same problem as the function, by the function's reason. It knows a better fix. */
const CHECK_OF_REASON: Readonly<Partial<Record<string, string>>> = {
  'api-key-refused': 'runpod-key',
  'api-key-permission-missing': 'runpod-key',
  'no-route-left': 'runpod-key',
  'secret-unusable': 'secret',
  'registry-auth-missing': 'registry-auth',
  'image-unproved': 'images',
} satisfies Partial<Record<OperatorReason, string>>;

/** Returns the broken check that explains a failure of the function. A transient failure may be Runpod's outage. */
function causeOf({ reason }: TargetFailure, causeAmong: FindCause): Cause | undefined {
  return causeAmong([reason === undefined ? 'runpod-key' : (CHECK_OF_REASON[reason] ?? '')]);
}

async function checkFunction(
  { operator, dryRun }: Deployment,
  causeAmong: FindCause = NO_CAUSE,
): Promise<Finding> {
  const silenced = await checkLogLevel(operator);
  const found = await checkDryRun(operator, dryRun, causeAmong);
  if (silenced === undefined) return found;
  if (found.status === 'broken' || silenced.status === 'broken') {
    return together([silenced, found].filter(({ status }) => status === 'broken'));
  }
  return { ...found, status: 'warning', found: [...found.found, ...silenced.found] };
}

async function checkDryRun(
  operator: Operator,
  dryRun: Deployment['dryRun'],
  causeAmong: FindCause,
): Promise<Finding> {
  const outcome = await dryRun().catch((error: unknown) => explainInvokeError(error, operator));
  if ('status' in outcome) return outcome;
  const failures = failuresOf(outcome);
  const own = failures.filter((failure) => !isByRegistry(failure));
  const unexplained = own.filter((failure) => !causeOf(failure, causeAmong));
  if (unexplained.length > 0) return fail(linesOf(unexplained), await fixFor(operator, unexplained));
  const [explained] = own.flatMap((failure) => causeOf(failure, causeAmong) ?? []);
  if (explained) return notChecked(explained);
  if (outcome.error && failures.length === 0) {
    const { type, message } = outcome.error;
    return fail([`${type}: ${message}`], fixForCrash(operator, outcome.error));
  }
  return ok('a dry run with its own role read the key, asked Runpod and got the credentials');
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
      ? `${deleteStack}, then ${operator.deployCommand()}`
      : recreateFunction(options),
  );
}

async function checkRegistry(
  { operator, dryRun }: Deployment,
  causeAmong: FindCause = NO_CAUSE,
): Promise<Finding> {
  const behind = causeAmong(['function']);
  const outcome = await dryRun().catch((error: unknown) => {
    if (behind) return notChecked(behind);
    throw error;
  });
  if ('status' in outcome) return outcome;
  const failures = failuresOf(outcome);
  const own = failures.filter((failure) => isByRegistry(failure) && !causeOf(failure, causeAmong));
  if (own.length > 0) return fail(linesOf(own), await fixFor(operator, own));
  // A target that failed for another reason did not come as far as its registry.
  const [explained] = failures.flatMap((failure) => causeOf(failure, causeAmong) ?? behind ?? []);
  if (explained) return notChecked(explained);
  if (outcome.error && behind) return notChecked(behind);
  if (failures.length > 0) return fail(linesOf(failures), await fixFor(operator, failures));
  const unproved = (outcome.report?.refreshed ?? []).filter(({ verified }) => !verified);
  return unproved.length > 0
    ? warn(unprovedLines(outcome, unproved))
    : ok('every new credential was accepted');
}

/** Returns one line for each reason why credentials were not proved. */
function unprovedLines(
  { lines }: InvocationOutcome,
  unproved: readonly { readonly target: string }[],
): string[] {
  const byReason = new Map<string, string[]>();
  for (const { target } of unproved.slice(0, 10)) {
    const line = lines.findLast(({ fields }) => fields.target === target && 'verified' in fields);
    const said = line?.fields.unverifiedBecause;
    const why =
      typeof said === 'string'
        ? visibleName(withoutSecretForms(visibleLine(said)), MAX_WHY)
        : 'verify is off';
    byReason.set(why, [...(byReason.get(why) ?? []), target]);
  }
  return [...byReason].map(([why, names]) => `not proved for ${names.join(', ')}: ${inWords(why)}`);
}

/** Longest reason that is shown, in characters. */
const MAX_WHY = 1_000;

/** Returns what an answer to the question for an image means. The path of that question ends with tag or digest. */
function inWords(why: string): string {
  const isMissing = /\/manifests\/\S+ answered 404$/.test(why);
  return isMissing ? `the image is missing (${why})` : why;
}

async function checkLastRun(deployment: Deployment, causeAmong: FindCause = NO_CAUSE): Promise<Finding> {
  const { operator, lastRuns } = deployment;
  const rule = (await requireStack(operator)).output('RuleName');
  const { State } = await operator.client(EventBridgeClient).send(new DescribeRuleCommand({ Name: rule }));
  const enable = awsCommand(`events enable-rule --name ${rule}`, operator.options);
  const schedule = judgeSchedule(State !== 'DISABLED').map(({ found }) => fail(found, enable));
  try {
    const { runs, problems } = await lastRuns();
    const side = await operator.side();
    const ofRuns = problems.map((problem) => ({
      ...findingOfRuns(operator, problem, causeAmong),
      ...(pagesBeside(problem, side) && { pages: true }),
    }));
    const all = [...schedule, ...ofRuns];
    return all.length > 0 ? together(all) : ok(describeRuns(runs));
  } catch (error) {
    return together([...schedule, brokenBy(error)]);
  }
}

function findingOfRuns(
  operator: Operator,
  { kind, severity, found }: HealthProblem,
  causeAmong: FindCause,
): Finding {
  if (severity === 'warning') return warn(found, 'wait: a failed run is tried again within 15 minutes');
  // A target that is not deployed yet is refreshed by its deployment.
  const isUndeployed = kind === 'not-refreshed' && causeAmong(['stack']) !== undefined;
  const fix = isUndeployed ? operator.deployCommand() : commandLine('refresh', operator.options);
  return fail(found, afterFix(causeAmong(CAUSES_OF_FAILED_RUNS), fix));
}

/** Puts the fix of a cause before a fix that does not help without it. */
function afterFix(cause: Cause | undefined, fix: string): string {
  return cause ? `fix "${cause.title}" first, then: ${fix}` : fix;
}

async function checkAlarms(
  { operator, lastRuns }: Deployment,
  causeAmong: FindCause = NO_CAUSE,
): Promise<Finding> {
  const stack = await requireStack(operator);
  const [alarms, waiting, givenUp, undelivered, refreshed] = await Promise.all([
    listAlarms(operator, (await operator.settings()).service),
    countMessages(operator, stack.output('RetryQueueUrl')),
    countMessages(operator, stack.output('DeadLetterQueueUrl')),
    countMessages(operator, stack.output('UndeliveredQueueUrl')),
    // Where the log cannot be read, nothing tells that a dead letter is history.
    lastRuns().then(
      ({ problems }) => isHealthy(problems),
      () => false,
    ),
  ]);
  const queues = judgeQueues({ waiting, givenUp, undelivered }, refreshed);
  const purges = {
    'dead-letters': stack.output('DeadLetterQueueUrl'),
    undelivered: stack.output('UndeliveredQueueUrl'),
  } as const;
  const cause = causeAmong([...CAUSES_OF_FAILED_RUNS, 'last-run']);
  const ofQueues = queues.map(({ kind, severity, found }) => {
    if (kind !== 'dead-letters' && kind !== 'undelivered') return warn(found);
    const purge = awsCommand(`sqs purge-queue --queue-url ${purges[kind]}`, operator.options);
    return severity === 'broken' ? fail(found, afterFix(cause, purge)) : warn(found, purge);
  });
  const ofAlarms = await findingsOfAlarms(operator, alarms, { causeAmong, purges, queues });
  const all = [...ofQueues, ...ofAlarms];
  return all.length > 0 ? together(all) : ok('the queues are empty, no alarm is firing');
}

interface AlarmContext {
  readonly causeAmong: FindCause;
  readonly purges: Readonly<Record<'dead-letters' | 'undelivered', string>>;
  readonly queues: readonly HealthProblem[];
}

/** Returns one finding for all pages that have the same fix, and one for the warnings. */
async function findingsOfAlarms(
  operator: Operator,
  alarms: readonly DeployedAlarm[],
  { causeAmong, purges, queues }: AlarmContext,
): Promise<Finding[]> {
  const firing = alarms.filter((alarm) => alarm.firing);
  const pagesByFix = new Map<string, string[]>();
  for (const { name, severity } of firing) {
    if (severity !== 'page') continue;
    const kind = QUEUE_OF_ALARM[name];
    const isFull = kind !== undefined && queues.some((problem) => problem.kind === kind);
    const ofRuns = causeAmong(CAUSES_OF_FAILED_RUNS);
    const fix = isOfWatch(name)
      ? afterFix(causeAmong(CAUSES_OF_FAILED_PULLS), await waitForLook(operator))
      : afterFix(
          ofRuns,
          isFull
            ? awsCommand(`sqs purge-queue --queue-url ${purges[kind]}`, operator.options)
            : commandLine('refresh', operator.options),
        );
    pagesByFix.set(fix, [...(pagesByFix.get(fix) ?? []), name]);
  }
  const pages = [...pagesByFix].map(([fix, names]) => ({
    ...fail([`firing: ${names.join(', ')} (docs/runbook.md has a heading for each)`], fix),
    pages: true,
  }));
  const warnings = firing.filter(({ severity }) => severity === 'warning');
  const lines = warnings.map(({ name }) => `warning: ${name}; see ${runbookSection(name)}`);
  return lines.length > 0 ? [...pages, warn(lines)] : pages;
}

/** The alarms that fire until a queue is empty, however well the last runs went. */
const QUEUE_OF_ALARM: Readonly<Record<string, keyof AlarmContext['purges'] | undefined>> = {
  RetriesExhausted: 'dead-letters',
  ScheduleBroken: 'undelivered',
} satisfies Partial<Record<AlarmName, HealthKind>>;

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
