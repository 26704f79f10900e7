/** What the watch tells a person: one sentence for each problem, what is wrong and what to do. */

import type { Workload } from '../runpod/workloads';
import type { FailedPullKind } from './failed-pull';

/** For `image-missing`. */
export function missingDetail({ kind }: Pick<Workload, 'kind'>, missing: string): string {
  return `the registry has no such ${missing}, so new workers cannot pull this image; push it again, or point the ${kind} at an image that exists`;
}

/** For `pull-denied`. */
export function deniedDetail(target: string, because: string): string {
  return `the registry refuses a fresh credential of target ${target} for this image (${because}); add the repository to the target's repositories, or check the policy of the repository`;
}

/** For `wrong-platform`. */
export function platformDetail(platforms: readonly string[]): string {
  const found = platforms.slice(0, 5).join(', ');
  return `the image is for ${found} and Runpod's workers need linux/amd64; build it with --platform linux/amd64 and push it again`;
}

/** For `not-attached`. */
export function notAttachedDetail({ kind, id }: Pick<Workload, 'kind' | 'id'>, authName: string): string {
  const how =
    kind === 'endpoint' ? `: npx runpod-ecr deploy ${id} --image REPOSITORY:TAG` : " in the pod's settings";
  return `the ${kind} names no registry auth, so it cannot pull this private image; attach ${authName}${how}`;
}

/** For `wrong-auth`. @param named - name or id of the registry auth that the workload names */
export function wrongAuthDetail({ kind }: Pick<Workload, 'kind'>, named: string, authName: string): string {
  return `the ${kind} names the registry auth ${named}, which is not kept fresh for this image; attach ${authName} instead`;
}

/** What the newest line of a log says, and what to do about it. */
const KINDS: Readonly<Record<FailedPullKind, readonly [says: string, fix: string]>> = {
  'stale-credential': [
    'the registry refused the credential',
    'run npx runpod-ecr doctor, and check which registry auth is attached',
  ],
  'no-credential': ['no credential was sent', 'attach the registry auth of the target'],
  'no-such-image': ['there is no such image', 'push it again, or point the workload at an image that exists'],
  platform: ['the image is not for linux/amd64', 'build it with --platform linux/amd64 and push it again'],
  'pull-limit': [
    "the registry's pull limit is used up",
    'wait for the limit to reset, or use an account with a higher one',
  ],
  disk: [
    'the worker has no disk space left',
    'give the workload more container disk, or use a smaller image',
  ],
  unknown: ['the reason is not known', 'read the system log of the workload'],
};

/** Returns what a failed pull means, and what to do about it. Both are clauses. */
export function meaningOfFailedPull(kind: FailedPullKind): { readonly says: string; readonly fix: string } {
  const [says, fix] = KINDS[kind];
  return { says, fix };
}

/** For `pull-failed`. @param failed - `line` is safe to show */
export function failedPullDetail(failed: {
  readonly kind: FailedPullKind;
  readonly count: number;
  readonly sinceMs: number;
  readonly line: string;
}): string {
  const [says, fix] = KINDS[failed.kind];
  const times = failed.count === 1 ? 'once' : `${failed.count} times`;
  const since = new Date(failed.sinceMs).toISOString().slice(0, 16);
  return `its system log says ${times} since ${since}Z that a pull failed (${says}); ${fix}; the newest line: "${failed.line}"`;
}
