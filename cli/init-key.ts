/** The Runpod key in `init`: asked for, checked, stored. */

import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import type { RunpodSettings, Secret } from '../lambda/core/model';
import type { RegistryAuth } from '../lambda/core/runpod/api';
import { isJsonObject, type JsonObject } from '../lambda/core/runpod/api';
import { parseApiKey } from '../lambda/core/secrets';
import { CliError, isMarkedForDeletion, nameOf, wrongUse } from './errors';
import type { InitFlags } from './init-options';
import type { Operator } from './operator';
import { awsCommand, commandLine } from './options';
import type { Output } from './output';
import { askSecret, askYes, isInteractive, readSecretFromStdin } from './prompts';
import { probeRoutes, type RouteAccess, writableRoutes } from './runpod/access';

/** A key that works, and what to do about its secret. */
export interface CheckedKey {
  readonly apiKey: Secret;
  readonly auths: readonly RegistryAuth[];
  /** `keep`: the secret holds this key already. */
  readonly store: 'keep' | 'create' | 'replace';
  /** What the secret holds beside the key, where it is a JSON object. */
  readonly beside?: JsonObject;
}

/** How often a person may paste a key that does not work. */
const MAX_TRIES = 3;

/**
 * Takes the key that is stored, or a new one, and checks that it works. Stores nothing.
 *
 * @throws CliError when it does not work, or when a stored key would have to be overwritten unasked
 */
export async function takeKey(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  place: { readonly secretName: string; readonly runpod: RunpodSettings },
): Promise<CheckedKey> {
  const { secretName, runpod } = place;
  const stored = await output.during('looking for a stored key', () => readStored(operator, secretName));
  if (stored.value !== undefined && !(await replaces(flags, secretName))) {
    const apiKey = parseApiKey(secretName, stored.value);
    const routes = await output.during('asking Runpod', () => probeRoutes(operator, runpod, apiKey));
    const again = commandLine(`init --store-key --replace-key --secret ${secretName}`, operator.options);
    return { apiKey, auths: workingAuths(routes, { secretName, again }), store: 'keep' };
  }
  const store = stored.exists ? 'replace' : 'create';
  const beside = objectWithKey(stored.value);
  for (let tries = 1; ; tries += 1) {
    const apiKey = await newKey(flags);
    try {
      parseApiKey('the key', apiKey.reveal());
      const routes = await output.during('asking Runpod', () => probeRoutes(operator, runpod, apiKey));
      return { apiKey, auths: workingAuths(routes), store, ...(beside && { beside }) };
    } catch (error) {
      if (flags.keyStdin || !isInteractive() || tries === MAX_TRIES || !(error instanceof Error)) throw error;
      output.line(`${output.mark('broken')} ${error.message}`);
    }
  }
}

/** Stores a checked key. @throws AWS's own error */
export async function storeKey(operator: Operator, secretName: string, key: CheckedKey): Promise<void> {
  const apiKey = key.apiKey.reveal();
  const SecretString = key.beside ? JSON.stringify({ ...key.beside, apiKey }) : apiKey;
  const replace = () =>
    operator.secrets.send(new PutSecretValueCommand({ SecretId: secretName, SecretString }));
  if (key.store === 'replace') await replace();
  if (key.store !== 'create') return;
  const Description = 'Runpod API key with which registry auths are kept fresh';
  try {
    await operator.secrets.send(new CreateSecretCommand({ Name: secretName, SecretString, Description }));
  } catch (error) {
    if (nameOf(error) !== 'ResourceExistsException') throw error;
    // A secret that was made without a value reads as if it were not there. One that has a value now was stored meanwhile.
    if ((await readStored(operator, secretName)).exists) throw error;
    await replace();
  }
}

/** A secret that is a JSON object with the key in it; its other fields are kept. */
function objectWithKey(value: string | undefined): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(value ?? '');
    return isJsonObject(json) && 'apiKey' in json ? json : undefined;
  } catch {
    return undefined;
  }
}

async function readStored(
  operator: Operator,
  secretName: string,
): Promise<{ exists: boolean; value?: string | undefined }> {
  try {
    const { SecretString } = await operator.secrets.send(new GetSecretValueCommand({ SecretId: secretName }));
    return { exists: true, value: SecretString };
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return { exists: false };
    if (isMarkedForDeletion(error)) {
      const restore = awsCommand(`secretsmanager restore-secret --secret-id ${secretName}`, operator.options);
      throw new CliError(`${secretName} is marked for deletion. Take that back first: ${restore}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Whether the stored key is to be overwritten: only when the person says so. */
async function replaces(flags: InitFlags, secretName: string): Promise<boolean> {
  if (flags.replaceKey) return true;
  if (flags.keyStdin) {
    throw wrongUse(
      `${secretName} holds a key already. Say --replace-key to overwrite it, or leave --key-stdin out.`,
    );
  }
  if (!flags.storeKey) return false;
  if (isInteractive()) return askYes(`${secretName} holds a key already. Overwrite it?`);
  throw wrongUse(`${secretName} holds a key already. Say --replace-key to overwrite it.`);
}

function newKey(flags: InitFlags): Promise<Secret> {
  if (flags.keyStdin) return readSecretFromStdin();
  if (isInteractive())
    return askSecret('Paste a Runpod API key that may write registry auths (it is not shown)');
  throw wrongUse('Nobody can be asked for the Runpod key here (not a terminal): give it with --key-stdin.');
}

/** @param stored - where the key was found, and the command that stores another. @default - it was just given */
function workingAuths(
  routes: readonly RouteAccess[],
  stored?: { readonly secretName: string; readonly again: string },
): readonly RegistryAuth[] {
  const [works] = writableRoutes(routes);
  if (works) return works.auths;
  const whose = stored === undefined ? 'this key' : `the key in ${stored.secretName}`;
  const again = stored === undefined ? '' : ` Store another with: ${stored.again}`;
  if (routes.some(({ state }) => state === 'refused')) {
    throw new CliError(`Runpod refuses ${whose} (401).${again}`);
  }
  if (routes.some(({ state }) => state === 'forbidden')) {
    throw new CliError(
      `At Runpod ${whose} may not write registry auths (403): give it secrets:write.${again}`,
    );
  }
  throw new CliError(
    `Runpod gives no usable answer (${routes.map(({ why }) => why).join(', ')}); try again later.`,
  );
}
