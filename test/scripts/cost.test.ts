import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METRICS } from '../../lambda/core/contract';
import { metricsOf, type RunSummary } from '../../lambda/refresh-credentials/telemetry';
import { synthesise } from '../../lib/synthesise';
import { customMetrics, monthlyCost, total } from '../../scripts/cost-model';
import { costTable } from '../../scripts/cost-table';
import { config, type Json, manyTargets } from '../lib/config/builder';
import { templateOf } from '../lib/synthesise';

const outdir = mkdtempSync(join(tmpdir(), 'cost-test-'));

afterAll(() => rmSync(outdir, { recursive: true }));

describe('monthlyCost', () => {
  it('is at most $2.50 for one target and a watch, before any free tier', () => {
    expect(total(costOf({ pullWatch: {} }, 1))).toBeLessThanOrEqual(2.5);
  });

  it('is at most $1.55 for one target without a watch', () => {
    expect(total(costOf({}, 1))).toBeLessThanOrEqual(1.55);
  });

  it('is at most $2 for a hundred targets', () => {
    expect(total(costOf({ targets: manyTargets(100) }, 100))).toBeLessThanOrEqual(2);
  });

  it('is at most $4.80 for one target in two regions with a watch, replicas included', () => {
    const { primary, standby } = bothCosts();

    expect(total(primary) + total(standby)).toBeLessThanOrEqual(4.8);
    expect(monthly(standby, 'secrets: replicas')).toBeCloseTo(0.4);
  });

  it('counts the metric of both regions for the hours of both', () => {
    const { standby } = bothCosts();

    expect(monthly(standby, 'custom metrics')).toBeCloseTo(0.3 * ((7 * 4 + 8) / 24), 4);
  });

  it.each([
    ['another alarm', 'AlarmsApiKeyOldD0613E48', 0.1],
    ['another queue that Lambda polls', 'RetriesSourceBC2DBCEE', 0.2628],
  ])('rises with %s', (_, id, dollars) => {
    const template = templateOf().toJSON();
    const more = { Resources: { ...template.Resources, Another: template.Resources[id] } };

    const rise = total(monthlyCost(more, { targets: 1 })) - total(monthlyCost(template, { targets: 1 }));

    expect(rise).toBeCloseTo(dollars, 4);
  });

  it("counts the reads of registries' secrets too", () => {
    const registry = { type: 'ghcr', credentialSecretName: 'registry/ghcr' };
    const targets = [
      ...manyTargets(1),
      ...manyTargets(1, () => ({ name: 'ghcr', registryAuthId: 'g', registry })),
    ];

    expect(monthly(costOf({ targets }, 2), 'secrets: reads')).toBeCloseTo(
      2 * monthly(costOf({}, 1), 'secrets: reads'),
      6,
    );
  });

  it('counts a metric only for the hours in which it is sent', () => {
    expect(monthly(costOf({}, 1), 'custom metrics')).toBeCloseTo(7 * 0.3 * (4 / 24), 4);
    expect(monthly(costOf({ refreshIntervalHours: 1 }, 1), 'custom metrics')).toBeCloseTo(7 * 0.3, 4);
  });

  it('rises by less than $0.25 for a hundred targets with a secret each', () => {
    const targets = manyTargets(100, (index) => ({ runpodApiKeySecretName: `runpod/team-${index}` }));

    const [one, hundred] = [costOf({}, 1), costOf({ targets }, 100)];

    expect(monthly(hundred, 'secrets: reads')).toBeCloseTo(100 * monthly(one, 'secrets: reads'), 6);
    expect(total(hundred) - total(one)).toBeGreaterThan(0.05);
    expect(total(hundred) - total(one)).toBeLessThan(0.25);
  });
});

describe('customMetrics', () => {
  it('returns every metric that the function sends', () => {
    const sent = Object.keys(metricsOf(fullRun(), 0));

    expect(customMetrics(templateOf().toJSON())).toEqual(sent.sort());
  });

  it('returns those of the watch and of two regions too', () => {
    const { template } = synthesiseBoth();

    expect(customMetrics(template)).toEqual(Object.keys(METRICS).sort());
  });
});

describe('costTable', () => {
  it('prints every line, the total, and the date and source of the prices', () => {
    const lines = costOf({}, 1);

    const table = costTable(lines, 'Stack: 1 target');

    for (const { what, quantity } of lines) expect(table).toContain(`${what.padEnd(26)}${quantity}`);
    expect(table).toMatch(/^ {2}total +\$1\.\d\d$/m);
    expect(table).toMatch(/us-east-1 on \d{4}-\d\d-\d\d/);
    expect(table).toContain('Source: aws.amazon.com/cloudwatch/pricing');
  });
});

/** Returns the templates of a refresher with a watch and a standby. */
function synthesiseBoth() {
  const settings = config({ pullWatch: {}, standby: { region: 'us-west-2' } });
  return synthesise(settings, outdir, { account: '123456789012', region: 'us-east-1' });
}

function bothCosts() {
  const { template, standbyTemplate = {} } = synthesiseBoth();
  return {
    primary: monthlyCost(template, { targets: 1 }),
    standby: monthlyCost(standbyTemplate, { targets: 1, isStandby: true }),
  };
}

function costOf(overrides: Json, targets: number) {
  return monthlyCost(templateOf(overrides).toJSON(), { targets });
}

function monthly(lines: ReturnType<typeof costOf>, what: string): number {
  return lines.find((line) => line.what === what)?.monthly ?? Number.NaN;
}

/** Returns a run that sends every metric. */
function fullRun(): RunSummary {
  const success = {
    target: 'prod',
    registryAuthId: 'id',
    route: 'rest-v2',
    expiresAt: new Date(1).toISOString(),
    verified: true,
    fallback: false,
    durationMs: 1,
  } as const;
  return {
    successes: [success],
    failures: [],
    resumed: 0,
    fullRun: true,
    dryRun: false,
    deployment: false,
    durationMs: 1,
    apiKeyAgeDays: 1,
  };
}
