import { ApiUnsupportedError } from '../errors';
import type { SendHttp } from '../http';
import type { RouteName, Secret } from '../model';
import type { RateLimiter } from '../rate-limit';
import type { HttpAnswer, HttpRequest } from '../transport';
import {
  expectId,
  isJsonObject,
  type RunpodRoute,
  readAnswer,
  readRegistryAuth,
  readRegistryAuths,
  wireCredential,
} from './api';

/** What tells REST v1 from REST v2. Lists come wrapped in a field, or bare. */
const GENERATIONS = {
  // The current API (`https://api.runpod.io/v2`), and the only one with a documented update in place.
  'rest-v2': { collection: 'registries', listField: 'registries' },
  // `https://rest.runpod.io/v1`, announced to end on 2026-11-15. Runpod's ECR guide updates over it, though no
  // published specification has that operation.
  'rest-v1': { collection: 'containerregistryauth', listField: 'containerRegistryAuths' },
} as const satisfies Partial<Record<RouteName, object>>;

/** A generation of Runpod's REST API. */
export type RestName = keyof typeof GENERATIONS;

/** What goes with each request. */
export interface RestCall {
  readonly apiKey: Secret;
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** @default - no quota is kept */
  readonly rateLimiter?: RateLimiter;
}

/** One request, given by its path below the API's base address. */
export type RestRequest = Pick<HttpRequest, 'method' | 'body'> & { readonly path: string };

/** A list with more pages than this does not end. */
const MAX_PAGES = 200;

/**
 * The one client of Runpod's REST APIs: address, key, retries, and what an answer means.
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
  send({ apiKey, ...options }: RestCall, { method, path, body }: RestRequest): Promise<HttpAnswer> {
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
  async json(call: RestCall, request: RestRequest): Promise<unknown> {
    return readAnswer(this.name, await this.send(call, request));
  }

  /**
   * Reads a list to its last page (`pagination.nextCursor`).
   *
   * @param field - the field that holds the items; a bare list is understood as well
   * @throws ApiUnsupportedError `unclear` where the answer holds no list, or where the list does not end
   */
  async list(call: RestCall, path: string, field: string): Promise<unknown[]> {
    const items: unknown[] = [];
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

/** The registry auths of an account over one generation of the REST API. */
export function createRestRoute(rest: RunpodRest): RunpodRoute {
  const { name } = rest;
  const { collection, listField } = GENERATIONS[name];
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
