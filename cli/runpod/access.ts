/** What a Runpod API key may do, on each of Runpod's APIs. */

import { ApiKeyRefusedError, ApiUnsupportedError, OperatorMustActError } from '../../lambda/core/errors';
import { type RouteName, type RunpodSettings, Secret } from '../../lambda/core/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import { createRoutes } from '../../lambda/core/runpod/account';
import type { RegistryAuth, RouteCall, RunpodRoute } from '../../lambda/core/runpod/api';
import type { Operator } from '../operator';

/** How a key fares on one route. */
export interface RouteAccess {
  readonly route: RouteName;
  /**
   * `works`: accepted and allowed; `refused`: the key is not accepted; `forbidden`: it may not write registry auths;
   * `cannot`: the API does not answer as one that can; `down`: no answer.
   */
  readonly state: 'works' | 'refused' | 'forbidden' | 'cannot' | 'down';
  /** All registry auths of the account; none where they could not be listed. */
  readonly auths: readonly RegistryAuth[];
  /** Why it does not work; empty where it does. */
  readonly why: string;
}

/**
 * The routes that let the key write. "Not found" from REST v1 proves nothing, since no published specification has
 * its update; it counts only where the settings force it.
 */
export function writableRoutes(routes: readonly RouteAccess[]): RouteAccess[] {
  return routes.filter(
    ({ route, state }) => state === 'works' && (route !== 'rest-v1' || routes.length === 1),
  );
}

/** Names no registry auth: an update of it asks for the permission to write, and can change nothing. */
const NOBODY = 'runpod-ecr-asks-whether-it-may-write';

/** Asks every route that the settings allow, side by side; in the order in which the function tries them. */
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

async function probe(route: RunpodRoute, call: RouteCall): Promise<RouteAccess> {
  try {
    const auths = await route.list(call);
    const { state, why } = await askToWrite(route, call);
    return { route: route.name, state, auths, why };
  } catch (error) {
    return { route: route.name, auths: [], ...meaningOf(error) };
  }
}

async function askToWrite(
  route: RunpodRoute,
  call: RouteCall,
): Promise<{ state: RouteAccess['state']; why: string }> {
  try {
    await route.update(call, NOBODY, { username: 'AWS', password: new Secret('none'), registryUrl: '' });
  } catch (error) {
    // Not found is the answer of an API that would have let the key write.
    if (!(error instanceof ApiUnsupportedError)) return meaningOf(error);
  }
  return { state: 'works', why: '' };
}

function meaningOf(error: unknown): { state: RouteAccess['state']; why: string } {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof ApiKeyRefusedError) return { state: 'refused', why };
  if (error instanceof OperatorMustActError) return { state: 'forbidden', why };
  if (error instanceof ApiUnsupportedError) return { state: 'cannot', why };
  return { state: 'down', why };
}
