import { StringConcat, Tokenization } from 'aws-cdk-lib';

/** An IAM statement that allows actions on resources. Without resources it is left out. */
export interface Permission {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** Maximum length of policies in characters. IAM does not count white space. */
export interface PolicyLimits {
  /** Of the first policy. */
  readonly first: number;
  /** Of every other policy. */
  readonly further: number;
}

/**
 * Divides permissions among policies, in the given order.
 *
 * A permission whose resources do not fit continues in the next policy under the same `Sid`. Duplicate resources
 * are removed. A single resource is assumed to fit into a policy, as every ARN does.
 *
 * @returns one list of permissions for each policy, at least one
 */
export function packPermissions(permissions: readonly Permission[], limits: PolicyLimits): Permission[][] {
  const policies: Permission[][] = [[]];
  let left = limits.first;
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
        left = limits.further;
      }
      left -= size + (fitting.length === 0 ? frame : 0);
      fitting.push(resource);
    }
    close();
  }
  return policies;
}

/** Returns the length of a statement without resources, with the comma that follows it. */
function frameSize(sid: string, actions: readonly string[]): number {
  return JSON.stringify({ Sid: sid, Effect: 'Allow', Action: actions, Resource: [] }).length + 1;
}

/** Length of the longest partition, account or region that a token can become: `ap-southeast-1`. */
const TOKEN_LENGTH = 14;

/** Returns the length of a resource with its quotes and comma. */
function resourceSize(resource: string): number {
  const written = Tokenization.reverseString(resource).mapTokens({
    mapToken: () => 'x'.repeat(TOKEN_LENGTH),
  });
  return written.join(new StringConcat()).length + 3;
}
