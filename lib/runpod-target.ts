import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { RunpodRegistry } from './runpod-registry';

/** Whether the registry must accept a credential before it is sent to Runpod. A rejected credential is never sent. */
export enum VerifyMode {
  /** When the registry cannot be reached, nothing is sent and the target fails. */
  REQUIRED = 'required',
  /** When the registry cannot be reached, the credential is sent. */
  BEST_EFFORT = 'best-effort',
  /** The registry is not asked. */
  OFF = 'off',
}

/** One Runpod registry auth to keep fresh. Give either `registryAuthId` or `registryAuthName`. */
export interface RunpodTarget {
  /** Unique among the targets of a refresher: 1 to 64 letters, digits, `_` and `-`. Logs, events and messages use it. */
  readonly name: string;
  /** Where the credential comes from. */
  readonly registry: RunpodRegistry;
  /**
   * Id of the Runpod registry auth to update in place.
   * @default - `registryAuthName` is looked up
   */
  readonly registryAuthId?: string;
  /**
   * Name of the Runpod registry auth to update. It is created when it does not exist.
   * @default - `registryAuthId` is used
   */
  readonly registryAuthName?: string;
  /**
   * The secret with the API key of another Runpod account or team.
   * @default - `runpodApiKey` of the refresher
   */
  readonly runpodApiKey?: ISecret;
  /**
   * Whether the registry must accept the credential before it is sent.
   * @default VerifyMode.BEST_EFFORT
   */
  readonly verify?: VerifyMode;
  /**
   * An image that the credential must be able to pull: `repository:tag` or `repository@digest`, without the registry's
   * host.
   * @default - only the login is checked
   */
  readonly verifyImage?: string;
  /**
   * Tag of an image that the credential must be able to pull, in the only repository of an ECR registry.
   * @default - `verifyImage`
   */
  readonly verifyImageTag?: string;
}
