import { createHash } from 'node:crypto';

/** An IAM statement that allows actions on resources. A permission without resources becomes no statement. */
export interface Permission {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Conditions of the statement. @default - none */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The permission is in the first policy, however many there are. @default false */
  readonly inFirst?: boolean;
}

/** Maximum length of policies in characters. IAM does not count white space. */
export interface PolicyLimits {
  /** Of the first policy. */
  readonly first: number;
  /** Of every other policy. */
  readonly further: number;
}

/** How to read texts with tokens. */
export interface PackingOptions {
  /**
   * Returns the text that is hashed for a resource. It must not depend on what is known at synth.
   * @default - the resource
   */
  readonly keyOf?: (resource: string) => string;
  /** Returns how long a text is at most. @default - its length */
  readonly lengthOf?: (text: string) => number;
}

/**
 * Divides permissions among as few policies as hold them.
 *
 * The policy of a resource depends only on a hash of the resource and on the number of policies (rendezvous hashing).
 * So a resource stays where it is when other resources are added or removed. When one more policy becomes necessary,
 * resources move only into that policy. When a policy is no longer necessary, resources move only out of it.
 *
 * A permission whose resources are in several policies has the same `Sid` in each. Duplicate resources are removed. A
 * single resource is assumed to fit into a policy, as every ARN does.
 *
 * @returns one list of permissions for each policy, at least one
 */
export function packPermissions(
  permissions: readonly Permission[],
  limits: PolicyLimits,
  { keyOf = (resource) => resource, lengthOf = ({ length }) => length }: PackingOptions = {},
): Permission[][] {
  const items = permissions.flatMap((permission) =>
    [...new Set(permission.resources)].map(
      (resource) => new Item(permission, resource, { key: keyOf(resource), size: lengthOf(resource) + 3 }),
    ),
  );
  for (let count = 1; ; count++) {
    const index = count - 1;
    for (const item of items) item.offer(index, index === 0 ? limits.first : limits.further);
    const loads = loadsOf(items, count, lengthOf);
    if (loads.every((load, policy) => load <= (policy === 0 ? limits.first : limits.further))) {
      return Array.from({ length: count }, (_, policy) => statementsOf(permissions, items, policy));
    }
  }
}

/** One resource of one permission, and the policy that it is in. */
class Item {
  readonly permission: Permission;
  readonly resource: string;
  readonly size: number;
  policy = 0;
  readonly #key: string;
  #score = 0;

  /** @param text - the text that is hashed, and the length of the resource with its quotes and comma */
  constructor(
    permission: Permission,
    resource: string,
    { key, size }: { readonly key: string; readonly size: number },
  ) {
    this.permission = permission;
    this.resource = resource;
    this.size = size;
    this.#key = `${permission.sid} ${key}`;
  }

  /** Takes the next policy instead when its score is higher. The score of a policy never changes. */
  offer(policy: number, weight: number): void {
    if (this.permission.inFirst === true) return;
    const score = -weight / Math.log(fraction(`${policy} ${this.#key}`));
    if (score <= this.#score) return;
    this.#score = score;
    this.policy = policy;
  }
}

/** Number of bytes of a hash that are used. A double holds 6 bytes exactly. */
const HASH_BYTES = 6;

/** Returns a number greater than 0 and less than 1. The same text gives the same number. */
function fraction(text: string): number {
  const hash = createHash('sha256').update(text).digest().readUIntBE(0, HASH_BYTES);
  return (hash + 0.5) / 2 ** (8 * HASH_BYTES);
}

/** Returns the length of each policy. */
function loadsOf(items: readonly Item[], count: number, lengthOf: (text: string) => number): number[] {
  const loads = new Array<number>(count).fill(0);
  const framed = new Set<string>();
  for (const { permission, policy, size } of items) {
    const frame = `${policy} ${permission.sid}`;
    const needed = framed.has(frame) ? size : size + lengthOf(frameOf(permission));
    framed.add(frame);
    loads[policy] = (loads[policy] ?? 0) + needed;
  }
  return loads;
}

function statementsOf(
  permissions: readonly Permission[],
  items: readonly Item[],
  policy: number,
): Permission[] {
  return permissions.flatMap((permission) => {
    const { sid, actions, conditions } = permission;
    const resources = items
      .filter((item) => item.permission === permission && item.policy === policy)
      .map(({ resource }) => resource);
    return resources.length === 0 ? [] : [{ sid, actions, resources, ...(conditions && { conditions }) }];
  });
}

/** Returns a statement without resources, with the comma that follows it. */
function frameOf({ sid, actions, conditions }: Permission): string {
  const frame = { Sid: sid, Effect: 'Allow', Action: actions, Resource: [], Condition: conditions };
  return `${JSON.stringify(frame)},`;
}
