/** The links that hold once the stack is deployed: stack, the function's own role, schedule, alarms, users. */

import { DescribeRuleCommand } from '@aws-sdk/client-eventbridge';
import { alarmsOf } from '../deployment/alarms';
import { lastSuccesses, readHistory } from '../deployment/history';
import { type InvocationOutcome, invokeFunction } from '../deployment/invoke';
import { waitingIn } from '../deployment/queues';
import { type DeployedStack, deployedTemplate, findStack, requireStack } from '../deployment/stack';
import { isAccessDenied, nameOf } from '../errors';
import type { Operator } from '../operator';
import { awsCommand, commandLine, deployCommand } from '../options';
import { minutesText } from '../times';
import { count } from './account-links';
import { breaks, type Finding, holds, type Link, warns } from './chain';

const HOUR_MS = 60 * 60_000;

/** A credential of ECR lives as long; an older success is no success any more. */
const LOOK_BACK_MS = 12 * HOUR_MS;

/** The links in their order. */
export function deploymentLinks(operator: Operator): Link[] {
  let rehearsal: Promise<InvocationOutcome> | undefined;
  const rehearse = () => {
    rehearsal ??= rehearseRun(operator);
    return rehearsal;
  };
  return [
    { id: 'stack', title: 'Stack', check: () => checkStack(operator) },
    { id: 'function', title: 'Function and its role', check: () => checkFunction(operator, rehearse) },
    { id: 'registry', title: 'Registry accepts', check: () => checkRegistry(rehearse) },
    { id: 'last-run', title: 'Schedule, last run', check: () => checkLastRun(operator) },
    { id: 'alarms', title: 'Queues and alarms', check: () => checkAlarms(operator) },
  ];
}

async function checkStack(operator: Operator): Promise<Finding> {
  const stack = await findStack(operator);
  const deploy = deployCommand(operator.options);
  if (!stack)
    return breaks([`${operator.config().stackName} is not deployed in ${await operator.region()}`], deploy);
  if (/_IN_PROGRESS$/.test(stack.status)) {
    return breaks([`${stack.name} is being deployed (${stack.status})`], 'wait for the deployment to end');
  }
  if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(stack.status)) {
    const events = awsCommand(
      `cloudformation describe-stack-events --stack-name ${stack.name}`,
      operator.options,
    );
    return breaks([`${stack.name} is in the state ${stack.status}`], `${deploy}; ${events} says why`);
  }
  const { differingResources, expectedTemplate } = await import('../deployment/expected-template');
  const place = { account: (await operator.identity()).account, region: await operator.region() };
  const differing = differingResources(
    expectedTemplate(operator.config(), place),
    await deployedTemplate(operator),
  );
  if (differing.length === 0)
    return holds(`${stack.name} is ${stack.status} and the same as the configuration`);
  const some = `${differing.slice(0, 3).join(', ')}${differing.length > 3 ? ', …' : ''}`;
  return breaks(
    [
      `${stack.name} is not what ${operator.configLabel} and this code describe: ${count(differing.length, 'resource')} differ (${some})`,
    ],
    deploy,
  );
}

/** The function itself does everything but write: no other way has exactly its role, its network and its settings. */
async function rehearseRun(operator: Operator): Promise<InvocationOutcome> {
  const stack = await requireStack(operator);
  return invokeFunction(stack.output('FunctionName'), { dryRun: true });
}

/** Failures that are the registry's word, not the function's. */
const REGISTRY_REASONS: readonly unknown[] = ['credential-rejected', 'image-unproved'];

function failuresOf({ lines }: InvocationOutcome): { text: string; ofRegistry: boolean }[] {
  return lines
    .filter(({ message }) => message === 'target failed')
    .map(({ fields }) => ({
      text: `${fields.target}: ${fields.why}`,
      ofRegistry: REGISTRY_REASONS.includes(fields.reason),
    }));
}

async function checkFunction(
  operator: Operator,
  rehearse: () => Promise<InvocationOutcome>,
): Promise<Finding> {
  const outcome = await rehearse().catch((error: unknown) => explainRefusal(error, operator));
  if ('status' in outcome) return outcome;
  const failures = failuresOf(outcome);
  const own = failures.filter(({ ofRegistry }) => !ofRegistry).map(({ text }) => text);
  if (outcome.error && (own.length > 0 || failures.length === 0)) {
    const found = own.length > 0 ? own : [`${outcome.error.type}: ${outcome.error.message}`];
    return breaks(
      found.slice(0, 10),
      `${deployCommand(operator.options)} --revert-drift puts right what was changed by hand`,
    );
  }
  return holds('a dry run read the key, asked Runpod, and got its tokens, with its own role');
}

function explainRefusal(error: unknown, operator: Operator): Finding {
  if (isAccessDenied(error)) {
    return breaks(
      ['you may not invoke the function, so it cannot be asked'],
      'let your own identity call lambda:InvokeFunction on it',
    );
  }
  if (nameOf(error) !== 'ResourceNotFoundException') throw error;
  return breaks(
    ['the function is gone although the stack is there'],
    `${awsCommand(`cloudformation delete-stack --stack-name ${operator.config().stackName}`, operator.options)}, then ${deployCommand(operator.options)}`,
  );
}

async function checkRegistry(rehearse: () => Promise<InvocationOutcome>): Promise<Finding> {
  const outcome = await rehearse();
  const failures = failuresOf(outcome).map(({ text }) => text);
  if (failures.length > 0) {
    return breaks(
      failures.slice(0, 10),
      "look for a Deny in the repository's policy (aws ecr get-repository-policy), and push the image if it is missing",
    );
  }
  const unproved = (outcome.report?.refreshed ?? []).filter(({ verified }) => !verified);
  const names = unproved.map(({ target }) => target).join(', ');
  return unproved.length > 0
    ? warns([`not proved for ${names}: the registry could not be asked, or is not to be`])
    : holds('every new credential was accepted');
}

async function checkLastRun(operator: Operator): Promise<Finding> {
  const stack = await requireStack(operator);
  const rule = stack.output('RuleName');
  const { State } = await operator.events.send(new DescribeRuleCommand({ Name: rule }));
  if (State !== 'ENABLED') {
    return breaks(
      [`the schedule is ${String(State).toLowerCase()}: nothing refreshes by itself`],
      awsCommand(`events enable-rule --name ${rule}`, operator.options),
    );
  }
  return checkSuccesses(operator, stack);
}

async function checkSuccesses(operator: Operator, stack: DeployedStack): Promise<Finding> {
  const now = Date.now();
  const history = await readHistory(operator, stack.output('LogGroupName'), new Date(now - LOOK_BACK_MS));
  const { targets } = operator.settings();
  const all = lastSuccesses(history);
  // A target that was renamed or taken out is still in the log.
  const successes = new Map([...all].filter(([target]) => targets.some(({ name }) => name === target)));
  const refresh = commandLine('refresh', operator.options);
  const never = targets.filter(({ name }) => !successes.has(name)).map(({ name }) => name);
  if (never.length > 0) {
    return breaks([`${never.join(', ')}: not refreshed in the last 12 hours`], refresh);
  }
  const lives = [...successes.values()].flatMap(({ expiresAt }) =>
    expiresAt ? [expiresAt.getTime() - now] : [],
  );
  const least = Math.min(...lives);
  if (least <= 0) return breaks(['the credential at Runpod has expired'], refresh);
  const oldest = Math.max(...[...successes.values()].map(({ at }) => now - at.getTime()));
  const late = oldest > (operator.config().refreshIntervalHours + 1) * HOUR_MS;
  const story = `refreshed ${minutesText(oldest)} ago${lives.length > 0 ? `, good for another ${minutesText(least)}` : ''}`;
  return late ? breaks([`a run was missed: ${story}`], refresh) : holds(story);
}

async function checkAlarms(operator: Operator): Promise<Finding> {
  const stack = await requireStack(operator);
  const [alarms, retrying, dead, undelivered] = await Promise.all([
    alarmsOf(operator, stack.name),
    waitingIn(operator, stack.output('RetryQueueUrl')),
    waitingIn(operator, stack.output('DeadLetterQueueUrl')),
    waitingIn(operator, stack.output('UndeliveredQueueUrl')),
  ]);
  const purge = (url: string) => awsCommand(`sqs purge-queue --queue-url ${url}`, operator.options);
  if (dead > 0) {
    return breaks(
      [`${count(dead, 'failed run')} were given up; every link before works, so they are history`],
      purge(stack.output('DeadLetterQueueUrl')),
    );
  }
  if (undelivered > 0) {
    return breaks(
      [
        `${count(undelivered, 'event')} never reached the function; every link before works, so they are history`,
      ],
      purge(stack.output('UndeliveredQueueUrl')),
    );
  }
  const ringing = alarms.filter(({ rings }) => rings);
  const pages = ringing.filter((alarm) => alarm.pages).map(({ name }) => name);
  if (pages.length > 0) {
    const refresh = commandLine('refresh', operator.options);
    return breaks([`ringing: ${pages.join(', ')} (docs/runbook.md has a heading for each)`], refresh);
  }
  const warnings = [
    ...(retrying > 0 ? [`${count(retrying, 'failed run')} will be tried again within 15 minutes`] : []),
    ...ringing.map(({ name }) => `warning: ${name}; see docs/runbook.md, "${name}"`),
  ];
  return warnings.length > 0 ? warns(warnings) : holds('nothing waits, nothing rings');
}
