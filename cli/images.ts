/** Images in ECR, read with the operator's own AWS credentials. */

import { BatchGetImageCommand, ECRClient, GetDownloadUrlForLayerCommand } from '@aws-sdk/client-ecr';
import { isJsonObject, type JsonObject } from '../lambda/core/runpod/api';
import { CliError, errorName } from './errors';
import type { Operator } from './operator';

/** Whether an image exists, and for which platforms. */
export type ImageState =
  | { readonly found: 'image'; readonly digest: string; readonly platforms: readonly string[] }
  | { readonly found: 'no-image' }
  | { readonly found: 'no-repository' };

const MEDIA_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** An image in ECR. */
export interface EcrImage {
  /** Account of the registry. @default - the operator's own */
  readonly account?: string | undefined;
  /** @default - the stack's region */
  readonly region?: string | undefined;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

/**
 * Looks up an image in ECR.
 *
 * @throws the AWS client's error, except where the image or the repository does not exist
 * @throws CliError when ECR does not return the image's configuration
 */
export async function inspectImage(operator: Operator, image: EcrImage): Promise<ImageState> {
  const { account, region, repository, reference } = image;
  const ecr = operator.client(ECRClient, region);
  const place = { repositoryName: repository, ...(account !== undefined && { registryId: account }) };
  const id = reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference };
  try {
    const { images } = await ecr.send(
      new BatchGetImageCommand({
        ...place,
        imageIds: [id],
        acceptedMediaTypes: MEDIA_TYPES,
      }),
    );
    const [found] = images ?? [];
    if (!found?.imageManifest) return { found: 'no-image' };
    const manifest: unknown = JSON.parse(found.imageManifest);
    const platforms = isJsonObject(manifest) ? await platformsOf(operator, ecr, place, manifest) : [];
    return { found: 'image', digest: found.imageId?.imageDigest ?? '', platforms };
  } catch (error) {
    if (errorName(error) === 'RepositoryNotFoundException') return { found: 'no-repository' };
    throw error;
  }
}

/** An image index lists its platforms. A single image has its platform in its configuration. */
async function platformsOf(
  operator: Operator,
  ecr: ECRClient,
  place: { readonly repositoryName: string; readonly registryId?: string },
  manifest: JsonObject,
): Promise<string[]> {
  if (Array.isArray(manifest.manifests)) {
    return manifest.manifests.flatMap((entry) => (isJsonObject(entry) ? platformOf(entry.platform) : []));
  }
  const config = isJsonObject(manifest.config) ? manifest.config.digest : undefined;
  if (typeof config !== 'string') return [];
  const { downloadUrl } = await ecr.send(
    new GetDownloadUrlForLayerCommand({ ...place, layerDigest: config }),
  );
  // The URL is signed, so the request needs no credential.
  const answer = await operator.http(
    { method: 'GET', url: downloadUrl ?? '', headers: {} },
    { deadlineMs: operator.deadlineMs() },
  );
  if (answer.status !== 200) {
    throw new CliError(
      `The configuration of ${place.repositoryName} could not be read (${answer.status}); try again.`,
    );
  }
  return platformOf(JSON.parse(answer.body));
}

/** Leaves out attestations, which an index lists with the platform `unknown/unknown`. */
function platformOf(value: unknown): string[] {
  if (!isJsonObject(value) || typeof value.os !== 'string' || value.os === 'unknown') return [];
  return [`${value.os}/${String(value.architecture)}`];
}
