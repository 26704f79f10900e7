/** Pulls without any password: Runpod may pull a repository because the repository's own policy says so. */

import { createHash } from 'node:crypto';
import { CustomResource, Stack, Token } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import {
  DELEGATION_RESOURCE_TYPE,
  type DelegationProperties,
  RUNPOD_PRINCIPAL_ARNS,
} from '../lambda/delegate-repository/model';
import { ConfigError } from './config/mistakes';
import { DelegationFunction } from './delegation-function';

/** Properties of `RunpodEcrDelegation`. */
export interface RunpodEcrDelegationProps {
  /** Name of the ECR repository, in the account of the stack. */
  readonly repository: string;
  /** @default - the region of the stack */
  readonly region?: string | undefined;
  /** Name of the delegation at Runpod, given when it is registered. @default - none */
  readonly name?: string | undefined;
  /** Secrets Manager name or ARN of the Runpod API key. */
  readonly runpodApiKeySecretName: string;
  /** The roles with which Runpod pulls. @default - the ones in Runpod's guide */
  readonly principalArns?: readonly string[];
  /** @default 'https://api.runpod.io/v2' */
  readonly restV2Url?: string;
}

/**
 * Lets Runpod pull one repository: adds one statement to the repository's policy, registers the repository with
 * Runpod, and takes both back when it is removed. Other statements of the policy stay as they are.
 */
export class RunpodEcrDelegation extends Construct {
  readonly repositoryArn: string;
  /** Id of the delegation at Runpod, known once it is deployed. */
  readonly delegationId: string;

  constructor(scope: Construct, id: string, props: RunpodEcrDelegationProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { repository, region = stack.region, runpodApiKeySecretName, name } = props;
    this.repositoryArn = stack.formatArn({
      service: 'ecr',
      region,
      resource: 'repository',
      resourceName: repository,
    });
    const properties: DelegationProperties = {
      repositoryArn: this.repositoryArn,
      principalArns: props.principalArns ?? RUNPOD_PRINCIPAL_ARNS,
      runpodApiKeySecretName,
      restV2Url: props.restV2Url ?? 'https://api.runpod.io/v2',
      ...(name !== undefined && { name }),
    };
    if (Token.isUnresolved(region)) {
      throw new ConfigError(
        `The delegation of ${repository} needs a region: its own, or that of the stack (env).`,
      );
    }
    // Another repository or key makes other resources, so that the old permissions outlive the old delegation.
    const place = [region, repository];
    const provider = DelegationFunction.of(this);
    const permissions = [
      provider.allowRepository(this, `Permissions${hashOf(...place)}`, this.repositoryArn),
      provider.allowKey(`Key${hashOf(runpodApiKeySecretName)}`, runpodApiKeySecretName),
    ];
    const resource = new CustomResource(this, `Resource${hashOf(...place)}`, {
      resourceType: DELEGATION_RESOURCE_TYPE,
      serviceToken: provider.function.functionArn,
      serviceTimeout: provider.patience,
      properties: { ...properties },
    });
    resource.node.addDependency(...permissions);
    this.delegationId = resource.getAttString('delegationId');
  }
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}
