import type { Registry } from '../../lambda/core/model';
import { IMAGE, parseUrl, REPOSITORY_NAME } from './formats';
import { type Entry, entry, list, type Path, text } from './json-values';
import { describeFound, looksSecret, type Mistake } from './mistakes';
import { IMAGE_FORMATS } from './registries';

/** The host of a private ECR registry in any partition, also with FIPS or over IPv6 (Amazon ECR endpoints). */
const ECR_HOST = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+$/;
const ECR_ARN = /^arn:aws[a-z-]*:ecr:([a-z0-9-]+):(\d{12}):repository\//;
const ECR_PUBLIC_ARN = /^arn:aws[a-z-]*:ecr-public:[a-z0-9-]*:\d{12}:repository\//;

/** The hosts of the public registries. */
const PUBLIC_HOSTS: { readonly [Type in Registry['type']]?: RegExp } = {
  'ecr-public': /^(public|gallery)\.ecr\.aws$/,
  'docker-hub': /^((index|registry-1|hub)\.)?docker\.(io|com)$/,
  ghcr: /^ghcr\.io$/,
  'google-artifact-registry': /^([a-z]+\.)?gcr\.io$|^[a-z0-9-]+-docker\.pkg\.dev$/,
};

/** The parts of the address of an image or a repository. */
interface ImageAddress {
  /** Type of the registry that the host or the ARN names. @default - there is no host, or it is unknown */
  readonly type?: Registry['type'] | undefined;
  /** Host with port, in lower case. */
  readonly host?: string;
  /** Account of a private ECR registry. */
  readonly account?: string | undefined;
  /** Region of a private ECR registry. */
  readonly region?: string | undefined;
  /** Name of the repository within the registry. */
  readonly repository: string;
  /** `:tag`, `@sha256:digest`, or nothing. */
  readonly reference: string;
}

/** Which texts count as a host even without `https://` in front. */
interface KnownHosts {
  /** Returns the type of the registry with this host. */
  readonly typeOf: (host: string) => Registry['type'] | undefined;
  /** Host of the target's own registry. */
  readonly own?: string | undefined;
}

/** A repository name in ECR may begin with another public host, because ECR can hold copies of other registries. */
const HOSTS_IN_ECR: KnownHosts = {
  typeOf: (host) => (PUBLIC_HOSTS['ecr-public']?.test(host) ? 'ecr-public' : undefined),
};

/**
 * Divides an address into its parts.
 *
 * Only known hosts are taken off, because the first part of a repository's name may contain dots.
 */
function addressOf(value: string, { typeOf, own }: KnownHosts = HOSTS_IN_ECR): ImageAddress {
  const [arn, region, account] = ECR_ARN.exec(value) ?? [];
  if (arn) return { type: 'ecr', account, region, ...nameOf(value.slice(arn.length)) };
  const publicArn = ECR_PUBLIC_ARN.exec(value)?.[0];
  if (publicArn) return { type: 'ecr-public', ...nameOf(value.slice(publicArn.length)) };
  const [scheme = ''] = /^[a-z]+:\/\//i.exec(value) ?? [];
  const [first = '', ...rest] = value.slice(scheme.length).split('/');
  const host = first.toLowerCase().replace(/:443$/, '');
  const ecr = ECR_HOST.exec(host);
  if (ecr) return { type: 'ecr', host, account: ecr[1], region: ecr[2], ...nameOf(rest.join('/')) };
  const type = typeOf(host);
  const isHost = type !== undefined || host === own || scheme !== '';
  if (!isHost) return nameOf(value);
  const path = rest.join('/');
  return { type, host, ...nameOf(host === 'hub.docker.com' ? path.replace(/^(r|_)\//, '') : path) };
}

function typeOfPublicHost(host: string): Registry['type'] | undefined {
  return (Object.keys(PUBLIC_HOSTS) as Registry['type'][]).find((type) => PUBLIC_HOSTS[type]?.test(host));
}

/** Returns the host of another public registry with which the name of an ECR repository begins, and its type. */
export function hostAtStart(
  repository: string,
): { readonly host: string; readonly type: Registry['type'] } | undefined {
  const host = repository.split('/')[0] ?? '';
  const type = typeOfPublicHost(host);
  return type && { host, type };
}

/** Splits a path into name and reference. When there are a tag and a digest, the digest is the reference. */
function nameOf(path: string): Pick<ImageAddress, 'repository' | 'reference'> {
  const [, name = '', tag = '', digest] =
    /^(.*?)(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[a-f0-9]{64})?$/s.exec(path) ?? [];
  return { repository: name.replace(/^\/+|\/+$/g, ''), reference: digest ?? tag };
}

/** What is known about the place of an ECR repository. */
export interface RepositoryPlace {
  /** The region that is configured for it. */
  readonly region?: unknown;
  /** Returns advice for an address that names this account; undefined when none is needed. */
  readonly accountAdvice: (account: string) => string | undefined;
}

/**
 * Returns the mistake of an address, an ARN or an image where the name of an ECR repository is expected, with the text
 * to write instead.
 *
 * Some addresses also have the form of a name. Used as a name, they would permit nothing.
 */
export function repositoryMistakes(value: unknown, path: Path, place: RepositoryPlace): Mistake[] {
  const written = text(value);
  if (written === undefined) return [];
  const address = addressOf(written);
  const { type, repository } = address;
  const mistake = { path, expected: REPOSITORY_NAME.expected, found: describeFound(written, path) };
  if (type === 'ecr-public') return [{ ...mistake, fix: needsOwnTarget(type) }];
  const elsewhere = address.reference === '' ? undefined : hostAtStart(repository)?.type;
  if (elsewhere) return [{ ...mistake, fix: needsOwnTarget(elsewhere) }];
  const isName = written === repository && type === undefined;
  // The schema reports a value from which no name can be made.
  if (isName || (type !== 'ecr' && (address.host || !REPOSITORY_NAME.pattern.test(repository)))) return [];
  return [{ ...mistake, fix: fixOf(repository, [REPOSITORY_NAME.pattern], [], address, place) }];
}

/** Returns the mistakes of the repositories and of the image of a target. */
export function targetAddressMistakes(target: Entry, path: Path): Mistake[] {
  const registry = entry(target.registry);
  const { type, region } = registry;
  if (type !== 'ecr') return imageMistakes(target, [...path, 'verifyImage']);
  const place: RepositoryPlace = {
    region,
    accountAdvice: (account) => roleAdvice(account, registry.roleArn),
  };
  return [
    ...list(registry.repositories).flatMap((name, index) =>
      repositoryMistakes(name, [...path, 'registry', 'repositories', index], place),
    ),
    ...ecrImageMistakes(target, [...path, 'verifyImage'], place),
  ];
}

/** Returns the mistakes of the repositories of the delegations. */
export function delegationAddressMistakes(delegations: readonly Entry[]): Mistake[] {
  return delegations.flatMap(({ repository, region }, index) =>
    repositoryMistakes(repository, ['delegations', index, 'repository'], {
      region,
      accountAdvice: (account) =>
        `${account} must be the account of the stack: a delegation covers no other.`,
    }),
  );
}

function roleAdvice(account: string, roleArn: unknown): string | undefined {
  const accountOfRole = text(roleArn)?.split(':')[4];
  if (accountOfRole === account) return undefined;
  return accountOfRole === undefined
    ? `If ${account} is not the account of the stack, add "roleArn": a role of that account.`
    : `The account of the address is ${account}, and that of "roleArn" is ${accountOfRole}.`;
}

/** Checks what ECR requires of an image. The schema checks the format that all images share. */
function ecrImageMistakes(target: Entry, path: Path, place: RepositoryPlace): Mistake[] {
  const image = text(target.verifyImage);
  if (image === undefined) return [];
  const names = list(entry(target.registry).repositories).map(
    (name) => addressOf(text(name) ?? '').repository,
  );
  const address = addressOf(image);
  const { repository, reference } = address;
  const isListed = names.includes(address.type === undefined || address.type === 'ecr' ? repository : image);
  const isName = image === `${repository}${reference}` && address.type === undefined;
  if (isName && isListed) return [];
  const expected = isListed
    ? IMAGE.expected
    : 'an image of one of the repositories of this target, as repository:tag or repository@digest';
  const mistake = { path, expected, found: describeFound(image, path) };
  if (isName || (address.type !== 'ecr' && address.host !== undefined)) return [mistake];
  const also = isListed ? [] : [`add "${repository}" to "repositories"`];
  return [{ ...mistake, fix: fixOf(withReference(address), [IMAGE.pattern], also, address, place) }];
}

/** Checks what the other kinds of registry require of an image. The schema checks the format that all images share. */
function imageMistakes(target: Entry, path: Path): Mistake[] {
  const image = text(target.verifyImage);
  const { type, url, location } = entry(target.registry);
  if (image === undefined) return [];
  const format = Object.entries(IMAGE_FORMATS).find(([name]) => name === type)?.[1];
  const patterns = [IMAGE.pattern, ...(format ? [format.pattern] : [])];
  const ownHost = hostOf(url);
  const address = addressOf(image, { typeOf: typeOfPublicHost, own: ownHost });
  const mistake = { path, expected: format?.expected ?? IMAGE.expected, found: describeFound(image, path) };
  if (address.host !== undefined && (address.host === ownHost || address.type === type)) {
    const also = type === 'google-artifact-registry' ? googlePlace(address.host, ownHost, location) : [];
    return [{ ...mistake, fix: fixOf(withReference(address), patterns, also) }];
  }
  // A self-hosted registry can hold copies under the names of other hosts.
  if (address.type !== undefined && (address.type === 'ecr' || type !== 'self-hosted')) {
    return [{ ...mistake, fix: needsOwnTarget(address.type) }];
  }
  const { repository, reference } = address;
  if (address.host === undefined && image !== `${repository}${reference}`) {
    return [{ ...mistake, fix: fixOf(withReference(address), patterns, []) }];
  }
  return format?.pattern.test(image) === false ? [mistake] : [];
}

function needsOwnTarget(type: Registry['type']): string {
  return `An image of this registry needs a target of its own, with "type": "${type}".`;
}

/** Returns what to set so that an image of this host is within the registry. */
function googlePlace(host: string, ownHost: string | undefined, location: unknown): string[] {
  const place = /^(.+)-docker\.pkg\.dev$/.exec(host)?.[1];
  if (place === undefined) return host === ownHost ? [] : [`set "url": "https://${host}"`];
  return place === location ? [] : [`set "location": "${place}"`];
}

function hostOf(url: unknown): string | undefined {
  return parseUrl(text(url) ?? '')?.host;
}

function withReference({ repository, reference }: ImageAddress): string {
  return `${repository}${reference || ':TAG'}`;
}

/** Returns what to write instead of an address; undefined where the name is missing, or may be a secret. */
function fixOf(
  name: string,
  formats: readonly RegExp[],
  also: readonly string[],
  address?: ImageAddress,
  place?: RepositoryPlace,
): string | undefined {
  const withoutDigest = name.replace(/@sha256:[a-f0-9]{64}$/, '');
  if (!formats.every((format) => format.test(name)) || looksSecret(withoutDigest)) return undefined;
  const { region, account } = address ?? {};
  const steps = [
    `Write "${name}"`,
    ...also,
    ...(region !== undefined && region !== place?.region ? [`set "region": "${region}"`] : []),
  ];
  const advice = account && place?.accountAdvice(account);
  return `${steps.join(' and ')}.${advice ? ` ${advice}` : ''}`;
}
