/** Which Runpod account a command uses: the key, and the addresses of the APIs. */

import type { RunpodSettings, Secret } from '../../lambda/core/model';
import { parseApiKey } from '../../lambda/core/secrets';
import { usageError } from '../errors';
import { RUNPOD_DEFAULTS } from '../init/answers';
import type { Operator } from '../operator';

/** The environment variable with a Runpod key. It takes precedence over the secret. A key is never an argument. */
const KEY_VARIABLE = 'RUNPOD_API_KEY';

/** The environment variable with the base address of REST v2 for a command without a configuration. */
const URL_VARIABLE = 'RUNPOD_REST_V2_URL';

/** The name of the secret in which `init` stores the key. */
const DEFAULT_SECRET = 'runpod/api-key';

/** A key, and where it came from. */
export interface AccountKey {
  readonly key: Secret;
  /** Such as `RUNPOD_API_KEY` or `the secret runpod/api-key`. */
  readonly source: string;
}

/**
 * Reads the Runpod key: from the environment variable RUNPOD_API_KEY, or else from the secret.
 *
 * @param secretName - @default - the name that `init` uses
 * @throws CliError (usage error) when the variable holds no key
 * @throws OperatorMustActError or TransientError when the secret cannot be read
 */
export async function readAccountKey(operator: Operator, secretName = DEFAULT_SECRET): Promise<AccountKey> {
  const value = process.env[KEY_VARIABLE];
  if (value === undefined || value === '') {
    return { key: await operator.apiKey(secretName), source: `the secret ${secretName}` };
  }
  try {
    return { key: parseApiKey(KEY_VARIABLE, value), source: KEY_VARIABLE };
  } catch {
    throw usageError(`The environment variable ${KEY_VARIABLE} does not hold a Runpod key.`);
  }
}

/** Returns where Runpod's APIs are: as the settings say, or without settings their public addresses. */
export async function runpodSettings(operator: Operator): Promise<RunpodSettings> {
  if (operator.hasSettings) return (await operator.settings()).runpod;
  const restV2Url = process.env[URL_VARIABLE];
  if (!restV2Url) return RUNPOD_DEFAULTS;
  if (!URL.canParse(restV2Url))
    throw usageError(`The environment variable ${URL_VARIABLE} is not an address.`);
  return { ...RUNPOD_DEFAULTS, restV2Url };
}
