/** Endpoints, pods and templates of REST v2, with workers, logs and releases. */

import { randomBytes } from 'node:crypto';
import { parsedObject, type StandInAnswer } from '../exchange';
import type { StoredRelease, StoredWorker, StoredWorkload } from './accounts';
import { answerLog } from './logs';
import { problem, type RestCall } from './rest';

const NOT_FOUND = problem(404, 'Not Found', 'resource not found');
const FORBIDDEN = problem(403, 'Forbidden', 'access denied');

/** The lists of workloads: path, and the field of the answer. */
const LISTS = { templates: 'templates', serverless: 'endpoints', pods: 'pods' } as const;

type Kind = keyof typeof LISTS;

/** How the lists are paged. */
export interface PageRules {
  /** Items on a page. */
  size: number;
}

/** Answers requests for workloads. Returns undefined for other paths. */
export function answerWorkloads(call: RestCall, pages: PageRules): StandInAnswer | undefined {
  const { request, user, path, mayWrite, mayReadWorkloads } = call;
  const [, kind = '', id, ...rest] = path.split('/');
  if (!isKind(kind)) return undefined;
  if (!mayReadWorkloads) return FORBIDDEN;
  const all = user.workloads[kind];
  if (id === undefined) {
    return request.method === 'GET' ? pageOf(all, kind, request.query, pages) : NOT_FOUND;
  }
  const found = all.find((workload) => workload.id === decodeURIComponent(id));
  if (!found) return NOT_FOUND;
  if (request.method === 'GET') return read(call, kind, found, rest);
  if (request.method !== 'PATCH' || kind !== 'serverless' || rest.length > 0) return NOT_FOUND;
  return mayWrite ? update(call, found) : FORBIDDEN;
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(LISTS, kind);
}

function read(call: RestCall, kind: Kind, found: StoredWorkload, rest: readonly string[]): StandInAnswer {
  const [what, workerId, log] = rest;
  if (what === undefined) return { status: 200, body: shownWorkload(found, kind) };
  if (kind === 'pods' && what === 'logs') return answerLog(call.request, found.logs ?? []);
  if (kind !== 'serverless') return NOT_FOUND;
  if (what === 'releases') return { status: 200, body: releasesOf(found) };
  if (what !== 'workers') return NOT_FOUND;
  if (workerId === undefined) return { status: 200, body: workersOf(found) };
  const worker = runningIn(found).find((one) => one.id === decodeURIComponent(workerId));
  return worker && log === 'logs' ? answerLog(call.request, worker.logs ?? []) : NOT_FOUND;
}

/** Returns one page of a list. `limit` may make it smaller. */
function pageOf(
  all: readonly StoredWorkload[],
  kind: Kind,
  query: URLSearchParams,
  { size }: PageRules,
): StandInAnswer {
  const from = Number(query.get('cursor') ?? 0);
  const to = from + Math.min(size, Number(query.get('limit') ?? size));
  const items = all.slice(from, to).map((one) => shownWorkload(one, kind));
  const nextCursor = to < all.length ? String(to) : null;
  return { status: 200, body: { [LISTS[kind]]: items, pagination: { nextCursor } } };
}

/** Each workload's environment holds a secret, so that tests see it if it leaks. */
function shownWorkload({ id, name, image, registry, ...rest }: StoredWorkload, kind: Kind): object {
  const base = { id, name, image, registry, args: '', disk: 20, env: { TOKEN: 'a-workload-secret' } };
  if (kind === 'pods') return { ...base, status: rest.status ?? 'RUNNING', template: null };
  if (kind === 'templates') return { ...base, serverless: true, public: false };
  const { min = 0, max = 3 } = rest.workers ?? {};
  return { ...base, type: 'QUEUE', workers: { min, max, idleTimeout: 5 }, flashboot: 'OFF' };
}

function runningIn({ workers }: StoredWorkload): readonly StoredWorker[] {
  return workers?.running ?? [];
}

/** The endpoint's current version. Each release makes the next one. */
function versionOf({ releases = [] }: StoredWorkload): number {
  return releases[0]?.version ?? 1;
}

function workersOf(endpoint: StoredWorkload): object {
  const current = versionOf(endpoint);
  const workers = runningIn(endpoint).map(({ id, status = 'RUNNING', version = current }) => ({
    id,
    status,
    isStale: version !== current,
    version,
    gpuCount: 1,
    image: endpoint.image,
    uptimeSeconds: status === 'INITIALIZING' ? null : 3_600,
  }));
  const count = (status: string) => workers.filter((worker) => worker.status === status).length;
  const summary = {
    running: count('RUNNING'),
    idle: count('IDLE'),
    initializing: count('INITIALIZING'),
    throttled: count('THROTTLED'),
    unhealthy: count('UNHEALTHY'),
    total: workers.length,
  };
  return { workers, summary, endpointVersion: current };
}

function releasesOf(endpoint: StoredWorkload): object {
  const current = versionOf(endpoint);
  const versions = runningIn(endpoint).map(({ version = current }) => version);
  const on = (wanted: number) => versions.filter((version) => version === wanted).length;
  const [workersTotal, workersOnLatest] = [versions.length, on(current)];
  return {
    endpointVersion: current,
    rollout: {
      inProgress: workersOnLatest < workersTotal,
      workersOnLatest,
      workersTotal,
      percentOnLatest: workersTotal === 0 ? 0 : Math.floor((workersOnLatest * 100) / workersTotal),
    },
    releases: (endpoint.releases ?? []).map(({ id, version, createdAt, diff }) => ({
      id,
      version,
      source: 'MANUAL',
      buildId: null,
      createdByUserId: null,
      workerCount: on(version),
      createdAt: createdAt.toISOString(),
      diff,
    })),
  };
}

/** The fields that the stand-in can change, and their names in a release. */
const RELEASED = { image: 'template.imageName', registry: 'template.containerRegistryAuthId' } as const;

/** Changes image or registry auth of an endpoint. A change makes a release, and its workers become stale. */
function update({ request, user, now, onRelease }: RestCall, endpoint: StoredWorkload): StandInAnswer {
  const {
    image = endpoint.image,
    registry = endpoint.registry,
    ...unknown
  } = parsedObject(request.body) ?? { '': 0 };
  const isRegistry = registry === null || (typeof registry === 'string' && user.find(registry) !== undefined);
  if (typeof image !== 'string' || image === '' || !isRegistry || Object.keys(unknown).length > 0) {
    return problem(422, 'Unprocessable Entity', 'Request validation failed.', ['$: invalid body']);
  }
  const change = { image, registry: registry as string | null };
  const diff = (['image', 'registry'] as const)
    .filter((field) => change[field] !== endpoint[field])
    .map((field) => ({ field: RELEASED[field], old: endpoint[field], new: change[field] }));
  if (diff.length > 0) release(endpoint, diff, now());
  Object.assign(endpoint, change);
  if (diff.length > 0) onRelease(endpoint);
  return { status: 200, body: shownWorkload(endpoint, 'serverless') };
}

function release(endpoint: StoredWorkload, diff: StoredRelease['diff'], createdAt: Date): void {
  const before = versionOf(endpoint);
  for (const worker of runningIn(endpoint)) worker.version ??= before;
  const id = `rel_${randomBytes(6).toString('hex')}`;
  endpoint.releases = [{ id, version: before + 1, createdAt, diff }, ...(endpoint.releases ?? [])];
}
