import type { SendHttp } from '../http';
import type { RouteName } from '../model';
import type { HttpRequest } from '../transport';
import { expectId, isJsonObject, readAnswer, readRegistryAuth, readRegistryAuths } from './answer';
import { type RegistryAuth, type RouteCall, type RunpodRoute, wireCredential } from './route';

/** What tells one REST generation from the other. */
export interface RestDialect {
  readonly name: RouteName;
  readonly baseUrl: string;
  /** Path of the collection of registry auths. */
  readonly collection: string;
  /** Field under which a list may come wrapped. */
  readonly listField: string;
}

/** Speaks one generation of Runpod's REST API; they differ in path and wrapping only. */
export function createRestRoute(http: SendHttp, dialect: RestDialect): RunpodRoute {
  const { name, listField } = dialect;
  const collectionUrl = `${dialect.baseUrl.replace(/\/+$/, '')}/${dialect.collection}`;

  async function call(
    { apiKey, pacer, deadlineMs }: RouteCall,
    request: Pick<HttpRequest, 'method' | 'url' | 'body'>,
  ): Promise<unknown> {
    const headers = {
      accept: 'application/json, application/problem+json',
      authorization: `Bearer ${apiKey.reveal()}`,
    };
    const repeatable = request.method !== 'POST';
    return readAnswer(name, await http({ ...request, headers }, { pacer, deadlineMs, repeatable }));
  }

  return {
    name,
    async list(context) {
      const answer = await call(context, { method: 'GET', url: collectionUrl });
      return readRegistryAuths(name, isJsonObject(answer) ? answer[listField] : answer);
    },
    async create(context, authName, credential): Promise<RegistryAuth> {
      const body = JSON.stringify({ name: authName, ...wireCredential(credential) });
      return readRegistryAuth(name, await call(context, { method: 'POST', url: collectionUrl, body }));
    },
    async update(context, id, credential) {
      const url = `${collectionUrl}/${encodeURIComponent(id)}`;
      const answer = await call(context, {
        method: 'PATCH',
        url,
        body: JSON.stringify(wireCredential(credential)),
      });
      expectId(name, readRegistryAuth(name, answer), id);
    },
  };
}
