/** Checks what a Runpod API key may do on each of Runpod's APIs. */

import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  RefresherError,
  ValueRefusedError,
} from '../../lambda/core/errors';
import { type RouteName, type RunpodSettings, Secret } from '../../lambda/core/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import { createRoutes } from '../../lambda/core/runpod/account';
import type { RegistryAuth, RunpodCall, RunpodRoute } from '../../lambda/core/runpod/api';
import { errorName } from '../errors';
import type { Operator } from '../operator';

/** What a key may do on one route. */
export interface RouteAccess {
  readonly route: RouteName;
  /**
   * - `works`: the key may write registry auths.
   * - `refused`: the API does not accept the key.
   * - `forbidden`: the key may not write registry auths.
   * - `cannot`: the API does not support the call.
   * - `down`: the API gave no usable answer.
   */
  readonly state: 'works' | 'refused' | 'forbidden' | 'cannot' | 'down';
  /** All registry auths of the account; empty if they could not be listed. */
  readonly auths: readonly RegistryAuth[];
  /** Why the route does not work; empty if it does. */
  readonly why: string;
}

/**
 * Returns the routes on which the key may write.
 *
 * REST v1 counts only if the settings force it. No published specification has its update, so its "not found" does
 * not prove that the key may write.
 */
export function writableRoutes(routes: readonly RouteAccess[]): RouteAccess[] {
  return routes.filter(
    ({ route, state }) => state === 'works' && (route !== 'rest-v1' || routes.length === 1),
  );
}

/** An id that no registry auth has. An update of it checks the permission to write and changes nothing. */
const UNKNOWN_AUTH_ID = 'runpod-ecr-permission-check';

/** Checks a key on every route that the settings allow, in parallel. @returns the routes in the function's order */
export function probeRoutes(
  operator: Operator,
  settings: RunpodSettings,
  apiKey: Secret,
): Promise<RouteAccess[]> {
  return Promise.all(
    createRoutes(operator.http, settings).map((route) =>
      probe(route, { apiKey, rateLimiter: new RateLimiter(), deadlineMs: operator.deadlineMs() }),
    ),
  );
}

async function probe(route: RunpodRoute, call: RunpodCall): Promise<RouteAccess> {
  try {
    const auths = await route.list(call);
    const { state, why } = await checkWrite(route, call);
    return { route: route.name, state, auths, why };
  } catch (error) {
    return { route: route.name, auths: [], ...accessOf(error) };
  }
}

async function checkWrite(
  route: RunpodRoute,
  call: RunpodCall,
): Promise<{ state: RouteAccess['state']; why: string }> {
  try {
    await route.update(call, UNKNOWN_AUTH_ID, {
      username: 'AWS',
      password: new Secret('none'),
      registryUrl: '',
    });
  } catch (error) {
    if (!meansThatIdIsMissing(error)) return accessOf(error);
  }
  return { state: 'works', why: '' };
}

/** Whether the API let the key write, and only the id does not exist. */
function meansThatIdIsMissing(error: unknown): boolean {
  if (error instanceof ValueRefusedError) return true;
  if (!(error instanceof ApiUnsupportedError)) return false;
  // GraphQL answers 200 with an error that has no code of its own.
  return error.status === 404 || error.status === 200;
}

function accessOf(error: unknown): { state: RouteAccess['state']; why: string } {
  // Any other message may quote an answer.
  const why = error instanceof RefresherError ? error.message : `unexpected ${errorName(error)}`;
  if (error instanceof ApiKeyRefusedError) return { state: 'refused', why };
  if (error instanceof OperatorMustActError) return { state: 'forbidden', why };
  if (error instanceof ApiUnsupportedError) return { state: 'cannot', why };
  return { state: 'down', why };
}

/** Checks the key of a secret on every route. */
export type AskRoutes = (secretName: string) => Promise<RouteAccess[]>;

/** Returns a function that checks the key of each secret once, however often it is called. */
export function routeAsker(operator: Operator): AskRoutes {
  const answers = new Map<string, Promise<RouteAccess[]>>();
  return (secretName) => {
    const ask = async () =>
      probeRoutes(operator, (await operator.settings()).runpod, await operator.apiKey(secretName));
    const answer = answers.get(secretName) ?? ask();
    answers.set(secretName, answer);
    return answer;
  };
}

/** Returns the registry auths that the key of a secret lists; none if no route works. */
export async function listAuths(askRoutes: AskRoutes, secretName: string): Promise<readonly RegistryAuth[]> {
  const routes = await askRoutes(secretName);
  return routes.find(({ state }) => state === 'works')?.auths ?? [];
}
