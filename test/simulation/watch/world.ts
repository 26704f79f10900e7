import type { PullProblem } from '../../../lambda/core/model';
import type { Aspect } from '../../../lambda/core/pulls/model';
import type { Trouble, TroubleKind, WatchPlan } from './troubles';
import { registryHost, type SimulatedWorkload } from './workloads';

const HOUR_MS = 3_600_000;

/** The state of one workload at a time. */
export interface WorkloadState {
  readonly active: boolean;
  readonly image: string;
  /** Id of the registry auth that it names. @default - it names none */
  readonly authId?: string;
  /** What the registry says about its image. */
  readonly pull: 'possible' | 'image-missing' | 'pull-denied' | 'wrong-platform';
}

/**
 * How far a look is kept from one aspect of a workload.
 *
 * - `no`: nothing keeps it
 * - `maybe`: something does for some workloads or in part
 * - `sure`: it cannot look
 * - `blind`: it cannot look, because the key may not read
 */
export type Obstacle = 'no' | 'maybe' | 'sure' | 'blind';

/** What is true at each time of a simulated year. It follows from the plan alone, not from what the watch does. */
export class WatchWorld {
  readonly plan: WatchPlan;
  readonly workloads: readonly SimulatedWorkload[];
  /** Troubles by the hour, so that the few of an hour are found at once. */
  readonly #byHour = new Map<number, Trouble[]>();
  readonly #rollOuts = new Map<string, readonly Trouble[]>();
  readonly #failedPulls = new Map<string, readonly Trouble[]>();

  constructor(plan: WatchPlan, workloads: readonly SimulatedWorkload[]) {
    this.plan = plan;
    this.workloads = workloads;
    for (const trouble of plan.troubles) {
      const lastHour = Math.floor(Math.min(trouble.toMs, plan.endMs + HOUR_MS) / HOUR_MS);
      for (let hour = Math.floor(trouble.fromMs / HOUR_MS); hour <= lastHour; hour++) {
        const known = this.#byHour.get(hour);
        if (known) known.push(trouble);
        else this.#byHour.set(hour, [trouble]);
      }
    }
    for (const { id } of workloads) {
      const of = (...kinds: TroubleKind[]) =>
        plan.troubles.filter(({ kind, subject }) => subject === id && kinds.includes(kind));
      this.#rollOuts.set(id, of('roll-out'));
      this.#failedPulls.set(id, of('pulls-fail', 'pull-failed-once'));
    }
  }

  /** Returns the troubles of the hour that a time is in. They need not cover the time itself. */
  troublesOfHour(atMs: number): readonly Trouble[] {
    return this.#byHour.get(Math.floor(atMs / HOUR_MS)) ?? [];
  }

  /** Returns whether there is no trouble at any time in `[fromMs, toMs]`. Roll-outs that are over do not count. */
  isQuiet(fromMs: number, toMs: number): boolean {
    for (let hour = Math.floor(fromMs / HOUR_MS); hour <= Math.floor(toMs / HOUR_MS); hour++) {
      const troubles = this.#byHour.get(hour);
      if (troubles?.some((one) => one.fromMs <= toMs && fromMs < one.toMs)) return false;
    }
    return true;
  }

  /** Returns whether a trouble of this kind and subject is there at a time. */
  has(kind: TroubleKind, subject: string, atMs: number): boolean {
    for (const one of this.troublesOfHour(atMs)) {
      if (one.kind === kind && one.subject === subject && one.fromMs <= atMs && atMs < one.toMs) return true;
    }
    return false;
  }

  /** Returns the state of a workload. */
  stateOf({ id, registryAccount, repository, authId }: SimulatedWorkload, atMs: number): WorkloadState {
    const kinds = this.#kindsAt(id, atMs);
    const version = this.#rollOuts.get(id)?.findLastIndex(({ fromMs }) => fromMs <= atMs) ?? -1;
    const image = `${registryHost(registryAccount)}/${repository}:${id}-${version + 1}`;
    if (kinds.size === 0) return { active: true, image, authId, pull: 'possible' };
    return {
      active: !kinds.has('scaled-to-zero'),
      image,
      ...(!kinds.has('auth-detached') && {
        authId: kinds.has('other-auth-attached') ? 'auth_foreign' : authId,
      }),
      pull: pullOf(kinds),
    };
  }

  /** Returns the problems of a workload that the watch should find in its wiring and its image. */
  problemsOf(workload: SimulatedWorkload, atMs: number): PullProblem[] {
    const { active, authId, pull } = this.stateOf(workload, atMs);
    if (!active) return [];
    const problems: PullProblem[] = [];
    if (authId === undefined) problems.push('not-attached');
    else if (authId !== workload.authId) problems.push('wrong-auth');
    if (pull !== 'possible') problems.push(pull);
    return problems;
  }

  /** Returns the times of a workload's failed pulls in `[fromMs, toMs)`. */
  failedPulls({ id }: SimulatedWorkload, fromMs: number, toMs: number): number[] {
    const times: number[] = [];
    for (const trouble of this.#failedPulls.get(id) ?? []) {
      if (trouble.fromMs >= toMs) break;
      if (trouble.toMs <= fromMs) continue;
      const everyMs = trouble.everyMs ?? HOUR_MS;
      const first = Math.max(0, Math.ceil((fromMs - trouble.fromMs) / everyMs));
      const endMs = Math.min(toMs, trouble.toMs);
      for (let ms = trouble.fromMs + first * everyMs; ms < endMs; ms += everyMs) times.push(ms);
    }
    return times;
  }

  /** Returns what keeps a look from an aspect of a workload at a time. */
  obstacle(workload: SimulatedWorkload, aspect: Aspect, atMs: number): Obstacle {
    let worst: Obstacle = 'no';
    for (const { kind, subject, fromMs, toMs } of this.troublesOfHour(atMs)) {
      if (atMs < fromMs || toMs <= atMs) continue;
      const concerns =
        subject === '' || subject === workload.keySecret || subject === workload.registryAccount;
      if (!concerns) continue;
      const level = obstacleOf(kind, workload, aspect);
      if (RANK[level] > RANK[worst]) worst = level;
    }
    return worst;
  }

  #kindsAt(id: string, atMs: number): ReadonlySet<TroubleKind> {
    let kinds: Set<TroubleKind> | undefined;
    for (const { kind, subject, fromMs, toMs } of this.troublesOfHour(atMs)) {
      if (subject !== id || atMs < fromMs || toMs <= atMs) continue;
      kinds ??= new Set();
      kinds.add(kind);
    }
    return kinds ?? NONE;
  }
}

const NONE: ReadonlySet<TroubleKind> = new Set();
const RANK: Readonly<Record<Obstacle, number>> = { no: 0, maybe: 1, sure: 2, blind: 3 };

function pullOf(kinds: ReadonlySet<TroubleKind>): WorkloadState['pull'] {
  // A registry that refuses the credential does not say whether the tag exists.
  if (kinds.has('pull-denied')) return 'pull-denied';
  if (kinds.has('image-deleted') || kinds.has('roll-out')) return 'image-missing';
  return kinds.has('arm64-pushed') ? 'wrong-platform' : 'possible';
}

/** Troubles that keep the watch from everything of an account or registry. */
const OF_EVERYTHING: Readonly<Partial<Record<TroubleKind, Obstacle>>> = {
  'runpod-down': 'sure',
  'secrets-manager': 'sure',
  // A workload that names the id of a target's auth is still recognised.
  'auth-list-down': 'maybe',
  'key-refused': 'blind',
  'key-may-not-list': 'blind',
};

/** Troubles that keep it from one aspect. */
const OF_ASPECT: Readonly<Record<Aspect, Readonly<Partial<Record<TroubleKind, Obstacle>>>>> = {
  wiring: { 'delegations-down': 'sure', 'token-denied': 'sure' },
  image: { 'registry-down': 'sure', 'token-denied': 'sure' },
  log: {
    'logs-down': 'sure',
    'logs-cut': 'maybe',
    'key-may-not-read-logs': 'blind',
    // A workload without the right auth is only recognised by its image.
    'token-denied': 'maybe',
  },
};

function obstacleOf(kind: TroubleKind, workload: SimulatedWorkload, aspect: Aspect): Obstacle {
  if (kind === 'endpoint-list-down' && workload.kind === 'endpoint') return 'sure';
  if (kind === 'pod-list-down' && workload.kind === 'pod') return 'sure';
  return OF_EVERYTHING[kind] ?? OF_ASPECT[aspect][kind] ?? 'no';
}
