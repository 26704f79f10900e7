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

/** What an alarm makes of a period without data. */
export type MissingData = 'breaching' | 'notBreaching' | 'ignore' | 'missing';

/** A metric, with the logical ids of resources as the values of its dimensions. */
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
  /** The window follows the clock: `EvaluationWindow.WallClockWindow`. */
  readonly wallClock: boolean;
  readonly warmUp?: { readonly durationMs: number; readonly full: boolean };
  /** Logical ids, or the ARN of an existing topic. */
  readonly alarmTopics: readonly string[];
  readonly okTopics: readonly string[];
}

/**
 * Reads an alarm.
 *
 * @throws NotUnderstoodError for metric math, percentiles, high resolution, and for a window that CloudWatch refuses
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

/** The CDK writes a lone metric with a label as a list of one: that is no metric math. */
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

/** PutMetricAlarm: at most one day, or seven days where the period is at least an hour; 10, 20 and 30 s cost more. */
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

/** @throws NotUnderstoodError when the value is none of the names */
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
