import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { LOG_MESSAGES } from '../../../lambda/core/contract';
import type { RunMetrics } from '../../../lambda/core/metrics';
import type { RefresherSettings, WatchReport } from '../../../lambda/core/model';
import { createWatchHandler, type WatchDependencies, type WatchHandler } from '../../../lambda/watch-pulls/handler';
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
  readonly #world: WatchWorld;
  readonly #random: SeededRandom;
  readonly #clock: PassingClock;
  readonly #ownLog: OwnLog;
  readonly #logger = new OwnLogger();
  readonly #handler: WatchHandler;
  #metrics: RunMetrics = {};

  constructor(
    settings: RefresherSettings,
    world: WatchWorld,
    random: SeededRandom,
    makeHandler: MakeWatchHandler = createWatchHandler,
  ) {
    this.#world = world;
    this.#random = random;
    this.#clock = new PassingClock(random.next);
    this.#ownLog = new OwnLog(world, this.#clock);
    this.#handler = makeHandler({
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
    await this.#look(event, context);
    const endMs = this.#clock.now();
    const crashes = this.#world.has('function-crashes-late', '', endMs);
    const metrics = crashes ? {} : this.#metrics;
    this.#note(event, { startMs, endMs, reported: Object.keys(metrics).length > 0 });
    return { ok: !crashes, durationMs: endMs - startMs, metrics };
  };

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
    const time = typeof event === 'object' && event !== null && 'time' in event ? String(event.time) : '';
    const atMs = Date.parse(time);
    if (Number.isNaN(atMs)) return;
    this.looks.push({ atMs, ...look, memoryRead: finished.memoryUnread === undefined });
  }
}
