/** Which images at Runpod are pulled with which registry auth. */

import type { Target } from '../lambda/core/model';
import { ecrRegionOf, inspectImage, parseImageName } from './images';
import type { Operator } from './operator';
import { listWorkloads, type Workload } from './runpod/workloads';

/** One user of a target's registry auth. */
export interface Use extends Workload {
  readonly target: string;
  readonly registryAuthId: string;
  /** The tag can mean another image tomorrow. */
  readonly latest: boolean;
  /** In ECR, but not among the repositories that the target's credential may pull. */
  readonly unlisted: boolean;
}

/** Where a target writes to. */
export interface WrittenAuth {
  readonly target: Target;
  readonly registryAuthId: string;
}

/** Everything that pulls with one of the auths. @throws OperatorMustActError, ApiUnsupportedError or TransientError */
export async function usesOf(operator: Operator, auths: readonly WrittenAuth[]): Promise<Use[]> {
  const uses: Use[] = [];
  for (const secretName of operator.secretNames()) {
    const ours = auths.filter(({ target }) => target.runpodApiKeySecretName === secretName);
    const workloads = await listWorkloads(
      operator,
      operator.settings().runpod,
      await operator.apiKey(secretName),
    );
    for (const workload of workloads) {
      const auth = ours.find(({ registryAuthId }) => registryAuthId === workload.registryAuthId);
      if (auth) uses.push(describeUse(workload, auth));
    }
  }
  return uses;
}

function describeUse(workload: Workload, { target, registryAuthId }: WrittenAuth): Use {
  const { host, repository, reference } = parseImageName(workload.image);
  const listed = target.registry.type !== 'ecr' || target.registry.repositories.includes(repository);
  return {
    ...workload,
    target: target.name,
    registryAuthId,
    latest: reference === 'latest',
    unlisted: ecrRegionOf(host) !== undefined && !listed,
  };
}

/** The image by its digest (`host/repository@sha256:…`); undefined where it is not in ECR, or not to be seen. */
export async function pinnedImage(operator: Operator, image: string): Promise<string | undefined> {
  const { host, repository, reference } = parseImageName(image);
  const region = ecrRegionOf(host);
  if (region === undefined) return undefined;
  try {
    const state = await inspectImage(operator, region, repository, reference);
    return state.found === 'image' ? `${host}/${repository}@${state.digest}` : undefined;
  } catch {
    return undefined;
  }
}
