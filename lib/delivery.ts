/** How hard AWS tries to deliver one event, the same wherever it waits. */

import { Duration } from 'aws-cdk-lib';

/** Further tries after the first one fails. */
export const ASYNCHRONOUS_RETRIES = 2;

/** An event older than this is given up: it is stale long before the next one of the schedule is due. */
export const MAX_EVENT_AGE = Duration.hours(1);
