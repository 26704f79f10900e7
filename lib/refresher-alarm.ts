import { CfnResource, type Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IAlarmAction,
  type IMetric,
  type TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { AlarmName, OtherRefresher, Severity } from '../lambda/core/contract';
import { estimatedLength } from './tokens';

/** How an alarm treats a period without data. */
export interface MissingData {
  readonly treatAs: TreatMissingData;
  /** Why: one sentence that begins in lower case and ends with a full stop. It is in the alarm's CloudFormation metadata. */
  readonly reason: string;
}

/** The condition of one alarm, and the text of its description for the person on call. */
export interface AlarmDefinition {
  /** One sentence. */
  readonly whatHappened: string;
  /** How much time a person has, and until what happens: one sentence. */
  readonly timeLeft: string;
  /** One sentence. */
  readonly whatToDo: string;
  /** The metric with its statistic and its period. */
  readonly metric: IMetric;
  /** @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD */
  readonly comparison?: ComparisonOperator;
  /** @default 1 */
  readonly threshold?: number;
  /** Number of latest periods that are evaluated. @default 1 */
  readonly periods?: number;
  /** How many of `periods` must breach the threshold. @default - all of them */
  readonly periodsToAlarm?: number;
  readonly missingData: MissingData;
  /**
   * After its creation the alarm is not evaluated for this long, or until all of its periods have data.
   * @default - it is evaluated at once
   */
  readonly warmUp?: Duration;
}

/** What alarms do, by their severity. */
export type AlarmActions = Readonly<Record<Severity, readonly IAlarmAction[]>>;

/** Properties of `RefresherAlarm`. */
export interface RefresherAlarmProps extends AlarmDefinition {
  /** Name of the refresher, with which the alarm's name begins. */
  readonly service: string;
  readonly severity: Severity;
  /** The refresher of another region for the same targets. @default - there is none */
  readonly other?: OtherRefresher | undefined;
  readonly actions: AlarmActions;
  readonly runbook: Runbook;
}

/** Where the runbook is. It has one heading for each alarm. */
export type Runbook =
  /** Address or path of a page whose headings have anchors. A fragment is replaced. */
  | { readonly page: string }
  /** A place without anchors for the headings: an address, or the name of a file. */
  | { readonly place: string };

/**
 * An alarm of this service. Its id is its name, its runbook heading, and the key of its severity in the contract.
 *
 * A page also notifies when the alarm returns to OK, so that an incident closes itself. A warning does not.
 */
export class RefresherAlarm extends Alarm {
  /** The alarm's name without the refresher's. */
  readonly id: AlarmName;
  /** The alarm's name as plain text. `alarmName` is a reference to the resource. */
  readonly givenName: string;
  readonly severity: Severity;

  constructor(scope: Construct, id: AlarmName, props: RefresherAlarmProps) {
    const { metric, comparison, threshold = 1, periods = 1, missingData } = props;
    const givenName = `${props.service}-${id}`;
    super(scope, id, {
      alarmName: givenName,
      alarmDescription: descriptionOf(scope, id, props),
      metric,
      comparisonOperator: comparison ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold,
      evaluationPeriods: periods,
      datapointsToAlarm: props.periodsToAlarm ?? periods,
      treatMissingData: missingData.treatAs,
    });
    const resource = resourceOf(this);
    resource.addMetadata('TreatMissingData', `${missingData.treatAs}: ${missingData.reason}`);
    if (props.warmUp) warmUp(resource, props.warmUp);
    this.id = id;
    this.givenName = givenName;
    this.severity = props.severity;
    const actions = props.actions[this.severity];
    this.addAlarmAction(...actions);
    if (this.severity === 'page') this.addOkAction(...actions);
  }
}

function resourceOf(alarm: Alarm): CfnResource {
  const resource = alarm.node.defaultChild;
  if (!CfnResource.isCfnResource(resource)) throw new Error('An alarm is expected to be a resource.');
  return resource;
}

/** Sets a property that older versions of the CDK do not know (CloudFormation, `AWS::CloudWatch::Alarm`). */
function warmUp(alarm: CfnResource, time: Duration): void {
  alarm.addPropertyOverride('WarmUpConfiguration', { WarmUpPeriodDurationInMinutes: time.toMinutes() });
}

/**
 * Returns the text of the notification: what happened, how much time is left, the command, the link, and the first step.
 * With another region it also has the command that shows the refresher there.
 */
function descriptionOf(scope: Construct, id: AlarmName, props: RefresherAlarmProps): string {
  const { service, whatHappened, timeLeft, whatToDo, runbook, other } = props;
  const { stackName, region, account } = Stack.of(scope);
  const text = [
    `${whatHappened} ${timeLeft}`,
    `${commandFor('doctor', { stackName, service, region })} (account ${account}, in the project's folder)`,
    `Runbook: ${runbookLink(runbook, id)}`,
    whatToDo,
  ].join('\n');
  if (other === undefined) return text;
  const withCommand = `${text}\nThe other refresher: ${commandFor('status', other)}`;
  const fits = estimatedLength(scope, withCommand) <= MAX_DESCRIPTION;
  // Only very long names do not fit.
  return fits ? withCommand : `${text}\nThe other refresher is in ${other.region}.`;
}

/** Maximum length of an alarm's description (CloudWatch API reference, PutMetricAlarm). */
const MAX_DESCRIPTION = 1_024;

function runbookLink(runbook: Runbook, id: AlarmName): string {
  return 'page' in runbook
    ? `${runbook.page.replace(/#.*/, '')}#${id.toLowerCase()}`
    : `${runbook.place} (heading ${id})`;
}

function commandFor(command: string, { stackName, service, region }: Omit<OtherRefresher, 'side'>): string {
  const which = service === stackName ? '' : ` --refresher ${service}`;
  return `npx runpod-ecr ${command} --stack ${stackName}${which} --region ${region}`;
}
