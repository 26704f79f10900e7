/**
 * Names that two sides must agree on. The functions write them; the library, the command line and saved queries look
 * for them. A rename is a change of the public interface. This file imports nothing.
 */

/** Log messages that saved queries and the command line search for. */
export const LOG_MESSAGES = {
  targetRefreshed: 'target refreshed',
  targetWouldBeRefreshed: 'target would be refreshed',
  targetFailed: 'target failed',
  runFinished: 'run finished',
  pullProblem: 'pull problem',
  watchBlind: 'watch may not look',
  watchNotLooked: 'not looked at',
  watchFinished: 'watch finished',
  otherRegionNotTold: 'the other region was not told',
} as const;

/** One of the log messages of `LOG_MESSAGES`. */
export type LogMessage = (typeof LOG_MESSAGES)[keyof typeof LOG_MESSAGES];

/** CloudWatch namespace of the function's metrics. */
export const METRIC_NAMESPACE = 'RunpodEcrRefresher';

/** Every metric that the functions send, with its CloudWatch unit. */
export const METRICS = {
  RunSucceeded: 'Count',
  RegionSucceeded: 'Count',
  TargetsRefreshed: 'Count',
  TargetsFailed: 'Count',
  OperatorActionNeeded: 'Count',
  FallbackRoute: 'Count',
  CredentialMinutesLeft: 'None',
  ApiKeyAgeDays: 'None',
  PullsFailing: 'Count',
  ImagesUnpullable: 'Count',
} as const;

/** Name of one metric. */
export type MetricName = keyof typeof METRICS;

/** How urgent an alarm is: a page needs a person now; a warning can wait until morning. */
export type Severity = 'page' | 'warning';

/** Every alarm with its severity in a deployment without a standby. The names are construct ids and runbook headings. */
export const ALARMS = {
  RefreshSilent: 'page',
  RefreshFailing: 'page',
  OperatorActionNeeded: 'page',
  RetriesExhausted: 'page',
  ScheduleBroken: 'page',
  CredentialShortLived: 'page',
  PullsFailing: 'page',
  ImagesUnpullable: 'page',
  RegionSilent: 'warning',
  RunningSlow: 'warning',
  FallbackRoute: 'warning',
  ApiKeyOld: 'warning',
  WatchSilent: 'warning',
} as const satisfies Readonly<Record<string, Severity>>;

/** Name of one alarm, without the stack's name in front. */
export type AlarmName = keyof typeof ALARMS;

/**
 * Pages that are only warnings when another region refreshes the same targets. They concern one region, and
 * `RefreshSilent` pages when both regions fail (docs/decisions/0017).
 */
export const WARNINGS_BESIDE_ANOTHER_REGION: Readonly<Record<Side, readonly AlarmName[]>> = {
  primary: ['RefreshFailing', 'RetriesExhausted', 'ScheduleBroken'],
  standby: [
    'RefreshFailing',
    'OperatorActionNeeded',
    'RetriesExhausted',
    'ScheduleBroken',
    'CredentialShortLived',
  ],
};

/** Which of two refreshers for the same targets: `primary` is the one in the first region. */
export type Side = 'primary' | 'standby';

/** A standby has the name of the first refresher with this suffix, and its stack has the name of the first stack with it. */
export const STANDBY_SUFFIX = '-standby';

/**
 * Returns the severity of an alarm.
 *
 * @param side - absent when no other region refreshes the same targets
 */
export function severityOf(name: AlarmName, side?: Side): Severity {
  return side !== undefined && WARNINGS_BESIDE_ANOTHER_REGION[side].includes(name) ? 'warning' : ALARMS[name];
}

/** Names of the stack's outputs. Those of the watch and of the dashboard are absent when there is none. */
export const OUTPUT_NAMES = [
  'FunctionName',
  'LogGroupName',
  'RuleName',
  'RetryQueueUrl',
  'DeadLetterQueueUrl',
  'UndeliveredQueueUrl',
  'DashboardUrl',
  'WatchFunctionName',
  'WatchLogGroupName',
] as const;

/** Name of one output of the stack. */
export type OutputName = (typeof OUTPUT_NAMES)[number];

/** Name of the settings file beside the function's `index.mjs`. */
export const SETTINGS_FILE = 'refresher.json';

/** Key of `RefresherMetadata` in the CloudFormation metadata of the refresher's function. */
export const METADATA_KEY = 'runpod-ecr-credential-refresher';

/**
 * What a template says about a refresher, so that the command line finds it in any stack. It is the metadata of the
 * refresher's function.
 */
export interface RefresherMetadata {
  /** The content of the settings file, with references to the function's environment. */
  readonly settings: unknown;
  /** Logical ids of the resources that the outputs of the same names are about. What does not exist is absent. */
  readonly resources: Readonly<Partial<Record<OutputName, string>>>;
  /** The refresher of another region for the same targets. @default - there is none */
  readonly other?: OtherRefresher;
}

/** Where the other of two refreshers for the same targets is. */
export interface OtherRefresher {
  /** The side of this refresher, not of the other one. */
  readonly side: Side;
  readonly region: string;
  readonly stackName: string;
  /** Name of the other refresher in its metrics, logs and alarms. */
  readonly service: string;
}
