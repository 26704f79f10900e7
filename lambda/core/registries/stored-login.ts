import { OperatorMustActError } from '../errors';
import { type Credential, type Registry, Secret } from '../model';
import type { ReadSecret } from '../secret-value';
import type { RegistryKind } from './registry-kind';

/** A registry whose user name and password stand in a secret. */
export type StoredLoginRegistry = Extract<Registry, { readonly credentialSecretName: string }>;

/** User name and password. */
export type Login = Pick<Credential, 'username' | 'password'>;

/** How a kind of registry keeps its login in a secret. */
export interface LoginForm {
  /** What a person pastes into the secret. */
  readonly what: string;
  /** Reads the secret's value. @throws OperatorMustActError `secret-unusable`, never quoting what stood there */
  parse(secretName: string, value: unknown): Login;
}

/** `{"username": "…", "password": "…"}`; further fields are left alone. */
export const USERNAME_AND_PASSWORD: LoginForm = {
  what: '{"username": "…", "password": "…"}',
  parse(secretName, value) {
    const json = parseObject(value);
    const { username, password } = json ?? {};
    const found = mistakeIn(json, username, password);
    if (found === undefined) return { username: String(username), password: new Secret(String(password)) };
    throw secretUnusable(secretName, 'JSON with the fields username and password', found);
  },
};

/** Makes a kind of registry that reads its credential from a secret. It does not expire by the clock. */
export function createStoredLogin<R extends StoredLoginRegistry>(
  readSecret: ReadSecret,
  { what, parse }: LoginForm = USERNAME_AND_PASSWORD,
): RegistryKind<R> {
  return {
    shareKey: ({ type, url, credentialSecretName }) => JSON.stringify([type, url, credentialSecretName]),
    async issue({ credentialSecretName: secretName, url }, deadlineMs) {
      const login = parse(secretName, await readSecret(secretName, deadlineMs, what));
      return { ...login, registryUrl: url.replace(/\/+$/, ''), origin: `secret ${secretName}` };
    },
  };
}

/** The value as a JSON object; undefined where it is none. */
export function parseObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(typeof value === 'string' ? value : '');
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

/** One error for every shape that cannot be used. */
export function secretUnusable(secretName: string, expected: string, found: string): OperatorMustActError {
  return new OperatorMustActError(
    'secret-unusable',
    `secret ${secretName}: expected ${expected}, found ${found}; nothing was sent to Runpod; store it again`,
  );
}

/** Basic auth carries neither control characters nor a colon in the user name (RFC 7617, section 2). */
function mistakeIn(json: object | undefined, username: unknown, password: unknown): string | undefined {
  if (!json) return 'a value that is not a JSON object';
  if (typeof username !== 'string' || username === '') return 'no text in username';
  if (typeof password !== 'string' || password === '') return 'no text in password';
  if (username.includes(':')) return 'a colon in username';
  if (hasControlCharacter(username)) return 'a line break or another control character in username';
  if (hasControlCharacter(password)) return 'a line break or another control character in password';
  return undefined;
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
