import { Duration } from 'aws-cdk-lib';
import { Policy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { EventInvokeConfig, EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { DeadLetterQueue } from './dead-letter-queue';
import { MAX_EVENT_AGE } from './delivery';

/** Lambda's own retries of a failed asynchronous invocation, one and two minutes after a failure. */
const LAMBDA_RETRIES = 2;

/** Time from one retry of the queue to the next: the visibility timeout of a message. */
const RETRY_INTERVAL = Duration.minutes(15);

/**
 * Delay before the queue's first retry.
 *
 * Lambda's own retries take three minutes, so the queue retries 10, 25, 40 and 55 minutes after the first failure.
 * So an outage of 50 minutes sets no alarm off (`test/simulation` checks that).
 */
const FIRST_RETRY_DELAY = Duration.minutes(7);

/** Properties of `RefreshRetries`. */
export interface RefreshRetriesProps {
  readonly function: IFunction;
  /** Timeout of the function. It must be shorter than 15 minutes, or a retry could start while the last one runs. */
  readonly timeout: Duration;
  /** Role of the function, which sends to the retry queue and receives from it. */
  readonly role: Role;
  /** A failed run is retried for this long. After that the next scheduled run has replaced it. */
  readonly interval: Duration;
}

/**
 * Retries failed runs. After Lambda's own retries, a failed run goes to a queue that invokes the function every 15
 * minutes until the run succeeds. After one schedule interval the run moves to the dead-letter queue.
 */
export class RefreshRetries extends Construct {
  /** Failed runs that will be retried. */
  readonly queue: Queue;
  /** Runs that failed and are no longer retried. */
  readonly deadLetterQueue: Queue;
  /** Makes Lambda send failed scheduled runs to the retry queue. */
  readonly destination: EventInvokeConfig;
  /** Invokes the function for the messages of the retry queue. */
  readonly eventSource: EventSourceMapping;
  /** Time from the start of one retry to the start of the next. */
  readonly retryInterval = RETRY_INTERVAL;
  readonly #permissions: Policy;

  /** @throws Error when the timeout is not shorter than the retry interval */
  constructor(scope: Construct, id: string, props: RefreshRetriesProps) {
    super(scope, id);
    if (props.timeout.toSeconds() >= RETRY_INTERVAL.toSeconds()) {
      throw new Error(
        `The function's timeout (${props.timeout.toHumanString()}) must be shorter than the retry interval (${RETRY_INTERVAL.toHumanString()}).`,
      );
    }
    this.deadLetterQueue = new DeadLetterQueue(this, 'DeadLetterQueue');
    this.queue = this.#createRetryQueue(props.interval);
    this.#permissions = this.#createPermissions(props.role);
    this.destination = this.catchFailures('Destination', props.function);
    this.eventSource = new EventSourceMapping(this, 'Source', {
      target: props.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      // The minimum of SQS. However many retries wait, they leave the account's concurrency to the schedule.
      maxConcurrency: 2,
    });
    this.eventSource.node.addDependency(this.#permissions);
    acknowledge(this.eventSource, {
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason:
        'The queue itself moves a run that keeps failing to the dead-letter queue. A destination is for streams, which have no dead-letter queue.',
    });
  }

  /**
   * Sends the failed asynchronous invocations of a function to the retry queue.
   *
   * @param id - construct id of the configuration
   * @param qualifier - the version that is invoked; by default `$LATEST`, which the schedule invokes
   */
  catchFailures(id: string, fn: IFunction, qualifier?: string): EventInvokeConfig {
    const config = new EventInvokeConfig(this, id, {
      function: fn,
      qualifier,
      retryAttempts: LAMBDA_RETRIES,
      maxEventAge: MAX_EVENT_AGE,
      // The CDK's own SqsDestination would grant two actions that Lambda does not need.
      onFailure: { bind: () => ({ destination: this.queue.queueArn }) },
    });
    // Lambda refuses a destination that the role may not send to.
    config.node.addDependency(this.#permissions);
    return config;
  }

  #createRetryQueue(interval: Duration): Queue {
    return new Queue(this, 'RetryQueue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deliveryDelay: FIRST_RETRY_DELAY,
      visibilityTimeout: RETRY_INTERVAL,
      // Longer than all retries together, so that a message moves to the dead-letter queue before it expires.
      retentionPeriod: Duration.seconds(2 * interval.toSeconds()),
      deadLetterQueue: {
        queue: this.deadLetterQueue,
        maxReceiveCount: Math.floor(interval.toSeconds() / RETRY_INTERVAL.toSeconds()),
      },
    });
  }

  #createPermissions(role: Role): Policy {
    const resources = [this.queue.queueArn];
    return new Policy(this, 'Permissions', {
      roles: [role],
      statements: [
        new PolicyStatement({ sid: 'SendFailedRuns', actions: ['sqs:SendMessage'], resources }),
        new PolicyStatement({
          sid: 'ReceiveRetries',
          actions: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
          resources,
        }),
      ],
    });
  }
}
