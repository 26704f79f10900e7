import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageBudgets } from '../lib/page-budget';
import { built } from '../support/built-once';
import { fixtureTemplate } from './fixture-template';
import { FAILURES, timeToPage } from './page-budget';
import type { CloudFormationTemplate } from './template-values';

describe('timeToPage', () => {
  it.each([
    ['function-fails', 'RefreshSilent'],
    ['function-crashes', 'RefreshSilent'],
    ['operator', 'OperatorActionNeeded'],
    ['partial-failure', 'RefreshSilent'],
    ['rule-cannot-invoke', 'ScheduleBroken'],
    ['nothing-runs', 'RefreshSilent'],
    ['metrics-lost', 'RefreshSilent'],
  ] as const)('leaves four hours of life for %s, and names the alarm', async (failure, alarm) => {
    const budget = await timeToPage({ template: fixtureTemplate(), failure });

    expect(budget).toMatchObject({ failure, alarm });
    expect(budget.lifeLeftMinutes).toBeGreaterThanOrEqual(240);
    expect(budget.lifeLeftMinutes).toBe(720 - budget.minutes);
  });

  it('returns the later page of the two alignments, and both of them', async () => {
    const budget = await timeToPage({ template: fixtureTemplate(), failure: 'function-fails' });

    expect(budget.byAlignment.map(({ alignment }) => alignment)).toEqual(['sliding', 'aligned']);
    expect(budget.minutes).toBe(Math.max(...budget.byAlignment.map(({ minutes }) => minutes)));
  });

  it('reads the numbers of an alarm from the template', async () => {
    const template = fixtureTemplate({ RefreshSilent: { EvaluationPeriods: 96 } });

    const budget = await timeToPage({ template, failure: 'nothing-runs' });

    expect(budget.lifeLeftMinutes).toBeLessThan(240);
  });

  it('counts from the last success, with the given interval and credential life', async () => {
    const template = fixtureTemplate({ Rule: { ScheduleExpression: 'rate(2 hours)' } });

    const budget = await timeToPage({ template, failure: 'operator', lifeMinutes: 240 });

    expect(budget.minutes).toBeGreaterThan(120);
    expect(budget.minutes).toBeLessThan(130);
    expect(budget.lifeLeftMinutes).toBe(240 - budget.minutes);
  });

  it('returns no alarm when no alarm pages', async () => {
    const silent = { AlarmActions: [{ Ref: 'WarningTopic' }] };
    const template = fixtureTemplate({ RefreshSilent: silent, RetriesExhausted: silent });

    const budget = await timeToPage({ template, failure: 'nothing-runs', extraPeriods: [2] });

    expect(budget).toMatchObject({ alarm: undefined, minutes: Number.POSITIVE_INFINITY });
  });

  it('has seven different failures', () => {
    expect(new Set(FAILURES).size).toBe(7);
  });

  it.each([
    ['function-fails', /^every target fails/],
    ['partial-failure', /^one target of many/],
    ['operator', /person/],
    ['function-crashes', /^every run times out/],
    ['nothing-runs', /^nothing runs/],
    ['rule-cannot-invoke', /^the rule cannot invoke/],
  ] as const)(
    'pages for %s on the real template no later than the arithmetic says',
    async (failure, kind) => {
      const template = realTemplate();
      const computed = pageBudgets(template).filter((budget) => kind.test(budget.kind));

      // The arithmetic assumes two additional periods as well.
      const simulated = await timeToPage({ template, failure, extraPeriods: [2] });

      expect(computed).not.toEqual([]);
      expect(simulated.lifeLeftMinutes).toBeGreaterThanOrEqual(240);
      expect(simulated.minutes).toBeLessThanOrEqual(Math.min(...computed.map(({ pageMin }) => pageMin)));
    },
  );
});

/** Returns the template of the example configuration, which is synthesised once for all tests. */
function realTemplate(): CloudFormationTemplate {
  return JSON.parse(readFileSync(join(built('assembly'), 'EcrCredentialRefresher.template.json'), 'utf8'));
}
