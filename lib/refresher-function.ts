/** The function that refreshes, with its role and its log. */

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Architecture, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { RefresherSettings } from '../lambda/core/model';
import { ExecutionRole } from './execution-role';
import { refresherCode } from './refresher-code';

/** Properties of `RefresherFunction`. */
export interface RefresherFunctionProps {
  /** Written beside the function's code: a function's environment holds only 4 KB. */
  readonly settings: RefresherSettings;
}

/** How long one run may last. */
const TIMEOUT = Duration.minutes(5);

/** The refresher: one function, its own role, its own log group. */
export class RefresherFunction extends Construct {
  /** The function itself. */
  readonly function: LambdaFunction;
  /** What the function may do. */
  readonly role: ExecutionRole;
  /** How long one run may last. */
  readonly timeout = TIMEOUT;
  /** Everything that the function logs, as JSON, kept for a month. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, { settings }: RefresherFunctionProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'LogGroup', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new ExecutionRole(this, 'Role', { settings, logGroup: this.logGroup });
    // No reserved concurrency: overlapping runs are harmless, and a new account has none to reserve.
    this.function = new LambdaFunction(this, 'Function', {
      description: 'Writes fresh ECR credentials over the registry auths at Runpod',
      code: refresherCode(this, settings),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 256,
      timeout: this.timeout,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
    });
    this.#acknowledgeFindings();
  }

  #acknowledgeFindings(): void {
    Validations.of(this.function).acknowledge(
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'One function without callers or callees of its own: its log has every step with its duration. Tracing would add a permission on every resource to the role that the credential speaks for.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'A failed invocation goes to the on-failure destination, which unlike a dead-letter queue of the function also tells why it failed.',
      },
    );
  }
}
