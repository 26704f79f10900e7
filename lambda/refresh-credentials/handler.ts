import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import type { ApiKeyAges } from '../core/api-key-age';
import { RefreshFailedError } from '../core/errors';
import type { RefreshedTarget, RefresherSettings, RefreshReport } from '../core/model';
import { chooseTargets, parseEvent } from './event';
import type { PublishMetrics } from './metrics';
import { isSuccess, type RefreshPorts, refresh, type TargetSuccess } from './refresh';
import { Resumption } from './resumption';
import { logRun, metricsOf } from './telemetry';

/** Time kept back to report when the work must stop, in milliseconds. */
const REPORT_RESERVE_MS = 5_000;

/** What the handler is made of. */
export interface HandlerDependencies {
  readonly settings: RefresherSettings;
  readonly ports: RefreshPorts;
  readonly logger: Logger;
  readonly publishMetrics: PublishMetrics;
  /** @default - the age of the Runpod keys is not reported */
  readonly apiKeyAges?: ApiKeyAges;
}

/** The function's entry, as Lambda calls it. */
export type Handler = (event: unknown, context: Context) => Promise<RefreshReport>;

/**
 * Makes the handler: it reads the event, refreshes, reports, and throws when any target failed. A failure that
 * were returned would count as a success for Lambda's retries and for the Errors metric.
 *
 * The handler throws InvalidEventError before it does anything, or RefreshFailedError after all is done.
 */
export function createHandler({
  settings,
  ports,
  logger,
  publishMetrics,
  apiKeyAges,
}: HandlerDependencies): Handler {
  const { clock } = ports;
  const resumption = new Resumption(clock);

  return async (event, context) => {
    const startedMs = clock.now();
    logger.addContext(context);
    const { targets: names, dryRun, runId = context.awsRequestId } = parseEvent(event);
    const targets = chooseTargets(settings.targets, names);
    const done = resumption.recall(runId);

    const outcomes = await refresh(
      {
        targets: resumption.inOrderOfNeed(targets.filter(({ name }) => !done.has(name))),
        dryRun,
        deadlineMs: startedMs + context.getRemainingTimeInMillis() - REPORT_RESERVE_MS,
      },
      ports,
    );

    const successes = outcomes.filter(isSuccess);
    const failures = outcomes.flatMap((outcome) => (isSuccess(outcome) ? [] : [outcome]));
    const fullRun = names === undefined;
    if (!dryRun) resumption.remember(runId, successes, failures);
    const summary = {
      successes,
      failures,
      resumed: done.size,
      fullRun,
      dryRun,
      durationMs: clock.now() - startedMs,
      apiKeyAgeDays: apiKeyAges?.oldestDays(clock.now()),
    };
    logRun(logger, summary);
    if (!dryRun) publishMetrics(metricsOf(summary, clock.now()), clock.now());
    if (failures.length > 0) throw new RefreshFailedError(failures, targets.length);
    return {
      refreshed: [...done.values(), ...successes].map(toReport),
      failed: [],
      ...(dryRun && { dryRun }),
    };
  };
}

/** Keeps to the fields that the interface promises. */
function toReport({ target, registryAuthId, route, expiresAt, verified }: TargetSuccess): RefreshedTarget {
  return { target, registryAuthId, route, ...(expiresAt && { expiresAt }), verified };
}
