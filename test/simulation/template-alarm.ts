import { logicalId, Properties } from './template-values';

const MINUTE_S = 60;
const DAY_S = 86_400;

/** How an alarm aggregates the values of one period. */
export type Statistic = 'Sum' | 'Maximum' | 'Minimum' | 'Average' | 'SampleCount';

/** How an alarm compares a period's value with its threshold. */
export type Comparison =
  | 'GreaterThanThreshold'
  | 'GreaterThanOrEqualToThreshold'
  | 'LessThanThreshold'
  | 'LessThanOrEqualToThreshold';

/** How an alarm treats a period without data. */
export type MissingData = 'breaching' | 'notBreaching' | 'ignore' | 'missing';

/** A metric. Dimension values that refer to resources are logical ids. */
export interface MetricIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** An alarm on one metric. */
export interface AlarmResource {
  readonly id: string;
  readonly metric: MetricIdentity;
  readonly statistic: Statistic;
  readonly periodMs: number;
  /** N of "M out of N". */
  readonly evaluationPeriods: number;
  /** M of "M out of N". */
  readonly datapointsToAlarm: number;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly missingData: MissingData;
  /** Whether the window is aligned to the clock (`EvaluationWindow.WallClockWindow`). */
  readonly wallClock: boolean;
  /** `full` means that the warm-up does not end early. */
  readonly warmUp?: { readonly durationMs: number; readonly full: boolean };
  /** Topics that are notified of ALARM: logical ids, or the ARN of an existing topic. */
  readonly alarmTopics: readonly string[];
  /** Topics that are notified of OK. */
  readonly okTopics: readonly string[];
}

/**
 * Reads an alarm from a template.
 *
 * @throws NotUnderstoodError for metric math, percentiles, high resolution, and windows that CloudWatch does not accept
 */
export function readAlarm(alarm: Properties): AlarmResource {
  const source = metricSource(alarm);
  const evaluationPeriods = alarm.number('EvaluationPeriods');
  const periodS = source.number('Period', 300);
  refuseWindow(alarm, periodS, evaluationPeriods);
  const act = alarm.boolean('ActionsEnabled', true);
  const warmUp = alarm.object('WarmUpConfiguration');
  return {
    id: alarm.where,
    metric: readMetric(source),
    statistic: oneOf(source, source.has('Stat') ? 'Stat' : 'Statistic', [
      'Sum',
      'Maximum',
      'Minimum',
      'Average',
      'SampleCount',
    ]),
    periodMs: periodS * 1_000,
    evaluationPeriods,
    datapointsToAlarm: alarm.number('DatapointsToAlarm', evaluationPeriods),
    threshold: alarm.number('Threshold'),
    comparison: oneOf(alarm, 'ComparisonOperator', [
      'GreaterThanThreshold',
      'GreaterThanOrEqualToThreshold',
      'LessThanThreshold',
      'LessThanOrEqualToThreshold',
    ]),
    missingData: oneOf(
      alarm,
      'TreatMissingData',
      ['missing', 'breaching', 'notBreaching', 'ignore'],
      'missing',
    ),
    wallClock: alarm.object('EvaluationWindow').has('WallClockWindow'),
    ...(warmUp.has('WarmUpPeriodDurationInMinutes') && {
      warmUp: {
        durationMs: warmUp.number('WarmUpPeriodDurationInMinutes') * 60_000,
        full: warmUp.boolean('OnlyStartEvaluatingAfterWarmUpPeriodEnds', false),
      },
    }),
    alarmTopics: act ? topics(alarm, 'AlarmActions') : [],
    okTopics: act ? topics(alarm, 'OKActions') : [],
  };
}

/** Returns the properties of the alarm's metric. The CDK writes one metric with a label as a list of one metric. */
function metricSource(alarm: Properties): Properties {
  if (alarm.has('ExtendedStatistic')) alarm.fail('ExtendedStatistic', 'percentiles are not modelled');
  if (!alarm.has('Metrics')) return alarm;
  const [first, ...others] = alarm.objects('Metrics');
  if (!first || others.length > 0 || !first.has('MetricStat')) {
    return alarm.fail('Metrics', 'metric math is not modelled');
  }
  const stat = first.object('MetricStat');
  return new Properties(stat.where, { ...stat.object('Metric').values, ...stat.values });
}

/**
 * Checks the limits of PutMetricAlarm: a window of at most one day, or seven days when the period is at least an hour.
 * Periods of 10, 20 and 30 s cost more and are not modelled.
 */
function refuseWindow(alarm: Properties, periodS: number, periods: number): void {
  if (periodS < MINUTE_S || periodS % MINUTE_S !== 0) alarm.fail('Period', 'not a multiple of 60');
  const limitS = periodS < 3_600 ? DAY_S : 7 * DAY_S;
  if (periodS * periods > limitS) {
    alarm.fail(
      'EvaluationPeriods',
      `${periods} × ${periodS} s is longer than CloudWatch allows (${limitS} s)`,
    );
  }
}

function readMetric(source: Properties): MetricIdentity {
  const dimensions = source.objects('Dimensions').map((dimension): [string, string] => {
    const value = dimension.values.Value;
    return [dimension.string('Name'), logicalId(value) ?? dimension.string('Value')];
  });
  return {
    namespace: source.string('Namespace'),
    name: source.string('MetricName'),
    dimensions: Object.fromEntries(dimensions),
  };
}

function topics(alarm: Properties, key: string): readonly string[] {
  return alarm.list(key).map((action) => {
    if (typeof action === 'string') return action;
    return logicalId(action) ?? JSON.stringify(action);
  });
}

/** Reads a property that has one of these names as its value. */
function oneOf<const Name extends string>(
  source: Properties,
  key: string,
  names: readonly Name[],
  fallback?: Name,
): Name {
  const value = source.string(key, fallback);
  return (
    names.find((name) => name === value) ??
    source.fail(key, `expected one of ${names.join(', ')}, found ${value}`)
  );
}
