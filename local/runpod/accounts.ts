import { randomBytes } from 'node:crypto';
import type { RouteName } from '../../lambda/core/model';

/** A registry auth as Runpod stores it, with its credential. */
export interface StoredAuth {
  readonly id: string;
  readonly name: string;
  username: string;
  password: string;
  /** Number of writes after its creation. */
  updates: number;
  /** Time of the last write, by the embedded cloud's clock. */
  updatedAt: Date;
}

/** A write of a registry auth over one of the APIs. */
export interface AuthWrite {
  readonly kind: 'create' | 'update' | 'delete';
  readonly route: RouteName;
  readonly id: string;
}

/** What an API key may do: everything, only read, or only use registry auths (`secrets:write`). */
export type KeyScope = 'all' | 'read-only' | 'registries-only';

/** A line of a log. */
export interface StoredLogLine {
  readonly source: 'system' | 'container';
  readonly line: string;
  readonly ts: Date;
}

/** A worker of an endpoint. */
export interface StoredWorker {
  readonly id: string;
  /** @default 'RUNNING' */
  readonly status?: 'RUNNING' | 'IDLE' | 'INITIALIZING' | 'THROTTLED' | 'UNHEALTHY';
  /** The version of the endpoint that it runs. @default - the current one */
  version?: number;
  readonly logs?: StoredLogLine[];
}

/** A release of an endpoint: a change of what its workers run. */
export interface StoredRelease {
  readonly id: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly diff: readonly { readonly field: string; readonly old: unknown; readonly new: unknown }[];
}

/** A template, serverless endpoint or pod, as REST v2 lists it. */
export interface StoredWorkload {
  readonly id: string;
  readonly name: string;
  image: string;
  /** Id of the registry auth that it pulls with, or null. */
  registry: string | null;
  /** Of an endpoint. @default - up to three workers may run, and none runs now */
  workers?: { min: number; max: number; running: StoredWorker[] };
  /** Of an endpoint. @default - version 1, without a release */
  releases?: StoredRelease[];
  /** Of a pod. @default 'RUNNING' */
  status?: 'PROVISIONING' | 'STARTING' | 'RUNNING' | 'EXITED' | 'ERROR' | 'TERMINATED';
  /** The log of a pod. */
  readonly logs?: StoredLogLine[];
}

/** A repository that a user has registered for delegation, as REST v2 shows it. */
export interface StoredDelegation {
  readonly id: string;
  readonly name: string | null;
  readonly delegatorUserId: string;
  readonly awsUser: string;
  readonly repository: string;
  readonly tag: string;
  readonly awsRegion: string;
  readonly dockerRegistryUri: string;
  readonly createdAt: string;
}

/** A Runpod user with everything that belongs to the account. */
export class RunpodUser {
  readonly auths: StoredAuth[] = [];
  readonly delegations: StoredDelegation[] = [];
  readonly workloads: Record<'templates' | 'serverless' | 'pods', StoredWorkload[]> = {
    templates: [],
    serverless: [],
    pods: [],
  };
  creates = 0;
  deletes = 0;
  /** Writes over the APIs, in order. */
  readonly writes: AuthWrite[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** Returns the number of writes of a kind over one route, or over all routes. */
  countOf(kind: AuthWrite['kind'], route?: RouteName): number {
    return this.writes.filter((write) => write.kind === kind && (route ?? write.route) === write.route)
      .length;
  }

  /** Creates a registry auth. Returns undefined when the name is taken: names are unique in an account. */
  create({ name, username, password, id }: NewAuth): StoredAuth | undefined {
    if (this.auths.some((auth) => auth.name === name)) return undefined;
    const auth: StoredAuth = {
      id: id ?? `reg${randomBytes(6).toString('hex')}`,
      name,
      username,
      password,
      updates: 0,
      updatedAt: this.#now(),
    };
    this.auths.push(auth);
    this.creates += 1;
    return auth;
  }

  /** Replaces a credential in place. Returns undefined when the id is unknown. */
  update(id: string, username: string, password: string): StoredAuth | undefined {
    const auth = this.find(id);
    if (auth) Object.assign(auth, { username, password, updates: auth.updates + 1, updatedAt: this.#now() });
    return auth;
  }

  /**
   * Deletes a registry auth. Like Runpod, it silently removes the auth from the templates that name it.
   *
   * @returns false when the id is unknown
   */
  delete(id: string): boolean {
    const index = this.auths.findIndex((auth) => auth.id === id);
    if (index < 0) return false;
    this.auths.splice(index, 1);
    this.deletes += 1;
    for (const template of this.workloads.templates) {
      if (template.registry === id) template.registry = null;
    }
    return true;
  }

  /** Returns whether a pod uses this registry auth. Such an auth cannot be deleted. */
  isInUse(id: string): boolean {
    return this.workloads.pods.some(({ registry }) => registry === id);
  }

  /** Returns the registry auth with this id. */
  find(id: string): StoredAuth | undefined {
    return this.auths.find((auth) => auth.id === id);
  }
}

/** The input for a new registry auth. */
export interface NewAuth {
  readonly name: string;
  readonly username: string;
  readonly password: string;
  /** @default - a random id */
  readonly id?: string;
}
