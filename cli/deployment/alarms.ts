/** The stack's alarms, as CloudWatch tells. */

import { type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import type { Operator } from '../operator';

/** Alarms that page nobody; all others do (`lib/alarms.ts`). */
export const WARNINGS: readonly string[] = ['RunningSlow', 'FallbackRoute', 'ApiKeyOld'];

/** An alarm of the stack. */
export interface DeployedAlarm {
  /** Without the stack's name before it. */
  readonly name: string;
  readonly rings: boolean;
  /** It asks for a person now; otherwise it warns. */
  readonly pages: boolean;
  /** False when somebody muted it: it rings and tells nobody. */
  readonly tells: boolean;
  /** ARNs of the topics that it tells. */
  readonly topicArns: readonly string[];
}

/** All alarms of the stack. @throws AWS's own error */
export async function alarmsOf(operator: Operator, stackName: string): Promise<DeployedAlarm[]> {
  const prefix = `${stackName}-`;
  const found: MetricAlarm[] = [];
  const pages = paginateDescribeAlarms({ client: operator.cloudWatch }, { AlarmNamePrefix: prefix });
  for await (const { MetricAlarms } of pages) found.push(...(MetricAlarms ?? []));
  return found.flatMap(({ AlarmName, StateValue, ActionsEnabled, AlarmActions }) => {
    const name = (AlarmName ?? '').slice(prefix.length);
    // A stack whose name goes on with a hyphen has the same beginning.
    if (name.includes('-')) return [];
    return {
      name,
      rings: StateValue === 'ALARM',
      pages: !WARNINGS.includes(name),
      tells: ActionsEnabled !== false,
      topicArns: AlarmActions ?? [],
    };
  });
}
