import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { ASSET_VARIABLE } from '../integration/global-setup';
import type { CloudFormationTemplate } from './template-values';
import { violationsOf } from './year/claims';
import { marginOf } from './year/margin';
import { describeSummary, summarise } from './year/summary';
import type { Trouble, YearPlan } from './year/trouble';
import { simulateYear, type YearReport } from './year/year';

const asset = process.env[ASSET_VARIABLE] ?? '';
const settings: RefresherSettings = JSON.parse(readFileSync(join(asset, SETTINGS_FILE), 'utf8'));
const templateText = readFileSync(join(asset, '..', 'EcrCredentialRefresher.template.json'), 'utf8');

const HOUR_MS = 3_600_000;
/** A run of the schedule, some days after the beginning. */
const RUN_MS = Date.UTC(2027, 0, 4);
const END_MS = Date.UTC(2027, 0, 8);
const FOREVER_MS = Number.POSITIVE_INFINITY;

type Properties = Record<string, unknown>;

/** The example's template, with the properties of one resource changed. */
function template(part = '', change: Properties = {}): CloudFormationTemplate {
  const parsed: { Resources: Record<string, { Properties: Properties }> } = JSON.parse(templateText);
  const changed = Object.entries(parsed.Resources).filter(([id]) => part !== '' && id.startsWith(part));
  if (part !== '' && changed.length !== 1) throw new Error(`${changed.length} resources begin with ${part}`);
  for (const [, { Properties }] of changed) Object.assign(Properties, change);
  return parsed;
}

/** A week in which nothing goes wrong but this. */
function onlyThis(trouble: Trouble, landscape: Partial<YearPlan> = {}): (drawn: YearPlan) => YearPlan {
  return ({ startMs }) => ({
    startMs,
    endMs: END_MS,
    troubles: [trouble],
    keys: [{ value: 'rpa_simulated_0', storedMs: -FOREVER_MS, diesMs: FOREVER_MS }],
    retiredFromMs: {},
    updates: { 'rest-v2': true, 'rest-v1': false },
    ...landscape,
  });
}

/** An outage that begins just before a run of the schedule. */
function outage(hours: number, trouble: Pick<Trouble, 'kind' | 'manner'>): Trouble {
  return { ...trouble, fromMs: RUN_MS - 1_000, toMs: RUN_MS + hours * HOUR_MS };
}

function claimsBrokenIn({ violations }: YearReport): string[] {
  return [...new Set(violations.map(({ claim }) => claim))];
}

describe('simulateYear', () => {
  it('holds the three claims through years of random troubles', async () => {
    const first = await simulateYear({ template: template(), settings, seed: 1 });
    const reports: [YearReport, ...YearReport[]] = [first];
    for (const seed of [2, 3]) {
      reports.push(await simulateYear({ template: template(), settings, seed }));
    }

    const summary = summarise(reports);

    expect(describeSummary(summary)).not.toContain('BROKEN');
    expect(summary.violations).toEqual([]);
    expect(summary.outagesLongerThanMargin).toBeGreaterThan(0);
    expect(summary.deadMinutes).toBeGreaterThan(0);
  });

  it('is the same year for the same seed, and another one for another', async () => {
    const [year, again, other] = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const plan = (drawn: YearPlan) => ({ ...drawn, endMs: drawn.startMs + 60 * 24 * HOUR_MS });
        const report = await simulateYear({ template: template(), settings, seed, plan });
        return [report.pages, report.dead, report.writes, report.invocations];
      }),
    );

    expect(again).toEqual(year);
    expect(other).not.toEqual(year);
  });

  it('pages nobody for three minutes in which the rule cannot reach Lambda', async () => {
    const plan = onlyThis(outage(0.05, { kind: 'delivery' }));

    const report = await simulateYear({ template: template(), settings, seed: 1, plan });

    expect(claimsBrokenIn(report)).toEqual([]);
  });

  it.each([
    ['an outage of everything for five hours', outage(5, { kind: 'runpod', manner: '500' })],
    ['a page of maintenance for ten minutes', outage(0.2, { kind: 'runpod', manner: 'web page' })],
    ['a registry that cannot be asked for a day', outage(24, { kind: 'registry' })],
    ['a limited rate for two hours', outage(2, { kind: 'rate-limit' })],
    ['a day of requests that fail now and then', outage(24, { kind: 'runpod', manner: 'now and then' })],
    ['a revoked key', { kind: 'key-revoked', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
    ['a disabled schedule', { kind: 'schedule-disabled', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
    ['a forbidden invocation', { kind: 'schedule-denied', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
  ] satisfies [string, Trouble][])('keeps the credential alive through %s', async (_, trouble) => {
    const report = await simulateYear({ template: template(), settings, seed: 1, plan: onlyThis(trouble) });

    expect(report.dead).toEqual([]);
    expect(report.violations).toEqual([]);
  });

  it('lets no limited API keep the last one that can from stepping in', async () => {
    const landscape = { updates: { 'rest-v2': false, 'rest-v1': false }, retiredFromMs: { 'rest-v1': 0 } };
    const plan = onlyThis(outage(20, { kind: 'rest-v2', manner: '429' }), landscape);

    const { dead, pages } = await simulateYear({ template: template(), settings, seed: 1, plan });

    expect({ dead, pages }).toEqual({ dead: [], pages: [] });
  });

  it('lets a credential die in an outage of eight hours, and pages with more than four of life left', async () => {
    const plan = onlyThis(outage(8, { kind: 'ecr' }));

    const { dead, pages, violations } = await simulateYear({ template: template(), settings, seed: 1, plan });

    expect(dead.map(({ auth }) => auth).sort()).toEqual(['ecr-staging', 'prod']);
    expect(pages[0]?.lifeLeftMs).toBeGreaterThan(4 * HOUR_MS);
    expect(violations).toEqual([]);
  });

  it.each([
    [
      'paged in time',
      'the silent alarm waits for 16 hours',
      'AlarmsRefreshSilent',
      192,
      outage(20, { kind: 'throttling' }),
    ],
    ['no false page', 'a single failed run rings', 'AlarmsRefreshFailing', 1, outage(0.3, { kind: 'ecr' })],
  ] satisfies [string, string, string, number, Trouble][])(
    'breaks the claim "%s" when %s',
    async (claim, _, alarm, count, trouble) => {
      const changed = template(alarm, { EvaluationPeriods: count, DatapointsToAlarm: count });

      const report = await simulateYear({ template: changed, settings, seed: 1, plan: onlyThis(trouble) });

      expect(claimsBrokenIn(report)).toEqual([claim]);
    },
  );
});

describe('violationsOf', () => {
  const margin = marginOf(template());
  const episode = {
    fromMs: RUN_MS,
    toMs: RUN_MS + 5 * HOUR_MS,
    feltMs: 5 * HOUR_MS,
    causes: [],
    neededPerson: false,
  };
  const dead = { auth: 'prod', fromMs: RUN_MS + 6 * HOUR_MS, toMs: RUN_MS + 7 * HOUR_MS };

  it('finds a dead credential without an outage that was long enough', () => {
    const found = violationsOf(margin, { dead: [dead], pages: [], episodes: [episode] }, () => false);

    expect(found).toMatchObject([{ claim: 'no dead credential', atMs: dead.fromMs, episode }]);
  });

  it('finds a dead credential that outlived its outage', () => {
    const long = { ...episode, toMs: RUN_MS + 6.3 * HOUR_MS, feltMs: 6.3 * HOUR_MS };
    const pages = [{ alarm: 'any', atMs: RUN_MS + HOUR_MS, lifeLeftMs: 5 * HOUR_MS, refreshedMs: 0 }];

    const found = violationsOf(margin, { dead: [dead], pages, episodes: [long] }, () => false);

    expect(found).toMatchObject([{ claim: 'no dead credential' }]);
  });

  it('finds a page that came with less than four hours of life left', () => {
    const long = { ...episode, toMs: RUN_MS + 8 * HOUR_MS, feltMs: 8 * HOUR_MS };
    const pages = [{ alarm: 'any', atMs: RUN_MS + 3 * HOUR_MS, lifeLeftMs: 3 * HOUR_MS, refreshedMs: 0 }];

    const found = violationsOf(margin, { dead: [], pages, episodes: [long] }, () => false);

    expect(found).toMatchObject([{ claim: 'paged in time', episode: long }]);
  });
});
