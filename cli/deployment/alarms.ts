/** The alarms of the deployed stack. */

import { CloudWatchClient, type MetricAlarm, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { ALARMS, type AlarmName, type Severity, severityOf } from '../../lambda/core/contract';
import type { Operator } from '../operator';

/** An alarm of the deployed stack. */
export interface DeployedAlarm {
  /** The alarm's name without the service in front. */
  readonly name: string;
  readonly firing: boolean;
  readonly severity: Severity;
  /** False if somebody muted the alarm: it fires, but notifies no topic. */
  readonly actionsEnabled: boolean;
  /** ARNs of the topics that the alarm notifies. */
  readonly topicArns: readonly string[];
}

/** Lists the alarms of a refresher. @param service - the beginning of their names @throws the AWS client's error */
export async function listAlarms(operator: Operator, service: string): Promise<DeployedAlarm[]> {
  const prefix = `${service}-`;
  const side = await operator.side();
  const found: MetricAlarm[] = [];
  const pages = paginateDescribeAlarms(
    { client: operator.client(CloudWatchClient) },
    { AlarmNamePrefix: prefix },
  );
  for await (const { MetricAlarms } of pages) found.push(...(MetricAlarms ?? []));
  return found.flatMap(({ AlarmName: fullName, StateValue, ActionsEnabled, AlarmActions }) => {
    const name = (fullName ?? '').slice(prefix.length);
    // A name with a hyphen belongs to another service whose name starts with this prefix.
    if (name.includes('-')) return [];
    return {
      name,
      firing: StateValue === 'ALARM',
      severity: isAlarmName(name) ? severityOf(name, side) : 'page',
      actionsEnabled: ActionsEnabled !== false,
      topicArns: AlarmActions ?? [],
    };
  });
}

function isAlarmName(name: string): name is AlarmName {
  return Object.hasOwn(ALARMS, name);
}

/** Names the runbook section of an alarm. */
export function runbookSection(name: string): string {
  return `docs/runbook.md, "${name}"`;
}
