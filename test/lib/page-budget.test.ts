import { Template } from 'aws-cdk-lib/assertions';
import {
  type PageBudget,
  pageBudgets,
  pageOfWatch,
  pagesOfCredential,
  pagesOfNewStack,
  pagesOfOutage,
  pagesWhileHealthy,
} from './page-budget';
import { bothStacks, templateOf } from './synthesise';
import { templateFacts } from './template-facts';

/** Minutes that a person needs to wake up, understand the problem and fix it. */
const LEAST_LEFT = 240;
const DAY_MIN = 24 * 60;
const INTERVALS = [1, 2, 3, 4, 5, 6];

describe('the page budget', () => {
  it.each(INTERVALS)(
    'leaves four hours after the page for every kind of failure, at an interval of %i h',
    (hours) => {
      expect(pagesTooLate(jsonOf(hours))).toEqual([]);
    },
  );

  it.each(INTERVALS)('has no page while every run succeeds, at an interval of %i h', (hours) => {
    expect(pagesWhileHealthy(jsonOf(hours))).toEqual([]);
  });

  it.each(INTERVALS)('has only alarm windows that CloudWatch accepts, at an interval of %i h', (hours) => {
    const { alarms } = templateFacts(jsonOf(hours));
    const tooWide = alarms.filter(
      ({ periodMin, periods }) => periodMin * periods > (periodMin < 60 ? DAY_MIN : 7 * DAY_MIN),
    );

    expect(tooWide).toEqual([]);
  });

  it.each(INTERVALS)('evaluates FallbackRoute over at least a day, at an interval of %i h', (hours) => {
    const fallback = templateFacts(jsonOf(hours)).alarms.find(({ name }) => name === 'FallbackRoute');

    expect((fallback?.periodMin ?? 0) * (fallback?.periods ?? 0)).toBeGreaterThanOrEqual(DAY_MIN);
  });

  it.each(INTERVALS)(
    'pages at once for a credential that dies before a page for the next run leaves four hours, at an interval of %i h',
    (hours) => {
      const least = hours * 60 + LEAST_LEFT;

      expect(pagesOfCredential(jsonOf(hours), least - 1)).toEqual(['CredentialShortLived']);
      expect(pagesOfCredential(jsonOf(hours), least)).toEqual([]);
    },
  );

  it.each([
    ['require', 'the metric of the first refresh arrives late', 10],
    ['attempt', 'the retries succeed after an hour', 60],
    ['off', 'the first scheduled run succeeds', 6 * 60 + 10],
  ])('has no page in a new stack with the first refresh "%s" when %s', (firstRefresh, _, successMin) => {
    const template = templateOf({ firstRefresh }).toJSON();

    expect([...pagesOfNewStack(template, successMin)]).toEqual([]);
  });

  it.each(['require', 'attempt', 'off'])(
    'pages in a new stack with the first refresh "%s" when no run ever succeeds',
    (firstRefresh) => {
      const pages = pagesOfNewStack(templateOf({ firstRefresh }).toJSON());

      expect([...pages.keys()]).toEqual(['RefreshSilent']);
      expect(pages.get('RefreshSilent')).toBeLessThanOrEqual(7 * 60);
    },
  );

  it.each(INTERVALS)(
    'has no warm-up that is longer than the alarm’s window, at an interval of %i h',
    (hours) => {
      for (const firstRefresh of ['require', 'attempt', 'off']) {
        const { alarms } = templateFacts(templateOf({ refreshIntervalHours: hours, firstRefresh }).toJSON());
        for (const { warmUpMin, periodMin, periods } of alarms) {
          expect(warmUpMin).toBeLessThanOrEqual(periodMin * periods);
        }
      }
    },
  );

  it.each([0, 15, 30, 50])('has no page for an outage of %i minutes', (minutes) => {
    expect(pagesOfOutage(jsonOf(6), minutes)).toEqual([]);
  });

  it('has two pages for an outage of three hours', () => {
    expect(pagesOfOutage(jsonOf(6), 180)).toEqual(['RefreshSilent', 'RefreshFailing']);
  });

  it('pages within five minutes after a run whose failure only a person can fix', () => {
    const [page] = pageBudgets(jsonOf(6)).filter(({ alarm }) => alarm === 'OperatorActionNeeded');

    expect(page?.pageMin).toBeLessThanOrEqual(6 * 60 + 5 + 5);
  });

  it.each<[string, (json: string) => string]>([
    [
      'RefreshFailing evaluates more periods',
      onAlarm('RefreshFailing', { EvaluationPeriods: 7, DatapointsToAlarm: 7 }),
    ],
    ['RefreshFailing has longer periods', onAlarm('RefreshFailing', { Period: 1800 })],
    ['RefreshFailing ignores a single failed target', onAlarm('RefreshFailing', { Threshold: 2 })],
    [
      'RefreshSilent evaluates more periods',
      onAlarm('RefreshSilent', { EvaluationPeriods: 100, DatapointsToAlarm: 100 }),
    ],
    [
      'RefreshSilent treats missing data as not breaching',
      onAlarm('RefreshSilent', { TreatMissingData: 'notBreaching' }),
    ],
    ['OperatorActionNeeded has a period of a day', onAlarm('OperatorActionNeeded', { Period: 86_400 })],
    ['ScheduleBroken needs several failures', onAlarm('ScheduleBroken', { Threshold: 3 })],
    ['OperatorActionNeeded notifies nobody', onAlarm('OperatorActionNeeded', { AlarmActions: [] })],
    ['the interval is longer', (json) => json.replace('rate(6 hours)', 'rate(7 hours)')],
    [
      'the rule retries for longer',
      (json) => json.replace(/("RetryPolicy":\{"MaximumEventAgeInSeconds":)3600/, '$17200'),
    ],
    [
      'retries are less frequent',
      (json) => json.replace('"VisibilityTimeout":900', '"VisibilityTimeout":3600'),
    ],
    ['retries end sooner', (json) => json.replace('"maxReceiveCount":24', '"maxReceiveCount":2')],
  ])('leaves less than four hours for some failure when %s', (_, change) => {
    const original = JSON.stringify(jsonOf(6));
    const changed = change(original);

    expect(changed).not.toBe(original);
    expect(pagesTooLate(JSON.parse(changed))).not.toEqual([]);
  });
});

describe('the page budget of two regions', () => {
  it.each(INTERVALS)(
    'leaves four hours after the page of each when both fail, at an interval of %i h',
    (hours) => {
      for (const template of bothJsonOf(hours)) {
        const silent = pageBudgets(template).filter(({ alarm }) => alarm === 'RefreshSilent');

        expect(silent.length).toBeGreaterThan(0);
        expect(silent.filter(({ leftMin }) => leftMin < LEAST_LEFT)).toEqual([]);
      }
    },
  );

  it.each(INTERVALS)('has no page while every run succeeds, at an interval of %i h', (hours) => {
    for (const template of bothJsonOf(hours)) expect(pagesWhileHealthy(template)).toEqual([]);
  });

  it('leaves less than four hours when RefreshSilent does not go off for missing data', () => {
    const [primary] = bothJsonOf(6);
    const changed = onAlarm('RefreshSilent', { TreatMissingData: 'notBreaching' })(JSON.stringify(primary));

    expect(pagesTooLate(JSON.parse(changed)).map(({ alarm }) => alarm)).toContain('RefreshSilent');
  });
});

describe('the page of a failure that only the watch sees', () => {
  const looks = [15, 60, 360].flatMap((lookMin) =>
    (['PullsFailing', 'ImagesUnpullable'] as const).map((alarm) => ({ alarm, lookMin })),
  );

  it.each(looks)('comes from $alarm within two looks of $lookMin minutes and a few minutes', (row) => {
    const template = templateOf({ pullWatch: { intervalMinutes: row.lookMin } }).toJSON();

    const minutes = pageOfWatch(template, row.alarm, row.lookMin);

    expect(minutes).toBeGreaterThan(2 * row.lookMin);
    expect(minutes).toBeLessThanOrEqual(2 * row.lookMin + 5);
  });
});

function jsonOf(refreshIntervalHours: number): object {
  return templateOf({ refreshIntervalHours }).toJSON();
}

/** Returns the templates of a refresher and its standby. */
function bothJsonOf(refreshIntervalHours: number): object[] {
  const { primary, standby } = bothStacks({ refreshIntervalHours });
  return [primary, standby].map((stack) => Template.fromStack(stack).toJSON());
}

function pagesTooLate(template: object): PageBudget[] {
  return pageBudgets(template).filter(({ leftMin }) => leftMin < LEAST_LEFT);
}

/** Returns a function that changes an alarm's properties in the text of a template. */
function onAlarm(name: string, change: Readonly<Record<string, unknown>>): (json: string) => string {
  return (json) => {
    const template: { Resources: Record<string, { Properties?: { AlarmName?: string } }> } = JSON.parse(json);
    for (const { Properties } of Object.values(template.Resources)) {
      if (Properties?.AlarmName?.endsWith(`-${name}`)) Object.assign(Properties, change);
    }
    return JSON.stringify(template);
  };
}
