import { METRIC_NAMESPACE } from '../../lambda/core/contract';
import type { Wiring } from './template';
import type { AlarmResource } from './template-alarm';
import { NotUnderstoodError } from './template-values';

/** What the simulated services send, with the one dimension of each. */
const EMITTED: Readonly<Record<string, { readonly dimension: string; readonly names: readonly string[] }>> = {
  'AWS/Lambda': { dimension: 'FunctionName', names: ['Invocations', 'Errors', 'Duration', 'Throttles'] },
  'AWS/SQS': { dimension: 'QueueName', names: ['ApproximateNumberOfMessagesVisible'] },
  'AWS/Events': {
    dimension: 'RuleName',
    names: ['Invocations', 'FailedInvocations', 'InvocationsSentToDlq'],
  },
};

/**
 * Refuses an alarm that would sleep for ever: on a metric that nothing here sends, or with dimensions that nothing has.
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
 * The `service` of the function's own metrics, on which all alarms must agree: one that differs would never ring.
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
