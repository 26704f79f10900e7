/** What goes wrong in a simulated year, drawn at random from a seed. */

import type { Side } from '../../../lambda/core/contract';
import type { RouteName } from '../../../lambda/core/model';
import type { SeededRandom } from './random';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A year has 365 days here. */
const YEAR_MS = 365 * DAY_MS;

/** Incidents that end by themselves. */
export type TransientKind =
  | RouteName
  | 'runpod'
  | 'rate-limit'
  | 'ecr'
  | 'secrets-manager'
  | 'registry'
  | 'delivery'
  | 'throttling'
  | 'metrics-lost'
  | RegionKind;

/**
 * Outages of one region's services. During `region`, Lambda, EventBridge, Secrets Manager and CloudWatch are down
 * together; the others are one service alone.
 */
export type RegionKind = 'region' | 'lambda' | 'event-bridge' | 'cloudwatch';

/** Incidents that last until the operator fixes them. */
export type OperatorKind =
  | 'key-revoked'
  | 'ecr-denied'
  | 'secret-denied'
  | 'no-route-left'
  | 'schedule-denied'
  | 'schedule-disabled';

/** How one of Runpod's APIs fails. */
export type FailureMode =
  | '500'
  | '502 HTML page'
  | '503 Retry-After'
  | '504'
  | '429'
  | 'hang'
  | 'reset'
  | '403 from the edge'
  | 'truncated answer'
  | 'web page'
  | 'intermittent';

/** Something that is wrong for a while. */
export interface Incident {
  readonly kind: TransientKind | OperatorKind;
  /** The only one of two refreshers that it concerns. @default - both */
  readonly side?: Side;
  readonly fromMs: number;
  /** Infinite until the operator has fixed it, when only the operator can. */
  toMs: number;
  /** Only for incidents of Runpod's APIs. */
  readonly mode?: FailureMode;
}

/** A Runpod API key: when it was stored in the secret, and until when Runpod accepts it. */
export interface KeyVersion {
  readonly value: string;
  readonly storedMs: number;
  validUntilMs: number;
}

/** A year as it was drawn. The operator's fixes change it. */
export interface YearPlan {
  readonly startMs: number;
  readonly endMs: number;
  readonly incidents: Incident[];
  readonly keys: KeyVersion[];
  /** When an API starts to answer 410 to every request. */
  readonly retiredFromMs: Readonly<Partial<Record<RouteName, number>>>;
  /** Whether the REST APIs have the update in place. It is not known outside Runpod. */
  readonly updates: { readonly 'rest-v2': boolean; readonly 'rest-v1': boolean };
}

/** What happens in the years of one region. */
type DrawnKind = Exclude<TransientKind, RegionKind> | OperatorKind;

/**
 * Average number of each incident in a year. It is far higher than in reality, so that a hundred years contain every
 * kind many times and in many combinations.
 */
const PER_YEAR: Readonly<Record<DrawnKind, number>> = {
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

/** Returns whether only the operator can end this incident. */
export function needsOperator({ kind }: Incident): boolean {
  return OPERATOR_KINDS.has(kind);
}

const FAILURE_MODES: readonly [FailureMode, ...FailureMode[]] = [
  '500',
  '502 HTML page',
  '503 Retry-After',
  '504',
  '429',
  'hang',
  'reset',
  '403 from the edge',
  'truncated answer',
  'web page',
  'intermittent',
];

/**
 * Draws a year.
 *
 * @param intervalMs - interval of the schedule, which fires first at the start of the year
 */
export function drawYear(random: SeededRandom, startMs: number, intervalMs: number): YearPlan {
  const incidents = (Object.keys(PER_YEAR) as DrawnKind[])
    .flatMap((kind) =>
      Array.from({ length: random.count(PER_YEAR[kind]) }, () =>
        drawIncident(random, kind, startMs, intervalMs),
      ),
    )
    .sort((a, b) => a.fromMs - b.fromMs);
  const updates = { 'rest-v2': random.next() < 0.8, 'rest-v1': random.next() < 0.3 };
  return {
    startMs,
    endMs: startMs + YEAR_MS,
    incidents,
    keys: drawKeys(random, startMs),
    retiredFromMs: drawRetirements(random, startMs, updates['rest-v2']),
    updates,
  };
}

function drawIncident(random: SeededRandom, kind: DrawnKind, startMs: number, intervalMs: number): Incident {
  const fromMs = drawStart(random, startMs, intervalMs);
  if (OPERATOR_KINDS.has(kind)) return { kind, fromMs, toMs: Number.POSITIVE_INFINITY };
  // One in seven is longer than half an hour, one in forty longer than six hours.
  const lastsMs = random.heavyTailed(2 * MINUTE_MS, 36 * HOUR_MS, 0.7);
  const isRunpod = kind === 'runpod' || kind === 'graphql' || kind.startsWith('rest-');
  return { kind, fromMs, toMs: fromMs + lastsMs, ...(isRunpod && { mode: random.oneOf(FAILURE_MODES) }) };
}

/**
 * Draws the start of an incident. Half of them begin at any time. The other half begin within minutes of a scheduled run,
 * when they do most harm.
 *
 * @param intervalMs - from one scheduled run to the next, of either region
 */
export function drawStart(random: SeededRandom, startMs: number, intervalMs: number): number {
  const anywhereMs = startMs + random.between(DAY_MS, YEAR_MS - 3 * DAY_MS);
  if (random.next() < 0.5) return anywhereMs;
  const runMs = startMs + Math.round((anywhereMs - startMs) / intervalMs) * intervalMs;
  return runMs + random.between(-5, 2) * MINUTE_MS;
}

/**
 * Draws key rotations. Usually the old key stays valid for up to nine days after the new one is stored. In one rotation
 * of five the old key is revoked before the new one is stored, which is a mistake.
 */
function drawKeys(random: SeededRandom, startMs: number): KeyVersion[] {
  const rotations = Array.from({ length: random.count(3) }, () => startMs + random.between(DAY_MS, YEAR_MS));
  const storedMs = [Number.NEGATIVE_INFINITY, ...rotations.sort((a, b) => a - b)];
  return storedMs.map((stored, version) => {
    const next = storedMs[version + 1];
    const revokedTooEarly = random.next() < 0.2;
    const graceMs = revokedTooEarly ? -random.between(1, 20) * MINUTE_MS : random.between(0, 3) ** 2 * DAY_MS;
    return {
      value: `rpa_simulated_${version}`,
      storedMs: stored,
      validUntilMs: next === undefined ? Number.POSITIVE_INFINITY : next + graceMs,
    };
  });
}

/**
 * Draws when REST v1 and GraphQL are retired: before the year, during it, or not at all. GraphQL stays when REST v2
 * cannot update, so that one API can always update.
 */
function drawRetirements(
  random: SeededRandom,
  startMs: number,
  restV2CanUpdate: boolean,
): Partial<Record<RouteName, number>> {
  const drawTime = () => {
    const draw = random.next();
    if (draw < 0.25) return startMs;
    return draw < 0.6 ? startMs + random.next() * YEAR_MS : Number.POSITIVE_INFINITY;
  };
  return { 'rest-v1': drawTime(), ...(restV2CanUpdate && { graphql: drawTime() }) };
}
