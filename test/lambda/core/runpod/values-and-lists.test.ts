import { OperatorMustActError } from '../../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../../lambda/core/http';
import { Secret } from '../../../../lambda/core/model';
import { createRoutes, RunpodAccount } from '../../../../lambda/core/runpod/account';
import type { HttpAnswer, HttpRequest } from '../../../../lambda/core/transport';
import { aCredential, anAnswer, someSettings } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { findLeaks } from '../../../support/find-leaks';
import { respondingTransport } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyUhJ5n';
const CALL = { apiKey: new Secret(KEY), deadlineMs: NOON + 60_000 };

/** An account over all of Runpod's APIs, each of which answers as the function says. */
function anAccount(respond: (request: HttpRequest) => HttpAnswer) {
  const { transport, sent } = respondingTransport(respond);
  const clock = new FakeClock();
  const http = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });
  const account = new RunpodAccount(createRoutes(http, someSettings().runpod), clock);
  const ensure = (name: string) =>
    account.ensure(CALL, name, aCredential(), async () => (await account.list(CALL)).auths);
  return {
    account,
    ensure,
    sent,
    requests: () => sent.map(({ method, url }) => `${method} ${new URL(url).pathname}`),
  };
}

const isV2 = ({ url }: HttpRequest) => url.includes('api.runpod.io/v2');

describe('RunpodAccount, when Runpod refuses what was sent', () => {
  it.each([400, 409, 422])('reports %d as a refused value, not as an API that is gone', async (status) => {
    const { account } = anAccount((request) =>
      request.method === 'GET'
        ? anAnswer(200, { registries: [{ id: 'auth', name: 'x' }] })
        : anAnswer(status, {}),
    );

    const failure = await rejectionOf(account.update(CALL, 'auth', aCredential()));

    expect(failure).toMatchObject({ reason: 'value-refused' });
    expect(String(failure)).toContain(`rest-v2 answered ${status}`);
  });

  it('reports a refused value although the other APIs are gone', async () => {
    const { account } = anAccount((request) => {
      if (!isV2(request)) return anAnswer(410);
      return request.method === 'GET'
        ? anAnswer(200, { registries: [{ id: 'auth', name: 'x' }] })
        : anAnswer(422, {});
    });

    expect(await rejectionOf(account.update(CALL, 'auth', aCredential()))).toMatchObject({
      reason: 'value-refused',
    });
  });

  it.each([
    ['says so in its own form', [{ message: KEY, extensions: { code: 'BAD_USER_INPUT' } }]],
    ['fails', [{ message: KEY, extensions: { code: 'INTERNAL_SERVER_ERROR' } }]],
  ])('reports a refused value when REST v2 refuses it and GraphQL %s', async (_, errors) => {
    const { account } = anAccount((request) => {
      if (request.url.includes('graphql')) return anAnswer(200, { errors });
      if (!isV2(request)) return anAnswer(410);
      return request.method === 'GET'
        ? anAnswer(200, { registries: [{ id: 'auth', name: 'x' }] })
        : anAnswer(422, {});
    });

    const failure = await rejectionOf(account.update(CALL, 'auth', aCredential()));

    expect(failure).toMatchObject({ reason: 'value-refused' });
    expect(findLeaks(String(failure), { KEY })).toEqual([]);
  });

  it('reports a refused value at a create that every API refuses', async () => {
    const { ensure } = anAccount((request) => {
      if (request.method === 'GET') return anAnswer(200, { registries: [] });
      if (!request.url.includes('graphql')) return anAnswer(isV2(request) ? 422 : 410, {});
      return anAnswer(200, { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    });

    expect(await rejectionOf(ensure('ecr-prod'))).toMatchObject({ reason: 'value-refused' });
  });

  it('looks a name up again when one API says that it is taken and another one forbids the create', async () => {
    const theirs = { id: 'theirs', name: 'ecr-prod' };
    const registries: object[] = [];
    const answers: Readonly<Record<string, () => HttpAnswer>> = {
      GET: () => anAnswer(200, { registries: [...registries] }),
      PATCH: () => anAnswer(200, theirs),
      POST: () => {
        registries.push(theirs);
        return anAnswer(409, { title: 'Conflict' });
      },
    };
    const { ensure } = anAccount((request) => {
      if (isV2(request)) return answers[request.method]?.() ?? anAnswer(405);
      return anAnswer(request.url.includes('graphql') ? 403 : 410, {});
    });

    expect(await ensure('ecr-prod')).toEqual({ registryAuthId: 'theirs', route: 'rest-v2' });
  });

  it.each([
    [
      { errors: [{ path: 'password', message: `too long: ${KEY}` }] },
      'Runpod refuses the password of this target',
    ],
    [{ errors: [{ loc: ['body', 'username'] }] }, 'Runpod refuses the username of this target'],
    [
      { errors: [{ path: '/secret/field' }] },
      'Runpod refuses the id, the name, the user name or the password',
    ],
    [{ errors: 'password' }, 'Runpod refuses the password of this target'],
  ])('names the field that the answer %j names, and quotes nothing of it', async (body, text) => {
    const { account } = anAccount((request) =>
      request.method === 'GET'
        ? anAnswer(200, { registries: [{ id: 'a', name: 'x' }] })
        : anAnswer(422, body),
    );

    const failure = await rejectionOf(account.update(CALL, 'a', aCredential()));

    expect(String(failure)).toContain(text);
    expect(findLeaks(String(failure), { KEY })).toEqual([]);
  });

  it('reports a missing id after a refusal when the list does not have the id', async () => {
    const { account } = anAccount((request) =>
      request.method === 'GET' ? anAnswer(200, { registries: [] }) : anAnswer(422, {}),
    );

    expect(await rejectionOf(account.update(CALL, 'a', aCredential()))).toMatchObject({
      reason: 'registry-auth-missing',
    });
  });
});

describe('RunpodAccount, with unusual lists', () => {
  it('skips entries with an invalid id, and finds the others by name', async () => {
    const registries = [
      { id: null, name: 'a' },
      { id: 7, name: 'b' },
      { id: '..', name: 'c' },
      { id: KEY, name: 'd' },
      'nonsense',
      null,
      { id: 'good-1', name: 'ecr-prod' },
    ];
    const { account, ensure } = anAccount((request) =>
      request.method === 'GET'
        ? anAnswer(200, { registries })
        : anAnswer(200, { id: 'good-1', name: 'ecr-prod' }),
    );

    expect(await ensure('ecr-prod')).toEqual({ registryAuthId: 'good-1', route: 'rest-v2' });
    expect((await account.list(CALL)).auths).toEqual([{ id: 'good-1', name: 'ecr-prod' }]);
  });

  it('takes no id from a creation that answers with the API key', async () => {
    const { ensure } = anAccount((request) =>
      request.method === 'GET'
        ? anAnswer(200, { registries: [] })
        : anAnswer(201, { id: KEY, name: 'ecr-prod' }),
    );

    const failure = await rejectionOf(ensure('ecr-prod'));

    expect(findLeaks(`${failure} ${JSON.stringify(failure)}`, { KEY })).toEqual([]);
  });

  it('finds a name on a later page', async () => {
    const { ensure } = anAccount((request) => {
      if (request.method !== 'GET') return anAnswer(200, { id: 'two', name: 'ecr-prod' });
      return request.url.includes('cursor=next%26')
        ? anAnswer(200, { registries: [{ id: 'two', name: 'ecr-prod' }], pagination: { nextCursor: null } })
        : anAnswer(200, { registries: [{ id: 'one', name: 'other' }], pagination: { nextCursor: 'next&' } });
    });

    expect(await ensure('ecr-prod')).toEqual({ registryAuthId: 'two', route: 'rest-v2' });
  });

  it('finds a name that is listed on two pages, because the list changed between them', async () => {
    const item = { id: 'one', name: 'ecr-prod' };
    const { ensure } = anAccount((request) => {
      if (request.method !== 'GET') return anAnswer(200, item);
      const nextCursor = request.url.includes('cursor') ? null : 'next';
      return anAnswer(200, { registries: [item], pagination: { nextCursor } });
    });

    expect(await ensure('ecr-prod')).toEqual({ registryAuthId: 'one', route: 'rest-v2' });
  });

  it('gives up on a list whose cursor repeats', async () => {
    const { account, sent } = anAccount((request) =>
      isV2(request) ? anAnswer(200, { registries: [], pagination: { nextCursor: 'again' } }) : anAnswer(410),
    );

    await rejectionOf(account.list(CALL));

    expect(sent.filter(isV2)).toHaveLength(2);
  });

  it('looks up a name again when it was deleted and created again after the list was read', async () => {
    let id = 'old';
    const { ensure } = anAccount((request) => {
      if (!isV2(request)) return anAnswer(410);
      if (request.method === 'GET') {
        const listed = anAnswer(200, { registries: [{ id, name: 'ecr-prod' }] });
        id = 'new';
        return listed;
      }
      return request.url.endsWith('/new') ? anAnswer(200, { id: 'new', name: 'ecr-prod' }) : anAnswer(404);
    });

    expect(await ensure('ecr-prod')).toEqual({ registryAuthId: 'new', route: 'rest-v2' });
  });

  it('keeps the reason when the name stays refused', async () => {
    const { ensure } = anAccount((request) =>
      request.method === 'GET' ? anAnswer(200, { registries: [] }) : anAnswer(409, {}),
    );

    const failure = await rejectionOf(ensure('ecr-prod'));

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect(failure).toMatchObject({ reason: 'value-refused' });
  });
});
