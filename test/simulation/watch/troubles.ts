/** What goes wrong for the watch in a simulated year, drawn at random from a seed. */

import type { SeededRandom } from '../year/random';
import type { SimulatedWorkload } from './workloads';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A year has 365 days here. */
const YEAR_MS = 365 * DAY_MS;

/** Troubles of one workload. The subject is its id. */
export type WorkloadTrouble =
  /** The tag is deleted, and pushed again at the end. */
  | 'image-deleted'
  /** The repository's policy refuses the credential. */
  | 'pull-denied'
  /** The tag is pushed for linux/arm64 only. */
  | 'arm64-pushed'
  | 'auth-detached'
  | 'other-auth-attached'
  /** Every pull fails, and the workload's log says so again and again. */
  | 'pulls-fail'
  /** One to four failed pulls within three minutes. */
  | 'pull-failed-once'
  /** The workload names a new tag, which is pushed at the end. */
  | 'roll-out'
  /** The workload may start no workers, so it is not watched. */
  | 'scaled-to-zero';

/** Troubles of one Runpod account. The subject is the name of the key's secret. */
export type AccountTrouble =
  | 'runpod-down'
  | 'auth-list-down'
  | 'endpoint-list-down'
  | 'pod-list-down'
  | 'delegations-down'
  | 'logs-down'
  /** Log streams break off halfway. */
  | 'logs-cut'
  | 'key-refused'
  | 'key-may-not-list'
  | 'key-may-not-read-logs';

/** Troubles of one registry. The subject is its account. */
export type RegistryTrouble = 'registry-down' | 'token-denied';

/** Troubles of the watch itself. They have no subject. */
export type OwnTrouble =
  | 'secrets-manager'
  | 'own-log-unreadable'
  /** The function ends before it looks. */
  | 'function-crashes'
  /** The function ends after its last log line and before its metrics are sent. */
  | 'function-crashes-late'
  /** EventBridge cannot reach Lambda. */
  | 'delivery'
  | 'throttling'
  | 'schedule-silent'
  | 'delivered-twice'
  /** A person starts a look by hand, in the midst of the others. */
  | 'look-by-hand';

/** A kind of trouble. */
export type TroubleKind = WorkloadTrouble | AccountTrouble | RegistryTrouble | OwnTrouble;

/** Something that is wrong for a while. */
export interface Trouble {
  readonly kind: TroubleKind;
  /** What it concerns. Empty when it concerns everything. */
  readonly subject: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Time from one failed pull to the next, or from the first delivery of an event to the second. */
  readonly everyMs?: number;
}

/** A year of the watch as it was drawn. */
export interface WatchPlan {
  readonly startMs: number;
  readonly endMs: number;
  /** In the order of their start. */
  readonly troubles: readonly Trouble[];
}

/** Average number of each trouble in a year: for all workloads, for all accounts, and so on. Far higher than in reality. */
const PER_YEAR: Readonly<Record<TroubleKind, number>> = {
  'image-deleted': 14,
  'pull-denied': 6,
  'arm64-pushed': 8,
  'auth-detached': 10,
  'other-auth-attached': 8,
  'pulls-fail': 14,
  'pull-failed-once': 40,
  'roll-out': 60,
  'scaled-to-zero': 6,
  'runpod-down': 8,
  'auth-list-down': 6,
  'endpoint-list-down': 6,
  'pod-list-down': 6,
  'delegations-down': 6,
  'logs-down': 6,
  'logs-cut': 4,
  'key-refused': 3,
  'key-may-not-list': 4,
  'key-may-not-read-logs': 4,
  'registry-down': 8,
  'token-denied': 3,
  'secrets-manager': 4,
  'own-log-unreadable': 5,
  'function-crashes': 5,
  'function-crashes-late': 4,
  delivery: 6,
  throttling: 6,
  'schedule-silent': 3,
  'delivered-twice': 6,
  'look-by-hand': 20,
};

const OF_WORKLOADS: ReadonlySet<TroubleKind> = new Set<WorkloadTrouble>([
  'image-deleted',
  'pull-denied',
  'arm64-pushed',
  'auth-detached',
  'other-auth-attached',
  'pulls-fail',
  'pull-failed-once',
  'roll-out',
  'scaled-to-zero',
]);

const OF_ACCOUNTS: ReadonlySet<TroubleKind> = new Set<AccountTrouble>([
  'runpod-down',
  'auth-list-down',
  'endpoint-list-down',
  'pod-list-down',
  'delegations-down',
  'logs-down',
  'logs-cut',
  'key-refused',
  'key-may-not-list',
  'key-may-not-read-logs',
]);

const OF_REGISTRIES: ReadonlySet<TroubleKind> = new Set<RegistryTrouble>(['registry-down', 'token-denied']);

/** Draws a year. The watch looks first at the start of the year. */
export function drawWatchYear(
  random: SeededRandom,
  startMs: number,
  intervalMs: number,
  workloads: readonly [SimulatedWorkload, ...SimulatedWorkload[]],
): WatchPlan {
  const draw = (kind: TroubleKind): { readonly trouble: Trouble; readonly workload: SimulatedWorkload } => {
    const workload = random.oneOf(workloads);
    const subject = subjectOf(kind, workload);
    return { trouble: drawTrouble(random, kind, subject, { startMs, intervalMs }), workload };
  };
  const drawAll = (kinds: readonly TroubleKind[]) =>
    kinds.flatMap((kind) => Array.from({ length: random.count(PER_YEAR[kind]) }, () => draw(kind)));
  const kinds = Object.keys(PER_YEAR) as TroubleKind[];
  const ofWorkloads = drawAll(kinds.filter((kind) => OF_WORKLOADS.has(kind)));
  const lasting = ofWorkloads.filter(({ trouble: { fromMs, toMs } }) => toMs - fromMs > intervalMs);
  const others = drawAll(kinds.filter((kind) => !OF_WORKLOADS.has(kind))).map(({ trouble }) => {
    // Two of three come within hours of a lasting trouble of a workload, and concern it.
    const near = random.next() < 2 / 3 ? lasting[Math.floor(random.next() * lasting.length)] : undefined;
    if (!near) return trouble;
    const fromMs = near.trouble.fromMs + random.between(-2, 3) * HOUR_MS;
    const toMs = fromMs + trouble.toMs - trouble.fromMs;
    return { ...trouble, subject: subjectOf(trouble.kind, near.workload), fromMs, toMs };
  });
  const troubles = [...ofWorkloads.map(({ trouble }) => trouble), ...others];
  return {
    startMs,
    endMs: startMs + YEAR_MS,
    troubles: troubles.sort((a, b) => a.fromMs - b.fromMs),
  };
}

function subjectOf(kind: TroubleKind, { id, keySecret, registryAccount }: SimulatedWorkload): string {
  if (OF_WORKLOADS.has(kind)) return id;
  if (OF_ACCOUNTS.has(kind)) return keySecret;
  return OF_REGISTRIES.has(kind) ? registryAccount : '';
}

function drawTrouble(
  random: SeededRandom,
  kind: TroubleKind,
  subject: string,
  { startMs, intervalMs }: { readonly startMs: number; readonly intervalMs: number },
): Trouble {
  const fromMs = drawStart(random, startMs, intervalMs);
  const trouble = { kind, subject, fromMs };
  switch (kind) {
    case 'pull-failed-once':
      return { ...trouble, toMs: fromMs + random.between(1, 180) * SECOND_MS, everyMs: 50 * SECOND_MS };
    case 'roll-out':
      // One in five is longer than half an hour, one in fifty longer than three.
      return { ...trouble, toMs: fromMs + random.heavyTailed(3 * MINUTE_MS, 6 * HOUR_MS, 0.7) };
    case 'look-by-hand':
      return { ...trouble, toMs: fromMs + SECOND_MS };
    default: {
      // One in four is longer than an hour, one in fourteen longer than a day.
      const toMs = fromMs + random.heavyTailed(2 * MINUTE_MS, 3 * DAY_MS, 0.4);
      return { ...trouble, toMs, everyMs: random.between(1, 20) * MINUTE_MS };
    }
  }
}

/** Half of the troubles begin at any time, half within minutes of a look. */
function drawStart(random: SeededRandom, startMs: number, intervalMs: number): number {
  const anywhereMs = startMs + random.between(DAY_MS, YEAR_MS - 4 * DAY_MS);
  if (random.next() < 0.5) return anywhereMs;
  const lookMs = startMs + Math.round((anywhereMs - startMs) / intervalMs) * intervalMs;
  return lookMs + random.between(-5, 3) * MINUTE_MS;
}
