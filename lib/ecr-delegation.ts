import { createHash } from 'node:crypto';
import { CustomResource, Reference, Stack, Token, Tokenization } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import {
  DELEGATION_RESOURCE_TYPE,
  type DelegationProperties,
  RUNPOD_PRINCIPAL_ARNS,
} from '../lambda/delegate-repository/model';
import { checkDelegationProps } from './config/delegation-props';
import { ConfigError } from './config/mistakes';
import { DelegationFunction } from './delegation-function';
import { warnOfHostsInNames, warnOfPartialArns } from './warnings';

/** Properties of `RunpodEcrDelegation`. */
export interface RunpodEcrDelegationProps {
  /**
   * Name of the ECR repository, which is in the account of the stack. It may be a reference to a repository of the same
   * app, such as `repository.repositoryName`.
   */
  readonly repository: string;
  /**
   * Region of the repository.
   * @default - the region of the stack
   */
  readonly region?: string | undefined;
  /**
   * Regions that the installed CDK does not know yet.
   * @default - an unknown region is refused unless it is the stack's
   */
  readonly additionalRegions?: readonly string[];
  /**
   * Name that the delegation gets at Runpod when it is registered.
   * @default - no name
   */
  readonly name?: string | undefined;
  /** Secrets Manager name or ARN of the Runpod API key. It may be a reference to a secret of the same app. */
  readonly runpodApiKeySecretName: string;
  /**
   * ARNs of the roles with which Runpod pulls.
   * @default - the roles in Runpod's guide "Use private AWS ECR images"
   */
  readonly principalArns?: readonly string[];
  /**
   * Base address of Runpod's REST API v2.
   * @default 'https://api.runpod.io/v2'
   */
  readonly restV2Url?: string;
  /**
   * Processor of the function that changes repository policies. All delegations of a stack share it.
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;
}

/**
 * Lets Runpod pull one ECR repository without a password.
 *
 * The deployment adds one statement to the repository policy and registers the repository at Runpod. The removal
 * undoes both. Other statements of the policy stay as they are.
 *
 * @example
 * new RunpodEcrDelegation(stack, 'Delegation', {
 *   repository: 'team/worker',
 *   runpodApiKeySecretName: 'runpod/api-key',
 * });
 */
export class RunpodEcrDelegation extends Construct {
  /** ARN of the repository. */
  readonly repositoryArn: string;
  /** Id of the delegation at Runpod: a token that is resolved when the stack is deployed. */
  readonly delegationId: string;

  /** @throws ConfigError when a property has a mistake, and when the region is not known at synth */
  constructor(scope: Construct, id: string, props: RunpodEcrDelegationProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { repository, region = stack.region, runpodApiKeySecretName, name } = props;
    const { principalArns = RUNPOD_PRINCIPAL_ARNS, restV2Url = 'https://api.runpod.io/v2' } = props;
    checkDelegationProps(
      `RunpodEcrDelegation ${this.node.path}`,
      {
        repository,
        region: props.region,
        additionalRegions: props.additionalRegions,
        name,
        runpodApiKeySecretName,
        principalArns,
        restV2Url,
      },
      stack,
    );
    warnOfPartialArns(this, [runpodApiKeySecretName]);
    warnOfHostsInNames(this, [repository]);
    this.repositoryArn = stack.formatArn({
      service: 'ecr',
      region,
      resource: 'repository',
      resourceName: repository,
    });
    const properties: DelegationProperties = {
      repositoryArn: this.repositoryArn,
      principalArns,
      runpodApiKeySecretName,
      restV2Url,
      ...(name !== undefined && { name }),
    };
    if (Token.isUnresolved(region)) {
      throw new ConfigError(
        `The delegation of ${nameFor(this, repository)} needs a region: give it one, or give the stack one (env).`,
      );
    }
    // The ids follow the repository and the key. A change of either creates new resources, and the old delegation
    // keeps its permissions until CloudFormation has deleted it.
    const repositoryHash = hashOf(region, nameFor(this, repository));
    const handler = DelegationFunction.of(this, { architecture: props.architecture ?? Architecture.ARM_64 });
    const permissions = [
      handler.allowRepository(this, `Permissions${repositoryHash}`, this.repositoryArn),
      handler.allowKey(`Key${hashOf(nameFor(this, runpodApiKeySecretName))}`, runpodApiKeySecretName),
    ];
    const resource = new CustomResource(this, `Resource${repositoryHash}`, {
      resourceType: DELEGATION_RESOURCE_TYPE,
      serviceToken: handler.function.functionArn,
      serviceTimeout: handler.answerTimeout,
      properties: { ...properties },
    });
    resource.node.addDependency(...permissions);
    this.delegationId = resource.getAttString('delegationId');
  }
}

/**
 * Returns a name, or what a reference refers to. The text of a reference contains a running number, which changes when
 * unrelated constructs change.
 */
function nameFor(scope: Construct, name: string): string {
  return Tokenization.reverseString(name)
    .mapTokens({
      mapToken: (token) =>
        Reference.isReference(token)
          ? `{${token.target.node.path}.${token.displayName}}`
          : JSON.stringify(Stack.of(scope).resolve(token)),
    })
    .join({ join: (left, right) => `${left ?? ''}${right ?? ''}` });
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}
