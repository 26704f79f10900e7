/**
 * How CloudWatch decides an alarm's state.
 *
 * Source: Amazon CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data". The tests of this module
 * are the two tables of that page.
 */

import type { AlarmResource, MissingData } from './template-alarm';

/** The states of a metric alarm. */
export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A period with data. */
export interface DataPoint {
  /** Number of periods back from the end of the window; 0 is the latest. */
  readonly age: number;
  readonly breaching: boolean;
}

/** The properties of an alarm that decide its state. */
export type AlarmRule = Pick<AlarmResource, 'evaluationPeriods' | 'datapointsToAlarm' | 'missingData'>;

/**
 * Returns an alarm's next state.
 *
 * The evaluation range is longer than the evaluation periods. When enough periods of the range have data, the newest ones
 * decide, and missing data plays no part. When fewer have data, all of them count, and missing data fills the rest.
 *
 * @param points - the periods of the evaluation range that have data, newest first
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
  // The guide's tables keep the state when all data is missing and for one old breach. One recent breach, with M above 1,
  // is in neither table. The guide says "the current alarm state is maintained", so the state is kept here too.
  if (missingData === 'ignore') return current;
  const oldest = points.at(-1);
  if (!oldest) return 'INSUFFICIENT_DATA';
  // The guide's "premature alarm state": the oldest breach is at least M periods old, and no period after it is good.
  return oldest.age + 1 >= rule.datapointsToAlarm ? 'ALARM' : 'OK';
}

function countBreaching(points: readonly DataPoint[], limit: number): number {
  let count = 0;
  for (let index = 0; index < limit && index < points.length; index++) {
    if (points[index]?.breaching) count++;
  }
  return count;
}

/** Returns whether a period's value breaches the alarm's threshold. */
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
