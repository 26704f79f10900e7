/** Which workloads at Runpod use a registry auth: templates, serverless endpoints and pods. */

import type { RunpodSettings, Secret, Target } from '../../lambda/core/model';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { RunpodRest } from '../../lambda/core/runpod/rest';
import { describeAwsError } from '../errors';
import { ecrPlaceOf, inspectImage, parseImageName } from '../images';
import type { Operator } from '../operator';
import { type AskRoutes, listAuths } from './access';

/** A workload at Runpod. Its environment may hold secrets, so only these fields are kept. */
interface Workload {
  readonly kind: 'template' | 'endpoint' | 'pod';
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Id of the registry auth that it names. @default - it names none */
  readonly registryAuthId?: string;
}

/** A workload that uses a target's registry auth. */
export interface Use extends Workload {
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
  const auths = await listTargetAuths(operator, askRoutes);
  const own = { account: (await operator.identity()).account, region: await operator.region() };
  const uses: Use[] = [];
  for (const secretName of await operator.secretNames()) {
    const ownAuths = auths.filter(({ target }) => target.runpodApiKeySecretName === secretName);
    const workloads = await listWorkloads(
      operator,
      (await operator.settings()).runpod,
      await operator.apiKey(secretName),
    );
    for (const workload of workloads) {
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

function describeUse(workload: Workload, { target, registryAuthId }: TargetAuth, own: OwnPlace): Use {
  const { host, repository, reference } = parseImageName(workload.image);
  const place = ecrPlaceOf(host);
  return {
    ...workload,
    target: target.name,
    registryAuthId,
    latest: reference === 'latest',
    unlisted: place !== undefined && !mayPull(target, { ...place, repository }, own),
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

const LISTS = [
  { kind: 'endpoint', path: 'serverless', field: 'endpoints' },
  { kind: 'template', path: 'templates', field: 'templates' },
  { kind: 'pod', path: 'pods', field: 'pods' },
] as const;

/** Lists all workloads of an account over REST v2. */
async function listWorkloads(
  operator: Operator,
  { restV2Url }: RunpodSettings,
  apiKey: Secret,
): Promise<Workload[]> {
  const rest = new RunpodRest(operator.http, 'rest-v2', restV2Url);
  const lists = await Promise.all(
    LISTS.map(async ({ kind, path, field }) => {
      const items = await rest.list({ apiKey, deadlineMs: operator.deadlineMs() }, path, field);
      return items.flatMap((item) => readWorkload(kind, item));
    }),
  );
  return lists.flat();
}

function readWorkload(kind: Workload['kind'], item: unknown): Workload[] {
  if (!isJsonObject(item) || typeof item.id !== 'string') return [];
  const { id, name, image, registry } = item;
  return [
    {
      kind,
      id,
      name: typeof name === 'string' ? name : id,
      image: typeof image === 'string' ? image : '',
      ...(typeof registry === 'string' && { registryAuthId: registry }),
    },
  ];
}

/** An image's name with its digest (`host/repository@sha256:…`), or why the digest is unknown. */
export type Pin = { readonly pinned: string } | { readonly unknown: string };

/**
 * Asks ECR for the digest of an image, in the account and region of the image's host. Another account may have a
 * repository of the same name.
 *
 * @returns undefined if the image is not in ECR
 */
export async function pinImage(operator: Operator, image: string): Promise<Pin | undefined> {
  const { host, repository, reference } = parseImageName(image);
  const place = ecrPlaceOf(host);
  if (place === undefined) return undefined;
  try {
    const state = await inspectImage(operator, { ...place, repository, reference });
    if (state.found === 'image') return { pinned: `${host}/${repository}@${state.digest}` };
    const missing =
      state.found === 'no-image' ? `${repository} has no image ${reference}` : 'no such repository';
    return { unknown: missing };
  } catch (error) {
    return { unknown: describeAwsError(error) };
  }
}
