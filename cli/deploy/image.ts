/** The image to deploy: whose it is, its digest, and the proof that a worker can pull and run it. */

import { systemClock } from '../../lambda/core/clock';
import { OperatorMustActError, TransientError } from '../../lambda/core/errors';
import { ecrPlaceOf, type ImageName, isAtDockerHub, parseImageName } from '../../lambda/core/images';
import {
  type Credential,
  type EcrRegistry,
  type Registry,
  Secret,
  type Target,
} from '../../lambda/core/model';
import { isAt, repositoryAt } from '../../lambda/core/pulls/look-run';
import { createInspectImage, type ImageState, WORKER_PLATFORM } from '../../lambda/core/registries/manifests';
import { createCredentialIssuer } from '../../lambda/core/registries/registries';
import type { ReadSecret } from '../../lambda/core/secrets';
import { withPlaceInErrors } from '../aws-clients';
import { CliError, nameFix, usageError } from '../errors';
import type { Operator } from '../operator';
import { mayPull } from '../runpod/usage';

/** An image whose place is known. */
export interface FoundImage {
  readonly name: ImageName;
  /** The target whose credential the endpoint pulls it with. @default - none of the configuration */
  readonly target?: Target;
  /** Accepts the questions about the image, and knows the registry's address. */
  readonly credential: Credential;
  /** What the credential is, for messages: `your AWS credentials`, `the login of target hub`. */
  readonly credentialName: string;
  /** The registry is asked without a login. */
  readonly anonymous: boolean;
  readonly registry: Registry;
}

/** An image that the registry has. */
export interface ProvedImage extends FoundImage {
  /** The name for Runpod, with tag and digest. */
  readonly address: string;
  readonly digest: string;
  /** Whether the registry says that the image is for linux/amd64. It never says that it is not: that is an error. */
  readonly platformKnown: boolean;
}

/** Which image, and from which target. */
export interface WantedImage {
  /** As the person wrote it: a full address, or the repository of a target; with a tag or a digest. */
  readonly image: string;
  /** Name of a target. @default - the target that has the repository */
  readonly target?: string | undefined;
  /** Whether the targets of the configuration count. */
  readonly useTargets: boolean;
}

/** Limit of the questions about one image, in milliseconds. */
const IMAGE_LIMIT_MS = 20_000;

/** The registry for names without a host. */
const DOCKER_HUB_URL = 'https://registry-1.docker.io';

/** Asks registries about images with the credentials of the operator's machine. */
export class Images {
  readonly #operator: Operator;
  readonly #issue = createCredentialIssuer(systemClock, 0, withPlaceInErrors);
  readonly #inspect;

  constructor(operator: Operator) {
    this.#operator = operator;
    this.#inspect = createInspectImage(operator.http);
  }

  /**
   * Finds the registry of an image and the credential for it.
   *
   * @throws CliError when the name is not understood, or no target or several have the repository
   * @throws OperatorMustActError or TransientError when the credential cannot be issued
   */
  async find({ image, target, useTargets }: WantedImage): Promise<FoundImage> {
    const name = parseImageName(image);
    if (!name) throw usageError(`--image: "${image}" is not the name of an image.`, EXAMPLE);
    if (!/[:@][^/]+$/.test(image.trim())) {
      throw usageError(`--image: "${image}" names neither a tag nor a digest.`, EXAMPLE);
    }
    const found = useTargets ? await this.#ofTarget(name, target) : undefined;
    return found ?? this.#direct(name, image);
  }

  /** Asks the registry about an image that was found. */
  async stateOf({ registry, credential, anonymous }: FoundImage, name: ImageName): Promise<ImageState> {
    const image = { repository: repositoryAt(registry, name), reference: name.reference };
    const deadlineMs = systemClock.steady() + IMAGE_LIMIT_MS;
    return this.#inspect(credential, image, { deadlineMs, anonymous });
  }

  /** Whether another image is in the same registry, so that the same credential can ask about it. */
  async isBeside({ name, registry, credential, target }: FoundImage, other: ImageName): Promise<boolean> {
    if (other.host === name.host || isAt(registry, credential, other)) return true;
    return target !== undefined && other.host !== undefined && this.#holds(target, other);
  }

  /** Proves that an image exists, can be pulled, and is for Runpod's workers. @throws CliError when it is not so */
  async prove(found: FoundImage): Promise<ProvedImage> {
    const { name, credential } = found;
    const { repository, reference } = name;
    const host = name.host ?? (isAtDockerHub(name) && isHub(found) ? 'docker.io' : hostOf(credential));
    const shown = `${host}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
    const state = await this.stateOf(found, name);
    if (state.found !== 'image') throw notProved(found, shown, state);
    const { platforms, digest = reference.includes(':') ? reference : undefined } = state;
    if (platforms && !platforms.includes(WORKER_PLATFORM)) {
      throw new CliError(
        `${shown} is for ${platforms.slice(0, 5).join(', ')}; Runpod's workers run on ${WORKER_PLATFORM}.`,
        { fix: buildCommand(shown) },
      );
    }
    if (digest === undefined) {
      throw new CliError(`${host} does not tell the digest of ${shown}.`, {
        fix: 'Name the image by its digest: REPOSITORY@sha256:…',
      });
    }
    const tag = reference.includes(':') ? '' : `:${reference}`;
    const address = `${host}/${repository}${tag}@${digest}`;
    return { ...found, address, digest, platformKnown: platforms !== undefined };
  }

  /** Returns undefined when the image is in no target's registry and its address says where it is. */
  async #ofTarget(name: ImageName, wanted: string | undefined): Promise<FoundImage | undefined> {
    const { targets } = await this.#operator.settings();
    if (wanted !== undefined && !targets.some((target) => target.name === wanted)) {
      const known = targets.map((target) => target.name);
      throw usageError(`No target is named ${wanted}.`, nameFix(wanted, known));
    }
    const asked = wanted === undefined ? targets : targets.filter((target) => target.name === wanted);
    const holding: Target[] = [];
    for (const target of asked) if (await this.#holds(target, name)) holding.push(target);
    const listing = holding.filter((target) => lists(target, name));
    const [first, ...others] = listing.length > 0 ? listing : holding;
    if (first === undefined) {
      if (wanted !== undefined) throw usageError(`The image is not in the registry of target ${wanted}.`);
      if (name.host !== undefined) return undefined;
      throw usageError(
        `No target has the repository ${name.repository}.`,
        'Give the full address of the image, or the name of a target with --target.',
      );
    }
    if (others.length > 0) {
      const names = [first, ...others].map((target) => target.name).join(', ');
      throw usageError(`Several targets can have this image: ${names}.`, 'Choose one with --target.');
    }
    this.#refuseUnlisted(first, name);
    return { name, target: first, ...(await this.#access(first)), anonymous: false };
  }

  /** Whether an image can be in the registry of a target. */
  async #holds(target: Target, name: ImageName): Promise<boolean> {
    const { registry } = target;
    if (name.host === undefined) {
      if (this.#isOnlyChoice(target)) return true;
      return registry.type === 'docker-hub' || lists(target, name);
    }
    const place = ecrPlaceOf(name.host);
    if (place !== undefined && registry.type === 'ecr') {
      const anyRepository = { ...registry, repositories: [name.repository] };
      const own = {
        account: (await this.#operator.identity()).account,
        region: await this.#operator.region(),
      };
      const { repository } = name;
      return mayPull({ ...target, registry: anyRepository }, { ...place, repository }, own);
    }
    if (place !== undefined) return false;
    if (registry.type !== 'ecr') {
      const { host } = new URL(registry.url);
      return name.host === host || (registry.type === 'docker-hub' && isAtDockerHub(name));
    }
    // ECR's own hosts are recognised above. Only a stand-in for ECR is elsewhere.
    if (!isLocal(name.host)) return false;
    const { credential } = await this.#access(target);
    return isAt(registry, credential, name);
  }

  /** A name without a host is in the registry of the only target, if ECR does not say which repositories it has. */
  #isOnlyChoice({ registry }: Target): boolean {
    return registry.type === 'ecr' && registry.repositories.length === 0;
  }

  /** The role of an ECR target may only pull the repositories that the target lists. */
  #refuseUnlisted(target: Target, { repository }: ImageName): void {
    // A deployed stack does not name the repositories that an app creates.
    if (target.registry.type !== 'ecr' || this.#operator.options.stack !== undefined) return;
    if (target.registry.repositories.includes(repository)) return;
    throw new CliError(
      `The credential of target ${target.name} may not pull ${repository}: the target does not list it.`,
      {
        fix: `Add it to "repositories" in ${this.#operator.configLabel}, then ${this.#operator.deployCommand()}`,
      },
    );
  }

  /** Issues a credential with which the operator can ask the registry of a target. */
  async #access({
    name,
    registry,
  }: Target): Promise<Pick<FoundImage, 'registry' | 'credential' | 'credentialName'>> {
    if (registry.type === 'ecr' || registry.type === 'ecr-public') await this.#operator.identity();
    if (registry.type !== 'ecr') {
      const credentialName =
        registry.type === 'ecr-public' ? 'your AWS credentials' : `the login of target ${name}`;
      return { registry, credential: await this.#issued(registry), credentialName };
    }
    const { roleArn } = registry;
    if (roleArn !== undefined) {
      try {
        return { registry, credential: await this.#issued(registry), credentialName: `the role ${roleArn}` };
      } catch (error) {
        if (!(error instanceof OperatorMustActError)) throw error;
      }
    }
    // Only the function may assume the role. The operator may still read the repository.
    const own = withoutRole(registry);
    return { registry: own, credential: await this.#issued(own), credentialName: 'your AWS credentials' };
  }

  /** Finds out from the address alone where an image is. */
  async #direct(name: ImageName, image: string): Promise<FoundImage> {
    const place = ecrPlaceOf(name.host);
    if (place !== undefined) {
      // Without a configuration nothing else names a region.
      process.env.AWS_REGION ??= place.region;
      await this.#operator.identity();
      const registry: EcrRegistry = {
        type: 'ecr',
        region: place.region,
        registryId: place.account,
        repositories: [name.repository],
      };
      const credential = await this.#issued(registry);
      return { name, registry, credential, credentialName: 'your AWS credentials', anonymous: false };
    }
    if (name.host === undefined && !name.repository.includes('/')) {
      throw usageError(
        `--image: "${image}" has no registry.`,
        'Without a configuration, give the full address of the image. To write a configuration: npx runpod-ecr init. To use another: --config PATH or --stack NAME',
      );
    }
    const url = isAtDockerHub(name) ? DOCKER_HUB_URL : urlOf(name.host ?? '');
    const registry: Registry = {
      type: isAtDockerHub(name) ? 'docker-hub' : 'self-hosted',
      credentialSecretName: '',
      url,
    };
    const credential: Credential = { username: '', password: new Secret(''), registryUrl: url };
    return { name, registry, credential, credentialName: 'a client without a login', anonymous: true };
  }

  async #issued(registry: Registry): Promise<Credential> {
    const options = { readSecret: this.#readSecret, deadlineMs: this.#operator.deadlineMs() };
    return this.#issue(registry, options);
  }

  readonly #readSecret: ReadSecret = async (...request) => {
    const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
    const { createSecretReader } = await import('../../lambda/core/secrets');
    return createSecretReader(this.#operator.client(SecretsManagerClient), systemClock)(...request);
  };
}

const EXAMPLE = 'Give it as REPOSITORY:TAG, such as my-worker:1.4.2.';

function hostOf({ registryUrl }: Credential): string {
  return new URL(registryUrl).host;
}

function isHub({ registry }: FoundImage): boolean {
  return registry.type === 'docker-hub';
}

function isLocal(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3})(:|$)/.test(host);
}

/** Only a local registry is asked over plain http. */
function urlOf(host: string): string {
  return isLocal(host) ? `http://${host}` : `https://${host}`;
}

/** Whether a target names the repository: among those of its credential, or as the image that it proves. */
function lists({ registry, verifyImage }: Target, { repository }: ImageName): boolean {
  if (registry.type === 'ecr' && registry.repositories.includes(repository)) return true;
  return verifyImage !== undefined && parseImageName(verifyImage)?.repository === repository;
}

function withoutRole({ roleArn, externalId: _, ...registry }: EcrRegistry): EcrRegistry {
  const account = registry.registryId ?? roleArn?.split(':')[4];
  return { ...registry, ...(account !== undefined && { registryId: account }) };
}

/** A build whose image Runpod's workers can run. */
function buildCommand(image: string): string {
  const tagged = image.replace(/@.*$/, ':TAG');
  return `Build and push it: docker buildx build --platform ${WORKER_PLATFORM} --push -t ${tagged} .`;
}

function notProved(
  { credentialName, anonymous, target }: FoundImage,
  image: string,
  state: Exclude<ImageState, { readonly found: 'image' }>,
): Error {
  if (state.found === 'no-image') {
    const [repository = image] = image.split(/[:@](?!.*\/)/);
    const what =
      state.missing === 'repository'
        ? `The registry has no repository ${repository}.`
        : `The registry has no image ${image}.`;
    return new CliError(what, { fix: buildCommand(image) });
  }
  if (state.found === 'denied') {
    if (anonymous) {
      return new CliError(`${image} is private, and no target has its registry (${state.because}).`, {
        fix: 'Name a configuration with a target of this registry with --config.',
      });
    }
    return new CliError(`The registry refuses ${credentialName} for ${image} (${state.because}).`, {
      fix: target
        ? `Check the repository's policy and what target ${target.name} may pull.`
        : 'Allow your AWS identity ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on the repository.',
    });
  }
  return new TransientError(
    `The registry cannot be asked about ${image}: ${state.because}. Nothing was sent.`,
  );
}
