/** Asks for the Runpod key, checks it and stores it, for `init`. */

import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { RunpodSettings, Secret } from '../../lambda/core/model';
import { isJsonObject, type JsonObject, type RegistryAuth } from '../../lambda/core/runpod/api';
import { parseApiKey, textOfSecret } from '../../lambda/core/secrets';
import {
  CliError,
  describeAwsError,
  errorName,
  isAccessDenied,
  isMarkedForDeletion,
  isOwnError,
  usageError,
} from '../errors';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import type { Output } from '../output';
import { askSecret, askYes, mayAsk, readSecretFromStdin } from '../prompts';
import { probeRoutes, type RouteAccess, writableRoutes } from '../runpod/access';
import type { InitFlags } from './options';

/** A key that works, and how to store it. */
export interface CheckedKey {
  readonly apiKey: Secret;
  /** The registry auths of the key's account. */
  readonly auths: readonly RegistryAuth[];
  /** `keep`: the secret already holds this key. `create`: there is no secret yet. */
  readonly store: 'keep' | 'create' | 'replace';
  /** The secret's JSON object, when it is one. Its other fields are kept. */
  readonly object?: JsonObject;
}

/** How many keys a person may paste until one works. */
const MAX_TRIES = 3;

/**
 * Checks the stored key, or asks for a new one and checks that. Stores nothing.
 *
 * @param place - the secret's name, and the settings of Runpod's APIs
 * @throws CliError when the key does not work, or when overwriting a stored key was not confirmed
 */
export async function takeKey(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  place: { readonly secretName: string; readonly runpod: RunpodSettings },
): Promise<CheckedKey> {
  const { secretName, runpod } = place;
  const stored = await output.withSpinner('looking for a stored key', () => readStored(operator, secretName));
  if (stored.binary) await agreeToReplaceBinary(operator, flags, secretName);
  if (stored.value !== undefined && !(await mayReplace(operator, flags, secretName))) {
    const apiKey = parseApiKey(secretName, stored.value);
    const routes = await output.withSpinner('asking Runpod', () => probeRoutes(operator, runpod, apiKey));
    const command = replaceCommand(operator, secretName);
    return { apiKey, auths: workingAuths(routes, { secretName, command }), store: 'keep' };
  }
  const store = stored.exists ? 'replace' : 'create';
  const object = objectWithKey(stored.value);
  for (let tries = 1; ; tries += 1) {
    const apiKey = await newKey(operator, flags);
    try {
      parseApiKey('the key', apiKey.reveal());
      const routes = await output.withSpinner('asking Runpod', () => probeRoutes(operator, runpod, apiKey));
      return { apiKey, auths: workingAuths(routes), store, ...(object && { object }) };
    } catch (error) {
      if (flags.keyStdin || !mayAsk(operator.options) || tries === MAX_TRIES) throw error;
      output.line(`${output.mark('broken')} ${isOwnError(error) ? error.message : describeAwsError(error)}`);
    }
  }
}

function replaceCommand(operator: Operator, secretName: string): string {
  return commandLine(`init --store-key --replace-key --secret ${secretName}`, operator.options);
}

/** Stores a checked key. @throws the AWS client's error */
export async function storeKey(operator: Operator, secretName: string, key: CheckedKey): Promise<void> {
  const apiKey = key.apiKey.reveal();
  const SecretString = key.object ? JSON.stringify({ ...key.object, apiKey }) : apiKey;
  const replace = () =>
    operator
      .client(SecretsManagerClient)
      .send(new PutSecretValueCommand({ SecretId: secretName, SecretString }));
  if (key.store === 'keep') return;
  // A secret with an ARN exists already, though it may have no value yet.
  if (key.store === 'replace' || secretName.startsWith('arn:')) {
    await replace();
    return;
  }
  const Description = 'Runpod API key with which registry auths are kept fresh';
  try {
    await operator
      .client(SecretsManagerClient)
      .send(new CreateSecretCommand({ Name: secretName, SecretString, Description }));
  } catch (error) {
    if (errorName(error) !== 'ResourceExistsException') throw error;
    // A secret without a value looked missing, so it gets one. A value that is there now was stored after the check.
    if ((await readStored(operator, secretName)).exists) throw error;
    await replace();
  }
}

/** Returns the secret's JSON object, if the value is one that holds the key. */
function objectWithKey(value: string | undefined): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(value ?? '');
    return isJsonObject(json) && 'apiKey' in json ? json : undefined;
  } catch {
    return undefined;
  }
}

/** What a secret holds now. */
interface StoredValue {
  readonly exists: boolean;
  /** Text, also of a binary value. @default - there is no secret, or it has no text */
  readonly value?: string | undefined;
  /** The value is binary and not text. */
  readonly binary?: boolean;
}

/** Whether a secret exists. A secret that may not be read counts as one that exists. */
export async function hasSecret(operator: Operator, secretName: string): Promise<boolean> {
  try {
    return (await readStored(operator, secretName)).exists;
  } catch (error) {
    if (isAccessDenied(error)) return true;
    throw error;
  }
}

async function readStored(operator: Operator, secretName: string): Promise<StoredValue> {
  try {
    const { SecretString, SecretBinary } = await operator
      .client(SecretsManagerClient)
      .send(new GetSecretValueCommand({ SecretId: secretName }));
    const value = textOfSecret(SecretString ?? SecretBinary);
    return { exists: true, value, binary: value === undefined && SecretBinary !== undefined };
  } catch (error) {
    if (errorName(error) === 'ResourceNotFoundException') return { exists: false };
    if (isMarkedForDeletion(error)) {
      const restore = awsCommand(`secretsmanager restore-secret --secret-id ${secretName}`, operator.options);
      throw new CliError(`${secretName} is marked for deletion.`, {
        fix: `Restore it first: ${restore}`,
        cause: error,
      });
    }
    throw error;
  }
}

/** Asks whether a binary value, which cannot be a key, may be replaced. @throws CliError (usage error) without consent */
async function agreeToReplaceBinary(operator: Operator, flags: InitFlags, secretName: string): Promise<void> {
  const ask = flags.storeKey === true && !flags.keyStdin && mayAsk(operator.options);
  if (flags.replaceKey) return;
  if (ask && (await askYes(`${secretName} holds a binary value. Overwrite it?`))) return;
  throw usageError(
    `${secretName} holds a binary value, which is not a Runpod key.`,
    `Name another secret with --secret, or overwrite this one: ${replaceCommand(operator, secretName)}`,
  );
}

/** Whether the person agrees to overwrite the stored key, by a flag or an answer. */
async function mayReplace(operator: Operator, flags: InitFlags, secretName: string): Promise<boolean> {
  if (flags.replaceKey) return true;
  if (flags.keyStdin) {
    throw usageError(
      `${secretName} already holds a key.`,
      'Add --replace-key to overwrite it, or leave --key-stdin out.',
    );
  }
  if (!flags.storeKey) return false;
  if (mayAsk(operator.options)) return askYes(`${secretName} already holds a key. Overwrite it?`);
  throw usageError(`${secretName} already holds a key.`, 'Add --replace-key to overwrite it.');
}

function newKey({ options }: Operator, flags: InitFlags): Promise<Secret> {
  if (flags.keyStdin) return readSecretFromStdin();
  if (mayAsk(options))
    return askSecret('Paste a Runpod API key that may write registry auths (it is not shown)');
  throw usageError(
    `${options.json ? 'With --json nothing is asked' : 'This is not a terminal'}, so the Runpod key cannot be asked for: give it with --key-stdin.`,
  );
}

/**
 * Returns the registry auths that a working key lists.
 *
 * @param stored - the key's secret, and the command that stores another key. @default - the key was just given
 * @throws CliError when no API accepts the key for writing
 */
function workingAuths(
  routes: readonly RouteAccess[],
  stored?: { readonly secretName: string; readonly command: string },
): readonly RegistryAuth[] {
  const [route] = writableRoutes(routes);
  if (route) return route.auths;
  const whichKey = stored === undefined ? 'this key' : `the key in ${stored.secretName}`;
  const fix = stored && { fix: `Store another with: ${stored.command}` };
  if (routes.some(({ state }) => state === 'refused')) {
    throw new CliError(`Runpod refuses ${whichKey} (401).`, fix);
  }
  if (routes.some(({ state }) => state === 'forbidden')) {
    throw new CliError(
      `At Runpod ${whichKey} may not write registry auths (403): give it secrets:write.`,
      fix,
    );
  }
  throw new CliError(
    `Runpod gives no usable answer (${routes.map(({ why }) => why).join(', ')}); try again later.`,
  );
}
