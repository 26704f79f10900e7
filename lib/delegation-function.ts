/** The function behind the delegations of a stack, with its role and its log. */

import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  Policy,
  PolicyStatement,
  type PolicyStatementProps,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { secretArn } from './execution-role';
import { delegationCode } from './refresher-code';

/** Long enough for Runpod's rate limit and for the policy to be put back. */
const TIMEOUT = Duration.minutes(3);

/** A construct id is a contract: there is one such function in a stack. */
const ID = 'DelegationFunction';

/** One function for all delegations of a stack. Each delegation brings its own permissions. */
export class DelegationFunction extends Construct {
  /** The function of this stack, made on first use. */
  static of(scope: Construct): DelegationFunction {
    const stack = Stack.of(scope);
    const known = stack.node.tryFindChild(ID);
    return known instanceof DelegationFunction ? known : new DelegationFunction(stack, ID);
  }

  readonly function: LambdaFunction;
  /**
   * CloudFormation waits this long for an answer. Lambda delivers a request that was not answered twice more, one
   * and two minutes later.
   */
  readonly patience = Duration.minutes(3 * TIMEOUT.toMinutes() + 6);
  readonly #role: Role;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'LogGroup', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Lets Runpod pull the delegated repositories: changes their policies and nothing else',
    });
    const logs = new Policy(this, 'Logs', {
      roles: [this.#role],
      statements: [
        new PolicyStatement({
          sid: 'WriteOwnLogs',
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          resources: [logGroup.logGroupArn],
        }),
      ],
    });
    this.function = new LambdaFunction(this, 'Function', {
      description: 'Lets Runpod pull repositories by their policy, and takes that back',
      code: delegationCode(this),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 256,
      timeout: TIMEOUT,
      role: this.#role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: { NODE_OPTIONS: '--enable-source-maps' },
    });
    this.function.node.addDependency(logs);
    this.#acknowledgeFindings();
  }

  /**
   * Allows the function to change the policy of one repository. A policy for each, so that a delegation which is
   * removed keeps its permissions until it has taken everything back: CloudFormation changes what stays before it
   * deletes what goes.
   */
  allowRepository(scope: Construct, id: string, repositoryArn: string): Policy {
    return this.#allow(scope, id, 'ChangeRepositoryPolicy', {
      actions: ['ecr:GetRepositoryPolicy', 'ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy'],
      resources: [repositoryArn],
    });
  }

  /** Allows it to read a key, once for all delegations with that key: the policies of a role have 10,240 characters. */
  allowKey(id: string, secretName: string): Policy {
    const known = this.node.tryFindChild(id);
    if (known instanceof Policy) return known;
    return this.#allow(this, id, 'ReadRunpodApiKey', {
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArn(this, secretName)],
    });
  }

  #allow(scope: Construct, id: string, sid: string, statement: PolicyStatementProps): Policy {
    return new Policy(scope, id, {
      roles: [this.#role],
      statements: [new PolicyStatement({ sid, ...statement })],
    });
  }

  #acknowledgeFindings(): void {
    Validations.of(this.function).acknowledge(
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'It runs when a delegation is deployed or removed and at no other time, and its log has every outcome.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'CloudFormation waits for the answer to each request and fails the deployment without one, so no request is lost unseen.',
      },
    );
  }
}
