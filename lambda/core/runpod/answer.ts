import { ApiKeyRefusedError, OperatorMustActError, RouteCannotError } from '../errors';
import type { RouteName } from '../model';
import type { HttpAnswer } from '../transport';
import type { RegistryAuth } from './route';

/** An object from a parsed answer, of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a parsed value is an object whose fields can be looked at. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The answer's body as JSON; undefined when it is not JSON (an HTML page, nothing, half an answer). */
export function parseJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    return undefined;
  }
}

/** Statuses by which an API says that it does not have the operation, or has it no more, or knows no such id. */
export const CANNOT: ReadonlySet<number> = new Set([404, 405, 410, 501]);

/**
 * Reads the body of a successful answer, or throws what the answer means.
 *
 * A 403 that is not JSON comes from the edge in front of Runpod and says nothing of the key. A page of HTML is
 * not the API, whatever its status. Redirects are not followed with a key: they are refusals.
 */
export function readAnswer(route: RouteName, answer: HttpAnswer): unknown {
  const { status } = answer;
  if (CANNOT.has(status)) throw new RouteCannotError(`${route} answered ${status}`, { definite: true });
  if (status === 403 && parseJson(answer) === undefined) {
    throw new RouteCannotError(`${route} answered 403 from the edge in front of it`, { definite: false });
  }
  if (isHtml(answer))
    throw new RouteCannotError(`${route} answered ${status} with a web page`, {
      definite: true,
      mayPass: true,
    });
  if (status === 401) throw keyRefused(route);
  if (status === 403) throw permissionMissing(route);
  if (status < 200 || status >= 300) {
    throw new RouteCannotError(`${route} refused the request (${status})`, { definite: true });
  }
  const json = parseJson(answer);
  if (json === undefined) {
    throw new RouteCannotError(`${route} answered ${status} without JSON`, { definite: false });
  }
  return json;
}

function isHtml({ headers, body }: HttpAnswer): boolean {
  return /\bhtml\b/i.test(headers['content-type'] ?? '') || body.trimStart().startsWith('<');
}

/** What 401 means on every route. */
export function keyRefused(route: RouteName): ApiKeyRefusedError {
  return new ApiKeyRefusedError(
    `Runpod refused the API key (${route}); put a valid key into the secret, then refresh again`,
  );
}

/** What 403 from the API itself means on every route. */
export function permissionMissing(route: RouteName): OperatorMustActError {
  return new OperatorMustActError(
    'permission-missing',
    `the Runpod API key may not write registry auths (${route} answered 403); give it the permission secrets:write`,
  );
}

/**
 * Reads one registry auth out of an answer.
 *
 * @throws RouteCannotError, not definite, when it is not there: the request may have been carried out
 */
export function readRegistryAuth(route: RouteName, value: unknown): RegistryAuth {
  if (isJsonObject(value) && typeof value.id === 'string' && value.id !== '') {
    return { id: value.id, name: typeof value.name === 'string' ? value.name : '' };
  }
  throw new RouteCannotError(`${route} answered without naming the registry auth`, { definite: false });
}

/** Reads a list of registry auths. @throws RouteCannotError when the answer holds none */
export function readRegistryAuths(route: RouteName, value: unknown): RegistryAuth[] {
  if (!Array.isArray(value)) {
    throw new RouteCannotError(`${route} answered without a list of registry auths`, { definite: false });
  }
  return value.map((item) => readRegistryAuth(route, item));
}

/** Holds an update's answer to its word. @throws RouteCannotError, not definite, when another id comes back */
export function expectId(route: RouteName, auth: RegistryAuth, id: string): void {
  if (auth.id !== id) {
    throw new RouteCannotError(`${route} answered with another id than the one asked for`, {
      definite: false,
    });
  }
}

/** Holds a create's answer to its word. @throws RouteCannotError, not definite, when another name comes back */
export function expectName(route: RouteName, auth: RegistryAuth, name: string): void {
  if (auth.name !== name) {
    throw new RouteCannotError(`${route} answered with another name than the one asked for`, {
      definite: false,
    });
  }
}
