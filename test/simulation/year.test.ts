import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { built } from '../support/built-once';
import type { CloudFormationTemplate } from './template-values';
import { violationsOf } from './year/claims';
import type { Incident, YearPlan } from './year/incidents';
import { marginOf } from './year/margin';
import { describeSummary, summarise } from './year/summary';
import { simulateYear, type YearReport } from './year/year';

const settings: RefresherSettings = JSON.parse(readFileSync(join(built('asset'), SETTINGS_FILE), 'utf8'));
const templateText = readFileSync(join(built('assembly'), 'EcrCredentialRefresher.template.json'), 'utf8');

const HOUR_MS = 3_600_000;
/** A scheduled run some days after the start. */
const RUN_MS = Date.UTC(2027, 0, 4);
const END_MS = Date.UTC(2027, 0, 8);
const FOREVER_MS = Number.POSITIVE_INFINITY;

type Properties = Record<string, unknown>;

/** Returns the example's template with changed properties of one resource. */
function template(part = '', change: Properties = {}): CloudFormationTemplate {
  const parsed: { Resources: Record<string, { Properties: Properties }> } = JSON.parse(templateText);
  const changed = Object.entries(parsed.Resources).filter(([id]) => part !== '' && id.startsWith(part));
  if (part !== '' && changed.length !== 1) throw new Error(`${changed.length} resources begin with ${part}`);
  for (const [, { Properties }] of changed) Object.assign(Properties, change);
  return parsed;
}

/** Plans a week with only this incident. */
function onlyThis(incident: Incident, environment: Partial<YearPlan> = {}): (drawn: YearPlan) => YearPlan {
  return ({ startMs }) => ({
    startMs,
    endMs: END_MS,
    incidents: [incident],
    keys: [{ value: 'rpa_simulated_0', storedMs: -FOREVER_MS, validUntilMs: FOREVER_MS }],
    retiredFromMs: {},
    updates: { 'rest-v2': true, 'rest-v1': false },
    ...environment,
  });
}

/** Returns an incident that begins just before a scheduled run. */
function incidentFor(hours: number, incident: Pick<Incident, 'kind' | 'mode'>): Incident {
  return { ...incident, fromMs: RUN_MS - 1_000, toMs: RUN_MS + hours * HOUR_MS };
}

function claimsBrokenIn({ violations }: YearReport): string[] {
  return [...new Set(violations.map(({ claim }) => claim))];
}

describe('simulateYear', () => {
  it('keeps the three claims through years of random incidents', async () => {
    const first = await simulateYear({ template: template(), settings, seed: 1 });
    const reports: [YearReport, ...YearReport[]] = [first];
    for (const seed of [2, 3]) {
      reports.push(await simulateYear({ template: template(), settings, seed }));
    }

    const summary = summarise(reports);

    expect(describeSummary(summary)).not.toContain('BROKEN');
    expect(summary.violations).toEqual([]);
    expect(summary.outagesLongerThanMargin).toBeGreaterThan(0);
    expect(summary.expiredMinutes).toBeGreaterThan(0);
  });

  it('gives the same year for the same seed, and another year for another seed', async () => {
    const [year, again, other] = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const plan = (drawn: YearPlan) => ({ ...drawn, endMs: drawn.startMs + 60 * 24 * HOUR_MS });
        const report = await simulateYear({ template: template(), settings, seed, plan });
        return [report.pages, report.expired, report.writes, report.invocations];
      }),
    );

    expect(again).toEqual(year);
    expect(other).not.toEqual(year);
  });

  it('does not page when the rule cannot reach Lambda for three minutes', async () => {
    const plan = onlyThis(incidentFor(0.05, { kind: 'delivery' }));

    const report = await simulateYear({ template: template(), settings, seed: 1, plan });

    expect(claimsBrokenIn(report)).toEqual([]);
  });

  it.each([
    ['an outage of everything for five hours', incidentFor(5, { kind: 'runpod', mode: '500' })],
    ['a maintenance page for ten minutes', incidentFor(0.2, { kind: 'runpod', mode: 'web page' })],
    ['an unreachable registry for a day', incidentFor(24, { kind: 'registry' })],
    ['a rate limit for two hours', incidentFor(2, { kind: 'rate-limit' })],
    ['requests that fail now and then for a day', incidentFor(24, { kind: 'runpod', mode: 'intermittent' })],
    ['a revoked key', { kind: 'key-revoked', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
    ['a disabled schedule', { kind: 'schedule-disabled', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
    ['a denied invocation', { kind: 'schedule-denied', fromMs: RUN_MS - HOUR_MS, toMs: FOREVER_MS }],
  ] satisfies [string, Incident][])('keeps a valid credential through %s', async (_, incident) => {
    const report = await simulateYear({ template: template(), settings, seed: 1, plan: onlyThis(incident) });

    expect(report.expired).toEqual([]);
    expect(report.violations).toEqual([]);
  });

  it('moves on from a rate-limited API to the only one that can update', async () => {
    const environment = { updates: { 'rest-v2': false, 'rest-v1': false }, retiredFromMs: { 'rest-v1': 0 } };
    const plan = onlyThis(incidentFor(20, { kind: 'rest-v2', mode: '429' }), environment);

    const { expired, pages } = await simulateYear({ template: template(), settings, seed: 1, plan });

    expect({ expired, pages }).toEqual({ expired: [], pages: [] });
  });

  it('lets a credential expire in an outage of eight hours, and pages with more than four hours of life left', async () => {
    const plan = onlyThis(incidentFor(8, { kind: 'ecr' }));

    const { expired, pages, violations } = await simulateYear({
      template: template(),
      settings,
      seed: 1,
      plan,
    });

    expect(expired.map(({ auth }) => auth).sort()).toEqual(['ecr-staging', 'prod']);
    expect(pages[0]?.lifeLeftMs).toBeGreaterThan(4 * HOUR_MS);
    expect(violations).toEqual([]);
  });

  it.each([
    [
      'paged in time',
      'the alarm on silence waits for 16 hours',
      'AlarmsRefreshSilent',
      192,
      incidentFor(20, { kind: 'throttling' }),
    ],
    [
      'no false page',
      'a single failed run pages',
      'AlarmsRefreshFailing',
      1,
      incidentFor(0.3, { kind: 'ecr' }),
    ],
  ] satisfies [string, string, string, number, Incident][])(
    'breaks the claim "%s" when %s',
    async (claim, _, alarm, count, incident) => {
      const changed = template(alarm, { EvaluationPeriods: count, DatapointsToAlarm: count });

      const report = await simulateYear({ template: changed, settings, seed: 1, plan: onlyThis(incident) });

      expect(claimsBrokenIn(report)).toEqual([claim]);
    },
  );
});

describe('violationsOf', () => {
  const margin = marginOf(template());
  const outage = {
    fromMs: RUN_MS,
    toMs: RUN_MS + 5 * HOUR_MS,
    sinceDueRunMs: 5 * HOUR_MS,
    causes: [],
    neededOperator: false,
  };
  const expired = { auth: 'prod', fromMs: RUN_MS + 6 * HOUR_MS, toMs: RUN_MS + 7 * HOUR_MS };

  it('finds an expired credential without a long enough outage', () => {
    const found = violationsOf(margin, { expired: [expired], pages: [], outages: [outage] }, () => false);

    expect(found).toMatchObject([{ claim: 'no expired credential', atMs: expired.fromMs, outage }]);
  });

  it('finds a credential that stayed expired after its outage', () => {
    const long = { ...outage, toMs: RUN_MS + 6.3 * HOUR_MS, sinceDueRunMs: 6.3 * HOUR_MS };
    const pages = [{ alarm: 'any', atMs: RUN_MS + HOUR_MS, lifeLeftMs: 5 * HOUR_MS, refreshedMs: 0 }];

    const found = violationsOf(margin, { expired: [expired], pages, outages: [long] }, () => false);

    expect(found).toMatchObject([{ claim: 'no expired credential' }]);
  });

  it('finds a page with less than four hours of life left', () => {
    const long = { ...outage, toMs: RUN_MS + 8 * HOUR_MS, sinceDueRunMs: 8 * HOUR_MS };
    const pages = [{ alarm: 'any', atMs: RUN_MS + 3 * HOUR_MS, lifeLeftMs: 3 * HOUR_MS, refreshedMs: 0 }];

    const found = violationsOf(margin, { expired: [], pages, outages: [long] }, () => false);

    expect(found).toMatchObject([{ claim: 'paged in time', outage: long }]);
  });
});
