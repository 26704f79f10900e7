import { ApiUnsupportedError } from '../errors';
import type { SendHttp } from '../http';
import type { RouteName } from '../model';
import type { HttpAnswer, HttpRequest } from '../transport';
import {
  expectId,
  isJsonObject,
  type RunpodCall,
  type RunpodRoute,
  readAnswer,
  readRegistryAuth,
  readRegistryAuths,
  wireCredential,
} from './api';

/** How REST v1 and REST v2 differ. `listField` is the field that holds the items of a list. */
const VERSIONS = {
  // The current API (`https://api.runpod.io/v2`), and the only one with a documented update in place.
  'rest-v2': { collection: 'registries', listField: 'registries' },
  // `https://rest.runpod.io/v1`, announced to end on 2026-11-15. Runpod's ECR guide updates over it, though no
  // published specification has that operation.
  'rest-v1': { collection: 'containerregistryauth', listField: 'containerRegistryAuths' },
} as const satisfies Partial<Record<RouteName, object>>;

/** A version of Runpod's REST API. */
export type RestName = keyof typeof VERSIONS;

/** One request, given by its path below the API's base address. */
export type RestRequest = Pick<HttpRequest, 'method' | 'body'> & { readonly path: string };

/** A list with more pages than this counts as endless. */
const MAX_PAGES = 200;

/**
 * The client of Runpod's REST APIs. It adds the address and the key, retries, and interprets the answer.
 *
 * @example
 * const rest = new RunpodRest(http, 'rest-v2', 'https://api.runpod.io/v2');
 * const endpoints = await rest.list({ apiKey, deadlineMs }, 'serverless', 'endpoints');
 */
export class RunpodRest {
  readonly name: RestName;
  readonly #http: SendHttp;
  readonly #baseUrl: string;

  constructor(http: SendHttp, name: RestName, baseUrl: string) {
    this.name = name;
    this.#http = http;
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
  }

  /** Sends a request and returns the answer, whatever its status. A POST is never repeated. @throws TransientError */
  send({ apiKey, ...options }: RunpodCall, { method, path, body }: RestRequest): Promise<HttpAnswer> {
    const headers = {
      accept: 'application/json, application/problem+json',
      authorization: `Bearer ${apiKey.reveal()}`,
    };
    const url = `${this.#baseUrl}/${path}`;
    return this.#http(
      { method, url, headers, ...(body !== undefined && { body }) },
      { ...options, repeatable: method !== 'POST' },
    );
  }

  /** Sends a request and returns the JSON of a successful answer. @throws what `readAnswer` throws, and TransientError */
  async json(call: RunpodCall, request: RestRequest): Promise<unknown> {
    return readAnswer(this.name, await this.send(call, request));
  }

  /**
   * Reads a list to its last page (`pagination.nextCursor`).
   *
   * @param field - the field that holds the items; a bare list is understood as well
   * @throws what `json` throws, or ApiUnsupportedError `unclear` when the answer holds no list or the list has no end
   */
  async list(call: RunpodCall, path: string, field: string): Promise<unknown[]> {
    const items: unknown[] = [];
    const cursors = new Set<string>();
    let query = '';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await this.json(call, { method: 'GET', path: `${path}${query}` });
      const found = isJsonObject(answer) ? answer[field] : answer;
      if (!Array.isArray(found)) {
        throw new ApiUnsupportedError(`${this.name} answered without a list of ${field}`, 'unclear');
      }
      items.push(...found);
      const cursor = nextCursor(answer);
      if (cursor === undefined) return items;
      if (cursors.has(cursor)) break;
      cursors.add(cursor);
      query = `?cursor=${encodeURIComponent(cursor)}`;
    }
    throw new ApiUnsupportedError(
      `${this.name} answered with a list of ${field} that does not end`,
      'unclear',
    );
  }
}

function nextCursor(answer: unknown): string | undefined {
  const pagination = isJsonObject(answer) ? answer.pagination : undefined;
  const cursor = isJsonObject(pagination) ? pagination.nextCursor : undefined;
  return typeof cursor === 'string' && cursor !== '' ? cursor : undefined;
}

/** Makes the route over one version of Runpod's REST API. */
export function createRestRoute(rest: RunpodRest): RunpodRoute {
  const { name } = rest;
  const { collection, listField } = VERSIONS[name];
  return {
    name,
    async list(call) {
      return readRegistryAuths(name, await rest.list(call, collection, listField));
    },
    async create(call, authName, credential) {
      const body = JSON.stringify({ name: authName, ...wireCredential(credential) });
      return readRegistryAuth(name, await rest.json(call, { method: 'POST', path: collection, body }));
    },
    async update(call, id, credential) {
      const path = `${collection}/${encodeURIComponent(id)}`;
      const body = JSON.stringify(wireCredential(credential));
      expectId(name, readRegistryAuth(name, await rest.json(call, { method: 'PATCH', path, body })), id);
    },
  };
}
