import { type GoogleArtifactRegistry, Secret } from '../model';
import type { ReadSecret } from '../secret-value';
import type { RegistryKind } from './registry-kind';
import { createStoredLogin, type LoginForm, parseObject, secretUnusable } from './stored-login';

/** A service account's key file: the registry takes its whole text as the password, byte for byte. */
export const SERVICE_ACCOUNT_KEY: LoginForm = {
  what: "the service account's key file",
  parse(secretName, value) {
    const key = parseObject(value);
    const isKey =
      key?.type === 'service_account' && typeof key.private_key === 'string' && key.private_key !== '';
    if (typeof value === 'string' && isKey) return { username: '_json_key', password: new Secret(value) };
    const found = key ? 'JSON that is none' : 'a value that is not a JSON object';
    throw secretUnusable(secretName, "a Google service account's key file as it is", found);
  },
};

/** Google Artifact Registry, by a service account's key. */
export function createGoogleArtifactRegistry(readSecret: ReadSecret): RegistryKind<GoogleArtifactRegistry> {
  return createStoredLogin(readSecret, SERVICE_ACCOUNT_KEY);
}
