import type { GhcrRegistry } from '../model';
import type { ReadSecret } from '../secret-value';
import type { RegistryKind } from './registry-kind';
import { createStoredLogin } from './stored-login';

/**
 * GitHub's container registry: a user, and a personal access token (classic) as the password. It answers 403, with
 * no challenge, to a password that it did not ask for, and its token service answers 403 to a wrong one.
 */
export function createGhcr(readSecret: ReadSecret): RegistryKind<GhcrRegistry> {
  return createStoredLogin(readSecret);
}
