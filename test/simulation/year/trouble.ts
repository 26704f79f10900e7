/** What goes wrong in a year. */

import type { RouteName } from '../../../lambda/core/model';
import type { Chance } from './chance';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A year has 365 days here. */
const YEAR_MS = 365 * DAY_MS;

/** Troubles that mend themselves. */
export type OutageKind =
  | RouteName
  | 'runpod'
  | 'rate-limit'
  | 'ecr'
  | 'secrets-manager'
  | 'registry'
  | 'delivery'
  | 'throttling'
  | 'metrics-lost';

/** Troubles that last until a person mends them. */
export type OperatorKind =
  | 'key-revoked'
  | 'ecr-denied'
  | 'secret-denied'
  | 'no-route-left'
  | 'schedule-denied'
  | 'schedule-disabled';

/** How an API of Runpod's is down. */
export type Manner =
  | '500'
  | '502 page'
  | '503 Retry-After'
  | '504'
  | '429'
  | 'hang'
  | 'reset'
  | 'edge 403'
  | 'half an answer'
  | 'web page'
  | 'now and then';

/** Something that is wrong for a while. */
export interface Trouble {
  readonly kind: OutageKind | OperatorKind;
  readonly fromMs: number;
  /** Infinite for what a person must mend, until they do. */
  toMs: number;
  readonly manner?: Manner;
}

/** A Runpod API key: when it came into the secret, and when Runpod stops accepting it. */
export interface KeyVersion {
  readonly value: string;
  readonly storedMs: number;
  diesMs: number;
}

/** A year as it was drawn, before anybody acts. */
export interface YearPlan {
  readonly startMs: number;
  readonly endMs: number;
  readonly troubles: Trouble[];
  readonly keys: KeyVersion[];
  /** When an API begins to answer 410 to everything. */
  readonly retiredFromMs: Readonly<Partial<Record<RouteName, number>>>;
  /** Whether the REST APIs have the update in place, of which nobody outside Runpod is sure. */
  readonly updates: { readonly 'rest-v2': boolean; readonly 'rest-v1': boolean };
}

/**
 * How often a year has each of them, on average: far more often than in life, so that a hundred years have met every
 * kind many times and in many combinations.
 */
const PER_YEAR: Readonly<Record<OutageKind | OperatorKind, number>> = {
  'rest-v2': 12,
  'rest-v1': 6,
  graphql: 6,
  runpod: 12,
  'rate-limit': 6,
  ecr: 6,
  'secrets-manager': 4,
  registry: 6,
  delivery: 4,
  throttling: 4,
  'metrics-lost': 0.2,
  'key-revoked': 1,
  'ecr-denied': 0.5,
  'secret-denied': 0.5,
  'no-route-left': 0.3,
  'schedule-denied': 0.5,
  'schedule-disabled': 0.5,
};

const OPERATOR_KINDS: ReadonlySet<string> = new Set<OperatorKind>([
  'key-revoked',
  'ecr-denied',
  'secret-denied',
  'no-route-left',
  'schedule-denied',
  'schedule-disabled',
]);

/** Whether only a person ends it. */
export function needsPerson({ kind }: Trouble): boolean {
  return OPERATOR_KINDS.has(kind);
}

const MANNERS: readonly [Manner, ...Manner[]] = [
  '500',
  '502 page',
  '503 Retry-After',
  '504',
  '429',
  'hang',
  'reset',
  'edge 403',
  'half an answer',
  'web page',
  'now and then',
];

/** Draws a year. @param intervalMs - of the schedule, which fires at the year's start and from then on */
export function drawYear(chance: Chance, startMs: number, intervalMs: number): YearPlan {
  const troubles = (Object.keys(PER_YEAR) as (OutageKind | OperatorKind)[])
    .flatMap((kind) =>
      Array.from({ length: chance.count(PER_YEAR[kind]) }, () =>
        drawTrouble(chance, kind, startMs, intervalMs),
      ),
    )
    .sort((a, b) => a.fromMs - b.fromMs);
  const updates = { 'rest-v2': chance.next() < 0.8, 'rest-v1': chance.next() < 0.3 };
  return {
    startMs,
    endMs: startMs + YEAR_MS,
    troubles,
    keys: drawKeys(chance, startMs),
    retiredFromMs: drawRetirements(chance, startMs, updates['rest-v2']),
    updates,
  };
}

function drawTrouble(
  chance: Chance,
  kind: OutageKind | OperatorKind,
  startMs: number,
  intervalMs: number,
): Trouble {
  const fromMs = drawStart(chance, startMs, intervalMs);
  if (OPERATOR_KINDS.has(kind)) return { kind, fromMs, toMs: Number.POSITIVE_INFINITY };
  // One in seven is longer than half an hour, one in forty longer than six hours.
  const lastsMs = chance.heavyTailed(2 * MINUTE_MS, 36 * HOUR_MS, 0.7);
  const isRunpods = kind === 'runpod' || kind === 'graphql' || kind.startsWith('rest-');
  return { kind, fromMs, toMs: fromMs + lastsMs, ...(isRunpods && { manner: chance.oneOf(MANNERS) }) };
}

/** Half of them begin anywhere, half in the minutes around a run of the schedule, where they hurt most. */
function drawStart(chance: Chance, startMs: number, intervalMs: number): number {
  const anywhereMs = startMs + chance.between(DAY_MS, YEAR_MS - 3 * DAY_MS);
  if (chance.next() < 0.5) return anywhereMs;
  const runMs = startMs + Math.round((anywhereMs - startMs) / intervalMs) * intervalMs;
  return runMs + chance.between(-5, 2) * MINUTE_MS;
}

/** Rotations: the old key dies days after the new one is stored, or at once, or, done the wrong way round, before. */
function drawKeys(chance: Chance, startMs: number): KeyVersion[] {
  const rotations = Array.from({ length: chance.count(3) }, () => startMs + chance.between(DAY_MS, YEAR_MS));
  const storedMs = [Number.NEGATIVE_INFINITY, ...rotations.sort((a, b) => a - b)];
  return storedMs.map((stored, version) => {
    const next = storedMs[version + 1];
    const wrongWayRound = chance.next() < 0.2;
    const graceMs = wrongWayRound ? -chance.between(1, 20) * MINUTE_MS : chance.between(0, 3) ** 2 * DAY_MS;
    return {
      value: `rpa_simulated_${version}`,
      storedMs: stored,
      diesMs: next === undefined ? Number.POSITIVE_INFINITY : next + graceMs,
    };
  });
}

/** An API is retired before the year, in it, or not at all; REST v2 stays, and what can do what it cannot. */
function drawRetirements(
  chance: Chance,
  startMs: number,
  restV2CanUpdate: boolean,
): Partial<Record<RouteName, number>> {
  const drawn = () => {
    const fate = chance.next();
    if (fate < 0.25) return startMs;
    return fate < 0.6 ? startMs + chance.next() * YEAR_MS : Number.POSITIVE_INFINITY;
  };
  return { 'rest-v1': drawn(), ...(restV2CanUpdate && { graphql: drawn() }) };
}
