import * as z from 'zod';
import type { Registry } from '../../lambda/core/model';
import { externalId, location, region, registryUrl, repositoryName, roleArn, secretId } from './formats';

/** The format of image names at one kind of registry, in addition to the format that all images share. */
interface ImageFormat {
  readonly pattern: RegExp;
  readonly expected: string;
}

const SHAPE = 'an object that describes the registry';
const DESCRIPTION = 'Where the credential comes from.';

const credentialSecretName = (holds = 'JSON, {"username": "…", "password": "…"}') =>
  secretId().describe(`Name or ARN of the secret with the credential: ${holds}.`);

const addressOf = (address: string, exception: string) =>
  registryUrl()
    .default(address)
    .describe(`Base address of the registry. Change the default only for ${exception}.`);

const ecr = z
  .strictObject(
    {
      type: z.literal('ecr').describe('Amazon ECR, private repositories.'),
      region: region().optional().describe("The repositories' region. Default: the stack's region."),
      repositories: z
        .array(repositoryName(), 'a list of ECR repository names')
        .min(1, 'at least one repository name')
        .describe(
          'Names of the repositories that the credential may pull, at least one. The credential at Runpod can pull these and the repositories of the other ECR targets without roleArn, and nothing else.',
        ),
      roleArn: roleArn()
        .optional()
        .describe(
          'ARN of a role to assume for the credential, for repositories in another account. The permissions of this role decide what can be pulled.',
        ),
      externalId: externalId()
        .optional()
        .describe("The external id that the role's trust policy requires. Only together with roleArn."),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const ecrPublic = z
  .strictObject(
    {
      type: z.literal('ecr-public').describe('Amazon ECR Public, with authenticated pulls.'),
      url: addressOf('https://public.ecr.aws', 'a proxy in front of it'),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const dockerHub = z
  .strictObject(
    {
      type: z.literal('docker-hub').describe('Docker Hub.'),
      credentialSecretName: credentialSecretName(),
      url: addressOf('https://registry-1.docker.io', 'a proxy in front of it'),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const ghcr = z
  .strictObject(
    {
      type: z.literal('ghcr').describe("GitHub's container registry."),
      credentialSecretName: credentialSecretName(),
      url: addressOf('https://ghcr.io', 'GitHub Enterprise, such as https://containers.example.ghe.com'),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const googleArtifactRegistry = z
  .strictObject(
    {
      type: z.literal('google-artifact-registry').describe('Google Artifact Registry.'),
      credentialSecretName: credentialSecretName("a service account's key file, unchanged"),
      location: location().describe(
        "The repositories' region, such as europe-west3, or multi-region: us, europe, asia.",
      ),
      url: registryUrl()
        .optional()
        .describe(
          'Base address of the registry. Default: https://LOCATION-docker.pkg.dev. For gcr.io names give their address, such as https://eu.gcr.io.',
        ),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const selfHosted = z
  .strictObject(
    {
      type: z.literal('self-hosted').describe('Any other registry with the OCI distribution API.'),
      credentialSecretName: credentialSecretName(),
      url: registryUrl().describe('Base address of the registry, such as https://registry.example.com:5000.'),
    },
    SHAPE,
  )
  .describe(DESCRIPTION);

const OPTIONS = [ecr, ecrPublic, dockerHub, ghcr, googleArtifactRegistry, selfHosted] as const;

const TYPES = OPTIONS.map(({ shape }) => `"${shape.type.value}"`).join(', ');

/** The schema of `targets[].registry`. */
export const registry = z
  .discriminatedUnion('type', OPTIONS, {
    error: ({ code }) =>
      code === 'invalid_union' ? `one of ${TYPES}` : `an object whose type is one of ${TYPES}`,
  })
  .describe(DESCRIPTION);

/** A registry in the parsed configuration. Defaults that depend on another key are still absent. */
export type RegistryConfig = z.output<typeof registry>;

/** The formats of image names, for the kinds of registry that need more than `repository:tag`. No name has a host. */
export const IMAGE_FORMATS: { readonly [Type in Registry['type']]?: ImageFormat } = {
  'ecr-public': {
    pattern: /^(?!public\.ecr\.aws\/)[^/]+\//,
    expected: 'an image as alias/repository:tag, without public.ecr.aws/',
  },
  'docker-hub': {
    pattern: /^([a-z0-9_-]+\/)?[^/]+$/,
    expected:
      'an image as namespace/repository:tag, or repository:tag for an official one, without docker.io/',
  },
  ghcr: {
    pattern: /^[a-z0-9-]+\//,
    expected: 'an image as owner/name:tag, without ghcr.io/',
  },
  'google-artifact-registry': {
    pattern: /^(?![^/]*-docker\.pkg\.dev\/|([a-z]+\.)?gcr\.io\/)[^/]+\//,
    expected: 'an image as project/repository/name:tag, without LOCATION-docker.pkg.dev/',
  },
};

/** Returns a registry as the function's settings describe it. */
export function toRegistry(config: RegistryConfig): Registry {
  if (config.type !== 'google-artifact-registry') return config;
  const { location, url = `https://${location}-docker.pkg.dev`, ...rest } = config;
  return { ...rest, url };
}

/** Returns the full name of an image within its registry: official images of Docker Hub are in `library/`. */
export function imageWithin(type: Registry['type'], image: string): string {
  return type === 'docker-hub' && !image.includes('/') ? `library/${image}` : image;
}
