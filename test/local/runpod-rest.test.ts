import type { RunpodUser } from '../../local/runpod/accounts';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';
import { runpodClient } from './runpod-request';

const PROBLEM = 'application/problem+json';
const NEW = { name: 'ecr', username: 'AWS', password: 'p' };

let runpod: RunpodStandIn;
let user: RunpodUser;
let send: ReturnType<typeof runpodClient>;
let clock: StandInClock;

beforeEach(async () => {
  clock = new StandInClock();
  runpod = new RunpodStandIn(clock);
  await runpod.listen();
  user = runpod.addUser('key');
  send = runpodClient(runpod, 'key');
});

afterEach(() => runpod.close());

describe('REST v2', () => {
  it('creates, lists, shows, updates in place and deletes, and never shows a credential', async () => {
    const created = await send('POST', '/v2/registries', NEW);
    const { id } = created.body as { id: string };
    const listed = await send('GET', '/v2/registries');
    const shown = await send('GET', `/v2/registries/${id}`);
    clock.advance(60_000);
    const updated = await send('PATCH', `/v2/registries/${id}`, { username: 'AWS', password: 'new:er' });
    const written = { ...user.find(id) };
    const deleted = await send('DELETE', `/v2/registries/${id}`);

    const auth = { id, name: 'ecr' };
    expect(created).toMatchObject({ status: 201, type: 'application/json', body: auth });
    expect(created.body).toEqual(auth);
    expect(listed).toMatchObject({ status: 200, body: { registries: [auth] } });
    expect(listed.body).toEqual({ registries: [auth] });
    expect(shown.body).toEqual(auth);
    expect(updated.status).toBe(200);
    expect(updated.body).toEqual(auth);
    expect(written).toMatchObject({ id, name: 'ecr', username: 'AWS', password: 'new:er', updates: 1 });
    expect(written.updatedAt?.getTime()).toBeGreaterThan(Date.now() + 50_000);
    expect(deleted).toMatchObject({ status: 204, body: undefined });
    expect(user.auths).toEqual([]);
    expect(user.writes.map(({ kind, route }) => `${kind} ${route}`)).toEqual([
      'create rest-v2',
      'update rest-v2',
      'delete rest-v2',
    ]);
    expect([user.countOf('update'), user.countOf('update', 'rest-v1')]).toEqual([1, 0]);
  });

  it.each<[string, object, string]>([
    ['an unknown field', { ...NEW, extra: 1 }, "$: additional properties 'extra' not allowed"],
    ['a missing field', { name: 'ecr', username: 'AWS' }, "$: missing property 'password'"],
    ['a number', { ...NEW, username: 5 }, '$.username: value must be a string'],
    ['an empty string', { ...NEW, username: '' }, '$.username: length must be at least 1'],
    ['a long name', { ...NEW, name: 'n'.repeat(192) }, '$.name: length must be at most 191'],
    ['a long user name', { ...NEW, username: 'n'.repeat(192) }, '$.username: length must be at most 191'],
    ['a long password', { ...NEW, password: 'p'.repeat(16_385) }, '$.password: length must be at most 16384'],
  ])('answers 422 to a creation with %s', async (_, body, error) => {
    const answer = await send('POST', '/v2/registries', body);

    expect(answer).toMatchObject({
      status: 422,
      type: PROBLEM,
      body: {
        title: 'Unprocessable Entity',
        status: 422,
        detail: 'Request validation failed.',
        errors: [error],
      },
    });
    expect(user.auths).toEqual([]);
  });

  it('accepts values of the maximum length', async () => {
    const longest = { name: 'n'.repeat(191), username: 'u'.repeat(191), password: 'p'.repeat(16_384) };

    const answer = await send('POST', '/v2/registries', longest);

    expect(answer.status).toBe(201);
    expect(user.auths).toMatchObject([longest]);
  });

  it('answers 422 to an update with a name', async () => {
    const auth = user.create(NEW);

    const answer = await send('PATCH', `/v2/registries/${auth?.id}`, { ...NEW, password: 'q' });

    expect(answer).toMatchObject({ status: 422, type: PROBLEM });
    expect(auth?.password).toBe('p');
  });

  it.each(['{"name":', '[]', 'null', ''])('answers 400 to %p, which is not a JSON object', async (text) => {
    const answer = await send('POST', '/v2/registries', text);

    expect(answer).toMatchObject({ status: 400, type: PROBLEM });
  });

  it('refuses a name that is taken in the same account', async () => {
    user.create(NEW);
    const other = runpod.addUser('other');

    const taken = await send('POST', '/v2/registries', NEW);
    const free = await runpodClient(runpod, 'other')('POST', '/v2/registries', NEW);

    expect(taken).toMatchObject({ status: 400, type: PROBLEM });
    expect(free.status).toBe(201);
    expect([user.auths.length, other.auths.length]).toEqual([1, 1]);
  });

  it.each([
    ['GET', '/v2/registries/gone'],
    ['PATCH', '/v2/registries/gone'],
    ['DELETE', '/v2/registries/gone'],
    ['GET', '/v2/unknown'],
    ['GET', '/v2/registries/%E0%A4%A'],
    ['PUT', '/v2/registries'],
  ])('answers 404 to %s %s', async (method, path) => {
    const body = method === 'PATCH' ? { username: 'AWS', password: 'p' } : undefined;

    const answer = await send(method, path, body);

    expect(answer).toMatchObject({
      status: 404,
      type: PROBLEM,
      body: { title: 'Not Found', status: 404, detail: 'resource not found' },
    });
  });

  it("does not see another account's auths", async () => {
    const theirs = runpod.addUser('other').create(NEW);

    const answer = await send('PATCH', `/v2/registries/${theirs?.id}`, { username: 'AWS', password: 'q' });

    expect(answer.status).toBe(404);
    expect(theirs?.password).toBe('p');
  });

  it('does not delete an auth that a pod uses, and removes a deleted auth from templates', async () => {
    const used = user.create(NEW)?.id ?? '';
    const unused = user.create({ ...NEW, name: 'unused' })?.id ?? '';
    user.workloads.pods.push({ id: 'pod', name: 'pod', image: 'i', registry: used });
    user.workloads.templates.push({ id: 'template', name: 'template', image: 'i', registry: unused });

    const refused = await send('DELETE', `/v2/registries/${used}`);
    const deleted = await send('DELETE', `/v2/registries/${unused}`);

    expect(refused).toMatchObject({ status: 400, type: PROBLEM });
    expect(deleted.status).toBe(204);
    expect(user.auths.map(({ id }) => id)).toEqual([used]);
    expect(user.workloads.templates).toMatchObject([{ registry: null }]);
  });

  it('answers 404 to an update when it cannot update', async () => {
    const auth = user.create(NEW);
    runpod.abilities['rest-v2'].update = false;

    const answer = await send('PATCH', `/v2/registries/${auth?.id}`, { username: 'AWS', password: 'q' });

    expect(answer).toMatchObject({ status: 404, type: PROBLEM });
    expect(auth?.password).toBe('p');
  });
});

describe('REST v1', () => {
  it('creates with 200, lists, shows and deletes', async () => {
    const created = await send('POST', '/v1/containerregistryauth', NEW);
    const { id } = created.body as { id: string };
    const listed = await send('GET', '/v1/containerregistryauth');
    const shown = await send('GET', `/v1/containerregistryauth/${id}`);
    const deleted = await send('DELETE', `/v1/containerregistryauth/${id}`);

    expect(created.status).toBe(200);
    expect(created.body).toEqual({ id, name: 'ecr' });
    expect(listed.body).toEqual([{ id, name: 'ecr' }]);
    expect(shown.body).toEqual({ id, name: 'ecr' });
    expect(deleted).toMatchObject({ status: 204, body: undefined });
    expect(user.countOf('create', 'rest-v1')).toBe(1);
  });

  it('cannot update, as its specification says, unless a test allows it', async () => {
    const auth = user.create(NEW);
    const path = `/v1/containerregistryauth/${auth?.id}`;
    const body = { username: 'AWS', password: 'q' };

    const before = await send('PATCH', path, body);
    runpod.abilities['rest-v1'].update = true;
    const after = await send('PATCH', path, body);

    expect(before).toMatchObject({ status: 404, body: { error: 'not found', status: 404 } });
    expect(after).toMatchObject({ status: 200, body: { id: auth?.id, name: 'ecr' } });
    expect(auth?.password).toBe('q');
  });

  it.each<[string, object]>([
    ['a missing field', { name: 'x', username: 'AWS' }],
    ['a name that is taken', NEW],
  ])('answers 400 to a creation with %s', async (_, body) => {
    user.create(NEW);

    const answer = await send('POST', '/v1/containerregistryauth', body);

    expect(answer).toMatchObject({ status: 400, body: { error: expect.any(String), status: 400 } });
    expect(user.auths).toHaveLength(1);
  });

  it('does not delete an auth that a pod uses', async () => {
    const used = user.create(NEW)?.id ?? '';
    user.workloads.pods.push({ id: 'pod', name: 'pod', image: 'i', registry: used });

    const answer = await send('DELETE', `/v1/containerregistryauth/${used}`);

    expect(answer.status).toBe(400);
    expect(user.auths).toHaveLength(1);
  });
});
