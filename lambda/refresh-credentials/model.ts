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
}

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

/** Where a target's credential comes from. */
export type Registry = EcrRegistry;

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

/** Name of the settings file beside the function's `index.mjs`. */
export const SETTINGS_FILE = 'refresher.json';

/** Namespace of the function's metrics. */
export const METRIC_NAMESPACE = 'RunpodEcrRefresher';

/** How long an ECR authorization token lives, in hours (Amazon ECR API reference, GetAuthorizationToken). */
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
