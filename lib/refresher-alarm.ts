/** What every alarm of this service has in common. */

import { Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, type TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { Channel } from './notifications';

/** Where an alarm goes, and where its reader goes next. */
export interface AlarmRouting {
  readonly channel: Channel;
  /** Says also when all is well again. */
  readonly tellsRecovery: boolean;
  /** Page or file with one heading per alarm. */
  readonly runbook: string;
}

/** How an alarm treats a period without data, and why. */
export interface MissingData {
  readonly as: TreatMissingData;
  readonly because: string;
}

/** Properties of `RefresherAlarm`. */
export interface RefresherAlarmProps {
  /** One sentence. */
  readonly whatHappened: string;
  /** One sentence. */
  readonly whatToDo: string;
  /** With its statistic and its period. */
  readonly metric: IMetric;
  /** @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD */
  readonly comparison?: ComparisonOperator;
  /** @default 1 */
  readonly threshold?: number;
  /** Periods that are looked at. @default 1 */
  readonly periods?: number;
  /** How many of them must be beyond the threshold. @default - all */
  readonly periodsToAlarm?: number;
  readonly missingData: MissingData;
  readonly routing: AlarmRouting;
}

/** An alarm that says what happened, what to do and where the runbook is. Its id is its runbook heading. */
export class RefresherAlarm extends Alarm {
  /** The name as it stands in the template, not a reference to the resource. */
  readonly givenName: string;

  constructor(scope: Construct, id: string, props: RefresherAlarmProps) {
    const { metric, comparison, threshold = 1, periods = 1, missingData, routing } = props;
    const givenName = `${Stack.of(scope).stackName}-${id}`;
    super(scope, id, {
      alarmName: givenName,
      alarmDescription: description(id, props),
      metric,
      comparisonOperator: comparison ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold,
      evaluationPeriods: periods,
      datapointsToAlarm: props.periodsToAlarm ?? periods,
      treatMissingData: missingData.as,
    });
    this.givenName = givenName;
    this.addAlarmAction(...routing.channel.actions);
    if (routing.tellsRecovery) this.addOkAction(...routing.channel.actions);
  }
}

/** CloudWatch takes 1,024 characters. */
function description(
  id: string,
  { whatHappened, whatToDo, missingData, routing }: RefresherAlarmProps,
): string {
  return [
    `${whatHappened} ${whatToDo}`,
    `Runbook: ${routing.runbook.replace(/#.*/, '')}#${id.toLowerCase()}`,
    `No data counts as ${missingData.as}: ${missingData.because}`,
  ].join('\n');
}
