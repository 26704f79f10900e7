import type { Socket } from 'node:net';
import type { RefreshReport, RunpodSettings } from '../../lambda/core/model';
import type { Fault, FaultWhen } from '../../local/faults';
import type { Invocation } from '../../local/lambda-runtime';
import type { TargetSketch, World } from '../integration/world';

/** The outcome of a run as one line of the table. */
export type Outcome = string;

/** One fault with its expected outcome. */
export interface FaultRow {
  /** What goes wrong. Unique among all rows. */
  readonly what: string;
  readonly expected: Outcome;
  /** The targets to refresh. @default - one target with a registry auth id */
  readonly targets?: readonly TargetSketch[];
  /** Changes to the function's Runpod settings. */
  readonly runpod?: Partial<RunpodSettings>;
  /** Handles the connections to REST v2, for behaviour that no stand-in has. */
  readonly restV2?: (socket: Socket) => void;
  /** Adds the fault, before the function starts. */
  readonly arrange?: (world: World) => void;
  /** Runs the function in two processes at once. */
  readonly twice?: true;
  /** Called after a first run without the fault, so that the run that is checked is warm. */
  readonly afterFirstRun?: (world: World) => void | Promise<void>;
  /** @default - an empty event */
  readonly event?: unknown;
  /** The function's timeout. @default - a minute */
  readonly timeoutMs?: number;
  /** Checks what else must hold. Returns what is wrong, or undefined. */
  readonly check?: (world: World, invocation: Invocation<RefreshReport>) => string | undefined;
  /** Part of the short form, which runs with the tests. */
  readonly short?: true;
}

/** A group of rows with a heading. */
export interface FaultGroup {
  readonly about: string;
  readonly rows: readonly FaultRow[];
}

/** The outcome of a refresh over a route after the registry accepted the credential. */
export const REFRESHED = {
  'rest-v2': 'refreshed over rest-v2, proved',
  'rest-v1': 'refreshed over rest-v1, proved',
  graphql: 'refreshed over graphql, proved',
} as const satisfies Readonly<Record<string, Outcome>>;

/** Selects the update of a registry auth, by route. */
export const UPDATE = {
  'rest-v2': { method: 'PATCH', path: /^\/v2\// },
  'rest-v1': { method: 'PATCH', path: /^\/v1\// },
  graphql: { operation: 'updateRegistryAuth' },
} as const satisfies Readonly<Record<string, FaultWhen>>;

/** Adds a fault to Runpod. @param times - number of requests; unlimited by default */
export function runpod(when: FaultWhen, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.runpod.faults.add(when, fault, times);
}

/** Adds a fault to an AWS action. */
export function aws(operation: string, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.aws.faults.add({ operation }, fault, times);
}

/** Adds a fault to the registry. */
export function registry(when: FaultWhen, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.registry.faults.add(when, fault, times);
}

/** Combines several arrangements. */
export function both(...arrangements: readonly ((world: World) => void)[]): (world: World) => void {
  return (world) => {
    for (const arrange of arrangements) arrange(world);
  };
}

/** Puts what the rows have in common before the name of each row. */
export function about(what: string, rows: readonly FaultRow[]): FaultRow[] {
  return rows.map((row) => ({ ...row, what: `${what}: ${row.what}` }));
}
