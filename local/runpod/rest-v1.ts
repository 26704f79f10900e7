import { jsonObject, type StandInAnswer } from '../exchange';
import type { RunpodUser } from './accounts';
import { idBelow, type RestAbilities, type RestCall, shown, written } from './rest';

const BASE = '/containerregistryauth';
const NO_SUCH_AUTH: StandInAnswer = { status: 404, body: { message: 'container registry auth not found' } };

/** Answers REST v1 requests as its published specification says. The update in place exists only if `abilities` say so. */
export function answerRestV1(call: RestCall, abilities: RestAbilities): StandInAnswer {
  const { request, user, mayWrite, path } = call;
  const { method } = request;
  const id = idBelow(BASE, path);
  if (method === 'GET' && path === BASE) return { status: 200, body: user.auths.map(shown) };
  if (method === 'GET' && id) {
    const auth = user.find(id);
    return auth ? { status: 200, body: shown(auth) } : NO_SUCH_AUTH;
  }
  if (method === 'PATCH' && !abilities.update) return error(404, 'not found');
  if (!mayWrite) return error(403, 'forbidden');
  if (method === 'POST' && path === BASE) return create(jsonObject(request.body), user);
  if (method === 'PATCH' && id) return update(jsonObject(request.body), user, id);
  if (method === 'DELETE' && id) return remove(user, id);
  return error(404, 'not found');
}

type Body = Readonly<Record<string, unknown>>;

function create({ name, username, password }: Body, user: RunpodUser): StandInAnswer {
  if (!isText(name) || !isText(username) || !isText(password)) return error(400, 'invalid input');
  const auth = written(user, 'create', 'rest-v1', user.create({ name, username, password }));
  return auth ? { status: 200, body: auth } : error(400, 'name is taken');
}

function update({ username, password }: Body, user: RunpodUser, id: string): StandInAnswer {
  if (!isText(username) || !isText(password)) return error(400, 'invalid input');
  const auth = written(user, 'update', 'rest-v1', user.update(id, username, password));
  return auth ? { status: 200, body: auth } : NO_SUCH_AUTH;
}

function remove(user: RunpodUser, id: string): StandInAnswer {
  const auth = user.find(id);
  if (!auth) return NO_SUCH_AUTH;
  if (user.isInUse(id)) return error(400, 'container registry auth is in use');
  user.delete(id);
  written(user, 'delete', 'rest-v1', auth);
  return { status: 204 };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function error(status: number, text: string): StandInAnswer {
  return { status, body: { error: text, status } };
}
