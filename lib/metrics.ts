import type { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE, type MetricName } from '../lambda/core/contract';

/** Statistic, period and label of a metric in an alarm or a graph. */
export interface MetricView {
  readonly statistic: 'Sum' | 'Maximum' | 'Minimum' | 'SampleCount';
  readonly period: Duration;
  /** @default - the metric's name */
  readonly label?: string;
}

/**
 * Returns a metric that the refresher's function sends.
 *
 * @param service - value of the metric's only dimension: the stack's name
 */
export function refresherMetric(service: string, metricName: MetricName, view: MetricView): Metric {
  return new Metric({ namespace: METRIC_NAMESPACE, metricName, dimensionsMap: { service }, ...view });
}
