import { type AlarmState, decideState, isBreaching } from './alarm-state';
import type { MissingData } from './template-alarm';

/** Parses a row of the guide: newest on the right, 0 is within the threshold, X is breaching, - is missing. */
function parse(printed: string) {
  return printed
    .split(' ')
    .reverse()
    .flatMap((sign, age) => (sign === '-' ? [] : [{ age, breaching: sign === 'X' }]));
}

const KEEP = 'INSUFFICIENT_DATA';
const TREATMENTS: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

// User Guide, "How alarm state is evaluated when data is missing". The columns are in the order of TREATMENTS. "retain"
// is the guide's "retain current state", which is tested from each of the three states.
const THREE_OF_THREE: readonly [string, ...(AlarmState | 'retain')[]][] = [
  ['0 - X - X', 'OK', 'OK', 'OK', 'OK'],
  ['0 - - - -', 'OK', 'OK', 'OK', 'OK'],
  ['- - - - -', 'INSUFFICIENT_DATA', 'retain', 'ALARM', 'OK'],
  ['0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['- - X - -', 'ALARM', 'retain', 'ALARM', 'OK'],
];
const TWO_OF_THREE: readonly [string, ...(AlarmState | 'retain')[]][] = [
  ['0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
  ['- - - X -', 'ALARM', 'retain', 'ALARM', 'OK'],
];

describe('decideState', () => {
  const cases = [
    ...THREE_OF_THREE.map((row) => ({ row, datapointsToAlarm: 3 })),
    ...TWO_OF_THREE.map((row) => ({ row, datapointsToAlarm: 2 })),
  ].flatMap(({ row: [printed, ...states], datapointsToAlarm }) =>
    TREATMENTS.map((missingData, column) => ({
      printed,
      datapointsToAlarm,
      missingData,
      expected: states[column],
    })),
  );

  it.each(cases)(
    'is $expected for $printed with $datapointsToAlarm of 3 and missing data $missingData, as documented',
    ({ printed, datapointsToAlarm, missingData, expected }) => {
      for (const current of ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const) {
        const state = decideState(
          { evaluationPeriods: 3, datapointsToAlarm, missingData },
          parse(printed),
          current,
        );

        expect(state).toBe(expected === 'retain' ? current : expected);
      }
    },
  );

  it.each(['- - - - X', '- - - X -'])('stays OK for %s with 3 of 3', (printed) => {
    const rule = { evaluationPeriods: 3, datapointsToAlarm: 3, missingData: 'missing' } as const;

    expect(decideState(rule, parse(printed), KEEP)).toBe('OK');
  });
});

describe('isBreaching', () => {
  it.each([
    ['GreaterThanThreshold', false, true],
    ['GreaterThanOrEqualToThreshold', true, true],
    ['LessThanThreshold', false, false],
    ['LessThanOrEqualToThreshold', true, false],
  ] as const)('%s: a value equal to the threshold is %s, one above it is %s', (comparison, equal, above) => {
    expect([
      isBreaching(1, { comparison, threshold: 1 }),
      isBreaching(2, { comparison, threshold: 1 }),
    ]).toEqual([equal, above]);
  });
});
