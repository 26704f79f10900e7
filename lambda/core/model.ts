/**
 * The types that the functions and the stack share. This file imports nothing, so that neither side pulls in the AWS
 * SDK or the CDK through it.
 */

/** A value that prints as `[secret]` in a log, an error, a template string, JSON and the debugger. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value itself. Call it only to build a request that is sent, or to check the value. */
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

/** What a registry accepts for a pull. Runpod keeps it in a registry auth. */
export interface Credential {
  readonly username: string;
  readonly password: Secret;
  /** When the registry stops accepting it; absent when it does not expire. */
  readonly expiresAt?: Date;
  /** Base address of the registry that accepts it (`https://…`, no trailing slash). */
  readonly registryUrl: string;
  /**
   * Send Basic auth with the first request.
   * @default false - the registry is first asked which login it wants
   */
  readonly basicAtOnce?: boolean;
  /**
   * The registry also rejects a credential with 400, as ECR and ECR Public do.
   * @default false - 400 says nothing about the credential
   */
  readonly rejectedBy400?: boolean;
  /** What a person must check when the registry rejects it. @default - the repository's policy and the role's permissions */
  readonly origin?: string;
}

/** Runpod's limits of a registry auth, in characters (REST v2, `PATCH /registries/{id}`). */
export const MAX_CREDENTIAL_LENGTH = { username: 191, password: 16_384 } as const;

/** Amazon ECR. AWS issues the password, which expires after 12 hours. */
export interface EcrRegistry {
  readonly type: 'ecr';
  /** @default - the region of the function */
  readonly region?: string;
  /** Account of the repositories, when the function's own role pulls from another one. @default - the function's account */
  readonly registryId?: string;
  /** Repository names that the credential may pull, as far as they are known at synth. The function does not read them. */
  readonly repositories: readonly string[];
  /** Role to assume before asking for the credential, in another account. @default - the function's own role */
  readonly roleArn?: string;
  /** External id for the assumption of `roleArn`. @default - none */
  readonly externalId?: string;
}

/** Amazon ECR Public (`public.ecr.aws`). AWS issues the password, which expires after 12 hours. */
export interface EcrPublicRegistry {
  readonly type: 'ecr-public';
  /** Base address of its distribution API (`https://…`). */
  readonly url: string;
}

/** A registry whose user name and password are kept in a secret. They have no expiry time. */
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

/** Google Artifact Registry. Unlike the others, its secret is the unchanged key file of a service account. */
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
 * What happens when a registry cannot be asked whether it accepts the new credential: `required` sends nothing,
 * `best-effort` sends, `off` does not ask. When a registry rejects the credential, nothing is sent.
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
  /** Prove that this image (`repository:tag` or `repository@digest`) can be pulled. @default - only the login is proved */
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
 * The settings of the function, written at synth as `refresher.json` beside its code. A function's environment holds
 * 4 KB, and 1,000 targets need more.
 */
export interface RefresherSettings {
  /** The stack's name: the `service` of every log line and metric. */
  readonly service: string;
  readonly targets: readonly Target[];
  readonly runpod: RunpodSettings;
  /** Minimum life of a credential when it is written: one refresh interval plus `PAGE_BUDGET_MINUTES`. */
  readonly minCredentialMinutes: number;
  /** Settings of the function that watches pulls. @default - there is no watch */
  readonly pullWatch?: PullWatchSettings;
  /** The refresher in another region that writes the same registry auths. @default - there is none */
  readonly otherRegion?: OtherRegion;
}

/** Where a refresher reports that a run has succeeded: the CloudWatch of the other region. */
export interface OtherRegion {
  readonly region: string;
  /** Name of the other refresher: the value of its metrics' dimension `service`. */
  readonly service: string;
  /** Address of CloudWatch in that region. `AWS_ENDPOINT_URL` replaces it. */
  readonly metricsUrl: string;
  /**
   * Whether that region has the original secrets, so that those of this region are replicas.
   * @default false
   */
  readonly hasOriginalSecrets?: boolean;
}

/** Settings of the function that watches pulls. */
export interface PullWatchSettings {
  /** Ids of endpoints and pods that are not looked at. */
  readonly ignore: readonly string[];
  /** Minutes between two looks; the rate of the function's schedule. */
  readonly intervalMinutes: number;
}

/**
 * A page must come at least this many minutes before the credential at Runpod expires. The person on call needs this
 * time to act. Alarms and `minCredentialMinutes` are computed from it.
 */
export const PAGE_BUDGET_MINUTES = 240;

/** How long an ECR authorization token lives, in hours (Amazon ECR API reference, GetAuthorizationToken; ECR Public alike). */
export const ECR_TOKEN_LIFE_HOURS = 12;

/** A target that was refreshed, as the function returns it. */
export interface RefreshedTarget {
  readonly target: string;
  readonly registryAuthId: string;
  readonly route: RouteName;
  /** ISO 8601; absent when the credential has no expiry time. */
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

/**
 * What is wrong with the pulls of a workload.
 *
 * - `image-missing`: no such repository, tag or digest.
 * - `pull-denied`: the registry refuses the credential for this image.
 * - `wrong-platform`: the image is not for linux/amd64.
 * - `not-attached`: the image is in a target's registry, the workload names no registry auth, and no delegation covers it.
 * - `wrong-auth`: the workload names a registry auth that is not of the image's target.
 * - `pull-failed`: the workload's own log says that a pull failed.
 */
export type PullProblem =
  | 'image-missing'
  | 'pull-denied'
  | 'wrong-platform'
  | 'not-attached'
  | 'wrong-auth'
  | 'pull-failed';

/** One problem of one workload. */
export interface PullFinding {
  readonly target: string;
  /** Such as `endpoint ep_abc123`. */
  readonly workload: string;
  readonly image: string;
  readonly problem: PullProblem;
  /** One sentence: what is wrong and what to do. */
  readonly detail: string;
}

/** A target whose API key may not list workloads or read logs. */
export interface BlindTarget {
  readonly target: string;
  readonly reason: string;
}

/** What the watch returns. */
export interface WatchReport {
  /** Number of endpoints and pods that were looked at. */
  readonly workloads: number;
  /** Number of different images whose registry was asked. */
  readonly images: number;
  readonly blind: readonly BlindTarget[];
  readonly findings: readonly PullFinding[];
}
