/** How hard AWS tries to deliver one event, the same wherever it waits. */

import { Duration } from 'aws-cdk-lib';

/** Further tries after the first one fails. */
export const ASYNCHRONOUS_RETRIES = 2;

/** An event that waited longer counts as failed, and the queues behind take it: well before the next one is due. */
export const MAX_EVENT_AGE = Duration.hours(1);
