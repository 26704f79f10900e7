import type { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { DeadLetterQueue } from './dead-letter-queue';
import { ruleTarget } from './delivery';

/** Properties of `RefreshSchedule`. */
export interface RefreshScheduleProps {
  readonly function: IFunction;
  /** Time from one refresh to the next, in whole hours. */
  readonly interval: Duration;
}

/** Invokes the function at a fixed rate. */
export class RefreshSchedule extends Construct {
  readonly rule: Rule;
  /** Events that could not be delivered to the function. Message attributes say why. */
  readonly undeliveredQueue: Queue;

  constructor(scope: Construct, id: string, props: RefreshScheduleProps) {
    super(scope, id);
    this.undeliveredQueue = new DeadLetterQueue(this, 'UndeliveredQueue');
    this.rule = new Rule(this, 'Rule', {
      description: 'Refreshes the credentials at Runpod before the old ones expire',
      schedule: Schedule.rate(props.interval),
      targets: [ruleTarget(props.function, this.undeliveredQueue)],
    });
    acknowledge(this.undeliveredQueue, {
      id: 'AwsSolutions-SQS3',
      reason:
        'This is the dead-letter queue of the rules, and nothing consumes it. The check does not see that, because it looks only at queues.',
    });
  }
}
