/** Which workloads at Runpod use a registry auth: templates, serverless endpoints and pods. */

import { ecrPlaceOf, parseImageName } from '../../lambda/core/images';
import type { Target } from '../../lambda/core/model';
import { RunpodWorkloads, type Workload } from '../../lambda/core/runpod/workloads';
import { AwsCallError, describeAwsError } from '../errors';
import { inspectImage } from '../images';
import type { Operator } from '../operator';
import { type AskRoutes, listAuths } from './access';

/** A workload that uses a target's registry auth. */
export interface Use extends Omit<Workload, 'active'> {
  readonly target: string;
  readonly registryAuthId: string;
  /** The image's tag is `latest`, which may mean another image tomorrow. */
  readonly latest: boolean;
  /** The image is in ECR, but its repository is not one that the target's credential may pull. */
  readonly unlisted: boolean;
}

interface TargetAuth {
  readonly target: Target;
  readonly registryAuthId: string;
}

/** Account and region of a target's repositories when the target names no role and no region. */
export interface OwnPlace {
  readonly account: string;
  readonly region: string;
}

/**
 * Lists every workload that uses a registry auth of the configuration.
 *
 * @throws OperatorMustActError, ApiUnsupportedError or TransientError when Runpod cannot be asked
 */
export async function listUses(operator: Operator, askRoutes: AskRoutes): Promise<Use[]> {
  const { restV2Url } = (await operator.settings()).runpod;
  const client = new RunpodWorkloads(operator.http, restV2Url);
  return describeUses(operator, askRoutes, async (secretName) => {
    const call = { apiKey: await operator.apiKey(secretName), deadlineMs: operator.deadlineMs() };
    const lists = (['endpoint', 'template', 'pod'] as const).map((kind) => client.workloads(call, kind));
    return (await Promise.all(lists)).flat();
  });
}

/**
 * Returns those workloads that use a registry auth of the configuration.
 *
 * @param workloadsOf - returns the workloads of the account whose key is in this secret
 */
export async function describeUses(
  operator: Operator,
  askRoutes: AskRoutes,
  workloadsOf: (secretName: string) => Promise<readonly Workload[]>,
): Promise<Use[]> {
  const auths = await listTargetAuths(operator, askRoutes);
  const own = { account: (await operator.identity()).account, region: await operator.region() };
  const uses: Use[] = [];
  for (const secretName of await operator.secretNames()) {
    const ownAuths = auths.filter(({ target }) => target.runpodApiKeySecretName === secretName);
    for (const workload of await workloadsOf(secretName)) {
      const auth = ownAuths.find(({ registryAuthId }) => registryAuthId === workload.registryAuthId);
      if (auth) uses.push(describeUse(workload, auth, own));
    }
  }
  return uses;
}

/** The registry auth of each target, where it exists at Runpod. */
async function listTargetAuths(operator: Operator, askRoutes: AskRoutes): Promise<TargetAuth[]> {
  const targetAuths: TargetAuth[] = [];
  for (const target of (await operator.refresherSettings()).targets) {
    const auths = await listAuths(askRoutes, target.runpodApiKeySecretName);
    const auth = auths.find((candidate) => isAuthOf(target, candidate));
    if (auth) targetAuths.push({ target, registryAuthId: auth.id });
  }
  return targetAuths;
}

/** Whether a registry auth is the one that a target names, by id or by name. */
export function isAuthOf(
  target: Target,
  { id, name }: { readonly id: string; readonly name: string },
): boolean {
  return id === target.registryAuthId || name === target.registryAuthName;
}

function describeUse(
  { active: _, ...workload }: Workload,
  { target, registryAuthId }: TargetAuth,
  own: OwnPlace,
): Use {
  const image = parseImageName(workload.image);
  const place = ecrPlaceOf(image?.host);
  return {
    ...workload,
    target: target.name,
    registryAuthId,
    latest: image?.reference === 'latest',
    unlisted: image !== undefined && place !== undefined && !mayPull(target, { ...image, ...place }, own),
  };
}

/** Whether a target's credential may pull from a repository: it is for the repositories of one account and region. */
export function mayPull(
  { registry }: Target,
  { account, region, repository }: OwnPlace & { readonly repository: string },
  own: OwnPlace,
): boolean {
  if (registry.type !== 'ecr') return true;
  const otherAccount = registry.registryId ?? registry.roleArn?.split(':')[4];
  return (
    registry.repositories.includes(repository) &&
    account === (otherAccount ?? own.account) &&
    region === (registry.region ?? own.region)
  );
}

/** An image's name with its digest (`host/repository@sha256:…`), or why the digest is unknown. */
export type Pin = { readonly pinned: string } | { readonly unknown: string };

/**
 * Asks ECR for the digest of an image, in the account and region of the image's host. Another account may have a
 * repository of the same name.
 *
 * @returns undefined if the image is not in ECR
 * @throws AwsCallError when ECR gives no answer
 */
export async function pinImage(operator: Operator, image: string): Promise<Pin | undefined> {
  const name = parseImageName(image);
  const place = ecrPlaceOf(name?.host);
  if (name === undefined || place === undefined) return undefined;
  const { host, repository, reference } = name;
  try {
    const state = await inspectImage(operator, { ...place, repository, reference });
    if (state.found === 'image') return { pinned: `${host}/${repository}@${state.digest}` };
    const missing =
      state.found === 'no-image' ? `${repository} has no image ${reference}` : 'no such repository';
    return { unknown: missing };
  } catch (error) {
    if (error instanceof AwsCallError) throw error;
    return { unknown: describeAwsError(error) };
  }
}
