import type { Logger } from '@aws-lambda-powertools/logger';
import { type FailedTarget, OperatorMustActError, UnexpectedError } from '../core/errors';
import type { RunMetrics } from './metrics';
import type { TargetSuccess } from './refresh';

/** What one invocation came to. */
export interface RunSummary {
  readonly successes: readonly TargetSuccess[];
  readonly failures: readonly (FailedTarget & { readonly durationMs: number })[];
  /** Targets that an earlier try of the same event had refreshed already. */
  readonly resumed: number;
  /** All targets were asked for. */
  readonly fullRun: boolean;
  readonly dryRun: boolean;
  readonly durationMs: number;
  /** Age of the oldest Runpod API key that was read, in days. @default - unknown */
  readonly apiKeyAgeDays?: number | undefined;
}

/** Writes a line for each target and one for the run. A field's value is never a secret, a header or a body. */
export function logRun(logger: Logger, summary: RunSummary): void {
  const { successes, failures, ...rest } = summary;
  for (const success of successes) {
    const line = success.unverifiedBecause === undefined ? logger.info : logger.warn;
    line.call(logger, summary.dryRun ? 'target would be refreshed' : 'target refreshed', { ...success });
  }
  for (const { target, error, durationMs } of failures) {
    logger.error('target failed', {
      target,
      kind: error.kind,
      ...(error instanceof OperatorMustActError && { reason: error.reason }),
      why: error.message,
      ...(error instanceof UnexpectedError && { stack: error.stack }),
      durationMs,
    });
  }
  logger.info('run finished', { refreshed: successes.length, failed: failures.length, ...rest });
}

/**
 * The metrics that the alarms watch. They count over all targets: a metric per target would cost a thousand times
 * as much with a thousand targets, and the log has the detail.
 *
 * @param nowMs - milliseconds since the epoch
 */
export function metricsOf(summary: RunSummary, nowMs: number): RunMetrics {
  const { successes, failures, fullRun, apiKeyAgeDays } = summary;
  const needingOperator = failures.filter(({ error }) => error.kind === 'operator-must-act').length;
  // Not sent when it is not known: a run that met an outage says nothing about the key that the last one found
  // refused, and an alarm that it closed would open again with the next run.
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
