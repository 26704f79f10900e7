/** When a refresh happens. */

import { type Duration, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { ASYNCHRONOUS_RETRIES, MAX_EVENT_AGE } from './delivery';

/** Properties of `RefreshSchedule`. */
export interface RefreshScheduleProps {
  readonly function: IFunction;
  /** Time from one refresh to the next, in whole hours. */
  readonly interval: Duration;
}

/** Invokes the function at a fixed rate. Only this rule gets the permission to do so. */
export class RefreshSchedule extends Construct {
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: RefreshScheduleProps) {
    super(scope, id);
    this.rule = new Rule(this, 'Rule', {
      description: 'Refreshes the credentials at Runpod while the old ones still work',
      schedule: Schedule.rate(props.interval),
      targets: [
        new LambdaFunction(props.function, {
          retryAttempts: ASYNCHRONOUS_RETRIES,
          maxEventAge: MAX_EVENT_AGE,
        }),
      ],
    });
    Validations.of(this.rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason:
        'An event of the schedule carries no data, and the next one comes while the old credential is still valid.',
    });
  }
}
