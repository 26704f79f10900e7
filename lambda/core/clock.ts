/** Time and randomness. Both are injected, so that tests control them. */
export interface Clock {
  /** The time of day, in milliseconds since the epoch. For what others date: credentials, log lines. */
  now(): number;
  /**
   * Milliseconds on a scale that never goes back, near the epoch when the process starts. For deadlines, waits and
   * everything that is measured: the time of day can be corrected by an hour meanwhile.
   */
  steady(): number;
  /** Resolves after this many milliseconds. */
  sleep(ms: number): Promise<void>;
  /** Returns a number in [0, 1). */
  random(): number;
}

/** The wall clock must be this far ahead of the monotonic one before it is believed. */
const FREEZE_MS = 1_000;

/**
 * Makes a steady clock out of the two that a machine has. Lambda freezes processes, and the monotonic clock may stop
 * meanwhile. Then the wall clock is ahead, and the steady one follows it. When the wall clock is put back, the steady
 * one goes on.
 *
 * @param wallMs - milliseconds since the epoch; may jump
 * @param monotonicMs - milliseconds since any moment; never goes back, but may stop
 * @returns whole milliseconds
 */
export function steadyClock(wallMs: () => number, monotonicMs: () => number): () => number {
  let offsetMs = wallMs() - monotonicMs();
  return () => {
    const aheadMs = wallMs() - (monotonicMs() + offsetMs);
    if (aheadMs > FREEZE_MS) offsetMs += aheadMs;
    return Math.floor(monotonicMs() + offsetMs);
  };
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: Date.now,
  steady: steadyClock(Date.now, () => performance.now()),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};
