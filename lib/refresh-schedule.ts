/** When a refresh happens. */

import { type Duration, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ruleTarget } from './delivery';
import { RestingQueue } from './resting-queue';

/** Properties of `RefreshSchedule`. */
export interface RefreshScheduleProps {
  readonly function: IFunction;
  /** Time from one refresh to the next, in whole hours. */
  readonly interval: Duration;
}

/** Invokes the function at a fixed rate. */
export class RefreshSchedule extends Construct {
  readonly rule: Rule;
  /** Events that the rule could not hand to the function, with the reason. */
  readonly undeliveredQueue: Queue;

  constructor(scope: Construct, id: string, props: RefreshScheduleProps) {
    super(scope, id);
    this.undeliveredQueue = new RestingQueue(this, 'UndeliveredQueue');
    this.rule = new Rule(this, 'Rule', {
      description: 'Refreshes the credentials at Runpod while the old ones still work',
      schedule: Schedule.rate(props.interval),
      targets: [ruleTarget(props.function, this.undeliveredQueue)],
    });
    Validations.of(this.undeliveredQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason:
        'It is the dead-letter queue of the rules, which the check does not know: it looks at queues only. Nothing consumes it.',
    });
  }
}
