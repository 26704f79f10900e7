/**
 * What one look leaves to the next. It stands in the line of the log with which a look ends, and the next look reads
 * that line. The watch has no other state (docs/decisions/0013).
 */

import { createHash } from 'node:crypto';
import type { PullFinding, PullProblem } from '../core/model';
import { ASPECT_OF, keyOf, type Look } from '../core/pulls/model';

/** A problem that a look found, or that it could not look at again. */
export interface Remembered {
  readonly target: string;
  readonly workload: string;
  readonly problem: PullProblem;
  /** Hash of the image. Another missing image is another problem. */
  readonly image: string;
  /** When it was last seen, in milliseconds since the epoch. */
  readonly seenMs: number;
  /** Two looks in a row have seen it. */
  readonly confirmed: boolean;
}

/** What one look leaves to the next. */
export interface Memory {
  /** The moment of the look, in milliseconds since the epoch. Its log windows end there. */
  readonly atMs: number;
  readonly found: readonly Remembered[];
  /** Since when the logs of these have not been read, by workload (`pod p1`) or list (`pod prod`: pods of target prod). */
  readonly waiting: Readonly<Record<string, number>>;
}

/** How far back the watch remembers and reads logs. What it could not look at for longer is forgotten. */
const MAX_AGE_MS = 24 * 60 * 60_000;

/** A line of a log holds 256 KB. The problems and workloads beyond these numbers are not remembered. */
const MAX_FOUND = 500;
const MAX_WAITING = 1_000;

/** Makes the memory of the first look: every log is read from one interval ago. */
export function emptyMemory(atMs: number, intervalMs: number): Memory {
  return { atMs: atMs - intervalMs, found: [], waiting: {} };
}

/**
 * Returns from when the log of a workload has not been read.
 *
 * @param targets - names of the targets of its account
 */
export function logSinceMs(
  { atMs, waiting }: Memory,
  workload: string,
  targets: readonly string[],
  nowMs: number,
): number {
  const [kind] = workload.split(' ');
  const waits = [workload, ...targets.map((target) => `${kind} ${target}`)].flatMap(
    (key) => waiting[key] ?? [],
  );
  return Math.max(nowMs - MAX_AGE_MS, Math.min(atMs, ...waits));
}

/**
 * Compares a look with the one before it.
 *
 * A problem is confirmed when both saw it. A problem that the earlier look saw and this one could not look at stays as
 * it was: it neither ends an alarm nor starts one.
 */
export function remember(before: Memory, look: Look, atMs: number): Memory {
  const seen = look.findings.map((finding) => asRemembered(finding, atMs));
  const earlier = new Set(before.found.map(identityOf));
  const now = new Set(seen.map(identityOf));
  const confirmed = seen.map((one) => ({ ...one, confirmed: earlier.has(identityOf(one)) }));
  const kept = before.found.filter(
    (one) => !now.has(identityOf(one)) && one.seenMs > atMs - MAX_AGE_MS && wasNotLookedAt(one, look),
  );
  // Confirmed problems keep their place when there are too many.
  const found = [...confirmed, ...kept].sort((a, b) => Number(b.confirmed) - Number(a.confirmed));
  return { atMs, found: found.slice(0, MAX_FOUND), waiting: waitingAfter(before, look, atMs) };
}

/** How many workloads have a confirmed problem: of their own log, and of any other kind. */
export function confirmedWorkloads({ found }: Memory): { pullsFailing: number; imagesUnpullable: number } {
  const workloads = (isLog: boolean) =>
    new Set(
      found
        .filter(({ confirmed, problem }) => confirmed && (problem === 'pull-failed') === isLog)
        .map(({ workload }) => workload),
    ).size;
  return { pullsFailing: workloads(true), imagesUnpullable: workloads(false) };
}

/** Whether a look confirmed this finding. */
export function isConfirmed({ found }: Memory, finding: PullFinding): boolean {
  const identity = identityOf(asRemembered(finding, 0));
  return found.some((one) => one.confirmed && identityOf(one) === identity);
}

function asRemembered({ target, workload, problem, image }: PullFinding, seenMs: number): Remembered {
  const hash = createHash('sha256').update(image).digest('hex').slice(0, 12);
  return { target, workload, problem, image: hash, seenMs, confirmed: false };
}

/** A failed pull is the same problem whatever image it was: during a roll-out both images may fail. */
function identityOf({ workload, problem, image }: Remembered): string {
  return `${workload} ${problem} ${problem === 'pull-failed' ? '' : image}`;
}

/** Whether a look could not see if a problem still stands. */
function wasNotLookedAt({ target, workload, problem }: Remembered, look: Look): boolean {
  const [kind = ''] = workload.split(' ');
  const lists = [`${kind} ${target}`, `auth ${target}`];
  if (lists.some((list) => look.unlisted.has(list) || look.hidden.has(list))) return true;
  if (ASPECT_OF[problem] === 'log' && look.hidden.has(`log ${target}`)) return true;
  return look.notLooked.some(
    (one) =>
      one.workload === workload &&
      !one.partly &&
      (one.aspect === undefined || one.aspect === ASPECT_OF[problem]),
  );
}

function waitingAfter(before: Memory, look: Look, atMs: number): Record<string, number> {
  const lists = [...look.unlisted].filter((key) => !key.startsWith('auth '));
  const logs = look.notLooked.flatMap(({ workload, aspect, partly }) =>
    workload !== undefined && !partly && (aspect === undefined || aspect === 'log') ? [workload] : [],
  );
  const since = (key: string) => {
    const [kind = '', rest = ''] = key.split(' ');
    return logSinceMs(before, keyOf({ kind: kind as 'pod', id: rest }), [], atMs);
  };
  const entries = [...new Set([...lists, ...logs])].map((key) => [key, since(key)] as const);
  return Object.fromEntries(entries.sort(([, a], [, b]) => a - b).slice(0, MAX_WAITING));
}

/** Reads a memory out of the fields of a log line. @returns undefined when it is none */
export function parseMemory(value: unknown): Memory | undefined {
  if (!isObject(value) || typeof value.atMs !== 'number' || !Array.isArray(value.found)) return undefined;
  const waiting = Object.entries(isObject(value.waiting) ? value.waiting : {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return { atMs: value.atMs, found: value.found.filter(isRemembered), waiting: Object.fromEntries(waiting) };
}

function isRemembered(value: unknown): value is Remembered {
  return (
    isObject(value) &&
    ['target', 'workload', 'image'].every((name) => typeof value[name] === 'string') &&
    typeof value.problem === 'string' &&
    value.problem in ASPECT_OF &&
    typeof value.seenMs === 'number' &&
    typeof value.confirmed === 'boolean'
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
