import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from '../../lib/config/load';
import { dayOfARegionDown } from './regions/day';
import { SIDES } from './regions/plan';
import { twoRegionStacks } from './regions/stacks';
import { describeTwoRegions, figuresOf, summariseTwoRegions } from './regions/summary';
import {
  simulateTwoRegions,
  type TwoRegionStacks,
  type TwoRegionYearProps,
  type TwoRegionYearReport,
} from './regions/year';
import type { Incident, YearPlan } from './year/incidents';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A run of the first refresher, some days after the start. The standby runs three hours later. */
const RUN_MS = Date.UTC(2027, 0, 4, 6, 13);
const END_MS = Date.UTC(2027, 0, 8);
const FOREVER_MS = Number.POSITIVE_INFINITY;

const stacks = synthesiseExample();

function synthesiseExample(): TwoRegionStacks {
  const outdir = mkdtempSync(join(tmpdir(), 'two-regions-'));
  try {
    return twoRegionStacks(readConfigFile(join(__dirname, '../../refresher.config.example.json')), outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

type Properties = Record<string, unknown>;

/** Returns the stacks with changed properties of one resource of some sides. */
function changed(
  part: string,
  change: Properties,
  sides: readonly ('primary' | 'standby')[],
): TwoRegionStacks {
  const copy = structuredClone(stacks);
  for (const side of sides) {
    const resources = Object.entries(copy[side].template.Resources ?? {}).filter(([id]) =>
      id.startsWith(part),
    );
    if (resources.length !== 1) throw new Error(`${resources.length} resources begin with ${part}`);
    for (const [, resource] of resources)
      Object.assign((resource as { Properties: Properties }).Properties, change);
  }
  return copy;
}

/** Simulates a week with only these incidents. */
function week(
  incidents: readonly Incident[],
  props: Partial<TwoRegionYearProps> = {},
  environment: Partial<YearPlan> = {},
): Promise<TwoRegionYearReport> {
  const plan = ({ startMs }: YearPlan): YearPlan => ({
    startMs,
    endMs: END_MS,
    incidents: [...incidents].sort((a, b) => a.fromMs - b.fromMs),
    keys: [{ value: 'rpa_simulated_0', storedMs: -FOREVER_MS, validUntilMs: FOREVER_MS }],
    retiredFromMs: {},
    updates: { 'rest-v2': true, 'rest-v1': false },
    ...environment,
  });
  return simulateTwoRegions({ stacks, seed: 1, plan, ...props });
}

/** Returns an incident that begins just before a run of the first refresher. */
function down(kind: Incident['kind'], hours: number, side?: 'primary' | 'standby'): Incident {
  const mode = kind === 'runpod' ? { mode: '500' as const } : {};
  return { kind, ...mode, ...(side && { side }), fromMs: RUN_MS - 1_000, toMs: RUN_MS + hours * HOUR_MS };
}

function claimsBrokenIn({ violations }: TwoRegionYearReport): string[] {
  return [...new Set(violations.map(({ claim }) => claim))];
}

function alarmsOf(notifications: readonly { readonly side: string; readonly alarm: string }[]): string[] {
  return notifications.map(({ side, alarm }) => `${side} ${alarm}`);
}

const bothDown = (hours: number): Incident[] => SIDES.map((side) => down('lambda', hours, side));

describe('simulateTwoRegions', () => {
  it('keeps the claims through half a year of random incidents', async () => {
    const plan = (drawn: YearPlan) => ({ ...drawn, endMs: drawn.startMs + 180 * 24 * HOUR_MS });
    const summary = summariseTwoRegions([figuresOf(await simulateTwoRegions({ stacks, seed: 3, plan }))]);

    expect(describeTwoRegions(summary)).not.toContain('BROKEN');
    expect(summary.violations).toEqual([]);
    expect(summary.shortOfLife).toBeGreaterThan(0);
    expect(summary.alone.expiredMinutes).toBeGreaterThan(summary.together.expiredMinutes);
  });

  it('gives the same year for the same seed, and another year for another seed', async () => {
    const [year, again, other] = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const plan = (drawn: YearPlan) => ({ ...drawn, endMs: drawn.startMs + 30 * 24 * HOUR_MS });
        const { alone, together } = await simulateTwoRegions({ stacks, seed, plan });
        return { alone, together };
      }),
    );

    expect(again).toEqual(year);
    expect(other).not.toEqual(year);
  });

  it('runs the two sides half an interval apart, and counts the successes of each on both', async () => {
    const { together, lostMetrics } = await week([]);

    const times = together.runs
      .slice(0, 4)
      .map(({ side, atMs }) => `${side} ${new Date(atMs).toISOString().slice(11, 16)}`);
    expect(times).toEqual(['primary 00:13', 'standby 03:13', 'primary 06:13', 'standby 09:13']);
    expect([together.pages, together.warnings, lostMetrics]).toEqual([[], [], { pages: 0, warnings: 0 }]);
  });

  it.each(['lambda', 'event-bridge', 'secrets-manager', 'throttling'] as const)(
    'keeps a valid credential, pages nobody, and warns, when %s of one region is down for 20 hours',
    async (kind) => {
      for (const side of SIDES) {
        const report = await week([down(kind, 20, side)]);

        expect(report.violations).toEqual([]);
        expect(report.together.expired).toEqual([]);
        expect(report.together.pages).toEqual([]);
        expect(alarmsOf(report.together.warnings)).toContain(`${side} RegionSilent`);
        expect(report.alone.expired.length > 0).toBe(side === 'primary');
      }
    },
  );

  it('keeps a valid credential when a whole region is down for four days', async () => {
    const { together, alone, violations } = await week([down('region', 80, 'primary')]);

    expect(violations).toEqual([]);
    expect(together.expired).toEqual([]);
    expect(alone.expired).toHaveLength(2);
  });

  it.each(SIDES)(
    'pages nobody when CloudWatch of the %s is down for less than half an interval',
    async (side) => {
      for (const kind of ['cloudwatch', 'region'] as const) {
        const { together, violations } = await week([down(kind, 2.9, side)]);

        expect(together.pages).toEqual([]);
        expect(violations).toEqual([]);
      }
    },
  );

  it('pages when CloudWatch of one region is back and received no success for seven hours', async () => {
    const { together, lostMetrics } = await week([down('cloudwatch', 9, 'standby')]);

    expect(alarmsOf(together.pages)).toEqual(['standby RefreshSilent']);
    expect(lostMetrics).toEqual({ pages: 1, warnings: 1 });
    expect(together.pages[0]?.atMs).toBeLessThan(RUN_MS + 9.1 * HOUR_MS);
  });

  it('pages from both sides with four hours left when neither side runs, and lets the credential expire', async () => {
    const report = await week(bothDown(20));

    expect(alarmsOf(report.together.pages).slice(0, 2).sort()).toEqual([
      'primary RefreshSilent',
      'standby RefreshSilent',
    ]);
    expect(report.shortOfLife).toMatchObject([{ pageWasDue: true }]);
    expect(report.shortOfLife[0]?.lifeLeftAtPageMs).toBeGreaterThan(4 * HOUR_MS);
    expect(report.together.expired).toHaveLength(2);
    expect(report.violations).toEqual([]);
  });

  it.each(SIDES)(
    'pages from the other side when neither side runs and CloudWatch of the %s is down',
    async (side) => {
      const report = await week([...bothDown(20), down('cloudwatch', 24, side)]);

      const [first] = report.together.pages;
      expect([first?.side, first?.alarm]).toEqual([
        side === 'primary' ? 'standby' : 'primary',
        'RefreshSilent',
      ]);
      expect(first?.lifeLeftMs).toBeGreaterThan(4 * HOUR_MS);
      expect(report.violations).toEqual([]);
    },
  );

  it('pages nobody while CloudWatch of both regions is down, and pages within 15 minutes when one is back', async () => {
    const regions = [down('region', 9, 'primary'), down('region', 30, 'standby')];
    const report = await week([...regions, down('runpod', 40)]);

    const [first] = report.together.pages;
    expect(first?.side).toBe('primary');
    expect(first?.atMs).toBeGreaterThan(RUN_MS + 9 * HOUR_MS);
    expect(first?.atMs).toBeLessThan(RUN_MS + 9.25 * HOUR_MS);
    expect(report.shortOfLife).toMatchObject([{ pageWasDue: false }]);
    expect(report.violations).toEqual([]);
  });

  it('uses the old key in the standby until the new one is replicated', async () => {
    const keys = [
      { value: 'old', storedMs: -FOREVER_MS, validUntilMs: RUN_MS + 2 * HOUR_MS },
      { value: 'new', storedMs: RUN_MS + HOUR_MS, validUntilMs: FOREVER_MS },
    ];
    const report = await week([down('secrets-manager', 4, 'primary')], {}, { keys });

    const standby = report.together.runs.filter(({ side, atMs }) => side === 'standby' && atMs > RUN_MS);
    expect(standby[0]?.ok).toBe(false);
    expect(standby.find(({ ok }) => ok)?.atMs).toBeGreaterThan(RUN_MS + 4 * HOUR_MS);
    expect(report.violations).toEqual([]);
  });

  const RARELY = { EvaluationPeriods: 192, DatapointsToAlarm: 192 };
  const mute: TwoRegionYearProps['tellIn'] = () => () => () => Promise.reject(new Error('not reported'));
  it.each([
    [
      'no expired credential',
      'the schedule of the standby is disabled',
      { stacks: changed('ScheduleRule322D6281', { State: 'DISABLED' }, ['standby']) },
      [down('lambda', 20, 'primary')],
    ],
    [
      'paged in time',
      'RefreshSilent waits for 16 hours',
      { stacks: changed('AlarmsRefreshSilent', RARELY, SIDES) },
      bothDown(20),
    ],
    [
      'paged in time',
      'RefreshSilent of one side waits for 16 hours, and CloudWatch of the other one is down',
      { stacks: changed('AlarmsRefreshSilent', RARELY, ['standby']) },
      [...bothDown(20), down('cloudwatch', 24, 'primary')],
    ],
    [
      'paged in time',
      'RefreshSilent notifies nobody',
      { stacks: changed('AlarmsRefreshSilent', { AlarmActions: [] }, SIDES) },
      bothDown(20),
    ],
    [
      'paged in time',
      'RefreshSilent only warns',
      {
        stacks: changed(
          'AlarmsRefreshSilent',
          { AlarmActions: [{ Ref: 'NotificationsWarningsTopic2BD800ED' }] },
          SIDES,
        ),
      },
      bothDown(20),
    ],
    [
      'one side pages nobody',
      'RefreshSilent watches only one side',
      { stacks: changed('AlarmsRefreshSilent', { MetricName: 'RegionSucceeded' }, SIDES) },
      [down('lambda', 20, 'primary')],
    ],
    [
      'one side pages nobody',
      'no side reports to the other',
      { tellIn: mute },
      [down('lambda', 20, 'standby')],
    ],
    [
      'one side warns',
      'RegionSilent notifies nobody',
      { stacks: changed('AlarmsRegionSilent', { AlarmActions: [] }, ['standby']) },
      [down('lambda', 20, 'standby')],
    ],
    [
      'no false warning',
      'RegionSilent waits for less than an interval',
      {
        stacks: changed('AlarmsRegionSilent', { EvaluationPeriods: 48, DatapointsToAlarm: 48 }, ['primary']),
      },
      [],
    ],
    [
      'no false page',
      'a single failed run pages',
      {
        stacks: changed(
          'AlarmsRefreshFailing',
          {
            EvaluationPeriods: 1,
            DatapointsToAlarm: 1,
            AlarmActions: [{ Ref: 'NotificationsPagesTopic98F1FAEF' }],
          },
          ['primary'],
        ),
      },
      [down('ecr', 0.3)],
    ],
  ] satisfies [string, string, Partial<TwoRegionYearProps>, Incident[]][])(
    'breaks the claim "%s" when %s',
    async (claim, _, props, incidents) => {
      const report = await week(incidents, props);

      expect(claimsBrokenIn(report)).toEqual([claim]);
    },
  );
});

describe('dayOfARegionDown', () => {
  it('shows a day in which the credential expires without a standby, and not with one', async () => {
    const day = await dayOfARegionDown(stacks);

    expect(day.alone.expired.length).toBeGreaterThan(0);
    expect(day.together.expired).toEqual([]);
  });
});
