import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Role } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  type Architecture,
  Function as LambdaFunctionResource,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { PullWatchSettings, RefresherSettings } from '../lambda/core/model';
import { acknowledge } from './acknowledge';
import { ExecutionRole } from './execution-role';
import { watchCode } from './function-code';
import type { NeededResources } from './refresher-props';
import { dividedSettings } from './settings-file';

/** Properties of `PullWatch`. */
export interface PullWatchProps {
  /** The refresher's settings. */
  readonly settings: RefresherSettings;
  readonly pullWatch: PullWatchSettings;
  /** The function may use these and nothing else. */
  readonly resources: NeededResources;
  readonly architecture: Architecture;
}

/** A look at 500 workloads takes about two and a half minutes. Most of that is waiting for logs (docs/benchmark.md). */
const TIMEOUT = Duration.minutes(5);

/** An older event is dropped. The next look is never far. */
const MAX_EVENT_AGE = Duration.minutes(10);

/**
 * Looks on a schedule whether workers can pull the images of the targets.
 *
 * It has a function, a role and a rule of its own, and shares no state with the refresher. It writes nothing but its own
 * log. A failed look is not retried for long and reaches no queue, because the next look replaces it.
 */
export class PullWatch extends Construct {
  readonly function: LambdaFunctionResource;
  /** Role of the function. */
  readonly role: Role;
  /** The watch's log: what it found, as JSON lines, kept for a month. The next look reads what the last one found. */
  readonly logGroup: LogGroup;
  /** Time from one look to the next. */
  readonly interval: Duration;

  constructor(scope: Construct, id: string, props: PullWatchProps) {
    super(scope, id);
    const { settings, pullWatch, resources, architecture } = props;
    this.interval = Duration.minutes(pullWatch.intervalMinutes);
    this.logGroup = new LogGroup(this, 'LogGroup', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new ExecutionRole(this, 'Role', {
      resources,
      logGroup: this.logGroup,
      description: 'Looks whether Runpod can pull: reads workloads, and pulls the configured repositories',
      readsOwnLog: true,
    });
    const { file, environment } = dividedSettings(
      this,
      { ...settings, pullWatch },
      { withRepositories: true },
    );
    this.function = new LambdaFunctionResource(this, 'Function', {
      description: 'Looks whether Runpod workers can pull the images of the targets',
      code: watchCode(this, file).code,
      handler: 'index.handler',
      environment,
      runtime: Runtime.NODEJS_24_X,
      architecture,
      memorySize: 256,
      timeout: TIMEOUT,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      // Pinned, so that a level that somebody raises by hand is a drift. Above INFO, Lambda drops the metrics' lines.
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.INFO,
      maxEventAge: MAX_EVENT_AGE,
      retryAttempts: 1,
    });
    new Rule(this, 'Rule', {
      description: 'Looks whether Runpod workers can pull their images',
      schedule: Schedule.rate(this.interval),
      targets: [new LambdaFunction(this.function, { maxEventAge: MAX_EVENT_AGE, retryAttempts: 10 })],
    });
    this.#acknowledgeFindings();
  }

  #acknowledgeFindings(): void {
    const replaced =
      'A look that is lost is replaced by the next one. WatchSilent warns when there is none for a day.';
    acknowledge(
      this,
      {
        id: 'Serverless-LambdaTracing',
        reason: 'The function calls no other function, and its log has every finding.',
      },
      { id: 'Serverless-LambdaDLQ', reason: replaced },
      { id: 'Serverless-LambdaAsyncFailureDestination', reason: replaced },
      { id: 'Serverless-EventBusDLQ', reason: replaced },
    );
  }
}
