import type { SendHttp } from '../http';
import type { RunpodSettings } from '../model';
import { createGraphql } from './graphql';
import { createRestV1 } from './rest-v1';
import { createRestV2 } from './rest-v2';
import type { RunpodRoute } from './route';

/** The routes that the settings allow, in the order in which they are tried. */
export function createRoutes(http: SendHttp, settings: RunpodSettings): RunpodRoute[] {
  const all = [
    createRestV2(http, settings.restV2Url),
    createRestV1(http, settings.restV1Url),
    createGraphql(http, settings.graphqlUrl),
  ];
  return settings.api === 'auto' ? all : all.filter(({ name }) => name === settings.api);
}
