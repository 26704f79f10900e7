import { ApiKeyRefusedError, ApiUnsupportedError, OperatorMustActError, ValueRefusedError } from '../errors';
import type { Credential, RouteName, Secret } from '../model';
import type { RateLimiter } from '../rate-limit';
import type { HttpAnswer } from '../transport';

/** A registry auth as Runpod lists it. Its credential can be written but not read. */
export interface RegistryAuth {
  readonly id: string;
  readonly name: string;
}

/** What every call to Runpod needs. */
export interface RunpodCall {
  readonly apiKey: Secret;
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** Keeps the account's quota at the API that is called. @default - no quota is kept */
  readonly rateLimiter?: RateLimiter;
}

/**
 * One of Runpod's APIs.
 *
 * Every method throws `ApiKeyRefusedError` (401), `OperatorMustActError` with reason `api-key-permission-missing` (403
 * from the API itself), `ApiUnsupportedError`, or `TransientError`.
 */
export interface RunpodRoute {
  readonly name: RouteName;
  /** All registry auths of the account. */
  list(call: RunpodCall): Promise<RegistryAuth[]>;
  /** Is sent once and never repeated, because a create whose answer is lost may have succeeded. */
  create(call: RunpodCall, name: string, credential: Credential): Promise<RegistryAuth>;
  /** Resolves only when the answer names the id that was asked for. */
  update(call: RunpodCall, id: string, credential: Credential): Promise<void>;
}

/** Returns a credential as all APIs expect it: exactly these two fields, because REST v2 refuses unknown ones. */
export function wireCredential({ username, password }: Credential): { username: string; password: string } {
  return { username, password: password.reveal() };
}

/** A parsed JSON object whose fields are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a parsed value is a JSON object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses the body of an answer. @returns undefined when it is not JSON: a web page, empty, or cut off */
export function parseJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    return undefined;
  }
}

/** Statuses that mean "no such operation", "no longer available" or "no such id". */
export const UNSUPPORTED_STATUSES: ReadonlySet<number> = new Set([404, 405, 410, 501]);

/**
 * Returns the parsed body of a successful answer, or throws what the answer means.
 *
 * A 403 that is not JSON comes from the edge in front of Runpod and says nothing about the key. A web page does not come
 * from the API, whatever its status. A redirect counts as a refusal, because following it would pass the key on.
 *
 * @throws ApiKeyRefusedError, OperatorMustActError `api-key-permission-missing`, or ApiUnsupportedError
 */
export function readAnswer(route: RouteName, answer: HttpAnswer): unknown {
  const { status } = answer;
  if (UNSUPPORTED_STATUSES.has(status))
    throw new ApiUnsupportedError(`${route} answered ${status}`, 'final', status);
  if (status === 403 && parseJson(answer) === undefined) {
    throw new ApiUnsupportedError(`${route} answered 403 from the edge in front of it`, 'unclear');
  }
  if (isHtml(answer)) {
    throw new ApiUnsupportedError(`${route} answered ${status} with a web page`, 'may-pass');
  }
  if (status === 401) throw keyRefused(route);
  if (status === 403) throw permissionMissing(route);
  if (status >= 400) throw new ValueRefusedError(`${route} answered ${status}`, refusedField(answer));
  if (status < 200 || status >= 300) {
    throw new ApiUnsupportedError(`${route} refused the request (${status})`, 'final');
  }
  const json = parseJson(answer);
  if (json === undefined)
    throw new ApiUnsupportedError(`${route} answered ${status} without JSON`, 'unclear');
  return json;
}

/** Fields that we send. When a refusal names one of them, the message shows it. Nothing else of a refusal is shown. */
const SENT_FIELDS = ['name', 'username', 'password', 'resource'];

/** Returns the field that an RFC 9457 problem names, in any form: `errors: [{ path: "password" }]`, `{ loc: [...] }` … */
function refusedField(answer: HttpAnswer): string | undefined {
  const json = parseJson(answer);
  const errors = isJsonObject(json) ? json.errors : undefined;
  const text = JSON.stringify(errors ?? '');
  const named = SENT_FIELDS.filter((field) => new RegExp(`["./]${field}["./]`).test(text));
  return named.length === 1 ? named[0] : undefined;
}

function isHtml({ headers, body }: HttpAnswer): boolean {
  return /\bhtml\b/i.test(headers['content-type'] ?? '') || body.trimStart().startsWith('<');
}

/** Makes the error for a 401, which means the same on every API. */
export function keyRefused(route: RouteName): ApiKeyRefusedError {
  return new ApiKeyRefusedError(
    `Runpod refused the API key (${route}); put a valid key into the secret, then refresh again`,
  );
}

/** Makes the error for a 403 of the API itself, which means the same on every API. */
export function permissionMissing(route: RouteName): OperatorMustActError {
  return new OperatorMustActError(
    'api-key-permission-missing',
    `Runpod denies this request to the API key (${route} answered 403); give the key the permission secrets:write`,
  );
}

const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The two forms of a Runpod API key. A server may answer with the key instead of an id, and ids end in the log. */
const API_KEY = /^([Rr][Pp][Aa]_.*|[A-Z0-9]{40,})$/;

/** Whether a value of an answer can be the id of something at Runpod. Only such a value is used, shown or sent. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value) && !API_KEY.test(value);
}

/**
 * Reads one registry auth out of an answer.
 *
 * @throws ApiUnsupportedError `unclear` when the answer names none: the request may have been carried out
 */
export function readRegistryAuth(route: RouteName, value: unknown): RegistryAuth {
  if (isJsonObject(value) && isId(value.id)) {
    return { id: value.id, name: typeof value.name === 'string' ? value.name : '' };
  }
  throw new ApiUnsupportedError(`${route} answered without naming the registry auth`, 'unclear');
}

/** Reads a list of registry auths without the entries that have no valid id. @throws ApiUnsupportedError `unclear` if it is no list */
export function readRegistryAuths(route: RouteName, value: unknown): RegistryAuth[] {
  if (!Array.isArray(value)) {
    throw new ApiUnsupportedError(`${route} answered without a list of registry auths`, 'unclear');
  }
  return value.flatMap((item) =>
    isJsonObject(item) && isId(item.id) ? [readRegistryAuth(route, item)] : [],
  );
}

/** Checks the answer to an update. @throws ApiUnsupportedError `unclear` when it names another id */
export function expectId(route: RouteName, auth: RegistryAuth, id: string): void {
  if (auth.id !== id) {
    throw new ApiUnsupportedError(`${route} answered with another id than the one asked for`, 'unclear');
  }
}

/** Checks the answer to a create. @throws ApiUnsupportedError `unclear` when it names another name */
export function expectName(route: RouteName, auth: RegistryAuth, name: string): void {
  if (auth.name !== name) {
    throw new ApiUnsupportedError(`${route} answered with another name than the one asked for`, 'unclear');
  }
}
