import { type FixtureChanges, fixtureTemplate } from './fixture-template';
import { firstTickMs, readTemplate } from './template';
import { NotUnderstoodError } from './template-values';

const rate = (expression: string) =>
  readTemplate(fixtureTemplate({ Rule: { ScheduleExpression: expression } })).rules[0]?.intervalMs;

describe('readTemplate', () => {
  it('takes every number from the template', () => {
    const wiring = readTemplate(
      fixtureTemplate({
        Function: { Timeout: 120 },
        InvokeConfig: { MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 600 },
        RetryQueue: { DelaySeconds: 60, VisibilityTimeout: 720, MessageRetentionPeriod: 7200 },
        Mapping: { BatchSize: 3 },
      }),
    );

    expect(wiring.functions).toEqual([
      {
        id: 'Function',
        timeoutMs: 120_000,
        maxRetries: 1,
        maxEventAgeMs: 600_000,
        onFailureQueueId: 'RetryQueue',
      },
    ]);
    expect(wiring.queues[0]).toEqual({
      id: 'RetryQueue',
      delayMs: 60_000,
      visibilityTimeoutMs: 720_000,
      retentionMs: 7_200_000,
      redrive: { queueId: 'DeadLetterQueue', maxReceiveCount: 24 },
    });
    expect(wiring.mappings).toEqual([
      { id: 'Mapping', functionId: 'Function', queueId: 'RetryQueue', batchSize: 3 },
    ]);
    expect(wiring.rules[0]?.targets).toEqual([
      {
        functionId: 'Function',
        maxRetries: 2,
        maxEventAgeMs: 3_600_000,
        deadLetterQueueId: 'ScheduleDeadLetterQueue',
      },
    ]);
  });

  it('reads the refresher and the watch apart', () => {
    const template = fixtureTemplate({
      PullWatchFunction: { Type: 'AWS::Lambda::Function', Properties: { Timeout: 60 } },
    });

    expect(readTemplate(template).functions.map(({ id }) => id)).toEqual(['Function']);
    expect(readTemplate(template, 'watch')).toMatchObject({
      functions: [{ id: 'PullWatchFunction', timeoutMs: 60_000 }],
      rules: [],
      alarms: [],
    });
  });

  it('reads rate expressions', () => {
    expect(['rate(1 hour)', 'rate(6 hours)', 'rate(1 minute)', 'rate(30 minutes)'].map(rate)).toEqual([
      3_600_000, 21_600_000, 60_000, 1_800_000,
    ]);
  });

  it.each([
    ['cron(13 0/6 * * ? *)', '00:13', '06:13'],
    ['cron(13 3/6 * * ? *)', '03:13', '09:13'],
    ['cron(43 1/3 * * ? *)', '04:43', '04:43'],
  ])('reads regular hours of a day: %s', (expression, afterMidnight, afterFour) => {
    const [rule] = readTemplate(fixtureTemplate({ Rule: { ScheduleExpression: expression } })).rules;
    const firstFrom = (hour: number) =>
      rule && new Date(firstTickMs(rule, Date.UTC(2027, 0, 1, hour))).toISOString().slice(11, 16);

    expect([firstFrom(expression.includes('1/3') ? 2 : 0), firstFrom(4)]).toEqual([afterMidnight, afterFour]);
  });

  it('uses the defaults of AWS for numbers that the template leaves out', () => {
    const wiring = readTemplate(
      fixtureTemplate({ InvokeConfig: undefined, Function: { Timeout: undefined } }),
    );

    expect(wiring.functions[0]).toEqual({
      id: 'Function',
      timeoutMs: 3_000,
      maxRetries: 2,
      maxEventAgeMs: 21_600_000,
    });
    expect(wiring.queues[1]).toMatchObject({ visibilityTimeoutMs: 30_000, delayMs: 0 });
  });

  it('leaves out a disabled event source mapping', () => {
    expect(readTemplate(fixtureTemplate({ Mapping: { Enabled: false } })).mappings).toEqual([]);
  });

  it('reads a metric that is the only one of a list', () => {
    const metric = { Namespace: 'AWS/Lambda', MetricName: 'Errors', Dimensions: [] };
    const changes = {
      RunningSlow: {
        Namespace: undefined,
        MetricName: undefined,
        Metrics: [
          { Id: 'm1', MetricStat: { Metric: metric, Period: 120, Stat: 'Maximum' }, ReturnData: true },
        ],
      },
    };

    const alarm = readTemplate(fixtureTemplate(changes)).alarms.find(({ id }) => id === 'RunningSlow');

    expect(alarm).toMatchObject({
      metric: { namespace: 'AWS/Lambda', name: 'Errors' },
      periodMs: 120_000,
      statistic: 'Maximum',
    });
  });

  const strange: readonly [string, FixtureChanges, RegExp][] = [
    ['a time of the day', { Rule: { ScheduleExpression: 'cron(0 6 * * ? *)' } }, /^Rule\.ScheduleExpression/],
    ['hours that do not divide a day', { Rule: { ScheduleExpression: 'cron(0 0/5 * * ? *)' } }, /^Rule\./],
    ['a day without its first hours', { Rule: { ScheduleExpression: 'cron(0 6/6 * * ? *)' } }, /^Rule\./],
    [
      'metric math',
      { RunningSlow: { Metrics: [{ Id: 'e1', Expression: 'm1+m2' }] } },
      /^RunningSlow\.Metrics/,
    ],
    ['a percentile', { RunningSlow: { ExtendedStatistic: 'p99' } }, /^RunningSlow\.ExtendedStatistic/],
    ['no statistic', { RunningSlow: { Statistic: undefined } }, /^RunningSlow\.Statistic/],
    ['a period of ten seconds', { RunningSlow: { Period: 10 } }, /^RunningSlow\.Period/],
    [
      'a window of more than a day',
      { RunningSlow: { EvaluationPeriods: 97 } },
      /^RunningSlow\.EvaluationPeriods/,
    ],
    ['partial batches', { Mapping: { FunctionResponseTypes: ['ReportBatchItemFailures'] } }, /^Mapping\./],
    ['a foreign queue', { Mapping: { EventSourceArn: 'arn:aws:sqs:x' } }, /^Mapping\.EventSourceArn/],
    ['a composite alarm', { Both: { Type: 'AWS::CloudWatch::CompositeAlarm' } }, /^Both/],
  ];
  it.each(strange)('throws for %s, which is not modelled', (_what, changes, message) => {
    const reading = () => readTemplate(fixtureTemplate(changes));

    expect(reading).toThrow(NotUnderstoodError);
    expect(reading).toThrow(message);
  });
});
