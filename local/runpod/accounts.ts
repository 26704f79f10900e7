import { randomBytes } from 'node:crypto';
import type { StoredDelegation } from './delegations';

/** A registry auth as Runpod keeps it, credential included. */
export interface StoredAuth {
  readonly id: string;
  readonly name: string;
  username: string;
  password: string;
  /** How often it was written after its creation. */
  updates: number;
}

/** What an API key may do. */
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

  /** @returns undefined when the name is taken: names are unique per account */
  create({ name, username, password, id }: NewAuth): StoredAuth | undefined {
    if (this.auths.some((auth) => auth.name === name)) return undefined;
    const auth = { id: id ?? `reg${randomBytes(6).toString('hex')}`, name, username, password, updates: 0 };
    this.auths.push(auth);
    this.creates += 1;
    return auth;
  }

  /** @returns undefined when there is no such id */
  update(id: string, username: string, password: string): StoredAuth | undefined {
    const auth = this.find(id);
    if (auth) Object.assign(auth, { username, password, updates: auth.updates + 1 });
    return auth;
  }

  delete(id: string): boolean {
    const index = this.auths.findIndex((auth) => auth.id === id);
    if (index < 0) return false;
    this.auths.splice(index, 1);
    this.deletes += 1;
    return true;
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
