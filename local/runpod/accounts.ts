import { randomBytes } from 'node:crypto';
import type { RouteName } from '../../lambda/core/model';
import type { StoredDelegation } from './delegations';

/** A registry auth as Runpod keeps it, credential included. */
export interface StoredAuth {
  readonly id: string;
  readonly name: string;
  username: string;
  password: string;
  /** How often it was written after its creation. */
  updates: number;
  /** When it was written, by the cloud's clock. */
  updatedAt: Date;
}

/** A write of a registry auth that one of the APIs has done. */
export interface AuthWrite {
  readonly kind: 'create' | 'update' | 'delete';
  readonly route: RouteName;
  readonly id: string;
}

/** What an API key may do: everything, or everything but `secrets:write`. */
export type KeyScope = 'all' | 'read-only';

/** What uses an image: a template, a serverless endpoint or a pod, as REST v2 lists it. */
export interface StoredWorkload {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Id of the registry auth that it pulls with. */
  registry: string | null;
}

/** A user of Runpod with registry auths. */
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
  /** What the APIs have written, in order. */
  readonly writes: AuthWrite[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** How many writes of a kind came over a route, or over all of them. */
  countOf(kind: AuthWrite['kind'], route?: RouteName): number {
    return this.writes.filter((write) => write.kind === kind && (route ?? write.route) === write.route)
      .length;
  }

  /** @returns undefined when the name is taken: names are unique per account */
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

  /** @returns undefined when there is no such id */
  update(id: string, username: string, password: string): StoredAuth | undefined {
    const auth = this.find(id);
    if (auth) Object.assign(auth, { username, password, updates: auth.updates + 1, updatedAt: this.#now() });
    return auth;
  }

  /** Like Runpod, it takes the auth silently from the templates that name it. @returns false when there is no such id */
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

  /** Whether a pod pulls with it, so that it cannot be deleted. */
  isInUse(id: string): boolean {
    return this.workloads.pods.some(({ registry }) => registry === id);
  }

  find(id: string): StoredAuth | undefined {
    return this.auths.find((auth) => auth.id === id);
  }
}

/** What a registry auth is made of. */
export interface NewAuth {
  readonly name: string;
  readonly username: string;
  readonly password: string;
  /** @default - a random one */
  readonly id?: string;
}
