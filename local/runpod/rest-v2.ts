import { parsedObject, type StandInAnswer } from '../exchange';
import type { RunpodUser, StoredAuth } from './accounts';
import { idBelow, problem, type RestAbilities, type RestCall, shown, written } from './rest';
import { answerWorkloads, type PageRules } from './workloads';

const NOT_FOUND = problem(404, 'Not Found', 'resource not found');
const FORBIDDEN = problem(403, 'Forbidden', 'access denied');
const IN_USE = problem(400, 'Bad Request', 'registry credential is in use by a pod');
const NAME_TAKEN = problem(400, 'Bad Request', 'a registry with this name exists');
const NOT_JSON = problem(400, 'Bad Request', 'request body is not a JSON object');

/** Answers REST v2 requests: strict validation of bodies, errors as problem documents, and the update in place. */
export function answerRestV2(call: RestCall, abilities: RestAbilities, pages: PageRules): StandInAnswer {
  const { request, user, mayWrite, path } = call;
  const { method } = request;
  const id = idBelow('/registries', path);
  if (method === 'GET' && path === '/registries') {
    return { status: 200, body: { registries: user.auths.map(shown) } };
  }
  if (method === 'GET' && id) return found(user.find(id));
  const workloads = answerWorkloads(call, pages);
  if (workloads) return workloads;
  if (method === 'PATCH' && !abilities.update) return NOT_FOUND;
  if (!mayWrite) return FORBIDDEN;
  if (method === 'POST' && path === '/registries') return create(request.body, user);
  if (method === 'PATCH' && id) return update(request.body, user, id);
  if (method === 'DELETE' && id) return remove(user, id);
  return NOT_FOUND;
}

function create(text: string, user: RunpodUser): StandInAnswer {
  const body = readBody(text, ['name', 'username', 'password']);
  if ('status' in body) return body;
  const { name = '', username = '', password = '' } = body.fields;
  const auth = written(user, 'create', 'rest-v2', user.create({ name, username, password }));
  return auth ? { status: 201, body: auth } : NAME_TAKEN;
}

function update(text: string, user: RunpodUser, id: string): StandInAnswer {
  const body = readBody(text, ['username', 'password']);
  if ('status' in body) return body;
  const { username = '', password = '' } = body.fields;
  const auth = written(user, 'update', 'rest-v2', user.update(id, username, password));
  return auth ? { status: 200, body: auth } : NOT_FOUND;
}

function remove(user: RunpodUser, id: string): StandInAnswer {
  const auth = user.find(id);
  if (!auth) return NOT_FOUND;
  if (user.isInUse(id)) return IN_USE;
  user.delete(id);
  written(user, 'delete', 'rest-v2', auth);
  return { status: 204 };
}

const MAX_LENGTH: Readonly<Record<string, number>> = { name: 191, username: 191, password: 16_384 };

/** Returns a body's fields, or an error answer unless it has exactly these fields, each a string within its limits. */
function readBody(
  text: string,
  names: readonly string[],
): { readonly fields: Readonly<Record<string, string>> } | StandInAnswer {
  const body = parsedObject(text);
  if (!body) return NOT_JSON;
  const errors = [
    ...Object.keys(body)
      .filter((key) => !names.includes(key))
      .map((key) => `$: additional properties '${key}' not allowed`),
    ...names.flatMap((name) => errorsOf(name, body[name])),
  ];
  if (errors.length > 0) return problem(422, 'Unprocessable Entity', 'Request validation failed.', errors);
  return { fields: Object.fromEntries(names.map((name) => [name, String(body[name])])) };
}

/** Returns what is wrong with a field, without its value. */
function errorsOf(name: string, value: unknown): string[] {
  const maxLength = MAX_LENGTH[name] ?? 0;
  if (value === undefined) return [`$: missing property '${name}'`];
  if (typeof value !== 'string') return [`$.${name}: value must be a string`];
  if (value.length < 1) return [`$.${name}: length must be at least 1`];
  if (value.length > maxLength) return [`$.${name}: length must be at most ${maxLength}`];
  return [];
}

function found(auth: StoredAuth | undefined): StandInAnswer {
  return auth ? { status: 200, body: shown(auth) } : NOT_FOUND;
}
