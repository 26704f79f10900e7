/** What the stack tells: the names that the runbook's commands ask for. */

import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type { RefresherDashboard } from './dashboard';
import type { RefreshRetries } from './refresh-retries';
import type { RefreshSchedule } from './refresh-schedule';
import type { RefresherFunction } from './refresher-function';

/** Where the values come from. */
export interface OutputSources {
  readonly refresher: RefresherFunction;
  readonly schedule: RefreshSchedule;
  readonly retries: RefreshRetries;
  readonly dashboard: RefresherDashboard;
}

/** Declares every output of the stack. */
export function declareOutputs(stack: Stack, sources: OutputSources): void {
  const { refresher, schedule, retries, dashboard } = sources;
  const output = (name: string, value: string, description: string) =>
    new CfnOutput(stack, name, { value, description });
  output('FunctionName', refresher.function.functionName, 'Invoke it to refresh by hand');
  output('LogGroupName', refresher.logGroup.logGroupName, 'What every run did, as JSON');
  output('RuleName', schedule.rule.ruleName, 'The schedule');
  output('RetryQueueUrl', retries.queue.queueUrl, 'Failed runs that will be tried again');
  output('DeadLetterQueueUrl', retries.deadLetterQueue.queueUrl, 'Failed runs that nothing tries any more');
  output('UndeliveredQueueUrl', schedule.undeliveredQueue.queueUrl, 'Events that never reached the function');
  output('DashboardUrl', urlOf(stack, dashboard), 'What on-call looks at');
}

function urlOf(stack: Stack, { dashboard }: RefresherDashboard): string {
  return `https://${consoleOf(stack.region)}/cloudwatch/home#dashboards/dashboard/${dashboard.dashboardName}`;
}

/** China and GovCloud have consoles of their own. A region that is not known yet is taken for one of the others. */
function consoleOf(region: string): string {
  if (region.startsWith('cn-')) return `${region}.console.amazonaws.cn`;
  if (region.startsWith('us-gov-')) return `${region}.console.amazonaws-us-gov.com`;
  return `${region}.console.aws.amazon.com`;
}
