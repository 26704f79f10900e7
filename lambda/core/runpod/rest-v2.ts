import type { SendHttp } from '../http';
import { createRestRoute } from './rest';
import type { RunpodRoute } from './route';

/** Runpod's current API (`https://api.runpod.io/v2`); the only one with a documented update in place. */
export function createRestV2(http: SendHttp, baseUrl: string): RunpodRoute {
  return createRestRoute(http, {
    name: 'rest-v2',
    baseUrl,
    collection: 'registries',
    listField: 'registries',
  });
}
