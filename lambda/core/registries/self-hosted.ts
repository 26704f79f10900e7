import type { SelfHostedRegistry } from '../model';
import type { ReadSecret } from '../secret-value';
import type { RegistryKind } from './registry-kind';
import { createStoredLogin } from './stored-login';

/** Any registry with the OCI distribution API, by Basic auth or a token service, whichever it asks for. */
export function createSelfHosted(readSecret: ReadSecret): RegistryKind<SelfHostedRegistry> {
  return createStoredLogin(readSecret);
}
