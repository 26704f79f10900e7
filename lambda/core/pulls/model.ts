/** What a look at pulls asks for, needs and returns. */

import type { Clock } from '../clock';
import type { BlindTarget, PullFinding, PullProblem, Target } from '../model';
import type { InspectImage } from '../registries/manifests';
import type { IssueCredential } from '../registries/registries';
import type { RunpodWorkloads, Workload } from '../runpod/workloads';
import type { ReadSecret } from '../secrets';

/** What can be looked at in a workload: how it is wired, its image, and its own log. */
export type Aspect = 'wiring' | 'image' | 'log';

/** Which aspect shows each problem. */
export const ASPECT_OF: Readonly<Record<PullProblem, Aspect>> = {
  'not-attached': 'wiring',
  'wrong-auth': 'wiring',
  'image-missing': 'image',
  'pull-denied': 'image',
  'wrong-platform': 'image',
  'pull-failed': 'log',
};

/** What looking depends on. All of it may live as long as the process. */
export interface LookServices {
  readonly clock: Clock;
  /** Makes the secret reader of one look. */
  readonly createSecretReader: () => ReadSecret;
  readonly issueCredential: IssueCredential;
  readonly inspectImage: InspectImage;
  /** Returns the client of the Runpod account whose key is in this secret. */
  readonly workloadsOf: (secretName: string) => RunpodWorkloads;
}

/** The request for one look. */
export interface LookRequest {
  readonly targets: readonly Target[];
  /** Ids of workloads that are not looked at. */
  readonly ignore: readonly string[];
  /** No request starts after this moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** Log lines from this moment on are left for the next look; milliseconds since the epoch. */
  readonly logEndMs: number;
  /**
   * Returns from when the log of a workload has not been read; milliseconds since the epoch.
   *
   * @param workload - such as `pod p1`
   * @param targets - the targets of its account
   */
  readonly logSinceMs: (workload: string, targets: readonly string[]) => number;
}

/** Something that was not looked at. */
export interface NotLooked {
  readonly target: string;
  /** @default - a list or a registry of the target */
  readonly workload?: string;
  readonly aspect?: Aspect;
  /** It was looked at, but not to its end. The rest is not looked at again. */
  readonly partly?: true;
  readonly because: string;
}

/** What one look saw. */
export interface Look {
  /** Workloads that use a target or whose image is in a target's registry, such as `endpoint ep_abc123`. */
  readonly workloads: readonly string[];
  /** Number of different images whose registry was asked. */
  readonly images: number;
  readonly findings: readonly PullFinding[];
  readonly blind: readonly BlindTarget[];
  readonly notLooked: readonly NotLooked[];
  /**
   * What could not be listed, so that workloads may be missing above: `endpoint prod` and `pod prod` for the lists of the
   * account of target prod, `auth prod` when its workloads cannot be told from others.
   */
  readonly unlisted: ReadonlySet<string>;
  /**
   * What a key may not read, named as in `unlisted`, and `log prod` for the logs of the account. Nobody waits for it, but
   * it does not mean that a problem is over.
   */
  readonly hidden: ReadonlySet<string>;
}

/** Names a workload, such as `endpoint ep_abc123`. Ids are checked, so the name is safe to show. */
export function keyOf({ kind, id }: Pick<Workload, 'kind' | 'id'>): string {
  return `${kind} ${id}`;
}
