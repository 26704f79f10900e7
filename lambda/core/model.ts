/**
 * The nouns of the service. Shared by the function and by the stack that deploys it, so this file imports
 * nothing: neither the AWS SDK nor the CDK may arrive through it.
 */

/** Prints as `[secret]` wherever it lands: a log, an error, a template string, JSON, the debugger's inspector. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value leaves the process on purpose: the request being sent. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** What a registry accepts on pull, and therefore what Runpod must hold. */
export interface Credential {
  readonly username: string;
  readonly password: Secret;
  /** When the registry stops accepting it; absent where it does not expire by the clock. */
  readonly expiresAt?: Date;
  /** Base address of the registry that accepts it, as that registry's owner names it (`https://…`, no trailing slash). */
  readonly registryUrl: string;
  /**
   * The registry takes Basic auth, and need not be asked first which login it wants.
   * @default false - it is asked, and gets no password before it has answered
   */
  readonly basicAtOnce?: boolean;
  /** What a person looks at when the registry rejects it. @default - the repository's policy and the role's permissions */
  readonly origin?: string;
}

/** Runpod's limits of a registry auth, in characters (REST v2, `PATCH /registries/{id}`). */
export const MAX_CREDENTIAL_LENGTH = { username: 191, password: 16_384 } as const;

/** Amazon ECR: a password that AWS issues and that dies after 12 hours. */
export interface EcrRegistry {
  readonly type: 'ecr';
  /** @default - the region of the function */
  readonly region?: string;
  /** Repository names that the credential may pull; at least one. */
  readonly repositories: readonly string[];
  /** Role to assume before asking for the credential, in another account. @default - the function's own role */
  readonly roleArn?: string;
  /** External id for the assumption of `roleArn`. @default - none */
  readonly externalId?: string;
}

/** Amazon ECR Public: authenticated pulls from `public.ecr.aws`, with a password that dies after 12 hours. */
export interface EcrPublicRegistry {
  readonly type: 'ecr-public';
  readonly url: string;
}

/** What the registries have in common whose user name and password stand in a secret. They have no time of expiry. */
interface StoredLoginRegistry {
  /** Secrets Manager name or ARN; the value is JSON, `{"username": "…", "password": "…"}`. */
  readonly credentialSecretName: string;
  /** Base address of its distribution API (`https://…`). */
  readonly url: string;
}

/** Docker Hub. */
export interface DockerHubRegistry extends StoredLoginRegistry {
  readonly type: 'docker-hub';
}

/** GitHub's container registry. */
export interface GhcrRegistry extends StoredLoginRegistry {
  readonly type: 'ghcr';
}

/** Google Artifact Registry. Its secret is a service account's key file as it is; the user name is `_json_key`. */
export interface GoogleArtifactRegistry extends StoredLoginRegistry {
  readonly type: 'google-artifact-registry';
}

/** Any other registry that speaks the OCI distribution API. */
export interface SelfHostedRegistry extends StoredLoginRegistry {
  readonly type: 'self-hosted';
}

/** Where a target's credential comes from. */
export type Registry =
  | EcrRegistry
  | EcrPublicRegistry
  | DockerHubRegistry
  | GhcrRegistry
  | GoogleArtifactRegistry
  | SelfHostedRegistry;

/**
 * What happens when a registry cannot be asked whether it accepts the new credential. A registry that answers
 * "no" means that nothing is sent, whatever this says (`off` does not ask).
 */
export type VerifyMode = 'required' | 'best-effort' | 'off';

/** One of Runpod's APIs. */
export type RouteName = 'rest-v2' | 'rest-v1' | 'graphql';

/** One Runpod registry auth to keep fresh. Exactly one of `registryAuthId` and `registryAuthName` is given. */
export interface Target {
  /** Unique among the targets; `[A-Za-z0-9_-]{1,64}`. */
  readonly name: string;
  /** Update this registry auth in place. */
  readonly registryAuthId?: string;
  /** Find the registry auth by this name, and create it where it is missing. */
  readonly registryAuthName?: string;
  /** Secrets Manager name or ARN of the Runpod API key. */
  readonly runpodApiKeySecretName: string;
  readonly registry: Registry;
  readonly verify: VerifyMode;
  /** `repository:tag` or `repository@digest`: prove that this image can be pulled. @default - only the login is proved */
  readonly verifyImage?: string;
}

/** Which of Runpod's APIs to use, and where they are. */
export interface RunpodSettings {
  /** `auto` tries rest-v2, rest-v1, graphql in this order; a route's name forces that one. */
  readonly api: 'auto' | RouteName;
  readonly restV2Url: string;
  readonly restV1Url: string;
  readonly graphqlUrl: string;
}

/**
 * What the function needs to know, written at synth as `refresher.json` beside its code. A function's
 * environment holds 4 KB, which is fewer than 1,000 targets need.
 */
export interface RefresherSettings {
  /** The stack's name: the `service` of every log line and metric. */
  readonly service: string;
  readonly targets: readonly Target[];
  readonly runpod: RunpodSettings;
}

/** How long an ECR authorization token lives, in hours (Amazon ECR API reference, GetAuthorizationToken; ECR Public alike). */
export const ECR_TOKEN_LIFE_HOURS = 12;

/** A target that was refreshed, as the function returns it. */
export interface RefreshedTarget {
  readonly target: string;
  readonly registryAuthId: string;
  readonly route: RouteName;
  /** ISO 8601; absent where the credential does not expire by the clock. */
  readonly expiresAt?: string;
  /** Whether the registry was asked and accepted the credential. */
  readonly verified: boolean;
}

/** What the function returns when every target asked for was refreshed. A failure is thrown, never returned. */
export interface RefreshReport {
  readonly refreshed: readonly RefreshedTarget[];
  readonly failed: readonly [];
  /** Present and true when nothing was written. */
  readonly dryRun?: boolean;
}
