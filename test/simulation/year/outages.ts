import type { Side } from '../../../lambda/core/contract';
import { type Incident, needsOperator } from './incidents';
import { type Margin, nextRunMs, RULE_DELAY_MS } from './margin';
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

/**
 * Returns all outages of a year that is over. They follow from the world alone, not from what the function did.
 *
 * @param side - one of two sides. When its schedule lost a run, its outage lasts until the next scheduled run, because
 *   nobody is woken up to start one by hand. @default - there is one side, and a person starts lost runs by hand
 */
export function outagesOf(world: World, margin: Margin, side?: Side): Outage[] {
  const spans = [
    ...impossibleSpans(world, side ?? 'primary'),
    ...(side ? spansOfLostRuns(world, margin, side) : []),
  ];
  return merge(spans, margin.recoveryMs).map(({ fromMs, toMs }) => {
    const during = world.plan.incidents.filter(
      (incident) => incident.fromMs < toMs && incident.toMs > fromMs && (incident.side ?? side) === side,
    );
    const firstDueMs = Math.max(fromMs, dueMs(world, margin, fromMs, side ?? 'primary'));
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
function dueMs({ plan, writes }: World, margin: Margin, fromMs: number, side: Side): number {
  const own = writes.filter((write) => write.atMs <= fromMs && write.side === side);
  const latest = new Map(own.map(({ auth, atMs }) => [auth, atMs]));
  return nextRunMs(margin, plan.startMs, Math.min(...latest.values()));
}

/** From each incident in which the schedule lost a run to the next scheduled run. */
function spansOfLostRuns({ plan }: World, margin: Margin, side: Side): Span[] {
  return plan.incidents
    .filter((incident) => (incident.side ?? side) === side && losesRuns(incident, margin, plan.startMs))
    .map(({ toMs }) => ({ fromMs: toMs, toMs: nextRunMs(margin, plan.startMs, toMs - 1) }));
}

/** EventBridge starts nothing while it is down. It gives up a run that it cannot hand to Lambda for this long. */
const GIVES_UP_AFTER_MS = 30 * 60_000;

function losesRuns({ kind, fromMs, toMs }: Incident, margin: Margin, startMs: number): boolean {
  const isSilent = kind === 'region' || kind === 'event-bridge';
  if (!isSilent && kind !== 'delivery' && kind !== 'lambda') return false;
  const runMs = nextRunMs(margin, startMs, fromMs - (isSilent ? 1 : RULE_DELAY_MS));
  return runMs < (isSilent ? toMs : toMs - GIVES_UP_AFTER_MS);
}

function impossibleSpans(world: World, side: Side): Span[] {
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
    return toMs === undefined || toMs === fromMs || world.canRefreshAt(fromMs, side)
      ? []
      : [{ fromMs, toMs }];
  });
}

function merge(spans: readonly Span[], gapMs: number): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1);
    if (last && span.fromMs - last.toMs < gapMs) last.toMs = Math.max(last.toMs, span.toMs);
    else merged.push({ ...span });
  }
  return merged;
}
