import { createHash } from 'node:crypto';
import { CustomResource, Stack, Token } from 'aws-cdk-lib';
import type { IRepository } from 'aws-cdk-lib/aws-ecr';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import {
  DELEGATION_RESOURCE_TYPE,
  type DelegationProperties,
  RUNPOD_PRINCIPAL_ARNS,
} from '../lambda/delegate-repository/model';
import { checkDelegationProps, DELEGATION_HELP } from './config/delegation-props';
import { ConfigError, type Mistake, mistakesError } from './config/mistakes';
import { DelegationFunction } from './delegation-function';
import { differs, secretId, secretPlaceMistakes } from './secrets';
import { stableText } from './tokens';
import { warnOfHostsInNames, warnOfPartialArns } from './warnings';

/** Properties of `RunpodEcrDelegation`. */
export interface RunpodEcrDelegationProps {
  /** The ECR repository, which is in the account of the stack. It may be created in the same app or imported. */
  readonly repository: IRepository;
  /**
   * Region of the repository. Give it for a repository that was imported by name.
   * @default - the region of the repository, which is the stack's unless it was imported by ARN
   */
  readonly region?: string;
  /**
   * Regions that the installed CDK does not know yet.
   * @default - an unknown region is refused unless it is the stack's
   */
  readonly additionalRegions?: string[];
  /**
   * Name that the delegation gets at Runpod when it is registered.
   * @default - no name
   */
  readonly name?: string;
  /** The secret with the Runpod API key: the key itself, or a JSON object with the field `apiKey`. */
  readonly runpodApiKey: ISecret;
  /**
   * ARNs of the roles with which Runpod pulls.
   * @default - the roles in Runpod's guide "Use private AWS ECR images"
   */
  readonly principalArns?: string[];
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
 *   repository,
 *   runpodApiKey: Secret.fromSecretNameV2(stack, 'RunpodKey', 'runpod/api-key'),
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
    const { runpodApiKey, name } = props;
    const repository = props.repository.repositoryName;
    const region = regionOf(props, stack);
    const runpodApiKeySecretName = secretId(runpodApiKey, stack);
    const subject = `RunpodEcrDelegation ${this.node.path}`;
    const misplaced = placeMistakes(props, stack);
    if (misplaced.length > 0) throw mistakesError(subject, misplaced, { help: DELEGATION_HELP });
    const { principalArns = RUNPOD_PRINCIPAL_ARNS, restV2Url = 'https://api.runpod.io/v2' } = props;
    checkDelegationProps(
      subject,
      {
        repository,
        region: props.region ?? region,
        additionalRegions: props.additionalRegions,
        name,
        runpodApiKeySecretName,
        principalArns,
        restV2Url,
      },
      stack,
    );
    warnOfPartialArns(this, [runpodApiKey]);
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
        `The delegation of ${stableText(this, repository)} needs a region: give it one, or give the stack one (env).`,
      );
    }
    // The ids follow the repository and the key. A change of either creates new resources, and the old delegation
    // keeps its permissions until CloudFormation has deleted it.
    const repositoryHash = hashOf(region, stableText(this, repository));
    const handler = DelegationFunction.of(this, { architecture: props.architecture ?? Architecture.ARM_64 });
    if (!handler.serves(repositoryHash)) {
      const found = [
        {
          path: ['repository'],
          expected: 'a repository that no other delegation names',
          found: 'one of another delegation of this stack',
        },
      ];
      throw mistakesError(subject, found, { help: DELEGATION_HELP });
    }
    const permissions = [
      handler.allowRepository(this, `Permissions${repositoryHash}`, this.repositoryArn),
      handler.allowKey(`Key${hashOf(stableText(this, runpodApiKeySecretName))}`, runpodApiKey),
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

/** Returns the region of the repository: a token when the region of the stack is one. */
function regionOf({ region, repository }: RunpodEcrDelegationProps, stack: Stack): string {
  return region ?? (differs(repository.env.region, stack.region) ? repository.env.region : stack.region);
}

/** Finds a repository of another account and a secret of another region, which a configuration file cannot name. */
function placeMistakes({ repository, runpodApiKey }: RunpodEcrDelegationProps, stack: Stack): Mistake[] {
  const { account } = repository.env;
  const foreign: Mistake = {
    path: ['repository'],
    expected: `a repository of ${stack.account}, the account of the stack`,
    found: `one of ${account}`,
  };
  return [
    ...(differs(account, stack.account) ? [foreign] : []),
    ...secretPlaceMistakes(runpodApiKey, ['runpodApiKey'], stack),
  ];
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}
