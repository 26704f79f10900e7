import { needsOperator } from './incidents';
import type { Margin } from './margin';
import type { World } from './world';

/** A time in which refreshing was impossible. Gaps that were too short for a run are part of it. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /**
   * From the first scheduled run that was due during the outage to the end of the outage; 0 when no run was due. A run
   * is due when it is the first one after the last write.
   */
  readonly sinceDueRunMs: number;
  /** The incidents during the outage, for people to read. */
  readonly causes: readonly string[];
  /** Whether only the operator could end it. */
  readonly neededOperator: boolean;
}

interface Span {
  readonly fromMs: number;
  toMs: number;
}

/** Returns all outages of a year that is over. They follow from the world alone, not from what the function did. */
export function outagesOf(world: World, margin: Margin): Outage[] {
  return merge(impossibleSpans(world), margin.recoveryMs).map(({ fromMs, toMs }) => {
    const during = world.plan.incidents.filter(
      (incident) => incident.fromMs < toMs && incident.toMs > fromMs,
    );
    const firstDueMs = Math.max(fromMs, dueMs(world, margin, fromMs));
    const keyExpired = world.plan.keys.some(
      ({ validUntilMs }) => validUntilMs < toMs && validUntilMs >= fromMs,
    );
    return {
      fromMs,
      toMs,
      sinceDueRunMs: Math.max(0, toMs - firstDueMs),
      causes: [...new Set([...during.map(nameOf), ...(keyExpired ? ['key expired'] : [])])],
      neededOperator: during.some(needsOperator) || keyExpired,
    };
  });
}

function nameOf({ kind, mode }: { readonly kind: string; readonly mode?: string }): string {
  return mode === undefined ? kind : `${kind} (${mode})`;
}

/** Returns when the first scheduled run after the last write was due. */
function dueMs({ plan, writes }: World, { intervalMs }: Margin, fromMs: number): number {
  const latest = new Map(writes.filter(({ atMs }) => atMs <= fromMs).map(({ auth, atMs }) => [auth, atMs]));
  const oldestMs = Math.min(...latest.values());
  return plan.startMs + (Math.floor((oldestMs - plan.startMs) / intervalMs) + 1) * intervalMs;
}

function impossibleSpans(world: World): Span[] {
  const { startMs, endMs, incidents, keys, retiredFromMs } = world.plan;
  const changes = [
    startMs,
    endMs,
    ...incidents.flatMap(({ fromMs, toMs }) => [fromMs, toMs]),
    ...keys.flatMap(({ storedMs, validUntilMs }) => [storedMs, validUntilMs]),
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
