/** Reads the resources that the simulation uses from a template. Every number of a simulation comes from it. */

import { type AlarmResource, readAlarm } from './template-alarm';
import { type CloudFormationTemplate, isObject, NotUnderstoodError, Properties } from './template-values';

const SECOND_MS = 1_000;

/** A schedule and its targets. */
export interface RuleResource {
  readonly id: string;
  readonly intervalMs: number;
  /** When it fires for the first time after midnight UTC. @default - a rate counts from the creation of the rule */
  readonly phaseMs?: number;
  readonly enabled: boolean;
  readonly targets: readonly RuleTarget[];
}

/** A function that a rule invokes asynchronously. */
export interface RuleTarget {
  readonly functionId: string;
  readonly maxRetries: number;
  readonly maxEventAgeMs: number;
  readonly deadLetterQueueId?: string;
  /** A constant in place of the scheduled event. */
  readonly input?: unknown;
}

/** A function, with Lambda's handling of failed asynchronous events. */
export interface FunctionResource {
  readonly id: string;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly maxEventAgeMs: number;
  readonly onFailureQueueId?: string;
}

/** A queue. */
export interface QueueResource {
  readonly id: string;
  readonly delayMs: number;
  readonly visibilityTimeoutMs: number;
  readonly retentionMs: number;
  readonly redrive?: { readonly queueId: string; readonly maxReceiveCount: number };
}

/** An event source mapping from a queue to a function. */
export interface MappingResource {
  readonly id: string;
  readonly functionId: string;
  readonly queueId: string;
  readonly batchSize: number;
}

/** The resources of a template that the simulation uses. */
export interface Wiring {
  readonly rules: readonly RuleResource[];
  readonly functions: readonly FunctionResource[];
  readonly queues: readonly QueueResource[];
  readonly mappings: readonly MappingResource[];
  readonly alarms: readonly AlarmResource[];
}

/** The two parts of a stack. They share no state, so each is simulated by itself. */
export type TemplatePart = 'refresher' | 'watch';

/**
 * Reads the schedule, functions, queues, event source mappings and alarms of one part of a template.
 *
 * @throws NotUnderstoodError naming the property, when the template uses something that the simulation does not model
 */
export function readTemplate(template: CloudFormationTemplate, part: TemplatePart = 'refresher'): Wiring {
  const ofType = resourcesByType(template, part);
  const composite = ofType('AWS::CloudWatch::CompositeAlarm')[0];
  if (composite) throw new NotUnderstoodError(composite.where, 'a composite alarm');
  const invokeConfigs = ofType('AWS::Lambda::EventInvokeConfig');
  return {
    rules: ofType('AWS::Events::Rule')
      .filter((rule) => rule.has('ScheduleExpression'))
      .map(readRule),
    functions: ofType('AWS::Lambda::Function').map((resource) => readFunction(resource, invokeConfigs)),
    queues: ofType('AWS::SQS::Queue').map(readQueue),
    mappings: ofType('AWS::Lambda::EventSourceMapping')
      .filter((mapping) => mapping.boolean('Enabled', true))
      .map(readMapping),
    alarms: ofType('AWS::CloudWatch::Alarm').map(readAlarm),
  };
}

/** Ids of the watch's resources. */
const OF_THE_WATCH = /^(PullWatch|Alarms(PullsFailing|ImagesUnpullable|WatchSilent))/;

function resourcesByType(
  template: CloudFormationTemplate,
  part: TemplatePart,
): (type: string) => readonly Properties[] {
  const byType = new Map<string, Properties[]>();
  for (const [id, resource] of Object.entries(template.Resources ?? {})) {
    if (!isObject(resource) || typeof resource.Type !== 'string') continue;
    if (OF_THE_WATCH.test(id) !== (part === 'watch')) continue;
    const properties = isObject(resource.Properties) ? resource.Properties : {};
    const known = byType.get(resource.Type) ?? [];
    known.push(new Properties(id, properties));
    byType.set(resource.Type, known);
  }
  return (type) => byType.get(type) ?? [];
}

function readRule(rule: Properties): RuleResource {
  return {
    id: rule.where,
    ...parseSchedule(rule),
    enabled: rule.string('State', 'ENABLED') === 'ENABLED',
    targets: rule.objects('Targets').map((target) => {
      const retry = target.object('RetryPolicy');
      const deadLetter = target.object('DeadLetterConfig');
      return {
        functionId: target.reference('Arn'),
        // EventBridge's own defaults: 185 retries within a day.
        maxRetries: retry.number('MaximumRetryAttempts', 185),
        maxEventAgeMs: retry.number('MaximumEventAgeInSeconds', 86_400) * SECOND_MS,
        ...(deadLetter.has('Arn') && { deadLetterQueueId: deadLetter.reference('Arn') }),
        ...(target.has('Input') && { input: JSON.parse(target.string('Input')) as unknown }),
      };
    }),
  };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const UNITS_MS: Readonly<Record<string, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: 24 * HOUR_MS };

/** Reads a rate, or a time that repeats every few hours of each day: `cron(13 3/6 * * ? *)`. */
function parseSchedule(rule: Properties): Pick<RuleResource, 'intervalMs' | 'phaseMs'> {
  const expression = rule.string('ScheduleExpression');
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const unitMs = UNITS_MS[unit ?? ''];
  if (count !== undefined && unitMs !== undefined) return { intervalMs: Number(count) * unitMs };
  const [, minute, hour, everyHours] =
    /^cron\((\d+) (\d+)\/(\d+) \* \* \? \*\)$/.exec(expression)?.map(Number) ?? [];
  const isRegular = minute !== undefined && hour !== undefined && everyHours !== undefined;
  // Other hours than these would leave a shorter or a longer pause at midnight.
  if (!isRegular || minute > 59 || hour >= everyHours || 24 % everyHours !== 0) {
    return rule.fail('ScheduleExpression', `expected rate(…) or regular hours, found ${expression}`);
  }
  return { intervalMs: everyHours * HOUR_MS, phaseMs: hour * HOUR_MS + minute * MINUTE_MS };
}

/** Returns when a rule fires for the first time at or after a time. */
export function firstTickMs({ phaseMs, intervalMs }: RuleResource, fromMs: number): number {
  return phaseMs === undefined ? fromMs : fromMs + modulo(phaseMs - fromMs, intervalMs);
}

/** Returns the remainder, which is never negative. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function readFunction(fn: Properties, invokeConfigs: readonly Properties[]): FunctionResource {
  if (fn.has('DeadLetterConfig')) fn.fail('DeadLetterConfig', 'use an on-failure destination');
  const config = invokeConfigs.find((candidate) => candidate.reference('FunctionName') === fn.where);
  const asynchronous = config ?? new Properties(`${fn.where} (no EventInvokeConfig)`, {});
  const onFailure = asynchronous.object('DestinationConfig').object('OnFailure');
  return {
    id: fn.where,
    timeoutMs: fn.number('Timeout', 3) * SECOND_MS,
    // Lambda's own defaults: two retries within six hours.
    maxRetries: asynchronous.number('MaximumRetryAttempts', 2),
    maxEventAgeMs: asynchronous.number('MaximumEventAgeInSeconds', 21_600) * SECOND_MS,
    ...(onFailure.has('Destination') && { onFailureQueueId: onFailure.reference('Destination') }),
  };
}

function readQueue(queue: Properties): QueueResource {
  const redrive = queue.object('RedrivePolicy');
  return {
    id: queue.where,
    delayMs: queue.number('DelaySeconds', 0) * SECOND_MS,
    // SQS's own defaults: half a minute, four days.
    visibilityTimeoutMs: queue.number('VisibilityTimeout', 30) * SECOND_MS,
    retentionMs: queue.number('MessageRetentionPeriod', 345_600) * SECOND_MS,
    ...(redrive.has('deadLetterTargetArn') && {
      redrive: {
        queueId: redrive.reference('deadLetterTargetArn'),
        maxReceiveCount: redrive.number('maxReceiveCount'),
      },
    }),
  };
}

function readMapping(mapping: Properties): MappingResource {
  for (const key of ['FunctionResponseTypes', 'FilterCriteria']) {
    if (mapping.has(key)) mapping.fail(key, 'not modelled');
  }
  return {
    id: mapping.where,
    functionId: mapping.reference('FunctionName'),
    queueId: mapping.reference('EventSourceArn'),
    batchSize: mapping.number('BatchSize', 10),
  };
}
