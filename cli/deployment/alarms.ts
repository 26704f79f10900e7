/** The stack's alarms, as CloudWatch tells. */

import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { Operator } from '../operator';

/** An alarm of the stack. */
export interface DeployedAlarm {
  /** Without the stack's name before it. */
  readonly name: string;
  readonly rings: boolean;
  /** False when somebody muted it: it rings and tells nobody. */
  readonly tells: boolean;
  /** ARNs of the topics that it tells. */
  readonly topicArns: readonly string[];
}

/** All alarms of the stack. @throws AWS's own error */
export async function alarmsOf(operator: Operator, stackName: string): Promise<DeployedAlarm[]> {
  const prefix = `${stackName}-`;
  const { MetricAlarms } = await operator.cloudWatch.send(
    new DescribeAlarmsCommand({ AlarmNamePrefix: prefix }),
  );
  return (MetricAlarms ?? []).map(({ AlarmName, StateValue, ActionsEnabled, AlarmActions }) => ({
    name: (AlarmName ?? '').slice(prefix.length),
    rings: StateValue === 'ALARM',
    tells: ActionsEnabled !== false,
    topicArns: AlarmActions ?? [],
  }));
}

/** Names of the alarms that ring. @throws AWS's own error */
export async function ringingAlarms(operator: Operator, stackName: string): Promise<string[]> {
  return (await alarmsOf(operator, stackName)).filter(({ rings }) => rings).map(({ name }) => name);
}
