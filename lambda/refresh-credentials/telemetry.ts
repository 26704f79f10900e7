import type { Logger } from '@aws-lambda-powertools/logger';
import { LOG_MESSAGES, METRIC_NAMESPACE, METRICS, type MetricName } from '../core/contract';
import { type FailedTarget, OperatorMustActError, UnexpectedError } from '../core/errors';
import type { TargetSuccess } from './refresh';

/** The outcome of one invocation. */
export interface RunSummary {
  readonly successes: readonly TargetSuccess[];
  readonly failures: readonly (FailedTarget & { readonly durationMs: number })[];
  /** Number of targets that an earlier attempt of the same event had refreshed. */
  readonly resumed: number;
  /** All targets were asked for. */
  readonly fullRun: boolean;
  readonly dryRun: boolean;
  /** The run was part of a deployment. */
  readonly deployment: boolean;
  readonly durationMs: number;
  /** Age of the oldest Runpod API key that was read, in days. @default - unknown */
  readonly apiKeyAgeDays?: number | undefined;
}

/** Writes a line for each target and one for the run. The value of a field is never a secret, a header or a body. */
export function logRun(logger: Logger, summary: RunSummary): void {
  const { successes, failures, ...rest } = summary;
  const { targetRefreshed, targetWouldBeRefreshed, targetFailed, runFinished } = LOG_MESSAGES;
  for (const success of successes) {
    const write = success.unverifiedBecause === undefined ? logger.info : logger.warn;
    write.call(logger, summary.dryRun ? targetWouldBeRefreshed : targetRefreshed, { ...success });
  }
  for (const { target, error, durationMs } of failures) {
    const mustAct = error instanceof OperatorMustActError;
    logger.error(targetFailed, {
      target,
      kind: mustAct ? 'operator-must-act' : 'transient',
      ...(mustAct && { reason: error.reason }),
      why: error.message,
      ...(error instanceof UnexpectedError && { stack: error.stack }),
      durationMs,
    });
  }
  logger.info(runFinished, { refreshed: successes.length, failed: failures.length, ...rest });
}

/** The metrics of one run. A metric is absent where the run says nothing about it. */
export type RunMetrics = Readonly<Partial<Record<MetricName, number>>>;

/** Sends the metrics of a run that ended at this moment (milliseconds since the epoch). */
export type PublishMetrics = (metrics: RunMetrics, nowMs: number) => void;

/**
 * The metrics that the alarms watch. They count over all targets: a metric for each of a thousand targets would cost
 * a thousand times as much, and the log has the detail.
 *
 * @param nowMs - milliseconds since the epoch
 */
export function metricsOf(summary: RunSummary, nowMs: number): RunMetrics {
  const { successes, failures, fullRun, apiKeyAgeDays } = summary;
  const needingOperator = failures.filter(({ error }) => error instanceof OperatorMustActError).length;
  // Absent when unknown. After an outage nothing is known about the key that an earlier run found refused, and an
  // alarm that closes now would go off again with the next run.
  const knowsOfOperator = needingOperator > 0 || (fullRun && failures.length === 0);
  const minutesLeft = leastMinutesLeft(successes, nowMs);
  return {
    ...(fullRun && { RunSucceeded: failures.length === 0 ? 1 : 0 }),
    TargetsRefreshed: successes.length,
    TargetsFailed: failures.length,
    ...(knowsOfOperator && { OperatorActionNeeded: needingOperator }),
    FallbackRoute: successes.filter(({ fallback }) => fallback).length,
    ...(minutesLeft !== undefined && { CredentialMinutesLeft: minutesLeft }),
    ...(apiKeyAgeDays !== undefined && { ApiKeyAgeDays: apiKeyAgeDays }),
  };
}

function leastMinutesLeft(successes: readonly TargetSuccess[], nowMs: number): number | undefined {
  const lives = successes.flatMap(({ expiresAt }) =>
    expiresAt === undefined ? [] : [Math.floor((Date.parse(expiresAt) - nowMs) / 60_000)],
  );
  return lives.length === 0 ? undefined : lives.reduce((least, life) => Math.min(least, life));
}

/**
 * The log line from which CloudWatch takes the metrics (Amazon CloudWatch User Guide, "Specification: Embedded metric
 * format"). Powertools' Metrics would write the same, and every cold start would parse its code.
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
