import type { Logger } from '@aws-lambda-powertools/logger';
import { LOG_MESSAGES } from '../core/contract';
import { type FailedTarget, OperatorMustActError, UnexpectedError } from '../core/errors';
import type { RunMetrics } from '../core/metrics';
import type { TargetSuccess } from './refresh';

/** The outcome of one invocation. */
export interface RunSummary {
  readonly successes: readonly TargetSuccess[];
  readonly failures: readonly (FailedTarget & { readonly durationMs: number })[];
  /** Number of targets that an earlier attempt of the same event had refreshed. */
  readonly resumed: number;
  /** Whether the event asked for all targets. */
  readonly fullRun: boolean;
  readonly dryRun: boolean;
  /** The run was part of a deployment. */
  readonly deployment: boolean;
  readonly durationMs: number;
  /** Whether another region has a refresher for the same targets. @default false */
  readonly hasOtherRegion?: boolean;
  /** Age of the oldest Runpod API key that was read, in days. @default - unknown */
  readonly apiKeyAgeDays?: number | undefined;
}

/** Logs one line for each target and one for the run. No field holds a secret, a header or a body. */
export function logRun(logger: Logger, summary: RunSummary): void {
  const { successes, failures, hasOtherRegion: _, ...rest } = summary;
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

/**
 * Computes the metrics of a run. They aggregate over all targets, because a metric for each of a thousand targets would
 * cost a thousand times as much. The log has the detail.
 *
 * @param nowMs - milliseconds since the epoch
 */
export function metricsOf(summary: RunSummary, nowMs: number): RunMetrics {
  const { successes, failures, fullRun, hasOtherRegion, apiKeyAgeDays } = summary;
  const needingOperator = failures.filter(({ error }) => error instanceof OperatorMustActError).length;
  // After an outage it is unknown whether a key that an earlier run found refused is still refused. A zero would close
  // the alarm, and the next run would fire it again. So the metric is absent.
  const knowsOfOperator = needingOperator > 0 || (fullRun && failures.length === 0);
  const minutesLeft = leastMinutesLeft(successes, nowMs);
  return {
    ...(fullRun && { RunSucceeded: failures.length === 0 ? 1 : 0 }),
    ...(hasOtherRegion && fullRun && failures.length === 0 && { RegionSucceeded: 1 }),
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
