import { fixtureTemplate } from './fixture-template';
import { FAILURES, timeToPage } from './page-budget';

describe('timeToPage', () => {
  it.each([
    ['function-fails', 'RefreshSilent'],
    ['function-crashes', 'RefreshSilent'],
    ['operator', 'OperatorActionNeeded'],
    ['partial-failure', 'RefreshSilent'],
    ['rule-cannot-invoke', 'ScheduleBroken'],
    ['nothing-runs', 'RefreshSilent'],
    ['metrics-lost', 'RefreshSilent'],
  ] as const)('leaves 4 hours of life when %s, and names the alarm', async (failure, alarm) => {
    const budget = await timeToPage({ template: fixtureTemplate(), failure });

    expect(budget).toMatchObject({ failure, alarm });
    expect(budget.lifeLeftMinutes).toBeGreaterThanOrEqual(240);
    expect(budget.lifeLeftMinutes).toBe(720 - budget.minutes);
  });

  it('answers with the worse alignment, and shows both', async () => {
    const budget = await timeToPage({ template: fixtureTemplate(), failure: 'function-fails' });

    expect(budget.byAlignment.map(({ alignment }) => alignment)).toEqual(['sliding', 'aligned']);
    expect(budget.minutes).toBe(Math.max(...budget.byAlignment.map(({ minutes }) => minutes)));
  });

  it('sees that a threshold was moved in the template', async () => {
    const template = fixtureTemplate({ RefreshSilent: { EvaluationPeriods: 96 } });

    const budget = await timeToPage({ template, failure: 'nothing-runs' });

    expect(budget.lifeLeftMinutes).toBeLessThan(240);
  });

  it('counts from the last success, by the interval and the life of the credential', async () => {
    const template = fixtureTemplate({ Rule: { ScheduleExpression: 'rate(2 hours)' } });

    const budget = await timeToPage({ template, failure: 'operator', lifeMinutes: 240 });

    expect(budget.minutes).toBeGreaterThan(120);
    expect(budget.minutes).toBeLessThan(130);
    expect(budget.lifeLeftMinutes).toBe(240 - budget.minutes);
  });

  it('says that nobody is paged', async () => {
    const silent = { AlarmActions: [{ Ref: 'WarningTopic' }] };
    const template = fixtureTemplate({ RefreshSilent: silent, RetriesExhausted: silent });

    const budget = await timeToPage({ template, failure: 'nothing-runs', extraPeriods: [2] });

    expect(budget).toMatchObject({ alarm: undefined, minutes: Number.POSITIVE_INFINITY });
  });

  it('knows every way in which refreshing can stop', () => {
    expect(new Set(FAILURES).size).toBe(7);
  });
});
