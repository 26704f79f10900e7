import type { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import type { Clock } from './clock';
import { OperatorMustActError } from './errors';
import { Secret } from './model';
import { createSecretReader } from './secret-value';

/** Reads a Runpod API key. Never from a cache: a run reads each key once, and reads it again when Runpod refuses it. */
export type ReadApiKey = (secretName: string, deadlineMs: number) => Promise<Secret>;

/** Reads Runpod API keys from Secrets Manager. */
export function createApiKeyReader(provider: SecretsProvider, clock: Clock): ReadApiKey {
  const read = createSecretReader(provider, clock);
  return async (secretName, deadlineMs) =>
    parseApiKey(secretName, await read(secretName, deadlineMs, 'the key'));
}

/**
 * Takes the API key out of a secret's value: the key itself, or a JSON object with the field `apiKey`.
 *
 * @throws OperatorMustActError saying what shape was found, never what stood there
 */
export function parseApiKey(secretName: string, value: unknown): Secret {
  const text = typeof value === 'string' ? value.trim() : undefined;
  if (text === undefined) throw unusable(secretName, 'a binary or empty value');
  const key = text.startsWith('{') ? apiKeyField(secretName, text) : text;
  if (/^["'`]|["'`]$/.test(key)) throw unusable(secretName, 'a value in quotation marks');
  // What may stand in an HTTP header without being quoted.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw unusable(secretName, 'a value that is empty or has spaces or line breaks in it');
  return new Secret(key);
}

function apiKeyField(secretName: string, text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unusable(secretName, 'text that begins like JSON but is not');
  }
  const field = (json as { apiKey?: unknown }).apiKey;
  if (typeof field !== 'string') throw unusable(secretName, 'a JSON object without a text field apiKey');
  return field.trim();
}

function unusable(secretName: string, found: string): OperatorMustActError {
  return new OperatorMustActError(
    'secret-unusable',
    `secret ${secretName}: expected the Runpod API key itself or {"apiKey": "…"}, found ${found}; store the key again`,
  );
}
