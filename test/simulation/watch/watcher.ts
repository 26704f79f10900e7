import { isDeepStrictEqual } from 'node:util';
import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { LOG_MESSAGES } from '../../../lambda/core/contract';
import type { RunMetrics } from '../../../lambda/core/metrics';
import type { RefresherSettings, WatchReport } from '../../../lambda/core/model';
import {
  createWatchHandler,
  type WatchDependencies,
  type WatchHandler,
} from '../../../lambda/watch-pulls/handler';
import type { Memory } from '../../../lambda/watch-pulls/memory';
import { createReadMemory } from '../../../lambda/watch-pulls/own-log';
import type { InvocationContext, InvocationResult, Invoke } from '../lambda-function';
import type { SeededRandom } from '../year/random';
import { OwnLog, PassingClock, servicesIn } from './edges';
import type { WatchWorld } from './world';

/** Makes the handler of the watch. A test may put another one in its place, to show that a claim can fail. */
export type MakeWatchHandler = (dependencies: WatchDependencies) => WatchHandler;

/** One look of the schedule: one delivery of one event. */
export interface SimulatedLook {
  /** The moment of the look: the time of its event. */
  readonly atMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /** It sent metrics. */
  readonly reported: boolean;
  /** The look before could be read. */
  readonly memoryRead: boolean;
}

/**
 * More than four looks of five are quiet: nothing is wrong, and the look before found nothing. All of them have the same
 * result, so only this share of them runs, and the result is compared. Otherwise a century would take five minutes.
 */
const QUIET_LOOKS_RUN = 0.05;

/** How long a quiet look takes, and how long it takes at most. */
const QUIET_LOOK_MS = 9_000;
const QUIET_LOOK_LIMIT_MS = 60_000;

/** What a quiet look finds. */
interface QuietLook {
  readonly memory: Memory;
  readonly metrics: RunMetrics;
}

/** Keeps the line that ends a look, and drops the others: a century of them would take too long. */
class OwnLogger extends Logger {
  /** The fields of the line that ended the latest look. */
  finished: Readonly<Record<string, unknown>> | undefined;

  override addContext(): void {}
  override warn(): void {}
  override error(): void {}
  override info(...[message, fields]: Parameters<Logger['info']>): void {
    if (message === LOG_MESSAGES.watchFinished) this.finished = fields as OwnLogger['finished'];
  }
}

/** Runs the real handler of the watch in virtual time. Only its edges are replaced. */
export class Watcher {
  /** The looks of the schedule that ended with their log line, in the order of their start. */
  readonly looks: SimulatedLook[] = [];
  /** Number of quiet looks that did not run. */
  skipped = 0;
  readonly #world: WatchWorld;
  readonly #random: SeededRandom;
  readonly #clock: PassingClock;
  readonly #ownLog: OwnLog;
  readonly #logger = new OwnLogger();
  readonly #handler: WatchHandler;
  readonly #intervalMs: number;
  readonly #runsAll: boolean;
  #metrics: RunMetrics = {};
  #last: Memory | undefined;

  constructor(
    settings: RefresherSettings,
    world: WatchWorld,
    random: SeededRandom,
    makeHandler?: MakeWatchHandler,
  ) {
    this.#intervalMs = (settings.pullWatch?.intervalMinutes ?? 60) * 60_000;
    this.#runsAll = makeHandler !== undefined;
    this.#world = world;
    this.#random = random;
    this.#clock = new PassingClock(random.next);
    this.#ownLog = new OwnLog(world, this.#clock);
    this.#handler = (makeHandler ?? createWatchHandler)({
      settings,
      logger: this.#logger,
      publishMetrics: (metrics) => {
        this.#metrics = metrics;
      },
      readMemory: createReadMemory(this.#ownLog.client(), this.#clock, '/aws/lambda/watch'),
      services: servicesIn(world, settings.targets, this.#clock),
    });
  }

  /** Handles one invocation. */
  readonly invoke: Invoke = async (event, context): Promise<InvocationResult> => {
    const startMs = context.nowMs;
    if (this.#world.has('function-crashes', '', startMs)) {
      return { ok: false, durationMs: this.#random.between(1, context.timeoutMs), metrics: {} };
    }
    this.#clock.restart(startMs);
    this.#metrics = {};
    this.#logger.finished = undefined;
    const expected = this.#quietLook(event, startMs);
    if (expected && this.#random.next() >= QUIET_LOOKS_RUN) this.#skip(expected);
    else await this.#look(event, context);
    if (expected) this.#compare(expected);
    const endMs = this.#clock.now();
    const crashes = this.#world.has('function-crashes-late', '', endMs);
    const metrics = crashes ? {} : this.#metrics;
    this.#note(event, { startMs, endMs, reported: Object.keys(metrics).length > 0 });
    return { ok: !crashes, durationMs: endMs - startMs, metrics };
  };

  /**
   * Returns what a look finds when nothing is wrong and nothing was: it follows from the look before. Undefined for any
   * other look.
   */
  #quietLook(event: unknown, startMs: number): QuietLook | undefined {
    const atMs = timeOf(event);
    const last = this.#last;
    if (atMs === undefined || !last || this.#runsAll) return undefined;
    const isNext = Math.abs(atMs - last.atMs - this.#intervalMs) <= 2 * 60_000;
    const isQuiet = this.#world.isQuiet(last.atMs - 60_000, startMs + QUIET_LOOK_LIMIT_MS);
    if (!isNext || !isQuiet || last.found.length > 0 || Object.keys(last.waiting).length > 0)
      return undefined;
    return { memory: { atMs, found: [], waiting: {} }, metrics: { PullsFailing: 0, ImagesUnpullable: 0 } };
  }

  #skip({ memory, metrics }: QuietLook): void {
    this.skipped += 1;
    this.#clock.pass(QUIET_LOOK_MS);
    this.#logger.finished = { memory };
    this.#metrics = metrics;
  }

  /** @throws Error when a quiet look found something else */
  #compare(expected: QuietLook): void {
    const found = { memory: this.#logger.finished?.memory, metrics: this.#metrics };
    if (isDeepStrictEqual(found, expected)) return;
    throw new Error(`a quiet look found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }

  #look(event: unknown, { nowMs, timeoutMs, requestId }: InvocationContext): Promise<WatchReport> {
    const context = {
      awsRequestId: requestId,
      getRemainingTimeInMillis: () => nowMs + timeoutMs - this.#clock.now(),
    };
    return this.#handler(event, context as Context);
  }

  /** Writes the line that ends a look into the log, and keeps what the claims need of it. */
  #note(event: unknown, look: Pick<SimulatedLook, 'startMs' | 'endMs' | 'reported'>): void {
    const { finished } = this.#logger;
    if (!finished) return;
    this.#ownLog.write({ message: LOG_MESSAGES.watchFinished, ...finished });
    const atMs = timeOf(event);
    if (atMs === undefined) return;
    this.#last = finished.memory as Memory;
    this.looks.push({ atMs, ...look, memoryRead: finished.memoryUnread === undefined });
  }
}

/** Returns the time of a scheduled event; undefined for any other event. */
function timeOf(event: unknown): number | undefined {
  const time = typeof event === 'object' && event !== null && 'time' in event ? String(event.time) : '';
  const atMs = Date.parse(time);
  return Number.isNaN(atMs) ? undefined : atMs;
}
