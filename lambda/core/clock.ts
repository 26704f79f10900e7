/** Time and randomness. Both are injected, so that tests control them. */
export interface Clock {
  /** The time of day, in milliseconds since the epoch. For expiry times, log lines and HTTP dates. */
  now(): number;
  /**
   * Milliseconds that never go back. They start at the time of day at which the process starts. For deadlines, waits
   * and durations, because the time of day may be corrected in between.
   */
  steady(): number;
  /** Resolves after this many milliseconds. */
  sleep(ms: number): Promise<void>;
  /** Returns a number in [0, 1). */
  random(): number;
}

/** When the wall clock is ahead by more than this, the process counts as frozen. */
const FREEZE_MS = 1_000;

/**
 * Makes a steady clock from the two clocks of a machine. Lambda freezes processes, and the monotonic clock may stop
 * during a freeze. Then the wall clock is ahead, and the steady clock follows it. When the wall clock is set back, the
 * steady clock continues.
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
