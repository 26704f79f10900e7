/** Follows a release until every worker runs it, or it is clear that new workers cannot pull. */

import { OperatorMustActError, RefresherError } from '../../lambda/core/errors';
import { type FailedPullKind, recogniseFailedPull } from '../../lambda/core/pulls/failed-pull';
import type { LogLine, Worker } from '../../lambda/core/runpod/workloads';
import { CliError } from '../errors';
import { type Change, type Endpoint, has, type Rollout, type RunpodEndpoints } from '../runpod/endpoints';

/** How a roll-out ended, as far as this command follows it. */
export type Outcome =
  /** `workers` run the new image. `seenInLog` of them say so in their log; the others run and report no failed pull. */
  | { readonly kind: 'rolled-out'; readonly workers: number; readonly seenInLog: number }
  /** The endpoint has no worker. */
  | { readonly kind: 'no-workers' }
  /** A new worker cannot pull. `says` is a clause. */
  | { readonly kind: 'cannot-pull'; readonly worker: string; readonly says: PullFailure | undefined }
  /** The time is over, and nothing says that a pull failed. */
  | { readonly kind: 'not-in-time'; readonly running: number; readonly total: number }
  /** Somebody else has changed the endpoint. */
  | { readonly kind: 'replaced'; readonly image: string };

/** A failed pull in the log of a worker. */
export interface PullFailure {
  readonly kind: FailedPullKind;
  readonly line: string;
}

/** What happens during a roll-out. */
export interface RollOutEvents {
  /** A worker runs the new image. */
  onRunning(worker: string): void;
  /** A worker's log says for the first time that a pull failed, or it says it for another reason than before. */
  onFailure(worker: string, failure: PullFailure): void;
  /** Something cannot be seen. Called once for each message. */
  onBlind(message: string): void;
}

/** What to follow. */
export interface RollOutOptions {
  readonly endpoint: Endpoint;
  readonly change: Change;
  /** The newest release before the change. */
  readonly before: Rollout;
  readonly timeoutMs: number;
  readonly events: RollOutEvents;
}

/** Pause between two looks: they use about half of a quota of 60 requests a minute. With a short timeout it is shorter. */
const POLL_MS = 10_000;

/** A worker without a line in its log counts as running when it looks healthy for this long. */
const SETTLE_MS = 60_000;

/** A changed credential may take about five minutes to reach a host, so failures before that may pass. */
const PATIENCE_MS = 5 * 60_000;

/** How far Runpod's clock may be behind this machine's, where no release tells its time. */
const CLOCK_TOLERANCE_MS = 60_000;

/** What a worker's system log says once the image is there. Seen in public reports; Runpod does not document it. */
const STARTED = /\bstart container\b|downloaded newer image for|image is up to date for/i;

/** The workers whose logs are read at a time. */
const MAX_LOGS = 3;

/** What is known about a worker of the new release. */
interface NewWorker {
  failure?: PullFailure;
  failingSinceMs?: number;
  hasStarted: boolean;
  /** When it was first seen RUNNING or IDLE without a failed pull. */
  healthySinceMs?: number;
  readonly shownFailures: Set<FailedPullKind>;
  isShownAsRunning: boolean;
  logReads: number;
  isReading: boolean;
}

/**
 * One roll-out. A worker's status alone proves nothing: a worker that cannot start its container may say RUNNING. So the
 * system log of each new worker decides, and the status only where the log is silent.
 */
export class RollOut {
  readonly #endpoints: RunpodEndpoints;
  readonly #options: RollOutOptions;
  readonly #workers = new Map<string, NewWorker>();
  readonly #startedMs = performance.now();
  readonly #wallStartMs = Date.now();
  readonly #deadlineMs: number;
  #emptySinceMs: number | undefined;
  #logSinceMs: number;
  readonly #reads = new Set<Promise<void>>();
  readonly #blind = new Set<string>();
  #mayReadLogs = true;
  #total = 0;

  constructor(endpoints: RunpodEndpoints, options: RollOutOptions) {
    this.#endpoints = endpoints;
    this.#options = options;
    this.#deadlineMs = this.#startedMs + options.timeoutMs;
    this.#logSinceMs = this.#wallStartMs - CLOCK_TOLERANCE_MS;
  }

  /** Milliseconds since the roll-out began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** Pause until the next look, in milliseconds. */
  get pauseMs(): number {
    return Math.min(POLL_MS, this.#options.timeoutMs / 20);
  }

  /** What to show while it goes on. */
  get progress(): string {
    const running = [...this.#workers.values()].filter(({ isShownAsRunning }) => isShownAsRunning).length;
    return `${running} of ${this.#total} workers run the new image`;
  }

  /** Looks once. @returns the outcome, or undefined while the roll-out goes on */
  async look(): Promise<Outcome | undefined> {
    try {
      return await this.#look();
    } catch (error) {
      // What is down now may be back at the next look.
      if (!(error instanceof RefresherError) || error instanceof OperatorMustActError) throw error;
      this.#cannotSee(`Runpod cannot be asked: ${error.message}`);
      return this.#isOver ? this.#conclude([]) : undefined;
    }
  }

  async #look(): Promise<Outcome | undefined> {
    const { endpoint, change } = this.#options;
    const [now, rollout, workers] = await Promise.all([
      this.#endpoints.get(endpoint.id),
      this.#endpoints.rollout(endpoint.id),
      this.#endpoints.workers(endpoint.id),
    ]);
    if (!has(now, change)) return { kind: 'replaced', image: now.image };
    this.#total = workers.length;
    if (workers.length === 0 && this.#isEmpty(now)) return { kind: 'no-workers' };
    if (workers.length > 0) this.#emptySinceMs = undefined;
    const isReleased = this.#isReleased(rollout);
    if (isReleased) this.#logSinceMs = rollout.createdAtMs ?? this.#logSinceMs;
    const fresh = isReleased ? workers.filter(({ isStale }) => !isStale) : [];
    for (const worker of fresh) this.#learn(worker);
    this.#readLogs(fresh);
    const isComplete = !rollout.inProgress && fresh.length > 0 && fresh.length === workers.length;
    if (isComplete && fresh.every(({ id }) => this.#runs(id))) return this.#rolledOut(fresh);
    const hopeless = this.#hopeless(fresh);
    if (hopeless) return hopeless;
    if (!this.#isOver) return undefined;
    // What the logs say so far decides.
    await Promise.all(this.#reads);
    return this.#conclude(fresh);
  }

  /** Whether the release of the change is visible. Until then the old workers still count as up to date. */
  #isReleased({ version, createdAtMs }: Rollout): boolean {
    const { before } = this.#options;
    if (version !== undefined && before.version !== undefined) return version !== before.version;
    if (createdAtMs !== undefined) return createdAtMs !== before.createdAtMs;
    return this.elapsedMs >= this.#settleMs;
  }

  get #isOver(): boolean {
    return performance.now() >= this.#deadlineMs;
  }

  get #settleMs(): number {
    return Math.min(SETTLE_MS, this.#options.timeoutMs / 4);
  }

  /** Whether the endpoint has no workers, and will have none without a request. */
  #isEmpty({ minWorkers, maxWorkers }: Endpoint): boolean {
    const nowMs = performance.now();
    this.#emptySinceMs ??= nowMs;
    if (minWorkers > 0 && maxWorkers > 0) return false;
    // Between an old worker and its successor there may be none for a moment.
    return this.#workers.size === 0 || nowMs - this.#emptySinceMs >= this.#settleMs;
  }

  #learn({ id, status }: Worker): void {
    const known = this.#workers.get(id) ?? {
      hasStarted: false,
      shownFailures: new Set(),
      isShownAsRunning: false,
      logReads: 0,
      isReading: false,
    };
    this.#workers.set(id, known);
    const looksHealthy = (status === 'RUNNING' || status === 'IDLE') && !known.failure;
    if (!looksHealthy) delete known.healthySinceMs;
    else known.healthySinceMs ??= performance.now();
    if (this.#runs(id) && !known.isShownAsRunning) {
      known.isShownAsRunning = true;
      this.#options.events.onRunning(id);
    }
  }

  #runs(id: string): boolean {
    const worker = this.#workers.get(id);
    if (!worker || worker.failure) return false;
    if (worker.hasStarted) return true;
    const hasBeenHealthy =
      worker.healthySinceMs !== undefined && performance.now() - worker.healthySinceMs >= this.#settleMs;
    return hasBeenHealthy && (worker.logReads > 0 || !this.#mayReadLogs);
  }

  /** Starts to read the logs of the workers whose state is not yet clear. A log stays open, so nobody waits for it. */
  #readLogs(fresh: readonly Worker[]): void {
    if (!this.#mayReadLogs) return;
    const reading = fresh.filter(({ id }) => this.#workers.get(id)?.isReading).length;
    const unclear = fresh.filter(({ id }) => {
      const worker = this.#workers.get(id);
      return worker && !worker.isReading && !this.#runs(id);
    });
    const inOrder = unclear.sort((a, b) => this.#readsOf(a) - this.#readsOf(b));
    for (const { id } of inOrder.slice(0, Math.max(0, MAX_LOGS - reading))) {
      const read = this.#readLog(id).finally(() => this.#reads.delete(read));
      this.#reads.add(read);
    }
  }

  #readsOf({ id }: Worker): number {
    return this.#workers.get(id)?.logReads ?? 0;
  }

  async #readLog(id: string): Promise<void> {
    const worker = this.#workers.get(id);
    if (!worker) return;
    worker.isReading = true;
    try {
      const { lines } = await this.#endpoints.systemLog(this.#options.endpoint.id, id, this.#logSinceMs);
      worker.logReads += 1;
      this.#learnFromLog(id, worker, lines);
    } catch (error) {
      if (error instanceof OperatorMustActError) this.#mayReadLogs = false;
      const why = error instanceof RefresherError ? error.message : 'unexpected error';
      this.#cannotSee(`the system log of a worker cannot be read: ${why}`);
    } finally {
      worker.isReading = false;
    }
  }

  /** The newest line that is about the pull decides. */
  #learnFromLog(id: string, worker: NewWorker, lines: readonly LogLine[]): void {
    for (const { text } of lines) {
      const kind = recogniseFailedPull(text);
      if (kind) {
        worker.failure = { kind, line: this.#endpoints.show(text, 300) };
        worker.hasStarted = false;
      } else if (STARTED.test(text)) {
        delete worker.failure;
        worker.hasStarted = true;
      }
    }
    if (!worker.failure) {
      delete worker.failingSinceMs;
      return;
    }
    worker.failingSinceMs ??= performance.now();
    delete worker.healthySinceMs;
    if (worker.shownFailures.has(worker.failure.kind)) return;
    worker.shownFailures.add(worker.failure.kind);
    this.#options.events.onFailure(id, worker.failure);
  }

  #rolledOut(fresh: readonly Worker[]): Outcome {
    const seenInLog = fresh.filter(({ id }) => this.#workers.get(id)?.hasStarted).length;
    return { kind: 'rolled-out', workers: fresh.length, seenInLog };
  }

  /** Whether pulls have failed for so long, and none has worked, that waiting is of no use. */
  #hopeless(fresh: readonly Worker[]): Outcome | undefined {
    if (fresh.some(({ id }) => this.#runs(id))) return undefined;
    const failing = fresh.find(({ id }) => {
      const since = this.#workers.get(id)?.failingSinceMs;
      return since !== undefined && performance.now() - since >= PATIENCE_MS;
    });
    return failing && this.#cannotPull(failing.id);
  }

  #cannotPull(worker: string): Outcome {
    return { kind: 'cannot-pull', worker, says: this.#workers.get(worker)?.failure };
  }

  /** The time is over. */
  #conclude(fresh: readonly Worker[]): Outcome {
    const failing = fresh.find(({ id }) => this.#workers.get(id)?.failure);
    if (failing) return this.#cannotPull(failing.id);
    const running = fresh.filter(({ id }) => this.#runs(id)).length;
    // A worker that waits for a free GPU has not begun to pull.
    const silent = fresh.find(({ status }) => status !== 'THROTTLED');
    if (running === 0 && silent) return this.#cannotPull(silent.id);
    return { kind: 'not-in-time', running, total: this.#total };
  }

  #cannotSee(message: string): void {
    const shown = this.#endpoints.show(message, 300);
    if (this.#blind.has(shown)) return;
    this.#blind.add(shown);
    this.#options.events.onBlind(shown);
  }
}

/** Refuses to deploy while another release is being rolled out. @throws CliError */
export function refuseDuringRollOut({ inProgress, version, ...rollout }: Rollout, endpoint: Endpoint): void {
  if (!inProgress) return;
  const number = version === undefined ? '' : ` (version ${version})`;
  throw new CliError(
    `Another release of endpoint ${endpoint.id}${number} is being rolled out: ${rollout.workersOnLatest} of ${rollout.workersTotal} workers run it.`,
    { fix: 'Wait until it is over, or deploy over it with --force.' },
  );
}
