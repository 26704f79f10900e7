import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  ApplicationLogLevel,
  type Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { RefresherSettings } from '../lambda/core/model';
import { acknowledge } from './acknowledge';
import { ExecutionRole } from './execution-role';
import { refresherCode } from './function-code';
import type { NeededResources } from './refresher-props';
import { dividedSettings } from './settings-file';

/** Properties of `RefresherFunction`. */
export interface RefresherFunctionProps {
  /** Written as a file beside the function's code, because a function's environment holds only 4 KB. */
  readonly settings: RefresherSettings;
  /** The function may use these and nothing else. */
  readonly resources: NeededResources;
  readonly architecture: Architecture;
}

const TIMEOUT = Duration.minutes(5);

/** The function that refreshes the credentials, with its role and its log group. */
export class RefresherFunction extends Construct {
  readonly function: LambdaFunction;
  /** Hash of the function's code and settings, the same on every machine and for every account. */
  readonly codeHash: string;
  /** Content of the settings file, with references to the function's environment. */
  readonly settingsFile: object;
  /** Role of the function. */
  readonly role: ExecutionRole;
  /** Timeout of the function: the maximum duration of one run. */
  readonly timeout = TIMEOUT;
  /** The function's log: JSON lines, kept for a month. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: RefresherFunctionProps) {
    super(scope, id);
    const { settings, resources, architecture } = props;
    this.logGroup = new LogGroup(this, 'LogGroup', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new ExecutionRole(this, 'Role', {
      resources,
      logGroup: this.logGroup,
      description: 'Refreshes Runpod registry auths: pulls the configured repositories and nothing else',
      tellsRegion: settings.otherRegion?.region,
    });
    const { file, environment } = dividedSettings(this, settings);
    const { code, hash } = refresherCode(this, settings.targets, file);
    this.codeHash = hash;
    this.settingsFile = file;
    // No concurrency is reserved: overlapping runs are harmless, and a new account has none to reserve.
    this.function = new LambdaFunction(this, 'Function', {
      description: 'Writes fresh registry credentials to the registry auths at Runpod',
      code,
      handler: 'index.handler',
      environment,
      runtime: Runtime.NODEJS_24_X,
      architecture,
      memorySize: 256,
      timeout: this.timeout,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      // Pinned, so that a level that somebody raises by hand is a drift. Above INFO, Lambda drops the metrics' lines.
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.INFO,
    });
    this.#acknowledgeFindings();
  }

  #acknowledgeFindings(): void {
    acknowledge(
      this.function,
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'The function calls no other function, and its log has every step with its duration. Tracing would need a permission on every resource, and the credential at Runpod has the rights of this role.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'A failed invocation goes to the on-failure destination. Unlike a dead-letter queue of the function, it also receives the error.',
      },
    );
  }
}
