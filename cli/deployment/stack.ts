/** The deployed stack: its state, outputs, template and queues. */

import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { OutputName } from '../../lambda/core/contract';
import { PAGE_BUDGET_MINUTES } from '../../lambda/core/model';
import { CliError, errorName } from '../errors';
import type { Operator } from '../operator';

/** The deployed stack. */
export interface DeployedStack {
  readonly name: string;
  /** CloudFormation's status, such as `UPDATE_COMPLETE`. */
  readonly status: string;
  /** When the stack was last updated, or created. */
  readonly changedAt: Date;
  /** Returns the name or URL of a resource. @throws CliError when the stack has no such output or resource */
  output(name: OutputName): string;
}

/** Returns the stack; undefined if it is not deployed. @throws the AWS client's error */
export async function findStack(operator: Operator): Promise<DeployedStack | undefined> {
  const stackName = operator.stackName();
  const deployed = await operator.deployed();
  try {
    const { Stacks } = await operator
      .client(CloudFormationClient)
      .send(new DescribeStacksCommand({ StackName: stackName }));
    const [stack] = Stacks ?? [];
    if (!stack || stack.StackStatus === 'REVIEW_IN_PROGRESS') return undefined;
    // A stack of somebody's own has no outputs of ours.
    const outputs = new Map<string | undefined, string | undefined>(
      deployed === undefined
        ? stack.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])
        : Object.entries(deployed.resources),
    );
    return {
      name: stackName,
      status: stack.StackStatus ?? '',
      changedAt: stack.LastUpdatedTime ?? stack.CreationTime ?? new Date(0),
      output(name) {
        const value = outputs.get(name);
        if (value !== undefined) return value;
        throw new CliError(
          `The stack ${stackName} has no ${deployed ? 'resource for the' : 'output'} ${name}.`,
          {
            fix: `Deploy it again: ${operator.deployCommand()}`,
          },
        );
      },
    };
  } catch (error) {
    // CloudFormation has no error code for a missing stack.
    if (errorName(error) === 'ValidationError') return undefined;
    throw error;
  }
}

/** Returns the stack. @throws CliError when it is not deployed */
export async function requireStack(operator: Operator): Promise<DeployedStack> {
  const stack = await findStack(operator);
  if (stack) return stack;
  throw new CliError(`The stack ${operator.stackName()} is not deployed in ${await operator.region()}.`, {
    fix: `Deploy it: ${operator.deployCommand()}`,
  });
}

/**
 * Whether account and region are bootstrapped. An unknown state counts as no, because a second bootstrap is harmless.
 *
 * @param region - @default - the stack's region
 */
export async function hasBootstrap(operator: Operator, region?: string): Promise<boolean> {
  try {
    const { Stacks = [] } = await operator
      .client(CloudFormationClient, region)
      .send(new DescribeStacksCommand({ StackName: 'CDKToolkit' }));
    return Stacks.some(({ StackStatus = '' }) =>
      /^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$/.test(StackStatus),
    );
  } catch {
    return false;
  }
}

/** Returns the template as it was deployed. @throws the AWS client's error */
export async function deployedTemplate(operator: Operator): Promise<unknown> {
  const stackName = operator.stackName();
  const { TemplateBody } = await operator
    .client(CloudFormationClient)
    .send(new GetTemplateCommand({ StackName: stackName, TemplateStage: 'Original' }));
  return JSON.parse(TemplateBody ?? '{}');
}

/**
 * Returns how many messages a queue holds: visible, in flight and delayed.
 *
 * SQS counts approximately.
 *
 * @throws the AWS client's error
 */
export async function countMessages(operator: Operator, queueUrl: string): Promise<number> {
  const names = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateNumberOfMessagesDelayed',
  ] as const;
  const { Attributes } = await operator
    .client(SQSClient)
    .send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] }));
  return names.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
}

/** Returns the time between two scheduled runs, in milliseconds. @param minCredentialMinutes - of the settings */
export function intervalMs(minCredentialMinutes: number): number {
  return (minCredentialMinutes - PAGE_BUDGET_MINUTES) * 60_000;
}
