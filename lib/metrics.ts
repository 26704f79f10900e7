/** The metrics that the function sends. */

import type { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRIC_NAMESPACE, type MetricName } from '../lambda/core/contract';

/** How to look at a metric. */
export interface MetricView {
  readonly statistic: 'Sum' | 'Maximum' | 'Minimum';
  readonly period: Duration;
  /** @default - the metric's name */
  readonly label?: string;
}

/** A metric of one deployment, whose name is the `service`. */
export function refresherMetric(service: string, metricName: MetricName, view: MetricView): Metric {
  return new Metric({ namespace: METRIC_NAMESPACE, metricName, dimensionsMap: { service }, ...view });
}
