import { METRIC_NAMESPACE } from '../../lambda/core/contract';
import type { Wiring } from './template';
import type { AlarmResource } from './template-alarm';
import { NotUnderstoodError } from './template-values';

/** The metrics that the simulated services send. Each namespace has one dimension. */
const EMITTED: Readonly<Record<string, { readonly dimension: string; readonly names: readonly string[] }>> = {
  'AWS/Lambda': { dimension: 'FunctionName', names: ['Invocations', 'Errors', 'Duration', 'Throttles'] },
  'AWS/SQS': { dimension: 'QueueName', names: ['ApproximateNumberOfMessagesVisible'] },
  'AWS/Events': {
    dimension: 'RuleName',
    names: ['Invocations', 'FailedInvocations', 'InvocationsSentToDlq'],
  },
};

/**
 * Checks that every alarm can fire: something sends its metric with its dimensions.
 *
 * @throws NotUnderstoodError naming the alarm
 */
export function refuseUnknownMetrics(wiring: Wiring): void {
  const resources: Readonly<Record<string, readonly { readonly id: string }[]>> = {
    FunctionName: wiring.functions,
    QueueName: wiring.queues,
    RuleName: wiring.rules,
  };
  for (const { id, metric } of wiring.alarms) {
    if (metric.namespace === METRIC_NAMESPACE) continue;
    const emitted = EMITTED[metric.namespace];
    if (!emitted?.names.includes(metric.name)) {
      throw new NotUnderstoodError(`${id}.MetricName`, `nothing sends ${metric.namespace} ${metric.name}`);
    }
    const value = metric.dimensions[emitted.dimension];
    const isOnly = Object.keys(metric.dimensions).length === 1;
    if (!isOnly || !resources[emitted.dimension]?.some((resource) => resource.id === value)) {
      throw new NotUnderstoodError(
        `${id}.Dimensions`,
        `expected only ${emitted.dimension} of a resource of this template, found ${JSON.stringify(metric.dimensions)}`,
      );
    }
  }
}

/**
 * Returns the dimension `service` of the function's own metrics. It must be the same in all alarms, because an alarm with
 * another value would never fire.
 *
 * @throws NotUnderstoodError naming the alarm that differs
 */
export function serviceOf(alarms: readonly AlarmResource[]): string {
  const own = alarms.filter(({ metric }) => metric.namespace === METRIC_NAMESPACE);
  const service = own[0]?.metric.dimensions.service ?? '';
  for (const { id, metric } of own) {
    if (
      Object.keys(metric.dimensions).length !== 1 ||
      metric.dimensions.service !== service ||
      service === ''
    ) {
      throw new NotUnderstoodError(
        `${id}.Dimensions`,
        `expected only service, the same in every alarm, found ${JSON.stringify(metric.dimensions)}`,
      );
    }
  }
  return service;
}
