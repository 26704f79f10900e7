import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  Policy,
  PolicyStatement,
  type PolicyStatementProps,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  type Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { ConfigError } from './config/mistakes';
import { delegationCode } from './function-code';
import { onlySecretsManager, secretArn } from './secrets';

/** Long enough to wait for Runpod's rate limit and then to undo a change of the repository policy. */
const TIMEOUT = Duration.minutes(3);

/** Construct id. A stack has at most one such function. */
const ID = 'DelegationFunction';

/** Properties of `DelegationFunction`. */
export interface DelegationFunctionProps {
  readonly architecture: Architecture;
}

/** The function that serves all delegations of a stack. Each delegation adds the permissions that it needs. */
export class DelegationFunction extends Construct {
  /**
   * Returns the function of the stack, which the first call creates.
   *
   * @throws ConfigError when the function exists and has another architecture
   */
  static of(scope: Construct, { architecture }: DelegationFunctionProps): DelegationFunction {
    const stack = Stack.of(scope);
    const existing = stack.node.tryFindChild(ID);
    if (!(existing instanceof DelegationFunction)) return new DelegationFunction(stack, ID, { architecture });
    if (existing.function.architecture.name === architecture.name) return existing;
    throw new ConfigError(
      `All delegations of a stack share one function. ${scope.node.path} asks for ${architecture.name}, and an earlier one for ${existing.function.architecture.name}.`,
    );
  }

  readonly function: LambdaFunction;
  /**
   * How long CloudFormation waits for an answer: enough for three attempts. Lambda retries a failed request twice,
   * after one and two minutes.
   */
  readonly answerTimeout = Duration.minutes(3 * TIMEOUT.toMinutes() + 6);
  readonly #role: Role;
  readonly #repositories = new Set<string>();

  constructor(scope: Construct, id: string, { architecture }: DelegationFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'LogGroup', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Changes the policies of the repositories that Runpod may pull, and nothing else',
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
      description: 'Lets Runpod pull ECR repositories by their repository policy, and undoes that',
      code: delegationCode(this).code,
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture,
      memorySize: 256,
      timeout: TIMEOUT,
      role: this.#role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // Pinned, so that a level that somebody raises by hand is a drift.
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.INFO,
      environment: { NODE_OPTIONS: '--enable-source-maps' },
    });
    this.function.node.addDependency(logs);
    this.#acknowledgeFindings();
  }

  /**
   * Takes a repository on. Two delegations of one repository would share a policy statement, and the removal of one would
   * undo the other.
   *
   * @param repository - a text that is the same for the same repository
   * @returns false when another delegation of the stack has this repository
   */
  serves(repository: string): boolean {
    const isNew = !this.#repositories.has(repository);
    this.#repositories.add(repository);
    return isNew;
  }

  /**
   * Allows the function to change the policy of one repository.
   *
   * Each repository has an IAM policy of its own, so that a removed delegation keeps its permissions until the
   * function has undone it. One shared policy would lose them first: CloudFormation updates resources before it
   * deletes others.
   */
  allowRepository(scope: Construct, id: string, repositoryArn: string): Policy {
    return this.#allow(scope, id, 'ChangeRepositoryPolicy', {
      actions: ['ecr:GetRepositoryPolicy', 'ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy'],
      resources: [repositoryArn],
    });
  }

  /**
   * Allows the function to read a Runpod API key.
   *
   * Delegations with the same key share one policy, because the inline policies of a role hold 10,240 characters.
   */
  allowKey(id: string, secret: ISecret): Policy {
    const existing = this.node.tryFindChild(id);
    if (existing instanceof Policy) return existing;
    const policy = this.#allow(this, id, 'ReadRunpodApiKey', {
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArn(secret)],
    });
    if (secret.encryptionKey) {
      const { keyArn } = secret.encryptionKey;
      const conditions = onlySecretsManager(Stack.of(this));
      policy.addStatements(
        new PolicyStatement({
          sid: 'DecryptSecret',
          actions: ['kms:Decrypt'],
          resources: [keyArn],
          conditions,
        }),
      );
    }
    return policy;
  }

  #allow(scope: Construct, id: string, sid: string, statement: PolicyStatementProps): Policy {
    return new Policy(scope, id, {
      roles: [this.#role],
      statements: [new PolicyStatement({ sid, ...statement })],
    });
  }

  #acknowledgeFindings(): void {
    acknowledge(
      this.function,
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'The function runs only when a delegation is deployed or removed, and its log has every outcome.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'CloudFormation waits for the answer to each request and fails the deployment without one, so no lost request goes unnoticed.',
      },
    );
  }
}
