import { Duration } from 'aws-cdk-lib';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';

/**
 * Maximum age of an event that waits for the function. An older event counts as failed and moves to a queue, well
 * before the next scheduled event.
 */
export const MAX_EVENT_AGE = Duration.hours(1);

/**
 * How many times a rule retries an invocation. This is EventBridge's default. It is so high that only `MAX_EVENT_AGE`
 * ends the retries. A lower number would be used up within minutes, and the next run is an interval away.
 */
const RULE_RETRIES = 185;

/** Returns the function as target of a rule. Events that cannot be delivered go to the dead-letter queue. */
export function ruleTarget(fn: IFunction, deadLetterQueue: IQueue): LambdaFunction {
  return new LambdaFunction(fn, {
    retryAttempts: RULE_RETRIES,
    maxEventAge: MAX_EVENT_AGE,
    deadLetterQueue,
  });
}
