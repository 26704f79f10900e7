import { OperatorMustActError } from '../errors';
import { type Credential, type Registry, Secret } from '../model';
import { type ReadSecret, textOfSecret, unreadable } from '../secrets';

/** A registry whose user name and password are kept in a secret. */
export type StoredLoginRegistry = Extract<Registry, { readonly credentialSecretName: string }>;

/** User name and password. */
type Login = Pick<Credential, 'username' | 'password'>;

/** The format in which a secret holds a login. */
export interface LoginFormat {
  /** What a person pastes into the secret. */
  readonly expected: string;
  /** Reads the value of the secret. @throws OperatorMustActError `secret-unusable`, which never quotes the value */
  parse(secretName: string, value: unknown): Login;
}

/** `{"username": "…", "password": "…"}`. Further fields are ignored. */
export const USERNAME_AND_PASSWORD: LoginFormat = {
  expected: '{"username": "…", "password": "…"}',
  parse(secretName, value) {
    const text = textOfSecret(value);
    const json = parseObject(text);
    const { username, password } = json ?? {};
    const found = text === undefined ? unreadable(value) : mistakeIn(json, username, password);
    if (found === undefined) return { username: String(username), password: new Secret(String(password)) };
    throw secretUnusable(secretName, 'JSON with the fields username and password', found);
  },
};

/** The key file of a Google service account. Its whole text is the password, byte for byte, without a byte order mark. */
export const SERVICE_ACCOUNT_KEY: LoginFormat = {
  expected: "the service account's key file",
  parse(secretName, value) {
    const text = textOfSecret(value);
    const key = parseObject(text);
    const isKey =
      key?.type === 'service_account' && typeof key.private_key === 'string' && key.private_key !== '';
    if (text !== undefined && isKey) return { username: '_json_key', password: new Secret(text) };
    const found = key ? 'other JSON' : 'a value that is not a JSON object';
    throw secretUnusable(
      secretName,
      'the unchanged key file of a Google service account',
      text === undefined ? unreadable(value) : found,
    );
  },
};

/**
 * The format of the secret for each kind of registry.
 *
 * - Docker Hub: an access token is the password. The token service is on another host, and answers 401 to a wrong token.
 * - GHCR: a personal access token (classic) is the password. GHCR answers 403 to a password that it did not ask for.
 */
const FORMATS: Readonly<Record<StoredLoginRegistry['type'], LoginFormat>> = {
  'docker-hub': USERNAME_AND_PASSWORD,
  ghcr: USERNAME_AND_PASSWORD,
  'google-artifact-registry': SERVICE_ACCOUNT_KEY,
  'self-hosted': USERNAME_AND_PASSWORD,
};

/**
 * Reads the credential of a registry from its secret.
 *
 * @returns a credential without an expiry time
 * @throws what `readSecret` throws, or OperatorMustActError `secret-unusable`
 */
export async function readStoredLogin(
  { type, credentialSecretName: secretName, url }: StoredLoginRegistry,
  { readSecret, deadlineMs }: { readonly readSecret: ReadSecret; readonly deadlineMs: number },
): Promise<Credential> {
  const { expected, parse } = FORMATS[type];
  const { value } = await readSecret(secretName, { deadlineMs, expected });
  const login = parse(secretName, value);
  return { ...login, registryUrl: url.replace(/\/+$/, ''), origin: `secret ${secretName}` };
}

/** Parses a JSON object. @returns undefined when the value is not the text of one */
export function parseObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(typeof value === 'string' ? value : '');
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

function secretUnusable(secretName: string, expected: string, found: string): OperatorMustActError {
  return new OperatorMustActError(
    'secret-unusable',
    `secret ${secretName}: expected ${expected}, found ${found}; nothing was sent to Runpod; store it again`,
  );
}

/** An invisible character. Some editors write it at the start of a file, and a person then copies it with the text. */
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Returns what is wrong with a login, as a noun phrase; undefined when nothing is. Basic auth allows no control
 * characters, and no colon in the user name (RFC 7617, section 2).
 */
function mistakeIn(json: object | undefined, username: unknown, password: unknown): string | undefined {
  if (!json) return 'a value that is not a JSON object';
  if (typeof username !== 'string' || username === '') return 'no text in username';
  if (typeof password !== 'string' || password === '') return 'no text in password';
  if (username.includes(':')) return 'a colon in username';
  if (username.includes(BYTE_ORDER_MARK)) return 'a byte order mark in username';
  if (password.includes(BYTE_ORDER_MARK)) return 'a byte order mark in password';
  if (hasControlCharacter(username)) return 'a line break or another control character in username';
  if (hasControlCharacter(password)) return 'a line break or another control character in password';
  return undefined;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
