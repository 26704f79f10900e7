import type { Clock } from '../core/clock';
import { type FailedTarget, OutOfTimeError } from '../core/errors';
import type { Target } from '../core/model';
import type { TargetSuccess } from './refresh';

/** A retry later than this begins anew: its run's first credentials have lost too much of their life. */
const MEMORY_MS = 60 * 60_000;

/** Runs whose retries may alternate in one process: the schedule's, a changed secret's, somebody's. */
const MAX_RUNS = 4;

type Done = Map<string, { readonly success: TargetSuccess; readonly atMs: number }>;

/**
 * What earlier tries have done in this process, so that a retry goes on where they stopped. A thousand targets under
 * a quota of sixty a minute need more than one invocation. A cold start forgets, and then writes again what was
 * written: harmless.
 */
export class Resumption {
  readonly #clock: Clock;
  /** The runs that were tried last, by their id; the latest at the end. */
  readonly #runs = new Map<string, Done>();
  /** When each target had its last turn, by whatever run and however it ended; milliseconds since the epoch. */
  readonly #triedMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The targets that an earlier try of this run refreshed, by name. */
  recall(runId: string): ReadonlyMap<string, TargetSuccess> {
    const sinceMs = this.#clock.now() - MEMORY_MS;
    const recent = [...(this.#runs.get(runId) ?? [])].filter(([, { atMs }]) => atMs >= sinceMs);
    return new Map(recent.map(([name, { success }]) => [name, success]));
  }

  /**
   * The targets, those first that have waited longest: where no run has time for all, each still has its turn, and
   * not the first ones again and again, nor those that always fail.
   */
  inOrderOfNeed(targets: readonly Target[]): readonly Target[] {
    const triedMs = ({ name }: Target) => this.#triedMs.get(name) ?? 0;
    return [...targets].sort((a, b) => triedMs(a) - triedMs(b));
  }

  /** Only the last few runs are kept. A target for which there was no time had no turn. */
  remember(runId: string, successes: readonly TargetSuccess[], failures: readonly FailedTarget[] = []): void {
    const atMs = this.#clock.now();
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
