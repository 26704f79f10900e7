/** Who uses a registry auth at Runpod: templates, serverless endpoints and pods. */

import type { RunpodSettings, Secret } from '../../lambda/core/model';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { RunpodRest } from '../../lambda/core/runpod/rest';
import type { Operator } from '../operator';

/** One user of an image. Its environment may hold secrets, so nothing else is kept of it. */
export interface Workload {
  readonly kind: 'template' | 'endpoint' | 'pod';
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Id of the registry auth that it pulls with; absent where it pulls without. */
  readonly registryAuthId?: string;
}

const LISTS = [
  { kind: 'endpoint', path: 'serverless', field: 'endpoints' },
  { kind: 'template', path: 'templates', field: 'templates' },
  { kind: 'pod', path: 'pods', field: 'pods' },
] as const;

/**
 * Everything of the account that pulls an image, as REST v2 lists it.
 *
 * @throws OperatorMustActError, ApiUnsupportedError or TransientError
 */
export async function listWorkloads(
  operator: Operator,
  { restV2Url }: RunpodSettings,
  apiKey: Secret,
): Promise<Workload[]> {
  const rest = new RunpodRest(operator.http, 'rest-v2', restV2Url);
  const lists = await Promise.all(
    LISTS.map(async ({ kind, path, field }) => {
      const items = await rest.list({ apiKey, deadlineMs: operator.deadlineMs() }, path, field);
      return items.flatMap((item) => readWorkload(kind, item));
    }),
  );
  return lists.flat();
}

function readWorkload(kind: Workload['kind'], item: unknown): Workload[] {
  if (!isJsonObject(item) || typeof item.id !== 'string') return [];
  const { id, name, image, registry } = item;
  return [
    {
      kind,
      id,
      name: typeof name === 'string' ? name : id,
      image: typeof image === 'string' ? image : '',
      ...(typeof registry === 'string' && { registryAuthId: registry }),
    },
  ];
}
