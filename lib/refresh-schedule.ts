import type { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Side } from '../lambda/core/contract';
import { acknowledge } from './acknowledge';
import { DeadLetterQueue } from './dead-letter-queue';
import { ruleTarget } from './delivery';

/** Properties of `RefreshSchedule`. */
export interface RefreshScheduleProps {
  readonly function: IFunction;
  /** Time from one refresh to the next, in whole hours. */
  readonly interval: Duration;
  /** Which of two refreshers this is. @default - no other region refreshes the same targets */
  readonly side?: Side | undefined;
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
      schedule: scheduleOf(props),
      targets: [ruleTarget(props.function, this.undeliveredQueue)],
    });
    acknowledge(this.undeliveredQueue, {
      id: 'AwsSolutions-SQS3',
      reason:
        'This is the dead-letter queue of the rules, and nothing consumes it. The check does not see that, because it looks only at queues.',
    });
  }
}

/**
 * Returns the schedule: a rate, or fixed times when there is another region.
 *
 * A rate counts from the creation of its rule, so two regions that are deployed together would run together. Fixed times
 * put half an interval between their runs. They are only possible for an interval that divides a day.
 */
function scheduleOf({ interval, side }: RefreshScheduleProps): Schedule {
  const hours = interval.toHours();
  if (side === undefined || 24 % hours !== 0) return Schedule.rate(interval);
  const offsetMinutes = side === 'primary' ? 0 : (hours * 60) / 2;
  return Schedule.cron({
    minute: String(FIRST_MINUTE + (offsetMinutes % 60)),
    hour: `${Math.floor(offsetMinutes / 60)}/${hours}`,
  });
}

/**
 * Minute of the first region's runs. Many other schedules fire at minute 0. It is less than 30, because the runs of the
 * standby may be half an hour later.
 */
const FIRST_MINUTE = 13;
