/** Fits permissions into the sizes that IAM allows. */

import { StringConcat, Tokenization } from 'aws-cdk-lib';

/** One statement: these actions, on exactly these resources. */
export interface Permission {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** Characters that each policy may have, white space not counted: the first one, and every further one. */
export interface PolicyRoom {
  readonly first: number;
  readonly further: number;
}

/**
 * Spreads permissions over policies in the given order. A permission whose resources do not fit is continued in
 * the next policy under the same `Sid`; a resource named twice is kept once. A single resource is never too long
 * for a policy: ARNs are.
 *
 * @returns one list of permissions per policy
 */
export function packPermissions(permissions: readonly Permission[], room: PolicyRoom): Permission[][] {
  const policies: Permission[][] = [[]];
  let left = room.first;
  for (const { sid, actions, resources } of permissions) {
    let fitting: string[] = [];
    const close = () => {
      if (fitting.length > 0) policies.at(-1)?.push({ sid, actions, resources: fitting });
      fitting = [];
    };
    for (const resource of new Set(resources)) {
      const size = resourceSize(resource);
      const frame = frameSize(sid, actions);
      if (size + (fitting.length === 0 ? frame : 0) > left) {
        close();
        policies.push([]);
        left = room.further;
      }
      left -= size + (fitting.length === 0 ? frame : 0);
      fitting.push(resource);
    }
    close();
  }
  return policies;
}

/** A statement without resources, as IAM counts it, and the comma behind it. */
function frameSize(sid: string, actions: readonly string[]): number {
  return JSON.stringify({ Sid: sid, Effect: 'Allow', Action: actions, Resource: [] }).length + 1;
}

/** The longest of partition, account and region that a token can stand for: `ap-southeast-1`. */
const TOKEN_LENGTH = 14;

/** A resource with its quotes and comma. */
function resourceSize(resource: string): number {
  const written = Tokenization.reverseString(resource).mapTokens({
    mapToken: () => 'x'.repeat(TOKEN_LENGTH),
  });
  return written.join(new StringConcat()).length + 3;
}
