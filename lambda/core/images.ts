/** Names of container images. */

/** The parts of an image's name. */
export interface ImageName {
  /** Registry host in lower case; absent where the name has none: the image is at Docker Hub. */
  readonly host?: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

/** The parts that the OCI distribution specification allows in a path. Anything else is not sent to a registry. */
const REPOSITORY = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,128}$/;

/**
 * Parses `host/repository:tag`, `host/repository@digest` and `host/repository:tag@digest`. Without a tag or digest the
 * reference is `latest`.
 *
 * @returns undefined when the name is not one that a registry can have
 */
export function parseImageName(name: string): ImageName | undefined {
  const [first = '', ...rest] = name.trim().split('/');
  const hasHost = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const path = hasHost ? rest.join('/') : name.trim();
  const [tagged = '', digest] = path.split('@', 2);
  const [repository = '', tag = 'latest'] = tagged.split(':', 2);
  const isReference = digest === undefined ? TAG.test(tag) : DIGEST.test(digest);
  if (repository.length > 255 || !REPOSITORY.test(repository) || !isReference) return undefined;
  const reference = digest ?? tag;
  return { ...(hasHost && { host: first.toLowerCase() }), repository, reference };
}

/** A private ECR registry: one account in one region. */
export interface EcrPlace {
  readonly account: string;
  readonly region: string;
}

/** Returns the account and region in the host of a private ECR registry (all partitions, FIPS and dual-stack); undefined for other hosts. */
export function ecrPlaceOf(host: string | undefined): EcrPlace | undefined {
  const [, account, region] =
    /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})\./.exec(host ?? '') ?? [];
  return account !== undefined && region !== undefined ? { account, region } : undefined;
}

/** Names of Docker Hub in image names. A name without a host means Docker Hub as well. */
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** Whether an image is at Docker Hub. */
export function isAtDockerHub({ host }: ImageName): boolean {
  return host === undefined || DOCKER_HUB.has(host);
}
