/** How hard AWS tries to deliver one event, the same wherever it waits. */

import { Duration } from 'aws-cdk-lib';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';

/** Further tries after the first one fails. */
export const ASYNCHRONOUS_RETRIES = 2;

/**
 * How often a rule offers an event to a function that it cannot reach: EventBridge's own default, so that only the
 * event's age ends it. Two tries are over within minutes, and the next run would be an interval away.
 */
const RULE_RETRIES = 185;

/** An event that waited longer counts as failed, and the queues behind take it: well before the next one is due. */
export const MAX_EVENT_AGE = Duration.hours(1);

/** A function as the target of a rule; the queue keeps what could not be handed to it, with the reason. */
export function ruleTarget(fn: IFunction, deadLetterQueue: IQueue): LambdaFunction {
  return new LambdaFunction(fn, {
    retryAttempts: RULE_RETRIES,
    maxEventAge: MAX_EVENT_AGE,
    deadLetterQueue,
  });
}
