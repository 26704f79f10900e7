import { METRIC_NAMESPACE, METRICS, type MetricName } from './contract';

/** The metrics of one invocation. A metric is absent when the invocation says nothing about it. */
export type RunMetrics = Readonly<Partial<Record<MetricName, number>>>;

/** Sends the metrics of an invocation that ended at this moment (milliseconds since the epoch). */
export type PublishMetrics = (metrics: RunMetrics, nowMs: number) => void;

/**
 * Returns the log line from which CloudWatch reads the metrics (Amazon CloudWatch User Guide, "Specification: Embedded
 * metric format"). Powertools' Metrics would write the same line, but every cold start would parse its code.
 *
 * @param service - value of the one dimension
 */
export function embeddedMetricLine(service: string, metrics: RunMetrics, nowMs: number): string {
  const names = Object.keys(metrics) as MetricName[];
  const directive = {
    Namespace: METRIC_NAMESPACE,
    Dimensions: [['service']],
    Metrics: names.map((name) => ({ Name: name, Unit: METRICS[name] })),
  };
  return JSON.stringify({
    _aws: { Timestamp: nowMs, CloudWatchMetrics: [directive] },
    service,
    ...metrics,
  });
}
