/** What the stack tells: the names that the runbook's commands ask for. */

import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { RefreshRetries } from './refresh-retries';
import type { RefreshSchedule } from './refresh-schedule';
import type { RefresherFunction } from './refresher-function';

/** Where the values come from. */
export interface OutputSources {
  readonly refresher: RefresherFunction;
  readonly schedule: RefreshSchedule;
  readonly retries: RefreshRetries;
}

/** Declares every output of the stack. */
export function declareOutputs(stack: Stack, { refresher, schedule, retries }: OutputSources): void {
  const output = (name: string, value: string, description: string) =>
    new CfnOutput(stack, name, { value, description });
  output('FunctionName', refresher.function.functionName, 'Invoke it to refresh by hand');
  output('LogGroupName', refresher.logGroup.logGroupName, 'What every run did, as JSON');
  output('RuleName', schedule.rule.ruleName, 'The schedule');
  output('RetryQueueUrl', retries.queue.queueUrl, 'Failed runs that will be tried again');
  output('DeadLetterQueueUrl', retries.deadLetterQueue.queueUrl, 'Failed runs that nothing tries any more');
  output('UndeliveredQueueUrl', schedule.undeliveredQueue.queueUrl, 'Events that never reached the function');
}
