/** Reads from a synthesised template what decides when somebody is paged. */

import { z } from 'zod';

/** An alarm, with its times in minutes. */
export interface AlarmFacts {
  readonly name: string;
  readonly metric: string;
  readonly periodMin: number;
  readonly periods: number;
  readonly periodsToAlarm: number;
  readonly missing: string;
  /** It is not evaluated for this long after its creation. */
  readonly warmUpMin: number;
  /** Whether it notifies somebody when it goes off and when it is over. Only pages do both. */
  readonly pages: boolean;
  readonly isBreaching: (window: readonly number[]) => boolean;
}

/** The facts of a template, with times in minutes. */
export interface TemplateFacts {
  readonly intervalMin: number;
  readonly timeoutMin: number;
  /** How long the rule tries to deliver an event. */
  readonly deliveryMin: number;
  readonly asynchronousRetries: number;
  readonly queueDelayMin: number;
  readonly retryIntervalMin: number;
  readonly maxReceives: number;
  readonly alarms: readonly AlarmFacts[];
}

const reference = z
  .object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) })
  .transform((ref) => ref['Fn::GetAtt'][0]);
const target = z.object({
  Arn: reference,
  RetryPolicy: z.object({ MaximumEventAgeInSeconds: z.number() }),
});
const rule = z.object({
  ScheduleExpression: z.string(),
  State: z.literal('ENABLED'),
  Targets: z.tuple([target]),
});
/** A rule with an event pattern instead of a schedule. */
const eventRule = z.object({ EventPattern: z.unknown() });
const lambda = z.object({ Timeout: z.number() });
const invokeConfig = z.object({
  Qualifier: z.unknown(),
  MaximumRetryAttempts: z.number(),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: reference }) }),
});
const queue = z.object({
  DelaySeconds: z.number(),
  VisibilityTimeout: z.number(),
  RedrivePolicy: z.object({ maxReceiveCount: z.number() }),
});
const alarm = z.object({
  AlarmName: z.string(),
  MetricName: z.string(),
  Statistic: z.enum(['Sum', 'Maximum', 'Minimum', 'SampleCount']),
  Period: z.number(),
  EvaluationPeriods: z.number(),
  DatapointsToAlarm: z.number(),
  Threshold: z.number(),
  ComparisonOperator: z.enum(['GreaterThanOrEqualToThreshold', 'GreaterThanThreshold', 'LessThanThreshold']),
  TreatMissingData: z.string(),
  WarmUpConfiguration: z
    .strictObject({ WarmUpPeriodDurationInMinutes: z.number() })
    .default({ WarmUpPeriodDurationInMinutes: 0 }),
  AlarmActions: z.array(z.unknown()).default([]),
  OKActions: z.array(z.unknown()).default([]),
});
const templateSchema = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.unknown().optional() })),
});

/**
 * Reads the facts from a template.
 *
 * @throws ZodError or Error when the template does not have the structure of this service's template
 */
export function templateFacts(template: object): TemplateFacts {
  const { Resources } = withoutWatch(templateSchema.parse(template));
  const get = <Schema extends z.ZodType>(schema: Schema, id: string) =>
    schema.parse(Resources[id]?.Properties);
  const all = <Schema extends z.ZodType>(schema: Schema, type: string) =>
    Object.values(Resources).flatMap((resource) =>
      resource.Type === type ? [schema.parse(resource.Properties)] : [],
    );
  const { ScheduleExpression, Targets } = only(
    all(rule.or(eventRule), 'AWS::Events::Rule').flatMap((found) =>
      'ScheduleExpression' in found ? [found] : [],
    ),
  );
  const [delivery] = Targets;
  // The first refresh invokes a published version, the schedule does not.
  const asynchronous = only(
    all(invokeConfig, 'AWS::Lambda::EventInvokeConfig').filter(({ Qualifier }) => Qualifier === '$LATEST'),
  );
  const retries = get(queue, asynchronous.DestinationConfig.OnFailure.Destination);
  return {
    intervalMin: intervalMinutes(ScheduleExpression),
    timeoutMin: get(lambda, delivery.Arn).Timeout / 60,
    deliveryMin: delivery.RetryPolicy.MaximumEventAgeInSeconds / 60,
    asynchronousRetries: asynchronous.MaximumRetryAttempts,
    queueDelayMin: retries.DelaySeconds / 60,
    retryIntervalMin: retries.VisibilityTimeout / 60,
    maxReceives: retries.RedrivePolicy.maxReceiveCount,
    alarms: all(alarm, 'AWS::CloudWatch::Alarm').map(alarmFacts),
  };
}

/** Leaves the watch out. It has a schedule of its own, on which no credential depends. */
function withoutWatch({ Resources }: z.infer<typeof templateSchema>): z.infer<typeof templateSchema> {
  const others = Object.entries(Resources).filter(([id]) => !id.startsWith('PullWatch'));
  return { Resources: Object.fromEntries(others) };
}

function only<Item>(items: readonly Item[]): Item {
  const [item, ...others] = items;
  if (item === undefined || others.length > 0) throw new Error(`expected one, found ${items.length}`);
  return item;
}

function intervalMinutes(expression: string): number {
  const [, hours] = /^cron\(\d+ \d+\/(\d+) \* \* \? \*\)$/.exec(expression) ?? [];
  if (hours) return Number(hours) * 60;
  const [, count, unit] = /^rate\((\d+) (minute|hour)s?\)$/.exec(expression) ?? [];
  if (!unit) throw new Error(`expected a rate or fixed times, found ${expression}`);
  return Number(count) * (unit === 'hour' ? 60 : 1);
}

function alarmFacts(properties: z.output<typeof alarm>): AlarmFacts {
  const { Statistic, ComparisonOperator, Threshold, AlarmActions, OKActions } = properties;
  return {
    name: properties.AlarmName.replace(/^.*-/, ''),
    metric: properties.MetricName,
    periodMin: properties.Period / 60,
    periods: properties.EvaluationPeriods,
    periodsToAlarm: properties.DatapointsToAlarm,
    missing: properties.TreatMissingData,
    warmUpMin: properties.WarmUpConfiguration.WarmUpPeriodDurationInMinutes,
    pages: AlarmActions.length > 0 && OKActions.length > 0,
    isBreaching: (window) => {
      const value = STATISTICS[Statistic](window);
      if (ComparisonOperator === 'LessThanThreshold') return value < Threshold;
      return ComparisonOperator === 'GreaterThanThreshold' ? value > Threshold : value >= Threshold;
    },
  };
}

type Statistic = z.infer<typeof alarm>['Statistic'];

const STATISTICS: Readonly<Record<Statistic, (window: readonly number[]) => number>> = {
  Sum: (window) => window.reduce((sum, next) => sum + next, 0),
  Maximum: (window) => Math.max(...window),
  Minimum: (window) => Math.min(...window),
  SampleCount: (window) => window.length,
};

/**
 * Returns a text of a template. Each reference stands as `<Name>`, unless its value is given. Of a condition's two
 * values it takes the second, which is the one of the partition `aws`.
 */
export function textIn(value: unknown, values: Readonly<Record<string, string>> = {}): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::If': condition, 'Fn::Join': join } = value as Intrinsic;
  if (join) return join[1].map((part) => textIn(part, values)).join(join[0]);
  if (condition) return textIn(condition[2], values);
  const name = Ref ?? attribute?.join('.') ?? '';
  return values[name] ?? `<${name}>`;
}

interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly string[];
  readonly 'Fn::If'?: readonly [condition: string, whenTrue: unknown, whenFalse: unknown];
  readonly 'Fn::Join'?: readonly [separator: string, parts: readonly unknown[]];
}
