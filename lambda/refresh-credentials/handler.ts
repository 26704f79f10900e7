import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import type { Clock } from '../core/clock';
import { LOG_MESSAGES } from '../core/contract';
import {
  asRefresherError,
  type FailedTarget,
  OperatorMustActError,
  OutOfTimeError,
  RefreshFailedError,
} from '../core/errors';
import type { PublishMetrics } from '../core/metrics';
import type { RefreshedTarget, RefresherSettings, RefreshReport, Target } from '../core/model';
import { chooseTargets, parseEvent } from './event';
import type { TellOtherRegion } from './other-region';
import {
  isSuccess,
  Refresher,
  type RefreshRequest,
  type RefreshServices,
  type RunOutcome,
  type TargetOutcome,
  type TargetSuccess,
} from './refresh';
import { logRun, metricsOf } from './telemetry';

/** Time at the end of an invocation that is kept for the report, in milliseconds. */
const REPORT_RESERVE_MS = 5_000;

/** Timeout of the report to the other region, in milliseconds. It is shorter than the time kept for the run's own report. */
const TELLING_LIMIT_MS = 4_500;

/** What the handler depends on. All of it lives as long as the process. */
export interface HandlerDependencies {
  readonly settings: RefresherSettings;
  readonly services: RefreshServices;
  readonly logger: Logger;
  readonly publishMetrics: PublishMetrics;
  /** Reports each success to the other region. @default - there is no other region */
  readonly tellOtherRegion?: TellOtherRegion | undefined;
}

/** The function's entry, as Lambda calls it. */
export type Handler = (event: unknown, context: Context) => Promise<RefreshReport>;

/**
 * Makes the handler: it reads the event, refreshes, reports, and throws when any target failed. Lambda counts a
 * returned value as success, so failures are thrown.
 *
 * The handler throws InvalidEventError before anything is done, or RefreshFailedError after everything is done.
 */
export function createHandler({
  settings,
  services,
  logger,
  publishMetrics,
  tellOtherRegion,
}: HandlerDependencies): Handler {
  const { clock } = services;
  const refresher = new Refresher(services);
  const progress = new RetryProgress(clock);
  // An outage of the other region must not fail this run, so the error is only logged.
  const tellWithoutFailing = () =>
    tellOtherRegion?.(clock.now(), clock.steady() + TELLING_LIMIT_MS).catch((error: unknown) => {
      logger.warn(LOG_MESSAGES.otherRegionNotTold, { why: asRefresherError(error).message });
    });

  return async (event, context) => {
    const startedMs = clock.steady();
    logger.addContext(context);
    const { targets: names, dryRun, runId = context.awsRequestId } = parseEvent(event);
    const targets = chooseTargets(settings.targets, names);
    const done = progress.refreshedBefore(runId);

    const deployment = isDeployment(context);
    const run = deployment ? untilPermitted(refresher, clock) : refresher.run.bind(refresher);
    const { outcomes, apiKeyAgeDays } = await run({
      targets: progress.leastRecentlyTriedFirst(targets.filter(({ name }) => !done.has(name))),
      dryRun,
      deadlineMs: startedMs + context.getRemainingTimeInMillis() - REPORT_RESERVE_MS,
    });

    const successes = outcomes.filter(isSuccess);
    const failures = outcomes.flatMap((outcome) => (isSuccess(outcome) ? [] : [outcome]));
    const fullRun = names === undefined;
    if (!dryRun) progress.record(runId, successes, failures);
    const summary = {
      successes,
      failures,
      resumed: done.size,
      fullRun,
      dryRun,
      deployment,
      durationMs: clock.steady() - startedMs,
      hasOtherRegion: tellOtherRegion !== undefined,
      apiKeyAgeDays,
    };
    logRun(logger, summary);
    // A failed deployment reports its failure itself. The alarms are about what runs in production.
    const silent = dryRun || (deployment && failures.length > 0);
    if (!silent) publishMetrics(metricsOf(summary, clock.now()), clock.now());
    if (failures.length > 0) throw new RefreshFailedError(failures, targets.length);
    if (fullRun && !dryRun) await tellWithoutFailing();
    return {
      refreshed: [...done.values(), ...successes].map(toReport),
      failed: [],
      ...(dryRun && { dryRun }),
    };
  };
}

/** A deployment invokes the version that it has just published; the schedule, the queues and people invoke `$LATEST`. */
function isDeployment({ functionVersion }: Context): boolean {
  return functionVersion !== '$LATEST';
}

/** How long a deployment waits for its new permissions, and how often it asks, in milliseconds. */
const PERMISSION_WAIT_MS = 30_000;
const PERMISSION_PAUSE_MS = 5_000;

/**
 * Refreshes again the targets that were denied something. A deployment creates permissions just before, and AWS may
 * need some seconds to apply them: Secrets Manager and ECR deny the call, or the registry rejects the credential.
 */
function untilPermitted(refresher: Refresher, clock: Clock) {
  return async (request: RefreshRequest): Promise<RunOutcome> => {
    const endMs = Math.min(clock.steady() + PERMISSION_WAIT_MS, request.deadlineMs);
    const outcomes = new Map<string, TargetOutcome>();
    let { targets } = request;
    for (;;) {
      const result = await refresher.run({ ...request, targets });
      for (const outcome of result.outcomes) outcomes.set(outcome.target, outcome);
      targets = targets.filter((target) => mayBeTooEarly(target, outcomes.get(target.name)));
      if (targets.length === 0 || clock.steady() + PERMISSION_PAUSE_MS >= endMs) {
        return { ...result, outcomes: [...outcomes.values()] };
      }
      await clock.sleep(PERMISSION_PAUSE_MS);
    }
  };
}

/** A rejected login from a secret does not count: no permission is missing, and failed logins may lock its account. */
function mayBeTooEarly({ registry }: Target, outcome: TargetOutcome | undefined): boolean {
  if (!outcome || isSuccess(outcome) || !(outcome.error instanceof OperatorMustActError)) return false;
  const { reason } = outcome.error;
  const hasPermissions = registry.type === 'ecr' || registry.type === 'ecr-public';
  return reason === 'permission-missing' || (reason === 'credential-rejected' && hasPermissions);
}

/** Keeps the fields that the interface promises and drops the others. */
function toReport({ target, registryAuthId, route, expiresAt, verified }: TargetSuccess): RefreshedTarget {
  return { target, registryAuthId, route, ...(expiresAt && { expiresAt }), verified };
}

/** A retry after this time starts from the beginning, because the first credentials are too old by then. */
const MEMORY_MS = 60 * 60_000;

/** Number of runs that are remembered. Runs of the schedule, of a changed secret and of a person may alternate. */
const MAX_RUNS = 4;

type Done = Map<string, { readonly success: TargetSuccess; readonly atMs: number }>;

/**
 * Remembers what earlier attempts did in this process, so that a retry continues where they stopped. A thousand targets
 * under a quota of sixty requests a minute need more than one invocation. After a cold start everything is written
 * again, which is harmless.
 */
export class RetryProgress {
  readonly #clock: Clock;
  /** The most recent runs by their id, the latest one at the end. */
  readonly #runs = new Map<string, Done>();
  /** When each target was last tried, whatever the outcome; moments of `clock.steady()`, in milliseconds. */
  readonly #triedMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The targets that an earlier attempt of this run refreshed, by name. */
  refreshedBefore(runId: string): ReadonlyMap<string, TargetSuccess> {
    const sinceMs = this.#clock.steady() - MEMORY_MS;
    const recent = [...(this.#runs.get(runId) ?? [])].filter(([, { atMs }]) => atMs >= sinceMs);
    return new Map(recent.map(([name, { success }]) => [name, success]));
  }

  /** Targets ordered by how long ago they were last tried, oldest first, so that none starves. */
  leastRecentlyTriedFirst(targets: readonly Target[]): readonly Target[] {
    const triedMs = ({ name }: Target) => this.#triedMs.get(name) ?? 0;
    return [...targets].sort((a, b) => triedMs(a) - triedMs(b));
  }

  /** Records the outcomes of one attempt. A target for which there was no time counts as not tried. */
  record(runId: string, successes: readonly TargetSuccess[], failures: readonly FailedTarget[] = []): void {
    const atMs = this.#clock.steady();
    const done: Done = this.#runs.get(runId) ?? new Map();
    for (const success of successes) {
      done.set(success.target, { success, atMs });
      this.#triedMs.set(success.target, atMs);
    }
    for (const { target, error } of failures) {
      if (!(error instanceof OutOfTimeError)) this.#triedMs.set(target, atMs);
    }
    this.#runs.delete(runId);
    this.#runs.set(runId, done);
    for (const oldest of [...this.#runs.keys()].slice(0, -MAX_RUNS)) this.#runs.delete(oldest);
  }
}
