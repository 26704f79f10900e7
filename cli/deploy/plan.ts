/** What a deployment would change, proved before anything is sent. */

import { ecrPlaceOf, parseImageName } from '../../lambda/core/images';
import type { RegistryAuth } from '../../lambda/core/runpod/api';
import { CliError, nameFix, usageError } from '../errors';
import type { Operator } from '../operator';
import { commandLine } from '../options';
import { readAccountKey, runpodSettings } from '../runpod/account';
import { type Change, type Endpoint, RunpodEndpoints } from '../runpod/endpoints';
import { isAuthOf } from '../runpod/usage';
import { type FoundImage, Images, type ProvedImage } from './image';
import type { DeployFlags } from './options';
import { refuseDuringRollOut } from './roll-out';

/** What a deployment changes. */
export interface Plan {
  readonly endpoints: RunpodEndpoints;
  readonly endpoint: Endpoint;
  readonly image: ProvedImage;
  /** The fields that change; empty when the endpoint has them already. */
  readonly change: Change;
  /** The same fields as they are now. */
  readonly before: Change;
  /** Name of the registry auth that the endpoint has now; its id where the name is not known. */
  readonly authBefore: string | undefined;
  /** Name of the registry auth that it will have. */
  readonly authAfter: string | undefined;
  /** Runpod pulls the image by a delegation, so it needs no registry auth. */
  readonly isDelegated: boolean;
  /** Why the old image could not be pulled again. @default - it can, or nobody knows */
  readonly oldImageGone: string | undefined;
  /** Number of workers that are allocated now. */
  readonly workers: number;
}

/**
 * Finds the endpoint, the image and the registry auth, and proves the image at its registry.
 *
 * @throws CliError, OperatorMustActError or TransientError when something is missing or not proved. Nothing was sent.
 */
export async function makePlan(operator: Operator, wanted: string, flags: DeployFlags): Promise<Plan> {
  if (flags.target !== undefined && !operator.hasSettings) {
    throw usageError(
      '--target names a target of a configuration, and there is none.',
      'Name it with --config PATH or --stack NAME, or write one with npx runpod-ecr init.',
    );
  }
  const images = new Images(operator);
  const useTargets = operator.hasSettings && flags.auth === undefined;
  const found = await images.find({ image: flags.image, target: flags.target, useTargets });
  const { restV2Url } = await runpodSettings(operator);
  const secretName = found.target?.runpodApiKeySecretName ?? (await defaultSecret(operator));
  const endpoints = new RunpodEndpoints(operator, await readAccountKey(operator, secretName), restV2Url);
  endpoints.hide(found.credential.password);
  const endpoint = await endpoints.find(wanted);
  const [image, rollout, workers, auths] = await Promise.all([
    images.prove(found),
    endpoints.rollout(endpoint.id),
    endpoints.workers(endpoint.id),
    endpoints.registryAuths(),
  ]);
  if (!flags.force) refuseDuringRollOut(rollout, endpoint);
  const auth = authFor(operator, found, flags, auths);
  const isDelegated = !auth && endpoint.registry === null && (await isCovered(endpoints, image));
  const needsAuth = image.registry.type === 'ecr' && !auth && endpoint.registry === null && !isDelegated;
  if (needsAuth) {
    throw new CliError(
      `Endpoint ${endpoint.id} has no registry auth, so it cannot pull this private image.`,
      { fix: 'Name one with --auth, or a configuration with a target for the image.' },
    );
  }
  const change = changeOf(endpoint, image, auth);
  return {
    endpoints,
    endpoint,
    image,
    change,
    before: {
      ...(change.image !== undefined && { image: endpoint.image }),
      ...(change.registry !== undefined && { registry: endpoint.registry }),
    },
    authBefore: nameOf(auths, endpoint.registry),
    authAfter: auth?.name ?? nameOf(auths, endpoint.registry),
    isDelegated,
    oldImageGone: await whyGone(images, found, endpoint),
    workers: workers.length,
  };
}

/** The secret of the only account of the configuration. */
async function defaultSecret(operator: Operator): Promise<string | undefined> {
  return operator.hasSettings ? (await operator.secretNames())[0] : undefined;
}

/** Returns the registry auth to attach; undefined when the endpoint keeps what it has. @throws CliError when it does not exist */
function authFor(
  operator: Operator,
  { target }: FoundImage,
  { auth: wanted }: DeployFlags,
  auths: readonly RegistryAuth[],
): RegistryAuth | undefined {
  if (wanted !== undefined) {
    const found = auths.find(({ name }) => name === wanted) ?? auths.find(({ id }) => id === wanted);
    if (found) return found;
    const known = auths.map(({ name }) => name);
    throw new CliError(`Runpod has no registry auth ${wanted}.`, {
      fix: known.length > 0 ? nameFix(wanted, known) : 'It has none at all.',
    });
  }
  if (!target) return undefined;
  const found = auths.find((auth) => isAuthOf(target, auth));
  if (found) return found;
  throw new CliError(
    `Runpod has no registry auth ${target.registryAuthName ?? target.registryAuthId} of target ${target.name}.`,
    { fix: `The refresher makes it: ${commandLine(`refresh --target ${target.name}`, operator.options)}` },
  );
}

async function isCovered(endpoints: RunpodEndpoints, { name }: ProvedImage): Promise<boolean> {
  const place = ecrPlaceOf(name.host);
  const delegations = await endpoints.delegations();
  return delegations.some(
    ({ account, region, repository }) =>
      repository === name.repository && account === place?.account && region === place.region,
  );
}

function changeOf(endpoint: Endpoint, image: ProvedImage, auth: RegistryAuth | undefined): Change {
  return {
    ...(!isSameImage(endpoint.image, image.address) && { image: image.address }),
    ...(auth && auth.id !== endpoint.registry && { registry: auth.id }),
  };
}

/** Whether two names mean the same bytes of the same repository: the tag beside a digest does not count. */
function isSameImage(first: string, second: string): boolean {
  const [a, b] = [parseImageName(first), parseImageName(second)];
  return (
    a !== undefined &&
    a.host === b?.host &&
    a.repository === b?.repository &&
    a.reference === b.reference &&
    a.reference.includes(':')
  );
}

function nameOf(auths: readonly RegistryAuth[], id: string | null): string | undefined {
  return id === null ? undefined : (auths.find((auth) => auth.id === id)?.name ?? id);
}

/** Asks whether the present image is still there. Only an image of the same registry is asked about. */
async function whyGone(images: Images, found: FoundImage, { image }: Endpoint): Promise<string | undefined> {
  const name = parseImageName(image);
  if (!name || !(await images.isBeside(found, name))) return undefined;
  const state = await images.stateOf(found, name);
  return state.found === 'no-image' ? `the registry has no such ${state.missing}` : undefined;
}
