/** What a plot of the credentials' life shows. */

/** Something that happened at a time, in milliseconds since the epoch. */
export interface Moment {
  readonly atMs: number;
}

/** A credential that was written at Runpod. */
export interface WrittenCredential extends Moment {
  readonly auth: string;
  readonly expiresMs: number;
}

/** A time in which refreshing was impossible, or something was down. */
export interface Impossible {
  readonly fromMs: number;
  readonly toMs: number;
  readonly causes: readonly string[];
  /** What is down, where that does not stop every refresh. @default - refreshing is impossible because of the causes */
  readonly down?: string;
}

/** A page to the person on call. */
export interface ShownPage extends Moment {
  readonly alarm: string;
  readonly lifeLeftMs: number;
}

/** A simulated time, with everything that a plot shows of it. */
export interface Scenario {
  /** Name of the picture's files. */
  readonly name: string;
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Life of a new credential, in milliseconds. */
  readonly lifeMs: number;
  /** Credentials that were written, including those from before the start. */
  readonly writes: readonly WrittenCredential[];
  readonly runs: readonly (Moment & { readonly ok: boolean })[];
  readonly outages: readonly Impossible[];
  readonly pages: readonly ShownPage[];
}

/** The least life that any credential has left. It falls until the next write, so two points make each piece. */
export function lifeLeft({
  writes,
  fromMs,
  toMs,
}: Scenario): { readonly atMs: number; readonly leftMs: number }[] {
  const auths = [...new Set(writes.map(({ auth }) => auth))];
  const leftAt = (atMs: number, including: boolean) => {
    const expiries = auths.map(
      (auth) =>
        writes.findLast(
          (write) => write.auth === auth && (including ? write.atMs <= atMs : write.atMs < atMs),
        )?.expiresMs ?? Number.POSITIVE_INFINITY,
    );
    return Math.max(0, Math.min(...expiries) - atMs);
  };
  const times = [...new Set(writes.map(({ atMs }) => atMs))].filter((atMs) => atMs > fromMs && atMs < toMs);
  return [
    { atMs: fromMs, leftMs: leftAt(fromMs, true) },
    ...times.flatMap((atMs) => [
      { atMs, leftMs: leftAt(atMs, false) },
      { atMs, leftMs: leftAt(atMs, true) },
    ]),
    { atMs: toMs, leftMs: leftAt(toMs, true) },
  ];
}
