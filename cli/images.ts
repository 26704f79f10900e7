/** Images in ECR, as the operator may see them. */

import { BatchGetImageCommand, type ECRClient, GetDownloadUrlForLayerCommand } from '@aws-sdk/client-ecr';
import { isJsonObject, type JsonObject } from '../lambda/core/runpod/api';
import { CliError, nameOf } from './errors';
import type { Operator } from './operator';

/** What Runpod's workers run on. */
export const WORKER_PLATFORM = 'linux/amd64';

/** An image's name, taken apart. */
export interface ImageName {
  /** Registry host; absent where the name has none. */
  readonly host?: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

/** What a repository says about an image. */
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

/** Takes `host/repository:tag` apart; the tag is `latest` where none is named. */
export function parseImageName(name: string): ImageName {
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const path = hasHost ? rest.join('/') : name;
  const [repository = '', digest] = path.split('@', 2);
  const [bare = '', tag = 'latest'] = repository.split(':', 2);
  return { ...(hasHost && { host: first }), repository: bare, reference: digest ?? tag };
}

/** The region of a private ECR registry, by its host (all partitions, FIPS and dual-stack); undefined for another. */
export function ecrRegionOf(host: string | undefined): string | undefined {
  return /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})\./.exec(host ?? '')?.[1];
}

/** Looks an image up. @throws AWS's own error, for anything but "not found" */
export async function inspectImage(
  operator: Operator,
  region: string | undefined,
  repository: string,
  reference: string,
): Promise<ImageState> {
  const ecr = operator.ecr(region);
  const id = reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference };
  try {
    const { images } = await ecr.send(
      new BatchGetImageCommand({
        repositoryName: repository,
        imageIds: [id],
        acceptedMediaTypes: MEDIA_TYPES,
      }),
    );
    const [image] = images ?? [];
    if (!image?.imageManifest) return { found: 'no-image' };
    const manifest: unknown = JSON.parse(image.imageManifest);
    const platforms = isJsonObject(manifest) ? await platformsOf(operator, ecr, repository, manifest) : [];
    return { found: 'image', digest: image.imageId?.imageDigest ?? '', platforms };
  } catch (error) {
    if (nameOf(error) === 'RepositoryNotFoundException') return { found: 'no-repository' };
    throw error;
  }
}

/** An index lists its platforms; of a single image the configuration tells. */
async function platformsOf(
  operator: Operator,
  ecr: ECRClient,
  repository: string,
  manifest: JsonObject,
): Promise<string[]> {
  if (Array.isArray(manifest.manifests)) {
    return manifest.manifests.flatMap((entry) => (isJsonObject(entry) ? platformOf(entry.platform) : []));
  }
  const config = isJsonObject(manifest.config) ? manifest.config.digest : undefined;
  if (typeof config !== 'string') return [];
  const { downloadUrl } = await ecr.send(
    new GetDownloadUrlForLayerCommand({ repositoryName: repository, layerDigest: config }),
  );
  // The address is signed, so no credential goes with it.
  const answer = await operator.http(
    { method: 'GET', url: downloadUrl ?? '', headers: {} },
    { deadlineMs: operator.deadlineMs() },
  );
  if (answer.status !== 200) {
    throw new CliError(`The configuration of ${repository} could not be read (${answer.status}); try again.`);
  }
  return platformOf(JSON.parse(answer.body));
}

/** Attestations stand in an index as platform `unknown/unknown`. */
function platformOf(value: unknown): string[] {
  if (!isJsonObject(value) || typeof value.os !== 'string' || value.os === 'unknown') return [];
  return [`${value.os}/${String(value.architecture)}`];
}
