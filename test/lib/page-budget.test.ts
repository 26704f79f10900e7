import { type PageBudget, pageBudgets, pagesOfOutage, pagesWhileHealthy } from './page-budget';
import { templateOf } from './synthesise';
import { templateFacts } from './template-facts';

/** Four hours: time to wake up, to understand, and to mend. */
const LEAST_LEFT = 240;
const DAY_MIN = 24 * 60;
const INTERVALS = [1, 2, 3, 4, 5, 6];

describe('the page budget', () => {
  afterAll(() => {
    process.stdout.write(table(pageBudgets(jsonOf(6))));
  });

  it.each(INTERVALS)('leaves four hours for every kind of failure, every %i h', (hours) => {
    expect(tooLate(jsonOf(hours))).toEqual([]);
  });

  it.each(INTERVALS)('has a silence of its own while all is well, every %i h', (hours) => {
    expect(pagesWhileHealthy(jsonOf(hours))).toEqual([]);
  });

  it.each(INTERVALS)('has windows that CloudWatch takes, every %i h', (hours) => {
    const { alarms } = templateFacts(jsonOf(hours));
    const tooWide = alarms.filter(
      ({ periodMin, periods }) => periodMin * periods > (periodMin < 60 ? DAY_MIN : 7 * DAY_MIN),
    );

    expect(tooWide).toEqual([]);
  });

  it.each(INTERVALS)('watches FallbackRoute for a day at least, every %i h', (hours) => {
    const fallback = templateFacts(jsonOf(hours)).alarms.find(({ name }) => name === 'FallbackRoute');

    expect((fallback?.periodMin ?? 0) * (fallback?.periods ?? 0)).toBeGreaterThanOrEqual(DAY_MIN);
  });

  it.each([0, 15, 30, 50])('pages nobody for an outage of %i minutes', (minutes) => {
    expect(pagesOfOutage(jsonOf(6), minutes)).toEqual([]);
  });

  it('pages for an outage of three hours', () => {
    expect(pagesOfOutage(jsonOf(6), 180)).toEqual(['RefreshSilent', 'RefreshFailing']);
  });

  it('pages within five minutes of the end of a run that only a person can mend', () => {
    const [page] = pageBudgets(jsonOf(6)).filter(({ alarm }) => alarm === 'OperatorActionNeeded');

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
    const original = JSON.stringify(jsonOf(6));
    const changed = change(original);

    expect(changed).not.toBe(original);
    expect(tooLate(JSON.parse(changed))).not.toEqual([]);
  });
});

function jsonOf(refreshIntervalHours: number): object {
  return templateOf({ refreshIntervalHours }).toJSON();
}

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
