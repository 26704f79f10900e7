import { type CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { callAws } from '../core/aws';
import type { Clock } from '../core/clock';
import { LOG_MESSAGES } from '../core/contract';
import { type Memory, parseMemory } from './memory';

/** The moments between which the look before this one must have been, in milliseconds since the epoch. */
export interface MemoryWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Reads the memory of the latest look of the schedule in a window.
 *
 * Resolves to undefined when there was no look. Throws OperatorMustActError or TransientError when the log cannot be
 * read.
 */
export type ReadMemory = (window: MemoryWindow, deadlineMs: number) => Promise<Memory | undefined>;

/** A page of the log may be empty, although more follow. A window of some hours has a few lines. */
const MAX_PAGES = 20;

/**
 * Makes the function that reads memories from the function's own log.
 *
 * @param logGroupName - undefined outside Lambda: then there is no memory
 */
export function createReadMemory(
  client: CloudWatchLogsClient,
  clock: Clock,
  logGroupName: string | undefined,
): ReadMemory {
  return async ({ fromMs, toMs }, deadlineMs) => {
    if (logGroupName === undefined) return undefined;
    const memories: Memory[] = [];
    let nextToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const call = {
        name: `logs:FilterLogEvents ${logGroupName}`,
        deadlineMs,
        reason: 'configuration-wrong',
      } as const;
      const query = {
        logGroupName,
        startTime: fromMs,
        filterPattern: `{ $.message = "${LOG_MESSAGES.watchFinished}" }`,
        nextToken,
      };
      const answer = await callAws(call, clock, () => client.send(new FilterLogEventsCommand(query)));
      for (const { message } of answer.events ?? []) memories.push(...memoryIn(message));
      nextToken = answer.nextToken;
      if (nextToken === undefined) break;
    }
    return memories
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .reduce<Memory | undefined>(
        (latest, one) => (latest && latest.atMs >= one.atMs ? latest : one),
        undefined,
      );
  };
}

/** The filter may let other lines through. A look that a person started has no memory. */
function memoryIn(line: string | undefined): Memory[] {
  try {
    const json: unknown = JSON.parse(line ?? '');
    if (typeof json !== 'object' || json === null || !('message' in json) || !('memory' in json)) return [];
    const memory = json.message === LOG_MESSAGES.watchFinished ? parseMemory(json.memory) : undefined;
    return memory ? [memory] : [];
  } catch {
    return [];
  }
}
