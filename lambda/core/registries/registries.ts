import type { Clock } from '../clock';
import { OperatorMustActError } from '../errors';
import { Memo } from '../memo';
import { type Credential, MAX_CREDENTIAL_LENGTH, type Registry } from '../model';
import type { ReadSecret } from '../secret-value';
import { createDockerHub } from './docker-hub';
import { createEcr } from './ecr';
import { createEcrPublic } from './ecr-public';
import { createGhcr } from './ghcr';
import { createGoogleArtifactRegistry } from './google-artifact-registry';
import type { RegistryKind } from './registry-kind';
import { createSelfHosted } from './self-hosted';

/** Every kind that the model names, each by its own file: one that is missing does not compile. */
type Kinds = { readonly [T in Registry['type']]: RegistryKind<Extract<Registry, { readonly type: T }>> };

/** All kinds of registry behind one. A credential that Runpod would not take is refused here, before it is sent. */
export function createRegistries(clock: Clock, read: ReadSecret): RegistryKind<Registry> {
  const readSecret = oncePerRun(read);
  const kinds: Kinds = {
    ecr: createEcr(clock),
    'ecr-public': createEcrPublic(clock),
    'docker-hub': createDockerHub(readSecret),
    ghcr: createGhcr(readSecret),
    'google-artifact-registry': createGoogleArtifactRegistry(readSecret),
    'self-hosted': createSelfHosted(readSecret),
  };
  const kindOf = (registry: Registry): RegistryKind<Registry> => kinds[registry.type];
  return {
    shareKey: (registry) => kindOf(registry).shareKey(registry),
    issue: async (registry, deadlineMs) => fitForRunpod(await kindOf(registry).issue(registry, deadlineMs)),
  };
}

/**
 * Reads each secret once in a run, though several registries may name it. A run is known by its deadline: no two
 * runs of a process have the same.
 */
function oncePerRun(read: ReadSecret): ReadSecret {
  let run: { readonly deadlineMs: number; readonly values: Memo<string, Promise<unknown>> } | undefined;
  return (secretName, deadlineMs, what) => {
    if (run?.deadlineMs !== deadlineMs) run = { deadlineMs, values: new Memo() };
    return run.values.get(secretName, () => read(secretName, deadlineMs, what));
  };
}

/** @throws OperatorMustActError `secret-unusable` */
function fitForRunpod(credential: Credential): Credential {
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
