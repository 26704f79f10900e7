import {
  type HealthKind,
  judgeAlarms,
  judgeQueues,
  judgeRegions,
  judgeRuns,
  judgeSchedule,
  judgeWatch,
} from '../../cli/deployment/health';
import type { LastFailure, Runs, TargetRuns } from '../../cli/deployment/runs';

const NOW = Date.parse('2026-11-21T19:00:00Z');

/** An interval of six hours. */
const SETTINGS = { minCredentialMinutes: 600 };

function minutesAgo(minutes: number): Date {
  return new Date(NOW - minutes * 60_000);
}

function success(minutes: number): TargetRuns['success'] & object {
  const expiresAt = new Date(NOW + (12 * 60 - minutes) * 60_000);
  return { at: minutesAgo(minutes), registryAuthId: 'reg1', route: 'rest-v2', expiresAt };
}

function failure(differences: Partial<LastFailure> = {}): LastFailure {
  const at = minutesAgo(5);
  return { at, since: at, kind: 'transient', why: 'no answer', ...differences };
}

const kindsOf = (runs: Runs) =>
  judgeRuns(runs, SETTINGS, NOW).map(({ kind, severity }) => `${kind} ${severity}`);

describe('judgeRuns', () => {
  const success5 = success(5);
  it.each<[string, TargetRuns, string[]]>([
    ['a fresh success', { target: 'a', success: success5 }, []],
    ['no success in 12 hours', { target: 'a' }, ['not-refreshed broken']],
    [
      'a success that is late by more than an hour',
      { target: 'a', success: success(425) },
      ['run-missed broken'],
    ],
    ['a success that is late by less', { target: 'a', success: success(415) }, []],
    ['a credential that has expired', { target: 'a', success: success(721) }, ['credential-expired broken']],
    [
      'a failure that needs a person',
      {
        target: 'a',
        success: success5,
        failure: failure({ kind: 'operator-must-act', reason: 'no-route-left' }),
      },
      ['run-failed broken'],
    ],
    [
      'a new transient failure',
      { target: 'a', success: success5, failure: failure() },
      ['run-failed warning'],
    ],
    [
      'a transient failure for more than an hour',
      { target: 'a', success: success5, failure: failure({ since: minutesAgo(61) }) },
      ['run-failed broken'],
    ],
  ])('judges %s', (_, target, kinds) => {
    expect(kindsOf({ targets: [target] })).toEqual(kinds);
  });

  it('names at most ten of many targets', () => {
    const targets = Array.from({ length: 12 }, (_, at) => ({
      target: `t${at}`,
      success: success5,
      failure: failure(),
    }));

    const [problem] = judgeRuns({ targets }, SETTINGS, NOW);

    expect(problem?.found).toHaveLength(11);
    expect(problem?.found[0]).toBe('t0: its last run failed 5 min ago: no answer');
    expect(problem?.found[10]).toBe('and 2 targets more');
  });
});

describe('judgeQueues', () => {
  const EMPTY = { waiting: 0, givenUp: 0, undelivered: 0 };

  it('calls a dead letter history while every target is well', () => {
    expect(judgeQueues({ ...EMPTY, givenUp: 1 }, true)).toMatchObject([{ severity: 'warning' }]);
    expect(judgeQueues({ ...EMPTY, givenUp: 1 }, false)).toMatchObject([{ severity: 'broken' }]);
  });

  it('only warns of a waiting retry, and is broken by an undelivered event', () => {
    expect(judgeQueues({ waiting: 1, givenUp: 0, undelivered: 1 }, true)).toMatchObject([
      { kind: 'undelivered', severity: 'broken' },
      { kind: 'retries-waiting', severity: 'warning' },
    ]);
  });
});

describe('judgeSchedule, judgeAlarms and judgeWatch', () => {
  it('find nothing where all is well', () => {
    const alarm = { name: 'RefreshSilent', firing: false, severity: 'page' as const, actionsEnabled: true };

    expect([
      ...judgeSchedule(true),
      ...judgeAlarms([{ ...alarm, topicArns: [] }]),
      ...judgeWatch({ silent: false }),
    ]).toEqual([]);
  });

  it('tell pages from warnings', () => {
    const alarm = { firing: true, actionsEnabled: true, topicArns: [] };

    expect(
      judgeAlarms([
        { ...alarm, name: 'ApiKeyOld', severity: 'warning' },
        { ...alarm, name: 'RefreshSilent', severity: 'page' },
      ]),
    ).toEqual([
      { kind: 'alarm', severity: 'broken', found: ['firing: RefreshSilent'] },
      { kind: 'alarm', severity: 'warning', found: ['warning: ApiKeyOld'] },
    ]);
  });
});

describe('judgeRegions', () => {
  const broken = (kind: HealthKind) => ({ kind, severity: 'broken' as const, found: ['x'] });
  const primary = { side: 'primary', region: 'us-east-1' } as const;
  const standby = { side: 'standby', region: 'us-west-2' } as const;
  const failed = { ...broken('run-failed'), needsPerson: true } as const;

  it.each([
    ['a region that cannot be read', { ...primary, unreadable: 'no' }, 'region-unreadable warning'],
    ['a missed run', { ...primary, problems: [broken('run-missed')] }, 'run-missed warning'],
    [
      'a disabled schedule',
      { ...standby, problems: [broken('schedule-disabled')] },
      'schedule-disabled warning',
    ],
    ['a full queue', { ...primary, problems: [broken('undelivered')] }, 'undelivered warning'],
    ['a silent watch', { ...primary, problems: [broken('watch-silent')] }, 'watch-silent warning'],
    ['failing pulls', { ...primary, problems: [broken('pulls-failing')] }, 'pulls-failing broken'],
    ['an alarm that pages', { ...standby, problems: [broken('alarm')] }, 'alarm broken'],
    [
      'a failure of the first region that needs a person',
      { ...primary, problems: [failed] },
      'run-failed broken',
    ],
    [
      'a failure of the standby that needs a person',
      { ...standby, problems: [failed] },
      'run-failed warning',
    ],
  ])('judges %s while the other region works', (_, one, expected) => {
    const works = { ...(one.side === 'primary' ? standby : primary), problems: [] };

    const problems = judgeRegions([one, works]).map(({ kind, severity }) => `${kind} ${severity}`);

    expect(problems).toEqual([expected]);
  });

  it('is broken when neither region works, and names the one that cannot be read last', () => {
    const problems = judgeRegions([
      { ...primary, unreadable: 'no answer' },
      { ...standby, problems: [broken('run-missed')] },
    ]);

    expect(problems).toEqual([
      { ...broken('run-missed'), region: 'us-west-2' },
      {
        ...broken('region-unreadable'),
        found: ['us-east-1 could not be read: no answer'],
        region: 'us-east-1',
      },
    ]);
  });
});
