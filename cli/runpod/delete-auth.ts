/** Deletes registry auths. The service never does this: only `check-runpod` does, with those that it has made itself. */

import type { SendHttp } from '../../lambda/core/http';
import type { RouteName, RunpodSettings } from '../../lambda/core/model';
import {
  isJsonObject,
  type RunpodCall,
  readAnswer,
  UNSUPPORTED_STATUSES,
} from '../../lambda/core/runpod/api';
import { readData } from '../../lambda/core/runpod/graphql';
import { RunpodRest } from '../../lambda/core/runpod/rest';

/** Deletes the registry auth with this id. Throws like the methods of `RunpodRoute`. */
export type DeleteAuth = (call: RunpodCall, id: string) => Promise<void>;

const MUTATION =
  'mutation DeleteRegistryAuth($registryAuthId: String!) { deleteRegistryAuth(registryAuthId: $registryAuthId) }';

/** Returns the deletion over one of Runpod's APIs. */
export function deleteOver(route: RouteName, http: SendHttp, settings: RunpodSettings): DeleteAuth {
  if (route === 'graphql') return overGraphql(http, settings.graphqlUrl);
  const [url, collection] =
    route === 'rest-v2' ? [settings.restV2Url, 'registries'] : [settings.restV1Url, 'containerregistryauth'];
  const rest = new RunpodRest(http, route, url);
  return async (call, id) => {
    const answer = await rest.send(call, { method: 'DELETE', path: `${collection}/${id}` });
    // A successful answer has no body.
    const isDone = answer.status >= 200 && answer.status < 300;
    if (!isDone || UNSUPPORTED_STATUSES.has(answer.status)) readAnswer(route, answer);
  };
}

function overGraphql(http: SendHttp, url: string): DeleteAuth {
  return async ({ apiKey, ...options }, id) => {
    const headers = { accept: 'application/json', authorization: `Bearer ${apiKey.reveal()}` };
    const body = JSON.stringify({ query: MUTATION, variables: { registryAuthId: id } });
    const data = readData(await http({ method: 'POST', url, headers, body }, { ...options }));
    if (!isJsonObject(data)) throw new Error('GraphQL answered without data');
  };
}
