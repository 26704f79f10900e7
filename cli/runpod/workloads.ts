/** Who uses a registry auth at Runpod: templates, serverless endpoints and pods. */

import { OperatorMustActError, TransientError } from '../../lambda/core/errors';
import type { RunpodSettings, Secret } from '../../lambda/core/model';
import { isJsonObject, readAnswer } from '../../lambda/core/runpod/answer';
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

/** A list that never ends would be a fault at the other end. */
const MAX_PAGES = 200;

/**
 * Everything of the account that pulls an image, as REST v2 lists it.
 *
 * @throws OperatorMustActError, RouteCannotError or TransientError
 */
export async function listWorkloads(
  operator: Operator,
  settings: RunpodSettings,
  apiKey: Secret,
): Promise<Workload[]> {
  const lists = await Promise.all(LISTS.map((list) => readList(operator, settings, apiKey, list)));
  return lists.flat();
}

async function readList(
  operator: Operator,
  { restV2Url }: RunpodSettings,
  apiKey: Secret,
  { kind, path, field }: (typeof LISTS)[number],
): Promise<Workload[]> {
  const found: Workload[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const answer = readAnswer(
      'rest-v2',
      await operator.http(
        {
          method: 'GET',
          url: `${restV2Url.replace(/\/+$/, '')}/${path}${query}`,
          headers: { accept: 'application/json', authorization: `Bearer ${apiKey.reveal()}` },
        },
        { deadlineMs: operator.deadlineMs() },
      ),
    );
    const items = isJsonObject(answer) ? answer[field] : undefined;
    if (!Array.isArray(items)) throw new TransientError(`rest-v2 answered without a list of ${path}`);
    found.push(...items.flatMap((item) => readWorkload(kind, item)));
    cursor = nextCursor(answer);
    if (cursor === undefined) return found;
  }
  throw new OperatorMustActError('configuration-wrong', `Runpod's list of ${path} does not end`);
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

function nextCursor(answer: unknown): string | undefined {
  const pagination = isJsonObject(answer) ? answer.pagination : undefined;
  const cursor = isJsonObject(pagination) ? pagination.nextCursor : undefined;
  return typeof cursor === 'string' && cursor !== '' ? cursor : undefined;
}
