import type { IRepository } from 'aws-cdk-lib/aws-ecr';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';

/** Options of `RunpodRegistry.ecr`. */
export interface EcrRegistryOptions {
  /**
   * What the credential may pull; at least one, all of the same account and region. They may be created in the same app
   * or imported.
   *
   * The credential at Runpod can pull these and the repositories of the other ECR targets without a `role`, and nothing
   * else.
   */
  readonly repositories: IRepository[];
  /**
   * Region of the repositories. Give it for repositories that were imported by name.
   * @default - the region of the repositories, which is the stack's unless they were imported by ARN
   */
  readonly region?: string;
  /**
   * Role to assume for the credential. Its permissions decide what can be pulled. Its trust policy must name the roles of
   * the refresher and of its watch, or their account.
   *
   * @default - the role of the refresher's function, which gets the permission to pull `repositories`
   */
  readonly role?: IRole;
  /**
   * The external id that the trust policy of `role` requires.
   * @default - none
   */
  readonly externalId?: string;
}

/** Options of `RunpodRegistry.ecrPublic`. */
export interface EcrPublicRegistryOptions {
  /**
   * Base address of the registry. Change it only for a proxy in front of it.
   * @default 'https://public.ecr.aws'
   */
  readonly url?: string;
}

/** Options of `RunpodRegistry.dockerHub`. */
export interface DockerHubRegistryOptions {
  /** The secret with the login: JSON, `{"username": "…", "password": "…"}`. */
  readonly credential: ISecret;
  /**
   * Base address of the registry. Change it only for a proxy in front of it.
   * @default 'https://registry-1.docker.io'
   */
  readonly url?: string;
}

/** Options of `RunpodRegistry.ghcr`. */
export interface GhcrRegistryOptions {
  /** The secret with the login: JSON, `{"username": "…", "password": "…"}`. */
  readonly credential: ISecret;
  /**
   * Base address of the registry. Change it only for GitHub Enterprise, such as `https://containers.example.ghe.com`.
   * @default 'https://ghcr.io'
   */
  readonly url?: string;
}

/** Options of `RunpodRegistry.googleArtifactRegistry`. */
export interface GoogleArtifactRegistryOptions {
  /** The repositories' region, such as `europe-west3`, or multi-region: `us`, `europe`, `asia`. */
  readonly location: string;
  /** The secret with a service account's key file, unchanged. */
  readonly credential: ISecret;
  /**
   * Base address of the registry. For `gcr.io` names give their address, such as `https://eu.gcr.io`.
   * @default - https://LOCATION-docker.pkg.dev
   */
  readonly url?: string;
}

/** Options of `RunpodRegistry.selfHosted`. */
export interface SelfHostedRegistryOptions {
  /** Base address of the registry: host and port, such as `https://registry.example.com:5000`. */
  readonly url: string;
  /** The secret with the login: JSON, `{"username": "…", "password": "…"}`. */
  readonly credential: ISecret;
}

/**
 * Where the credential of a target comes from.
 *
 * @example
 * RunpodRegistry.ecr({ repositories: [repository] });
 * RunpodRegistry.ghcr({ credential: Secret.fromSecretNameV2(this, 'Ghcr', 'runpod/ghcr') });
 */
export class RunpodRegistry {
  /** Amazon ECR, private repositories. */
  static ecr(options: EcrRegistryOptions): RunpodRegistry {
    const { repositories, region, role, externalId } = options;
    return new RunpodRegistry({ type: 'ecr', region, externalId }, { repositories, role });
  }

  /** Amazon ECR Public, with authenticated pulls. */
  static ecrPublic(options: EcrPublicRegistryOptions = {}): RunpodRegistry {
    return new RunpodRegistry({ type: 'ecr-public', url: options.url });
  }

  /** Docker Hub. */
  static dockerHub(options: DockerHubRegistryOptions): RunpodRegistry {
    return new RunpodRegistry({ type: 'docker-hub', url: options.url }, options);
  }

  /** GitHub's container registry. */
  static ghcr(options: GhcrRegistryOptions): RunpodRegistry {
    return new RunpodRegistry({ type: 'ghcr', url: options.url }, options);
  }

  /** Google Artifact Registry. */
  static googleArtifactRegistry(options: GoogleArtifactRegistryOptions): RunpodRegistry {
    const { location, url } = options;
    return new RunpodRegistry({ type: 'google-artifact-registry', location, url }, options);
  }

  /** Any other registry with the OCI distribution API, such as Harbor. */
  static selfHosted(options: SelfHostedRegistryOptions): RunpodRegistry {
    return new RunpodRegistry({ type: 'self-hosted', url: options.url }, options);
  }

  /**
   * What the configuration file has under `registry`, without the keys that follow from `_resources`.
   * @internal
   */
  readonly _settings: RegistrySettings;

  /**
   * The resources of AWS that the registry needs.
   * @internal
   */
  readonly _resources: RegistryResources;

  /**
   * Returns the same registry with another secret. A registry without a secret is returned unchanged.
   * @internal
   */
  _withCredential(replace: (credential: ISecret) => ISecret): RunpodRegistry {
    const { credential } = this._resources;
    if (credential === undefined) return this;
    return new RunpodRegistry(this._settings, { ...this._resources, credential: replace(credential) });
  }

  private constructor(settings: RegistrySettings, resources: RegistryResources = {}) {
    this._settings = settings;
    this._resources = resources;
  }
}

/** Keys and values as in the configuration file. */
type RegistrySettings = Readonly<Record<string, string | undefined>>;

interface RegistryResources {
  readonly repositories?: IRepository[];
  readonly role?: IRole | undefined;
  readonly credential?: ISecret;
}
