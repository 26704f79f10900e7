import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { asRefresherError } from '../core/errors';
import type { PublishMetrics } from '../core/metrics';
import type { RefresherSettings, WatchReport } from '../core/model';
import { lookAtPulls } from '../core/pulls/look';
import type { LookServices } from '../core/pulls/model';
import { emptyMemory, logSinceMs, type Memory, remember } from './memory';
import type { ReadMemory } from './own-log';
import { logWatch, metricsOfWatch } from './telemetry';

/** Time at the end of an invocation that is kept for the report, in milliseconds. */
const REPORT_RESERVE_MS = 5_000;

/** Time limit for reading the look before, in milliseconds. */
const MEMORY_LIMIT_MS = 15_000;

const DEFAULT_INTERVAL_MINUTES = 60;

/** What the handler depends on. */
export interface WatchDependencies {
  readonly settings: RefresherSettings;
  readonly services: LookServices;
  readonly readMemory: ReadMemory;
  readonly logger: Logger;
  readonly publishMetrics: PublishMetrics;
}

/** The function's entry, as Lambda calls it. */
export type WatchHandler = (event: unknown, context: Context) => Promise<WatchReport>;

/**
 * Makes the handler of the watch: it looks, compares with the look before, logs, sends metrics and returns what it found.
 *
 * A look of the schedule counts: it remembers, confirms and sends metrics. Any other event starts a look for a person,
 * which only logs and returns. What cannot be looked at is reported and not thrown.
 */
export function createWatchHandler(dependencies: WatchDependencies): WatchHandler {
  const { settings, services, readMemory, logger, publishMetrics } = dependencies;
  const { clock } = services;
  const { ignore, intervalMinutes } = settings.pullWatch ?? {
    ignore: [],
    intervalMinutes: DEFAULT_INTERVAL_MINUTES,
  };
  const intervalMs = intervalMinutes * 60_000;

  return async (event, context) => {
    const startedMs = clock.steady();
    logger.addContext(context);
    const deadlineMs = startedMs + context.getRemainingTimeInMillis() - REPORT_RESERVE_MS;
    const scheduledMs = scheduledTimeOf(event, clock.now());
    const atMs = scheduledMs ?? clock.now();

    const read = await readPrevious(atMs, Math.min(deadlineMs, startedMs + MEMORY_LIMIT_MS));
    const before = read.memory ?? emptyMemory(atMs, intervalMs);
    const look = await lookAtPulls(
      {
        targets: settings.targets,
        ignore,
        deadlineMs,
        logEndMs: atMs,
        logSinceMs: (workload, targets) => logSinceMs(before, workload, targets, atMs),
      },
      services,
    );

    const summary = {
      look,
      memory: remember(before, look, atMs),
      scheduled: scheduledMs !== undefined,
      memoryUnread: read.because,
      durationMs: clock.steady() - startedMs,
    };
    logWatch(logger, summary);
    const metrics = summary.scheduled ? metricsOfWatch(summary) : {};
    if (Object.keys(metrics).length > 0) publishMetrics(metrics, clock.now());
    const { workloads, images, blind, findings } = look;
    return { workloads: workloads.length, images, blind, findings };
  };

  /**
   * Reads the look before this one. A second delivery of the same event is not a look of its own, so the look before was
   * at least half an interval earlier.
   */
  async function readPrevious(
    atMs: number,
    deadlineMs: number,
  ): Promise<{ readonly memory?: Memory | undefined; readonly because?: string }> {
    const window = { fromMs: atMs - 3 * intervalMs - LATE_MS, toMs: atMs - intervalMs / 2 };
    try {
      return { memory: await readMemory(window, deadlineMs) };
    } catch (error) {
      return { because: asRefresherError(error).message };
    }
  }
}

/** A look may be late by as much: Lambda retries an event for minutes. */
const LATE_MS = 15 * 60_000;

/** The time of a scheduled event is not used when it is off by more than this. */
const MAX_EVENT_AGE_MS = 6 * 60 * 60_000;

/** Returns the moment for which the schedule sent an event; undefined when the event is not of the schedule. */
function scheduledTimeOf(event: unknown, nowMs: number): number | undefined {
  if (typeof event !== 'object' || event === null || !('source' in event)) return undefined;
  if (event.source !== 'aws.events' || !('detail-type' in event)) return undefined;
  const timeMs = 'time' in event && typeof event.time === 'string' ? Date.parse(event.time) : Number.NaN;
  return Math.abs(nowMs - timeMs) <= MAX_EVENT_AGE_MS ? Math.min(timeMs, nowMs) : nowMs;
}
