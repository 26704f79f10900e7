import type { Clock } from '../clock';
import { OperatorMustActError } from '../errors';
import { type Credential, MAX_CREDENTIAL_LENGTH, type Registry } from '../model';
import type { ReadSecret } from '../secrets';
import { EcrCredentials, ecrCacheKey, type PrepareClient } from './ecr';
import { readStoredLogin } from './stored-login';

/** What issuing a credential needs from the run. */
export interface IssueOptions {
  /** The secret reader of the run. */
  readonly readSecret: ReadSecret;
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
}

/**
 * Issues the credential of a registry.
 *
 * Throws OperatorMustActError or TransientError. The reason is `secret-unusable` when Runpod would refuse the
 * credential because of its length.
 */
export type IssueCredential = (registry: Registry, options: IssueOptions) => Promise<Credential>;

/**
 * Makes the function that issues credentials of every kind of registry. It may be kept from run to run.
 *
 * @param minLifeMs - minimum life of an ECR credential. ECR is asked again for a shorter one. @default 0
 * @param prepare - changes the clients of ECR. @default - they stay as they are
 */
export function createCredentialIssuer(
  clock: Clock,
  minLifeMs = 0,
  prepare?: PrepareClient,
): IssueCredential {
  const ecr = new EcrCredentials(clock, minLifeMs, prepare);
  const issue = (registry: Registry, options: IssueOptions): Promise<Credential> => {
    switch (registry.type) {
      case 'ecr':
        return ecr.issue(registry, options.deadlineMs);
      case 'ecr-public':
        return ecr.issuePublic(registry, options.deadlineMs);
      default:
        return readStoredLogin(registry, options);
    }
  };
  return async (registry, options) => checkLengths(await issue(registry, options));
}

/** Returns the same key for registries that share one credential. */
export function credentialCacheKey(registry: Registry): string {
  switch (registry.type) {
    case 'ecr':
      return ecrCacheKey(registry);
    case 'ecr-public':
      return JSON.stringify([registry.type, registry.url]);
    default:
      return JSON.stringify([registry.type, registry.url, registry.credentialSecretName]);
  }
}

/** Refuses a credential that is too long for Runpod. @throws OperatorMustActError `secret-unusable` */
function checkLengths(credential: Credential): Credential {
  const { origin = 'the credential of the registry' } = credential;
  const lengths = { username: credential.username.length, password: credential.password.reveal().length };
  for (const part of ['username', 'password'] as const) {
    const limit = MAX_CREDENTIAL_LENGTH[part];
    if (lengths[part] <= limit) continue;
    throw new OperatorMustActError(
      'secret-unusable',
      `${origin}: Runpod takes a ${part} of at most ${limit} characters, found ${lengths[part]}; nothing was sent to Runpod`,
    );
  }
  return credential;
}
