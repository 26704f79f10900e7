import type { Clock } from './clock';
import type { TargetSuccess } from './refresh';

/** A retry later than this begins anew: its run's first credentials have lost too much of their life. */
const MEMORY_MS = 60 * 60_000;

/**
 * What earlier tries of the same event have done in this process, so that a retry goes on where they stopped.
 * A thousand targets under a quota of sixty a minute need more than one invocation. A cold start forgets, and
 * then writes again what was written: harmless.
 */
export class Resumption {
  readonly #clock: Clock;
  #runId: string | undefined;
  #done = new Map<string, { readonly success: TargetSuccess; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The targets that an earlier try of this run refreshed, by name. */
  recall(runId: string | undefined): ReadonlyMap<string, TargetSuccess> {
    if (runId === undefined || runId !== this.#runId) return new Map();
    const sinceMs = this.#clock.now() - MEMORY_MS;
    const recent = [...this.#done].filter(([, { atMs }]) => atMs >= sinceMs);
    return new Map(recent.map(([name, { success }]) => [name, success]));
  }

  /** Only the latest run is kept. */
  remember(runId: string | undefined, successes: readonly TargetSuccess[]): void {
    if (runId === undefined) return;
    if (runId !== this.#runId) this.#done = new Map();
    this.#runId = runId;
    for (const success of successes) this.#done.set(success.target, { success, atMs: this.#clock.now() });
  }
}
