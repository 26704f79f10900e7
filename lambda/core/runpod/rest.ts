import { ApiUnsupportedError } from '../errors';
import type { SendHttp, SendOptions } from '../http';
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

/** How to read a list. */
export interface ListOptions<T> {
  /** Takes what is needed out of an item, so that the rest of a large list is not kept. @default - the item itself */
  readonly read?: (item: unknown) => readonly T[];
  /** A list with more pages counts as endless. @default 200 */
  readonly maxPages?: number;
  /** Maximum size of one page. @default - 1 MiB */
  readonly maxBytes?: number;
}

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
  send(
    { apiKey, ...options }: RunpodCall,
    { method, path, body }: RestRequest,
    limits: Pick<SendOptions, 'maxBytes' | 'stream' | 'attemptTimeoutMs' | 'maxAttempts'> = {},
  ): Promise<HttpAnswer> {
    const headers = {
      accept: `${limits.stream ? 'text/event-stream, ' : ''}application/json, application/problem+json`,
      authorization: `Bearer ${apiKey.reveal()}`,
    };
    const url = `${this.#baseUrl}/${path}`;
    return this.#http(
      { method, url, headers, ...(body !== undefined && { body }) },
      { ...options, ...limits, repeatable: method !== 'POST' },
    );
  }

  /** Sends a request and returns the JSON of a successful answer. @throws what `readAnswer` throws, and TransientError */
  async json(call: RunpodCall, request: RestRequest, maxBytes?: number): Promise<unknown> {
    const limits = maxBytes === undefined ? {} : { maxBytes };
    return readAnswer(this.name, await this.send(call, request, limits));
  }

  /**
   * Reads a list to its last page (`pagination.nextCursor`).
   *
   * @param field - the field that holds the items; a bare list is understood as well
   * @throws what `json` throws, or ApiUnsupportedError `unclear` when the answer holds no list or the list has no end
   */
  async list<T = unknown>(
    call: RunpodCall,
    path: string,
    field: string,
    { read = (item) => [item as T], maxPages = MAX_PAGES, maxBytes }: ListOptions<T> = {},
  ): Promise<T[]> {
    const items: T[] = [];
    const cursors = new Set<string>();
    let query = '';
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await this.json(call, { method: 'GET', path: `${path}${query}` }, maxBytes);
      const found = isJsonObject(answer) ? answer[field] : answer;
      if (!Array.isArray(found)) {
        throw new ApiUnsupportedError(`${this.name} answered without a list of ${field}`, 'unclear');
      }
      for (const item of found) items.push(...read(item));
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
