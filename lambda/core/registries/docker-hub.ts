import type { DockerHubRegistry } from '../model';
import type { ReadSecret } from '../secret-value';
import type { RegistryKind } from './registry-kind';
import { createStoredLogin } from './stored-login';

/**
 * Docker Hub: a user or an organisation, and an access token as the password. The registry sends whoever comes to
 * a token service on another host, which answers 401 to a wrong password.
 */
export function createDockerHub(readSecret: ReadSecret): RegistryKind<DockerHubRegistry> {
  return createStoredLogin(readSecret);
}
