import { METRIC_NAMESPACE, type MetricName } from '../core/contract';

/** CloudWatch's names of the units. */
const UNITS: Readonly<Record<MetricName, 'Count' | 'None'>> = {
  RunSucceeded: 'Count',
  TargetsRefreshed: 'Count',
  TargetsFailed: 'Count',
  OperatorActionNeeded: 'Count',
  FallbackRoute: 'Count',
  CredentialMinutesLeft: 'None',
  ApiKeyAgeDays: 'None',
};

/** What a run measured. A metric that it can say nothing about is absent. */
export type RunMetrics = Readonly<Partial<Record<MetricName, number>>>;

/** Sends the metrics of a run that ended at this moment (milliseconds since the epoch). */
export type PublishMetrics = (metrics: RunMetrics, nowMs: number) => void;

/**
 * The line from which CloudWatch takes metrics: the embedded metric format (Amazon CloudWatch User Guide, "Specification:
 * Embedded metric format"). Powertools' Metrics writes the same, and more; every cold start would parse it.
 *
 * @param service - value of the one dimension
 */
export function embeddedMetricLine(service: string, metrics: RunMetrics, nowMs: number): string {
  const names = Object.keys(metrics) as MetricName[];
  const directive = {
    Namespace: METRIC_NAMESPACE,
    Dimensions: [['service']],
    Metrics: names.map((name) => ({ Name: name, Unit: UNITS[name] })),
  };
  return JSON.stringify({
    _aws: { Timestamp: nowMs, CloudWatchMetrics: [directive] },
    service,
    ...metrics,
  });
}
