/**
 * How CloudWatch decides an alarm's state. Source: Amazon CloudWatch User Guide, "Configuring how CloudWatch alarms
 * treat missing data" (alarms-and-missing-data), whose two tables are this module's test.
 */

import type { AlarmResource, MissingData } from './template-alarm';

/** The states of a metric alarm. */
export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A period that has data. */
export interface DataPoint {
  /** Periods back from the end of the window; 0 is the latest. */
  readonly age: number;
  readonly breaching: boolean;
}

/** What of an alarm decides its state. */
export type AlarmRule = Pick<AlarmResource, 'evaluationPeriods' | 'datapointsToAlarm' | 'missingData'>;

/**
 * The state that follows from the periods with data in the evaluation range.
 *
 * The range is longer than the evaluation periods. With data in at least as many periods as are evaluated, the newest
 * of them decide and missing data plays no part, however old they are within the range. With fewer, all of them count
 * and only what is short of the evaluation periods is filled in.
 *
 * @param points - periods of the evaluation range that have data, the newest first
 */
export function decideState(rule: AlarmRule, points: readonly DataPoint[], current: AlarmState): AlarmState {
  const { evaluationPeriods, datapointsToAlarm, missingData } = rule;
  const breaching = countBreaching(points, evaluationPeriods);
  const filled = Math.max(0, evaluationPeriods - points.length);
  if (breaching + (missingData === 'breaching' ? filled : 0) >= datapointsToAlarm) return 'ALARM';
  if (filled === 0 || missingData === 'breaching' || missingData === 'notBreaching') return 'OK';
  return decideSparse(rule, points, missingData, current);
}

function decideSparse(
  rule: AlarmRule,
  points: readonly DataPoint[],
  missingData: MissingData,
  current: AlarmState,
): AlarmState {
  if (points.some(({ breaching }) => !breaching)) return 'OK';
  // The guide's tables keep the state for all-missing and for an old lone breach. A fresh lone breach below M is in
  // neither table; keeping the state is the reading of "the current alarm state is maintained".
  if (missingData === 'ignore') return current;
  const oldest = points.at(-1);
  if (!oldest) return 'INSUFFICIENT_DATA';
  // "Premature alarm state": a breach at least M periods old, with nothing but breaches or gaps after it.
  return oldest.age + 1 >= rule.datapointsToAlarm ? 'ALARM' : 'OK';
}

function countBreaching(points: readonly DataPoint[], limit: number): number {
  let count = 0;
  for (let index = 0; index < limit && index < points.length; index++) {
    if (points[index]?.breaching) count++;
  }
  return count;
}

/** Whether a period's value is beyond the alarm's threshold. */
export function isBreaching(value: number, alarm: Pick<AlarmResource, 'comparison' | 'threshold'>): boolean {
  switch (alarm.comparison) {
    case 'GreaterThanThreshold':
      return value > alarm.threshold;
    case 'GreaterThanOrEqualToThreshold':
      return value >= alarm.threshold;
    case 'LessThanThreshold':
      return value < alarm.threshold;
    case 'LessThanOrEqualToThreshold':
      return value <= alarm.threshold;
  }
}
