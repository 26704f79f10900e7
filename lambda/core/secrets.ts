import { isUtf8 } from 'node:buffer';
import { BaseProvider } from '@aws-lambda-powertools/parameters/base';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type AwsCall, callAws } from './aws';
import type { Clock } from './clock';
import { ApiKeyRefusedError, OperatorMustActError } from './errors';
import { Secret } from './model';

/** The current version of a secret. */
export interface SecretVersion {
  /** Text, or bytes when the secret is binary. */
  readonly value: string | Uint8Array | undefined;
  /** When this version was stored. */
  readonly createdAt: Date | undefined;
}

/** How to read one secret. */
export interface ReadOptions {
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** What a person must paste into the secret, such as `the key`. Used in the message about a missing secret. */
  readonly expected: string;
  /** Read the secret again even if this run has read it before. @default false */
  readonly again?: boolean;
}

/**
 * Reads the current version of a secret, given its name or ARN.
 *
 * Throws OperatorMustActError `secret-unusable` when the secret is missing, with the command that creates it;
 * OperatorMustActError `permission-missing` when AWS denies the read; TransientError when AWS gives no answer.
 */
export type ReadSecret = (secretName: string, options: ReadOptions) => Promise<SecretVersion>;

/**
 * Makes the secret reader of one run: it reads each secret once, however many targets share it.
 *
 * @param client - may be kept from run to run
 * @param replicatedFrom - the region of the original secrets. @default - the secrets that are read are the originals
 */
export function createSecretReader(
  client: SecretsManagerClient,
  clock: Clock,
  replicatedFrom?: string,
): ReadSecret {
  const provider = new SecretVersions({ awsSdkV3Client: client });
  // Powertools caches values, but not reads that are still under way.
  const reads = new Map<string, Promise<SecretVersion>>();
  return (secretName, { deadlineMs, expected, again = false }) => {
    const known = again ? undefined : reads.get(secretName);
    if (known) return known;
    const read = provider.region().then((region) => {
      const call = {
        name: `secretsmanager:GetSecretValue ${secretName}`,
        deadlineMs,
        reason: 'secret-unusable',
        fixes: howToFix(secretName, expected, { region, replicatedFrom }),
      } as const;
      return callAws(call, clock, () => provider.version(secretName, again));
    });
    reads.set(secretName, read);
    return read;
  };
}

/**
 * A provider of Powertools Parameters that keeps the time at which a version was stored. Powertools' own
 * `SecretsProvider` drops it (Powertools documentation, "Bring your own provider").
 */
class SecretVersions extends BaseProvider {
  async version(secretName: string, forceFetch: boolean): Promise<SecretVersion> {
    return (await this.get(secretName, { forceFetch })) as SecretVersion;
  }

  /** Returns the configured region; undefined when there is none, and then each read fails. */
  async region(): Promise<string | undefined> {
    return (this.client as SecretsManagerClient).config.region().catch(() => undefined);
  }

  protected override async _get(secretName: string): Promise<SecretVersion> {
    const client = this.client as SecretsManagerClient;
    const { SecretString, SecretBinary, CreatedDate } = await client.send(
      new GetSecretValueCommand({ SecretId: secretName }),
    );
    return { value: SecretString || SecretBinary, createdAt: CreatedDate };
  }

  protected override async _getMultiple(): Promise<never> {
    throw new Error('Secrets are read one by one.');
  }
}

/**
 * Returns how to fix a refused read, by the name of AWS's error.
 *
 * The commands read values from standard input, because an argument would end in the shell's history and in the process
 * list.
 */
function howToFix(
  secretName: string,
  expected: string,
  {
    region,
    replicatedFrom,
  }: { readonly region: string | undefined; readonly replicatedFrom: string | undefined },
): AwsCall['fixes'] {
  // A replica cannot be changed in its own region.
  const changedIn = replicatedFrom ?? region;
  const inRegion = changedIn ? ` --region ${changedIn}` : '';
  const id = replicatedFrom === undefined ? secretName : nameOf(secretName);
  const fromInput = `--secret-string file:///dev/stdin${inRegion} (then paste ${expected} and press Ctrl-D twice)`;
  return {
    ResourceNotFoundException: (message) => {
      if (/staging label/i.test(message)) {
        return `It has no value yet. Store one with: aws secretsmanager put-secret-value --secret-id ${id} ${fromInput}`;
      }
      if (replicatedFrom !== undefined) {
        return `Replicate it with: aws secretsmanager replicate-secret-to-regions --secret-id ${id} --add-replica-regions Region=${region}${inRegion}`;
      }
      if (secretName.startsWith('arn:')) return howToFindArn(secretName, region);
      return `Create it with: aws secretsmanager create-secret --name ${secretName} ${fromInput}`;
    },
    InvalidRequestException: (message) =>
      /deletion/i.test(message)
        ? `Restore it with: aws secretsmanager restore-secret --secret-id ${id}${inRegion}`
        : '',
    AccessDeniedException: (message) =>
      /KMS/.test(message) ? 'Allow the role kms:Decrypt on the KMS key of the secret.' : '',
  };
}

/** Returns the name of a secret that is given by its name or its complete ARN. */
function nameOf(secret: string): string {
  const [, , , , , , suffixed] = secret.split(':');
  return suffixed === undefined ? secret : suffixed.replace(/-[A-Za-z0-9]{6}$/, '');
}

function howToFindArn(arn: string, region: string | undefined): string {
  const [, , , place = ''] = arn.split(':');
  const name = nameOf(arn);
  const here = region ?? place;
  const command = `aws secretsmanager list-secrets --filters Key=name,Values=${name} --query 'SecretList[].ARN' --region ${here}`;
  return place === here
    ? `No secret in ${here} has this ARN. A secret that was deleted and created again has a new one. Find it with: ${command}`
    : `The ARN is of ${place}, but the function reads secrets in ${here}. Give the ARN or the name of a secret in ${here}: ${command}`;
}

/**
 * Returns the text of a secret's value without a byte order mark. Bytes are read as UTF-8.
 *
 * @returns undefined when the value is empty, or when its bytes are not UTF-8 text; `unreadable` says which
 */
export function textOfSecret(value: unknown): string | undefined {
  if (typeof value === 'string') return value.replace(/^\uFEFF/, '');
  if (!(value instanceof Uint8Array) || value.length === 0) return undefined;
  // UTF-16 without its mark is valid UTF-8 with zeros in it.
  if (!isUtf8(value) || value.includes(0)) return undefined;
  return Buffer.from(value)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
}

/** Describes a value for which `textOfSecret` returns undefined, as a noun phrase. */
export function unreadable(value: unknown): string {
  const isBinary = value instanceof Uint8Array && value.length > 0;
  return isBinary ? 'a binary value that is not UTF-8 text' : 'an empty value';
}

/** A Runpod API key as it was read. */
export interface StoredApiKey {
  readonly key: Secret;
  /** When this version of the secret was stored. */
  readonly createdAt?: Date | undefined;
}

/**
 * Takes the Runpod API key out of a secret's value: the key itself, or a JSON object with the field `apiKey`.
 *
 * @throws OperatorMustActError `secret-unusable`, which says what kind of value was found and never quotes it
 */
export function parseApiKey(secretName: string, value: unknown): Secret {
  const text = textOfSecret(value)?.trim();
  if (text === undefined) throw unusableKey(secretName, unreadable(value));
  const key = text.startsWith('{') ? apiKeyField(secretName, text) : text;
  if (/^["'`]|["'`]$/.test(key)) throw unusableKey(secretName, 'a value in quotation marks');
  // The characters that an HTTP header can hold.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw unusableKey(secretName, 'a value that is empty or has spaces or line breaks in it');
  }
  return new Secret(key);
}

function apiKeyField(secretName: string, text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unusableKey(secretName, 'text that begins like JSON but is not');
  }
  const field = (json as { apiKey?: unknown }).apiKey;
  if (typeof field !== 'string') throw unusableKey(secretName, 'a JSON object without a text field apiKey');
  return field.trim();
}

function unusableKey(secretName: string, found: string): OperatorMustActError {
  const fix = 'store the key again';
  return new OperatorMustActError(
    'secret-unusable',
    `secret ${secretName}: expected the Runpod API key itself or {"apiKey": "…"}, found ${found}; ${fix}`,
    fix,
  );
}

/** Reads a Runpod API key. `again` reads the secret again even if this run has read it before. */
export type ReadApiKey = (
  secretName: string,
  options: { readonly deadlineMs: number; readonly again?: boolean },
) => Promise<StoredApiKey>;

/** Makes a reader of Runpod API keys. It throws what `readSecret` and `parseApiKey` throw. */
export function createApiKeyReader(readSecret: ReadSecret): ReadApiKey {
  return async (secretName, options) => {
    const { value, createdAt } = await readSecret(secretName, { ...options, expected: 'the key' });
    return { key: parseApiKey(secretName, value), createdAt };
  };
}

/**
 * One Runpod API key during one run. It is read once and shared by all targets. When Runpod refuses it, it is read
 * once more, because it may have been rotated since.
 */
export class ApiKey {
  readonly #read: (again: boolean) => Promise<StoredApiKey>;
  #current: Promise<StoredApiKey>;
  #createdAt: Date | undefined;
  #readAgain = false;
  #refusal: ApiKeyRefusedError | undefined;

  /** @param read - reads the key. It is called at once, and a second time with `true` after Runpod refused the key. */
  constructor(read: (again: boolean) => Promise<StoredApiKey>) {
    this.#read = read;
    this.#current = this.#start(false);
  }

  /** Resolves once the key has been read. @throws what reading it throws */
  async ready(): Promise<void> {
    await this.#current;
  }

  /** When the version that was read last was stored; undefined when that is unknown. */
  get createdAt(): Date | undefined {
    return this.#createdAt;
  }

  /**
   * Runs an action with the key. When Runpod refuses the key, the key is read again and the action repeated once. A key
   * that was refused twice is not tried again in this run.
   *
   * @throws ApiKeyRefusedError, and whatever the action or the reading throws
   */
  async use<T>(action: (apiKey: Secret) => Promise<T>): Promise<T> {
    if (this.#refusal) throw this.#refusal;
    const used = this.#current;
    try {
      return await action((await used).key);
    } catch (error) {
      if (!(error instanceof ApiKeyRefusedError)) throw error;
      if (used === this.#current) this.#renew(error);
    }
    return this.#repeat(action);
  }

  /** @throws ApiKeyRefusedError when the refused key had already been read again */
  #renew(refusal: ApiKeyRefusedError): void {
    if (this.#readAgain) {
      this.#refusal = refusal;
      throw refusal;
    }
    this.#readAgain = true;
    this.#current = this.#start(true);
  }

  async #repeat<T>(action: (apiKey: Secret) => Promise<T>): Promise<T> {
    try {
      return await action((await this.#current).key);
    } catch (error) {
      if (error instanceof ApiKeyRefusedError) this.#refusal = error;
      throw error;
    }
  }

  #start(again: boolean): Promise<StoredApiKey> {
    const read = this.#read(again);
    // Callers of `ready` and `use` see a failure. Without a caller the unhandled rejection would end the process.
    read.then(
      ({ createdAt }) => {
        this.#createdAt = createdAt;
      },
      () => undefined,
    );
    return read;
  }
}
