/** What becomes of a run that failed in spite of Lambda's own tries. */

import { Duration, Validations } from 'aws-cdk-lib';
import { Policy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { EventInvokeConfig, EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ASYNCHRONOUS_RETRIES, MAX_EVENT_AGE } from './delivery';
import { RestingQueue } from './resting-queue';

/** From one retry to the next. It is also the longest delay that SQS has for a message. */
const PAUSE = Duration.minutes(15);

/**
 * Before the first try. Lambda's own tries take three minutes, so the queue's then come 10, 25, 40 and 55 minutes
 * after the failure: an outage of 50 minutes is over well before anything could ring (`test/simulation`).
 */
const FIRST_PAUSE = Duration.minutes(7);

/** Properties of `RefreshRetries`. */
export interface RefreshRetriesProps {
  readonly function: IFunction;
  /** How long one run may last: less than the pause, or a second try would begin beside the first. */
  readonly timeout: Duration;
  /** The function's role, which sends to the retry queue and receives from it. */
  readonly role: Role;
  /** A failed run is tried again for this long: then the next one of the schedule has taken its place. */
  readonly interval: Duration;
}

/**
 * A failed run goes to the retry queue and comes back every 15 minutes until it works. When an interval is over
 * it rests in the dead-letter queue.
 */
export class RefreshRetries extends Construct {
  /** Failed runs that will come back. */
  readonly queue: Queue;
  /** Failed runs that nothing tries any more. */
  readonly deadLetterQueue: Queue;
  /** What makes Lambda put a failed run into the retry queue. */
  readonly destination: EventInvokeConfig;
  /** What brings it back to the function. */
  readonly source: EventSourceMapping;
  /** From the beginning of one retry to the next. */
  readonly pause = PAUSE;
  readonly #permissions: Policy;

  /** @throws Error when a run may last longer than the pause between two tries */
  constructor(scope: Construct, id: string, props: RefreshRetriesProps) {
    super(scope, id);
    if (props.timeout.toSeconds() >= PAUSE.toSeconds()) {
      throw new Error(
        `The function's time-out (${props.timeout.toHumanString()}) must be shorter than the pause between retries (${PAUSE.toHumanString()}).`,
      );
    }
    this.deadLetterQueue = new RestingQueue(this, 'DeadLetterQueue');
    this.queue = this.#retryQueue(props.interval);
    this.#permissions = this.#queuePermissions(props.role);
    this.destination = this.catchFailures('Destination', props.function);
    this.source = new EventSourceMapping(this, 'Source', {
      target: props.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      // The least that SQS takes: however many retries wait, the schedule finds the account's concurrency free.
      maxConcurrency: 2,
    });
    this.source.node.addDependency(this.#permissions);
    Validations.of(this.source).acknowledge({
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason:
        'The queue itself moves a run that keeps failing into the dead-letter queue; a destination is for streams, which have no such thing.',
    });
  }

  /**
   * Sends the failed asynchronous invocations of a function to the retry queue.
   *
   * @param qualifier - the version that is invoked; by default the unpublished one, which the schedule invokes
   */
  catchFailures(id: string, fn: IFunction, qualifier?: string): EventInvokeConfig {
    const config = new EventInvokeConfig(this, id, {
      function: fn,
      qualifier,
      retryAttempts: ASYNCHRONOUS_RETRIES,
      maxEventAge: MAX_EVENT_AGE,
      // The CDK's own SqsDestination would grant two actions more than Lambda needs.
      onFailure: { bind: () => ({ destination: this.queue.queueArn }) },
    });
    // Lambda refuses a destination that the role may not send to.
    config.node.addDependency(this.#permissions);
    return config;
  }

  #retryQueue(interval: Duration): Queue {
    return new Queue(this, 'RetryQueue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deliveryDelay: FIRST_PAUSE,
      visibilityTimeout: PAUSE,
      // Longer than all tries together, so that a message reaches the dead-letter queue rather than expires here.
      retentionPeriod: Duration.seconds(2 * interval.toSeconds()),
      deadLetterQueue: {
        queue: this.deadLetterQueue,
        maxReceiveCount: Math.floor(interval.toSeconds() / PAUSE.toSeconds()),
      },
    });
  }

  #queuePermissions(role: Role): Policy {
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
