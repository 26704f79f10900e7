/** The questions of `init` for the registry from which Runpod pulls: repositories of ECR, or another kind of registry. */

import { DescribeRepositoriesCommand, ECRClient } from '@aws-sdk/client-ecr';
import type * as z from 'zod';
import { ecrPlaceOf, isAtDockerHub, parseImageName } from '../../lambda/core/images';
import { location, secretId } from '../../lib/config/formats';
import { nearest } from '../../lib/config/nearest';
import { registry } from '../../lib/config/registries';
import { describeAwsError, isAccessDenied, usageError } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { askChoice, askChoices, askText } from '../prompts';
import type { InitFlags } from './options';

/** A registry as the configuration file has it. */
export type RegistryEntry = z.input<typeof registry>;

/** The kinds of registry besides ECR: what they are called, and what they need. */
const OTHER_KINDS = {
  'docker-hub': { label: 'Docker Hub', needs: 'a secret with user name and access token' },
  ghcr: { label: 'GitHub (ghcr.io)', needs: 'a secret with user name and token' },
  'google-artifact-registry': {
    label: 'Google Artifact Registry',
    needs: "a location, and a secret with a service account's key file",
  },
  'ecr-public': { label: 'ECR Public', needs: 'nothing more' },
  'self-hosted': { label: 'self-hosted', needs: 'an address, and a secret with user name and password' },
} as const;

type OtherKind = keyof typeof OTHER_KINDS;

const KINDS = ['ecr', ...Object.keys(OTHER_KINDS)];

/** The value of the option "another registry". No repository has this name. */
const ANOTHER = '';

const REPOSITORIES_QUESTION = 'Which ECR repositories may Runpod pull?';

/** Checks the flags of the registry. @throws CliError (usage error) for an unknown kind, or for flags of another kind */
export function checkRegistryFlags(flags: InitFlags): void {
  const { registry: kind = 'ecr' } = flags;
  if (!KINDS.includes(kind)) {
    const meant = nearest(kind, KINDS);
    const known = meant === undefined ? `It is one of ${KINDS.join(', ')}.` : `Did you mean ${meant}?`;
    throw usageError(`There is no kind of registry "${kind}". ${known}`);
  }
  if (kind !== 'ecr' && flags.repository) {
    throw usageError(`--repository is for ECR, not for ${kind}.`, 'Leave it out.');
  }
  const [needless] = needlessFlags(flags, kind);
  if (needless !== undefined) {
    throw usageError(`${needless} does not belong to a registry of the kind ${kind}.`, 'Leave it out.');
  }
}

/** Returns the flags that are needed when nothing can be asked. */
export function missingRegistryFlags(flags: InitFlags): string[] {
  const { registry: kind = 'ecr', repository, credentialSecret, location, registryUrl } = flags;
  if (kind === 'ecr') return repository ? [] : ['--repository'];
  return [
    ...(hasSecret(kind) && credentialSecret === undefined ? ['--credential-secret'] : []),
    ...(kind === 'google-artifact-registry' && location === undefined ? ['--location'] : []),
    ...(kind === 'self-hosted' && registryUrl === undefined ? ['--registry-url'] : []),
  ];
}

function needlessFlags({ credentialSecret, location, registryUrl }: InitFlags, kind: string): string[] {
  return [
    ...(credentialSecret !== undefined && !hasSecret(kind) ? ['--credential-secret'] : []),
    ...(location !== undefined && kind !== 'google-artifact-registry' ? ['--location'] : []),
    ...(registryUrl !== undefined && kind === 'ecr' ? ['--registry-url'] : []),
  ];
}

function hasSecret(kind: string): boolean {
  return kind !== 'ecr' && kind !== 'ecr-public';
}

/**
 * Finds out the registry, from the flags or by questions. Named repositories of ECR must exist.
 *
 * @throws CliError (usage error) when a named repository does not exist, or there is none to choose
 */
export async function askRegistry(
  operator: Operator,
  output: Output,
  flags: InitFlags,
): Promise<RegistryEntry> {
  if (flags.registry !== undefined && flags.registry !== 'ecr') {
    return askOther(flags, flags.registry as OtherKind);
  }
  const existing = await listRepositories(operator, output, flags);
  if (flags.repository) {
    if (existing) await refuseUnknown(operator, flags.repository, existing);
    return ecrEntry(operator, flags.repository);
  }
  const repositories = await askRepositories(operator, existing ?? [], flags.registry === undefined);
  if (repositories !== undefined) return ecrEntry(operator, repositories);
  const kind = await askChoice(
    'Which registry has the images?',
    Object.entries(OTHER_KINDS).map(([value, { label, needs }]) => ({ value, label: `${label}: ${needs}` })),
  );
  return askOther(flags, kind as OtherKind);
}

async function ecrEntry(operator: Operator, repositories: readonly string[]): Promise<RegistryEntry> {
  return { type: 'ecr', region: await operator.region(), repositories: [...repositories] };
}

/** @returns undefined when they may not be listed */
async function listRepositories(
  operator: Operator,
  output: Output,
  flags: InitFlags,
): Promise<string[] | undefined> {
  try {
    return await output.withSpinner('listing your ECR repositories', async () => {
      const names: string[] = [];
      let nextToken: string | undefined;
      do {
        const answer = await operator
          .client(ECRClient)
          .send(new DescribeRepositoriesCommand({ ...(nextToken && { nextToken }) }));
        names.push(...(answer.repositories ?? []).flatMap(({ repositoryName }) => repositoryName ?? []));
        nextToken = answer.nextToken;
      } while (nextToken !== undefined);
      return names.sort();
    });
  } catch (error) {
    // Without a list, named repositories are taken as they are, and other registries can still be chosen.
    if (!isAccessDenied(error) || (flags.registry === 'ecr' && !flags.repository)) throw error;
    output.line(
      `${output.mark('warning')} Your ECR repositories cannot be listed: ${describeAwsError(error)}`,
    );
    return undefined;
  }
}

/** @returns undefined for another registry @throws CliError (usage error) when only ECR is possible and it is empty */
async function askRepositories(
  operator: Operator,
  existing: readonly string[],
  mayBeAnother: boolean,
): Promise<string[] | undefined> {
  if (existing.length === 0) {
    if (mayBeAnother) return undefined;
    throw usageError(
      `There is no ECR repository in ${await operator.region()}.`,
      'Create one, or name another region with --region.',
    );
  }
  const chosen = await askChoices(REPOSITORIES_QUESTION, [
    ...existing.map((name) => ({ value: name, label: name })),
    ...(mayBeAnother ? [{ value: ANOTHER, label: 'another registry (Docker Hub, GHCR, Google, …)' }] : []),
  ]);
  const repositories = chosen.filter((name) => name !== ANOTHER);
  // A target has one registry. The repositories count when somebody chose both.
  return repositories.length > 0 ? repositories : undefined;
}

/** How many similar names a refusal shows. */
const MAX_SIMILAR = 3;

async function refuseUnknown(
  operator: Operator,
  wanted: readonly string[],
  existing: readonly string[],
): Promise<void> {
  const unknown = wanted.find((name) => !existing.includes(name));
  if (unknown === undefined) return;
  const { account } = await operator.identity();
  const similar = similarNames(unknown, existing);
  const hint =
    existing.length === 0
      ? 'It has none'
      : similar.length > 0
        ? `Similar names: ${similar.join(', ')}`
        : `It has ${existing.slice(0, MAX_SIMILAR).join(', ')}${existing.length > MAX_SIMILAR ? ', …' : ''}`;
  throw usageError(
    `Account ${account} has no ECR repository "${unknown}" in ${await operator.region()}.`,
    `${hint}. For another region, add --region.`,
  );
}

/** Returns the most similar names, the most similar one first. */
function similarNames(name: string, names: readonly string[]): string[] {
  const left = new Set(names);
  const similar: string[] = [];
  for (let next = nearest(name, [...left]); next !== undefined; next = nearest(name, [...left])) {
    similar.push(next);
    left.delete(next);
    if (similar.length === MAX_SIMILAR) break;
  }
  return similar;
}

async function askOther(flags: InitFlags, type: OtherKind): Promise<RegistryEntry> {
  const url = flags.registryUrl && { url: flags.registryUrl };
  if (type === 'ecr-public') return { type, ...url };
  const location =
    type === 'google-artifact-registry' ? (flags.location ?? (await askLocation())) : undefined;
  const address = type === 'self-hosted' ? (flags.registryUrl ?? (await askAddress())) : undefined;
  const credentialSecretName = flags.credentialSecret ?? (await askCredentialSecret(type));
  switch (type) {
    case 'google-artifact-registry':
      return { type, location: location ?? '', credentialSecretName, ...url };
    case 'self-hosted':
      return { type, url: address ?? '', credentialSecretName };
    default:
      return { type, credentialSecretName, ...url };
  }
}

function askLocation(): Promise<string> {
  return askText('In which location are the repositories?', 'us-central1', (answer) =>
    location().safeParse(answer).success ? undefined : 'Enter a location such as europe-west3 or us.',
  );
}

function askAddress(): Promise<string> {
  return askText("What is the registry's address?", 'https://', (answer) =>
    isRegistryUrl(answer) ? undefined : 'Enter an address such as https://registry.example.com:5000.',
  );
}

function isRegistryUrl(url: string): boolean {
  return registry.safeParse({ type: 'self-hosted', url, credentialSecretName: 'x' }).success;
}

function askCredentialSecret(type: Exclude<OtherKind, 'ecr-public'>): Promise<string> {
  return askText(
    `Which AWS secret holds the login? It is ${credentialFormat(type)}`,
    `registry/${type === 'google-artifact-registry' ? 'google' : type}`,
    (answer) => (secretId().safeParse(answer).success ? undefined : "Enter a secret's name or ARN."),
  );
}

/** Returns what the secret of a registry holds. */
export function credentialFormat(type: RegistryEntry['type']): string {
  return type === 'google-artifact-registry'
    ? "a service account's key file, unchanged"
    : '{"username": "…", "password": "…"}';
}

/** Returns whether an image is in a registry, as far as its name says. @param account - of the ECR registry */
export function holdsImage(entry: RegistryEntry, account: string, image: string): boolean {
  const name = parseImageName(image);
  if (name === undefined) return false;
  switch (entry.type) {
    case 'ecr': {
      const place = ecrPlaceOf(name.host);
      return place?.account === account && place.region === entry.region;
    }
    case 'docker-hub':
      return isAtDockerHub(name) || name.host === hostOf(entry.url);
    case 'ecr-public':
      return name.host === hostOf(entry.url ?? 'https://public.ecr.aws');
    case 'ghcr':
      return name.host === hostOf(entry.url ?? 'https://ghcr.io');
    case 'google-artifact-registry':
      return name.host === hostOf(entry.url ?? `https://${entry.location}-docker.pkg.dev`);
    case 'self-hosted':
      return name.host === hostOf(entry.url);
  }
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
}

/** Returns the kind of a registry as people call it. */
export function registryLabel({ type }: RegistryEntry): string {
  return type === 'ecr' ? 'ECR' : OTHER_KINDS[type].label;
}
