import type { ReceivedRequest, StandInAnswer } from '../stand-in-server';
import type { RunpodUser, StoredAuth, StoredWorkload } from './accounts';

/** What a request is answered with: who asks, whether they may write, and the path below the API's base. */
export interface RestCall {
  readonly request: ReceivedRequest;
  readonly user: RunpodUser;
  readonly mayWrite: boolean;
  readonly path: string;
}

/** What an API can do beyond its published specification, or no more. */
export interface RestAbilities {
  update: boolean;
}

/** RFC 9457, as REST v2 answers errors. */
export function problem(status: number, title: string, detail: string, errors?: string[]): StandInAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { title, status, detail, ...(errors && { errors }) },
  };
}

const NOT_FOUND = problem(404, 'Not Found', 'resource not found');
const FORBIDDEN = problem(403, 'Forbidden', 'access denied');

/** REST v2: strict bodies, problem documents, and the update in place. */
export function answerRestV2(call: RestCall, abilities: RestAbilities): StandInAnswer {
  const { request, user, mayWrite, path } = call;
  const id = /^\/registries\/([^/]+)$/.exec(path)?.[1];
  if (request.method === 'GET' && path === '/registries') {
    return { status: 200, body: { registries: user.auths.map(shown) } };
  }
  if (request.method === 'GET' && id) return found(user.find(id));
  const listed = WORKLOADS.find(({ path: at }) => request.method === 'GET' && path === at);
  if (listed) return pageOf(user.workloads[listed.kind], listed.field, request.query);
  if (!mayWrite) return FORBIDDEN;
  if (request.method === 'POST' && path === '/registries') return createV2(request, user);
  if (request.method === 'PATCH' && id && abilities.update)
    return updateV2(request, user, decodeURIComponent(id));
  if (request.method === 'DELETE' && id) return user.delete(id) ? { status: 204 } : NOT_FOUND;
  return NOT_FOUND;
}

/** Where REST v2 lists what uses images, and under which field. */
const WORKLOADS = [
  { path: '/templates', kind: 'templates', field: 'templates' },
  { path: '/serverless', kind: 'serverless', field: 'endpoints' },
  { path: '/pods', kind: 'pods', field: 'pods' },
] as const;

const PAGE = 2;

/** One page of a list; the environment of a workload holds what its owner put there, so it must not get about. */
function pageOf(all: readonly StoredWorkload[], field: string, query: URLSearchParams): StandInAnswer {
  const from = Number(query.get('cursor') ?? 0);
  const items = all.slice(from, from + PAGE).map((one) => ({ ...one, env: { TOKEN: 'a-workload-secret' } }));
  const nextCursor = from + PAGE < all.length ? String(from + PAGE) : null;
  return { status: 200, body: { [field]: items, pagination: { nextCursor } } };
}

function createV2(request: ReceivedRequest, user: RunpodUser): StandInAnswer {
  const body = strictBody(request, ['name', 'username', 'password']);
  if (!body) return invalid(request);
  const auth = user.create({
    name: body.name ?? '',
    username: body.username ?? '',
    password: body.password ?? '',
  });
  return auth
    ? { status: 201, body: shown(auth) }
    : problem(400, 'Bad Request', 'a registry with this name exists');
}

function updateV2(request: ReceivedRequest, user: RunpodUser, id: string): StandInAnswer {
  const body = strictBody(request, ['username', 'password']);
  if (!body) return invalid(request);
  return found(user.update(id, body.username ?? '', body.password ?? ''));
}

function invalid(request: ReceivedRequest): StandInAnswer {
  return problem(422, 'Unprocessable Entity', 'Request validation failed.', [
    `$: invalid body (${request.body.length} bytes)`,
  ]);
}

const LIMITS: Readonly<Record<string, number>> = { name: 191, username: 191, password: 16_384 };

/** The body if it has exactly these fields, each a text within its limits. */
function strictBody(request: ReceivedRequest, fields: readonly string[]): Record<string, string> | undefined {
  const body = jsonObject(request.body);
  const keys = Object.keys(body);
  const exact = keys.length === fields.length && fields.every((field) => keys.includes(field));
  const valid = fields.every((field) => {
    const value = body[field];
    return typeof value === 'string' && value.length >= 1 && value.length <= (LIMITS[field] ?? 0);
  });
  return exact && valid ? (body as Record<string, string>) : undefined;
}

/** REST v1, as its published specification has it: no update in place, unless a test gives it one. */
export function answerRestV1(call: RestCall, abilities: RestAbilities): StandInAnswer {
  const { request, user, path } = call;
  const id = /^\/containerregistryauth\/([^/]+)$/.exec(path)?.[1];
  if (request.method === 'GET' && path === '/containerregistryauth')
    return { status: 200, body: user.auths.map(shown) };
  if (request.method === 'GET' && id) return foundV1(user.find(id));
  const body = jsonObject(request.body);
  const { name, username, password } = body;
  if (request.method === 'POST' && path === '/containerregistryauth') {
    const auth = user.create({ name: String(name), username: String(username), password: String(password) });
    return auth
      ? { status: 200, body: shown(auth) }
      : { status: 400, body: { error: 'name is taken', status: 400 } };
  }
  if (request.method === 'PATCH' && id && abilities.update) {
    return foundV1(user.update(id, String(username), String(password)));
  }
  if (request.method === 'DELETE' && id) return user.delete(id) ? { status: 204 } : foundV1(undefined);
  return { status: 404, body: { error: 'not found', status: 404 } };
}

function found(auth: StoredAuth | undefined): StandInAnswer {
  return auth ? { status: 200, body: shown(auth) } : NOT_FOUND;
}

function foundV1(auth: StoredAuth | undefined): StandInAnswer {
  return auth
    ? { status: 200, body: shown(auth) }
    : { status: 404, body: { message: 'container registry auth not found' } };
}

/** Credentials are write-only. */
export function shown({ id, name }: StoredAuth): { id: string; name: string } {
  return { id, name };
}

/** A body as an object; an empty one where it is not JSON. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
