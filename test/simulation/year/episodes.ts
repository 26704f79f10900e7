import type { Margin } from './margin';
import { needsPerson } from './trouble';
import type { World } from './world';

/** A time in which refreshing was impossible, with gaps that were too short for a run to use. */
export interface Episode {
  readonly fromMs: number;
  readonly toMs: number;
  /**
   * From the run of the schedule that was due in it to its end; 0 when none was due. A run is due where it is the
   * first after the last credential that had arrived before.
   */
  readonly feltMs: number;
  /** What was wrong at its beginning and later, for a person. */
  readonly causes: readonly string[];
  /** Only a person could end it. */
  readonly neededPerson: boolean;
}

interface Span {
  readonly fromMs: number;
  toMs: number;
}

/** All episodes of a year that is over, by what the world allowed and not by what the function made of it. */
export function episodesOf(world: World, margin: Margin): Episode[] {
  return merge(impossibleSpans(world), margin.cadenceMs).map(({ fromMs, toMs }) => {
    const inIt = world.plan.troubles.filter((trouble) => trouble.fromMs < toMs && trouble.toMs > fromMs);
    const metMs = Math.max(fromMs, dueMs(world, margin, fromMs));
    const keyDied = world.plan.keys.some(({ diesMs }) => diesMs < toMs && diesMs >= fromMs);
    return {
      fromMs,
      toMs,
      feltMs: Math.max(0, toMs - metMs),
      causes: [...new Set([...inIt.map(nameOf), ...(keyDied ? ['key died'] : [])])],
      neededPerson: inIt.some(needsPerson) || keyDied,
    };
  });
}

function nameOf({ kind, manner }: { readonly kind: string; readonly manner?: string }): string {
  return manner === undefined ? kind : `${kind} (${manner})`;
}

function dueMs({ plan, writes }: World, { intervalMs }: Margin, fromMs: number): number {
  const latest = new Map(writes.filter(({ atMs }) => atMs <= fromMs).map(({ auth, atMs }) => [auth, atMs]));
  const oldestMs = Math.min(...latest.values());
  return plan.startMs + (Math.floor((oldestMs - plan.startMs) / intervalMs) + 1) * intervalMs;
}

function impossibleSpans(world: World): Span[] {
  const { startMs, endMs, troubles, keys, retiredFromMs } = world.plan;
  const changes = [
    startMs,
    endMs,
    ...troubles.flatMap(({ fromMs, toMs }) => [fromMs, toMs]),
    ...keys.flatMap(({ storedMs, diesMs }) => [storedMs, diesMs]),
    ...Object.values(retiredFromMs),
  ]
    .filter((atMs) => atMs >= startMs && atMs <= endMs)
    .sort((a, b) => a - b);
  return changes.flatMap((fromMs, index) => {
    const toMs = changes[index + 1];
    return toMs === undefined || toMs === fromMs || world.canRefreshAt(fromMs) ? [] : [{ fromMs, toMs }];
  });
}

function merge(spans: readonly Span[], gapMs: number): Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last && span.fromMs - last.toMs < gapMs) last.toMs = span.toMs;
    else merged.push({ ...span });
  }
  return merged;
}
