import type { Logger } from '@aws-lambda-powertools/logger';
import { LOG_MESSAGES } from '../core/contract';
import type { RunMetrics } from '../core/metrics';
import type { Look, NotLooked } from '../core/pulls/model';
import { confirmedWorkloads, isConfirmed, type Memory } from './memory';

/** The outcome of one invocation of the watch. */
export interface WatchSummary {
  readonly look: Look;
  readonly memory: Memory;
  /** The schedule started the look. Only such a look has a memory and sends metrics. */
  readonly scheduled: boolean;
  /** Why the look before could not be read. @default - it was read */
  readonly memoryUnread?: string | undefined;
  readonly durationMs: number;
}

/** Lines about what was not looked at. They are grouped by their reason, and a look has few reasons. */
const MAX_REASONS = 20;

/** Logs one line for each problem, blind target and reason, and one for the look. All text of others is safe already. */
export function logWatch(logger: Logger, summary: WatchSummary): void {
  const { look, memory, scheduled, memoryUnread, durationMs } = summary;
  const { pullProblem, watchBlind, watchNotLooked, watchFinished } = LOG_MESSAGES;
  for (const finding of look.findings) {
    logger.warn(pullProblem, { ...finding, confirmed: isConfirmed(memory, finding) });
  }
  for (const blind of look.blind) logger.warn(watchBlind, { ...blind });
  for (const group of groupsOf(look.notLooked)) logger.warn(watchNotLooked, group);
  logger.info(watchFinished, {
    workloads: look.workloads.length,
    images: look.images,
    findings: look.findings.length,
    ...confirmedWorkloads(memory),
    blind: look.blind.length,
    notLooked: look.notLooked.length,
    scheduled,
    ...(memoryUnread !== undefined && { memoryUnread }),
    durationMs,
    ...(scheduled && { memory }),
  });
}

function groupsOf(entries: readonly NotLooked[]) {
  const groups = new Map<string, NotLooked[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.because, entry.aspect, entry.partly]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].slice(0, MAX_REASONS).map((group) => ({
    because: group[0]?.because,
    aspect: group[0]?.aspect,
    partly: group[0]?.partly,
    count: group.length,
    targets: [...new Set(group.map(({ target }) => target))].slice(0, 10),
    workloads: group.flatMap(({ workload }) => workload ?? []).slice(0, 10),
  }));
}

/**
 * Computes the metrics of a look.
 *
 * They count problems that two looks in a row saw. They are absent when nothing could be listed, because zero would end
 * an alarm, and when the look before could not be read, because then nothing can be confirmed. An absent metric for a
 * day means that the watch does not work.
 */
export function metricsOfWatch({ look, memory, memoryUnread }: WatchSummary): RunMetrics {
  const sawNothing = look.workloads.length === 0 && look.unlisted.size > 0;
  if (sawNothing || memoryUnread !== undefined) return {};
  const { pullsFailing, imagesUnpullable } = confirmedWorkloads(memory);
  return { PullsFailing: pullsFailing, ImagesUnpullable: imagesUnpullable };
}
