import type { Socket } from 'node:net';
import type { RefreshReport, RunpodSettings } from '../../lambda/core/model';
import type { Fault, FaultWhen } from '../../local/faults';
import type { Invocation } from '../../local/lambda-runtime';
import type { TargetSketch, World } from '../integration/world';

/** What a run must come to, or came to, in the words of the table. */
export type Outcome = string;

/** One fault, and what must happen. */
export interface FaultRow {
  /** What is done. */
  readonly what: string;
  readonly expected: Outcome;
  /** @default - one target that is updated by its id */
  readonly targets?: readonly TargetSketch[];
  /** Where Runpod is said to be, or which route is forced. */
  readonly runpod?: Partial<RunpodSettings>;
  /** A server that stands in the place of REST v2 and does with a connection what no stand-in does. */
  readonly restV2?: (socket: Socket) => void;
  /** Puts the fault in place, before the function starts. */
  readonly arrange?: (world: World) => void;
  /** The function runs in two processes at once. */
  readonly twice?: true;
  /** Happens after a first run that meets no fault: the run that counts is then warm. */
  readonly afterFirstRun?: (world: World) => void | Promise<void>;
  readonly event?: unknown;
  /** How long the invocation may last. @default - a minute */
  readonly timeoutMs?: number;
  /** What else must hold. @returns what does not */
  readonly check?: (world: World, invocation: Invocation<RefreshReport>) => string | undefined;
  /** Belongs to the short form, which runs with all tests. */
  readonly short?: true;
}

/** Rows about one thing. */
export interface FaultGroup {
  readonly about: string;
  readonly rows: readonly FaultRow[];
}

/** What a refresh over a route comes to where the registry accepted the credential. */
export const REFRESHED = {
  'rest-v2': 'refreshed over rest-v2, proved',
  'rest-v1': 'refreshed over rest-v1, proved',
  graphql: 'refreshed over graphql, proved',
} as const satisfies Readonly<Record<string, Outcome>>;

/** The update of a registry auth, by route. */
export const UPDATE = {
  'rest-v2': { method: 'PATCH', path: /^\/v2\// },
  'rest-v1': { method: 'PATCH', path: /^\/v1\// },
  graphql: { operation: 'updateRegistryAuth' },
} as const satisfies Readonly<Record<string, FaultWhen>>;

/** Breaks requests to Runpod. @param times - for ever by default */
export function runpod(when: FaultWhen, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.runpod.faults.add(when, fault, times);
}

/** Breaks an AWS action. */
export function aws(operation: string, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.aws.faults.add({ operation }, fault, times);
}

/** Breaks requests to the registry. */
export function registry(when: FaultWhen, fault: Fault, times?: number): (world: World) => void {
  return ({ cloud }) => void cloud.registry.faults.add(when, fault, times);
}

/** Several things at once. */
export function both(...arrangements: readonly ((world: World) => void)[]): (world: World) => void {
  return (world) => {
    for (const arrange of arrangements) arrange(world);
  };
}

/** The same rows, each told with what they have in common. */
export function about(what: string, rows: readonly FaultRow[]): FaultRow[] {
  return rows.map((row) => ({ ...row, what: `${what}: ${row.what}` }));
}
