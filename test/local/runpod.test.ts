import type { RouteName } from '../../lambda/core/model';
import type { RunpodUser } from '../../local/runpod/accounts';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';
import { runpodClient } from './runpod-request';

const NEW = { name: 'ecr', username: 'AWS', password: 'p' };
const LIST = '{ myself { containerRegistryCreds { id name } } }';
const SAVE = 'mutation ($input: SaveRegistryAuthInput!) { saveRegistryAuth(input: $input) { id name } }';

type Call = readonly [method: string, path: string, body?: unknown];

/** A read and a write over each API. */
const CALLS: Readonly<Record<RouteName, { readonly read: Call; readonly write: Call }>> = {
  'rest-v2': {
    read: ['GET', '/v2/registries'],
    write: ['POST', '/v2/registries', NEW],
  },
  'rest-v1': {
    read: ['GET', '/v1/containerregistryauth'],
    write: ['POST', '/v1/containerregistryauth', NEW],
  },
  graphql: {
    read: ['POST', '/graphql', { query: LIST }],
    write: ['POST', '/graphql', { query: SAVE, variables: { input: NEW } }],
  },
};
const ROUTES = ['rest-v2', 'rest-v1', 'graphql'] as const;

let clock: StandInClock;
let runpod: RunpodStandIn;
let user: RunpodUser;

beforeEach(async () => {
  clock = new StandInClock();
  runpod = new RunpodStandIn(clock);
  await runpod.listen();
  user = runpod.addUser('key');
});

afterEach(() => runpod.close());

describe('RunpodStandIn', () => {
  it.each([
    ['rest-v2', 401, { title: 'Unauthorized', status: 401, detail: expect.any(String) }],
    ['rest-v1', 401, { error: 'unauthorized', status: 401 }],
    ['graphql', 200, { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }],
  ] as const)('refuses a wrong, a revoked and a missing key over %s', async (route, status, body) => {
    runpod.addUser('revoked', { user });
    runpod.revoke('revoked');
    for (const key of ['wrong', 'revoked', '']) {
      const answer = await runpodClient(runpod, key)(...CALLS[route].write);

      expect(answer).toMatchObject({ status, body });
    }
    expect(user.auths).toEqual([]);
  });

  it.each([
    ['rest-v2', 403, { title: 'Forbidden', status: 403, detail: 'access denied' }],
    ['rest-v1', 403, { error: 'forbidden', status: 403 }],
    ['graphql', 200, { errors: [{ extensions: { code: 'FORBIDDEN' } }] }],
  ] as const)('lets a read-only key read but not write over %s', async (route, status, body) => {
    runpod.addUser('reader', { user, scope: 'read-only' });
    const send = runpodClient(runpod, 'reader');

    const read = await send(...CALLS[route].read);
    const write = await send(...CALLS[route].write);

    expect(read.status).toBe(200);
    expect(read.body).not.toHaveProperty('errors');
    expect(write).toMatchObject({ status, body });
    expect(user.auths).toEqual([]);
  });

  it.each(ROUTES)('answers 410 over %s when only that API is retired', async (retired) => {
    runpod.retired.add(retired);
    const send = runpodClient(runpod, 'key');

    for (const route of ROUTES) {
      const answer = await send(...CALLS[route].read);

      expect(answer.status).toBe(route === retired ? 410 : 200);
    }
  });

  it.each(['', 'node', 'Python-urllib/3.11', 'undici'])(
    'rejects the user agent %p at the edge',
    async (agent) => {
      const answer = await runpodClient(runpod, 'key', agent)('GET', '/v2/registries');

      expect(answer).toMatchObject({
        status: 403,
        type: expect.stringContaining('text/html'),
        body: expect.stringContaining('error code: 1010'),
      });
    },
  );

  it('answers with a web page outside the APIs', async () => {
    const answer = await runpodClient(runpod, 'key')('GET', '/elsewhere');

    expect(answer).toMatchObject({ status: 404, type: 'text/html' });
  });

  it('returns the requests of one method and API', async () => {
    const send = runpodClient(runpod, 'key');
    await send('GET', '/v2/registries');
    await send('GET', '/v1/containerregistryauth');

    expect(runpod.requestsOf('GET', 'rest-v1').map(({ path }) => path)).toEqual([
      '/v1/containerregistryauth',
    ]);
    expect(runpod.requestsOf('PATCH', 'rest-v1')).toEqual([]);
  });

  it('returns the settings that point to it', () => {
    expect(runpod.settings()).toEqual({
      api: 'auto',
      restV2Url: `${runpod.url}/v2`,
      restV1Url: `${runpod.url}/v1`,
      graphqlUrl: `${runpod.url}/graphql`,
    });
    expect(runpod.settings('graphql').api).toBe('graphql');
  });

  it('handles a thousand updates at once', async () => {
    const auths = Array.from({ length: 1_000 }, (_, index) => user.create({ ...NEW, name: `auth-${index}` }));
    const send = runpodClient(runpod, 'key');
    const password = 'p'.repeat(2_000);

    const answers = await Promise.all(
      auths.map((auth) => send('PATCH', `/v2/registries/${auth?.id}`, { username: 'AWS', password })),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(user.auths.map((auth) => auth.password))).toEqual(new Set([password]));
  });
});

describe('RunpodStandIn.limit', () => {
  const WINDOWS = [
    { name: 'minute', limit: 2 },
    { name: 'hour', limit: 3, windowSeconds: 3_600 },
  ];

  it('limits nothing by default, and can be removed', async () => {
    const send = runpodClient(runpod, 'key');

    const before = await send('GET', '/v2/registries');
    runpod.limit(user, { limit: 0 });
    const limited = await send('GET', '/v2/registries');
    runpod.limit(user);
    const after = await send('GET', '/v2/registries');

    expect([before.status, limited.status, after.status]).toEqual([200, 429, 200]);
    expect(before.headers).not.toHaveProperty('ratelimit');
  });

  it('reports every window in every answer', async () => {
    runpod.limit(user, ...WINDOWS);

    const answer = await runpodClient(runpod, 'key')('GET', '/v2/registries/none');

    expect(answer.status).toBe(404);
    expect(answer.headers).toMatchObject({
      ratelimit: '"minute";r=1;t=60, "hour";r=2;t=3600',
      'ratelimit-policy': '"minute";q=2;w=60, "hour";q=3;w=3600',
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  it('applies to all APIs together and to one account, and a request over the limit has no effect', async () => {
    runpod.limit(user, ...WINDOWS);
    const other = runpod.addUser('other');
    const send = runpodClient(runpod, 'key');

    await send('GET', '/v2/registries');
    await send('GET', '/v1/containerregistryauth');
    const v2 = await send('POST', '/v2/registries', NEW);
    const v1 = await send('POST', '/v1/containerregistryauth', NEW);
    const graphql = await send('POST', '/graphql', { query: SAVE, variables: { input: NEW } });
    const theirs = await runpodClient(runpod, 'other')('POST', '/v2/registries', NEW);

    const detail = 'rate limit exceeded for the minute window';
    expect(v2).toMatchObject({
      status: 429,
      type: 'application/problem+json',
      headers: { 'retry-after': '60', ratelimit: '"minute";r=0;t=60, "hour";r=1;t=3600' },
      body: { title: 'Too Many Requests', status: 429, detail },
    });
    expect(v1).toMatchObject({ status: 429, body: { error: detail, status: 429 } });
    expect(graphql.status).toBe(429);
    expect(theirs.status).toBe(201);
    expect([user.auths.length, other.auths.length]).toEqual([0, 1]);
  });

  it('starts again with each window, by the clock of the embedded cloud', async () => {
    runpod.limit(user, ...WINDOWS);
    const send = runpodClient(runpod, 'key');
    const read = async () => (await send('GET', '/v2/registries')).status;

    const first = [await read(), await read(), await read()];
    clock.advance(61_000);
    const second = [await read(), await read()];
    const { headers } = await send('GET', '/v2/registries');
    clock.advance(3_600_000);
    const third = await read();

    expect(first).toEqual([200, 200, 429]);
    expect(second).toEqual([200, 429]);
    expect(Number(headers['retry-after'])).toBeGreaterThan(3_500);
    expect(third).toBe(200);
  });
});
