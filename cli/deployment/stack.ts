/** The deployed stack, as CloudFormation tells. */

import { DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { CliError, nameOf } from '../errors';
import type { Operator } from '../operator';
import { deployCommand } from '../options';

/** A deployed stack. */
export interface DeployedStack {
  readonly name: string;
  /** Such as `UPDATE_COMPLETE`. */
  readonly status: string;
  readonly changedAt: Date;
  /** @throws CliError when the stack has no such output */
  output(name: string): string;
}

/** The stack of the configuration; undefined where it is not deployed. @throws AWS's own error */
export async function findStack(operator: Operator): Promise<DeployedStack | undefined> {
  const { stackName } = operator.config();
  try {
    const { Stacks } = await operator.cloudFormation.send(
      new DescribeStacksCommand({ StackName: stackName }),
    );
    const [stack] = Stacks ?? [];
    if (!stack || stack.StackStatus === 'REVIEW_IN_PROGRESS') return undefined;
    const outputs = new Map(stack.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
    return {
      name: stackName,
      status: stack.StackStatus ?? '',
      changedAt: stack.LastUpdatedTime ?? stack.CreationTime ?? new Date(0),
      output(name) {
        const value = outputs.get(name);
        if (value !== undefined) return value;
        throw new CliError(
          `The stack ${stackName} has no output ${name}. Deploy it again: ${deployCommand(operator.options)}`,
        );
      },
    };
  } catch (error) {
    // CloudFormation has no error of its own for a stack that is not there.
    if (nameOf(error) === 'ValidationError') return undefined;
    throw error;
  }
}

/** The deployed stack. @throws CliError when it is not deployed */
export async function requireStack(operator: Operator): Promise<DeployedStack> {
  const stack = await findStack(operator);
  if (stack) return stack;
  throw new CliError(
    `The stack ${operator.config().stackName} is not deployed in ${await operator.region()}. Deploy it: ${deployCommand(operator.options)}`,
  );
}

/** The template as it was deployed. @throws AWS's own error */
export async function deployedTemplate(operator: Operator): Promise<unknown> {
  const { stackName } = operator.config();
  const { TemplateBody } = await operator.cloudFormation.send(
    new GetTemplateCommand({ StackName: stackName, TemplateStage: 'Original' }),
  );
  return JSON.parse(TemplateBody ?? '{}');
}
