import type { SendHttp } from '../http';
import { createRestRoute } from './rest';
import type { RunpodRoute } from './route';

/**
 * Runpod's REST v1 (`https://rest.runpod.io/v1`), retired on 2026-12-01 and then answering 410. Runpod's ECR
 * guide updates over it, though no published specification has that operation. Lists come bare or wrapped.
 */
export function createRestV1(http: SendHttp, baseUrl: string): RunpodRoute {
  return createRestRoute(http, {
    name: 'rest-v1',
    baseUrl,
    collection: 'containerregistryauth',
    listField: 'containerRegistryAuths',
  });
}
