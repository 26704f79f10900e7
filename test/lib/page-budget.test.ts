import { Template } from 'aws-cdk-lib/assertions';
import { config } from './config/builder';
import { type PageBudget, pageBudgets, pagesOfOutage, pagesWhileHealthy } from './page-budget';
import { stackOf } from './synthesise';

/** Four hours: time to wake up, to understand, and to mend. */
const LEAST_LEFT = 240;
const INTERVALS = [1, 2, 3, 4, 5, 6];

describe('the page budget', () => {
  const templates = new Map<number, object>();

  beforeAll(() => {
    for (const hours of INTERVALS) {
      const stack = stackOf(config({ refreshIntervalHours: hours }));
      templates.set(hours, Template.fromStack(stack).toJSON());
    }
  });

  afterAll(() => {
    process.stdout.write(table(pageBudgets(templateOf(6))));
  });

  it.each(INTERVALS)('leaves four hours for every kind of failure, every %i h', (hours) => {
    expect(tooLate(templateOf(hours))).toEqual([]);
  });

  it.each(INTERVALS)('has a silence of its own while all is well, every %i h', (hours) => {
    expect(pagesWhileHealthy(templateOf(hours))).toEqual([]);
  });

  it.each([0, 15, 30, 50, 60])('pages nobody for an outage of %i minutes', (minutes) => {
    expect(pagesOfOutage(templateOf(6), minutes)).toEqual([]);
  });

  it('pages for an outage of three hours', () => {
    expect(pagesOfOutage(templateOf(6), 180)).toEqual(['RefreshSilent', 'RefreshFailing']);
  });

  it('pages within five minutes of the end of a run that only a person can mend', () => {
    const [page] = pageBudgets(templateOf(6)).filter(({ alarm }) => alarm === 'OperatorActionNeeded');

    expect(page?.pageMin).toBeLessThanOrEqual(6 * 60 + 5 + 5);
  });

  it.each<[string, (json: string) => string]>([
    [
      'RefreshFailing waits for longer',
      onAlarm('RefreshFailing', { EvaluationPeriods: 7, DatapointsToAlarm: 7 }),
    ],
    ['RefreshFailing has longer periods', onAlarm('RefreshFailing', { Period: 1800 })],
    ['RefreshFailing overlooks one target', onAlarm('RefreshFailing', { Threshold: 2 })],
    [
      'RefreshSilent waits for longer',
      onAlarm('RefreshSilent', { EvaluationPeriods: 100, DatapointsToAlarm: 100 }),
    ],
    [
      'RefreshSilent takes silence for health',
      onAlarm('RefreshSilent', { TreatMissingData: 'notBreaching' }),
    ],
    ['OperatorActionNeeded waits for a day', onAlarm('OperatorActionNeeded', { Period: 86_400 })],
    ['ScheduleBroken watches for many failures', onAlarm('ScheduleBroken', { Threshold: 3 })],
    ['OperatorActionNeeded tells nobody', onAlarm('OperatorActionNeeded', { AlarmActions: [] })],
    ['the interval is longer', (json) => json.replace('rate(6 hours)', 'rate(7 hours)')],
    [
      'the rule tries for longer',
      (json) => json.replace(/("RetryPolicy":\{"MaximumEventAgeInSeconds":)3600/, '$17200'),
    ],
    [
      'retries come less often',
      (json) => json.replace('"VisibilityTimeout":900', '"VisibilityTimeout":3600'),
    ],
    ['retries end sooner', (json) => json.replace('"maxReceiveCount":24', '"maxReceiveCount":2')],
  ])('is overdrawn when %s', (_, change) => {
    const original = JSON.stringify(templateOf(6));
    const changed = change(original);

    expect(changed).not.toBe(original);
    expect(tooLate(JSON.parse(changed))).not.toEqual([]);
  });

  function templateOf(hours: number): object {
    return templates.get(hours) ?? {};
  }
});

function tooLate(template: object): PageBudget[] {
  return pageBudgets(template).filter(({ leftMin }) => leftMin < LEAST_LEFT);
}

/** Changes an alarm's properties in a template's text. */
function onAlarm(name: string, change: Readonly<Record<string, unknown>>): (json: string) => string {
  return (json) => {
    const template: { Resources: Record<string, { Properties?: { AlarmName?: string } }> } = JSON.parse(json);
    for (const { Properties } of Object.values(template.Resources)) {
      if (Properties?.AlarmName?.endsWith(`-${name}`)) Object.assign(Properties, change);
    }
    return JSON.stringify(template);
  };
}

function table(budgets: readonly PageBudget[]): string {
  const lines = budgets.map(
    ({ kind, alarm, pageMin, leftMin }) =>
      `  ${kind.padEnd(32)}${alarm.padEnd(22)}${String(pageMin).padStart(6)}${String(leftMin).padStart(8)}`,
  );
  const head = `  ${'failure'.padEnd(32)}${'alarm'.padEnd(22)}${'page'.padStart(6)}${'left'.padStart(8)}`;
  return `\nMinutes from the last success to the page, and of the credential's life left then:\n${[head, ...lines].join('\n')}\n\n`;
}
