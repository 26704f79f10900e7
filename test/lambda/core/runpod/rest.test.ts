import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  TransientError,
} from '../../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY, type SendHttp } from '../../../../lambda/core/http';
import { Secret } from '../../../../lambda/core/model';
import { RateLimiter } from '../../../../lambda/core/rate-limit';
import { createRoutes } from '../../../../lambda/core/runpod/account';
import type { RouteCall } from '../../../../lambda/core/runpod/api';
import { createGraphqlRoute } from '../../../../lambda/core/runpod/graphql';
import { createRestRoute, type RestName, RunpodRest } from '../../../../lambda/core/runpod/rest';
import { aCredential, anAnswer, someSettings } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { type Step, scriptedTransport } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const CREDENTIAL = aCredential({ password: new Secret('pass:"wörd"') });
const PASSWORD = 'pass:"wörd"';
const BASES = {
  'rest-v2': 'https://api.runpod.io/v2/',
  'rest-v1': 'https://rest.runpod.io/v1',
  graphql: 'https://api.runpod.io/graphql',
};
const rest = (name: RestName) => (http: SendHttp, url: string) =>
  createRestRoute(new RunpodRest(http, name, url));
const CREATORS = { 'rest-v2': rest('rest-v2'), 'rest-v1': rest('rest-v1'), graphql: createGraphqlRoute };

/** One route over scripted answers. */
function aWired(name: keyof typeof CREATORS, ...steps: Step[]) {
  const { transport, sent } = scriptedTransport(...steps);
  const http = createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY });
  const call: RouteCall = {
    apiKey: new Secret('key-1'),
    deadlineMs: NOON + 60_000,
    rateLimiter: new RateLimiter(),
  };
  return { route: CREATORS[name](http, BASES[name]), call, sent };
}

function bodies(sent: readonly { body?: string }[]): unknown[] {
  return sent.map(({ body }) => body && JSON.parse(body));
}

describe.each([
  ['rest-v2', 'https://api.runpod.io/v2/registries', 'registries'],
  ['rest-v1', 'https://rest.runpod.io/v1/containerregistryauth', 'containerRegistryAuths'],
] as const)('the route %s', (name, collection, listField) => {
  it('updates in place with exactly the two fields that the API takes', async () => {
    const { route, call, sent } = aWired(name, anAnswer(200, { id: 'a/b', name: 'x' }));

    await route.update(call, 'a/b', CREDENTIAL);

    expect(sent).toMatchObject([{ method: 'PATCH', url: `${collection}/a%2Fb` }]);
    expect(sent[0]?.headers.authorization).toBe('Bearer key-1');
    expect(bodies(sent)).toEqual([{ username: 'AWS', password: PASSWORD }]);
  });

  it.each([[{ id: 'b' }], [{}], [[{ id: 'a' }]], [{ data: { id: 'a' } }], ['']])(
    'does not take %j for a successful update',
    async (body) => {
      const { route, call } = aWired(name, anAnswer(200, body));

      const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

      expect(failure).toBeInstanceOf(ApiUnsupportedError);
      expect(failure).toMatchObject({ certainty: 'unclear' });
    },
  );

  it.each([200, 201])('creates with a name, and takes %d for success', async (status) => {
    const { route, call, sent } = aWired(name, anAnswer(status, { id: 'new', name: 'ecr-prod' }));

    const created = await route.create(call, 'ecr-prod', CREDENTIAL);

    expect(created).toEqual({ id: 'new', name: 'ecr-prod' });
    expect(sent).toMatchObject([{ method: 'POST', url: collection }]);
    expect(bodies(sent)).toEqual([{ name: 'ecr-prod', username: 'AWS', password: PASSWORD }]);
  });

  it('sends a create once, whatever becomes of it', async () => {
    const { route, call, sent } = aWired(name, anAnswer(503));

    const failure = await rejectionOf(route.create(call, 'ecr-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
    expect(sent).toHaveLength(1);
  });

  it('repeats an update that was lost', async () => {
    const { route, call, sent } = aWired(name, new TransientError('lost'), anAnswer(200, { id: 'a' }));

    await route.update(call, 'a', CREDENTIAL);

    expect(sent).toHaveLength(2);
  });

  it.each([
    ['bare', [{ id: 'a', name: 'x' }]],
    ['wrapped', { [listField]: [{ id: 'a', name: 'x' }] }],
  ])('reads a list that comes %s', async (_, body) => {
    const { route, call, sent } = aWired(name, anAnswer(200, body));

    const auths = await route.list(call);

    expect(auths).toEqual([{ id: 'a', name: 'x' }]);
    expect(sent).toMatchObject([{ method: 'GET', url: collection }]);
    expect(sent[0]?.body).toBeUndefined();
  });
});

describe('the route graphql', () => {
  it('updates in place by a mutation, with the values as variables', async () => {
    const answer = anAnswer(200, { data: { updateRegistryAuth: { id: 'a', name: 'x' } } });
    const { route, call, sent } = aWired('graphql', answer);

    await route.update(call, 'a', CREDENTIAL);

    expect(sent).toMatchObject([{ method: 'POST', url: BASES.graphql }]);
    expect(sent[0]?.headers.authorization).toBe('Bearer key-1');
    expect(bodies(sent)).toEqual([
      {
        query: expect.stringContaining('updateRegistryAuth(input: $input) { id name }'),
        variables: { input: { id: 'a', username: 'AWS', password: PASSWORD } },
      },
    ]);
  });

  it('creates by a mutation', async () => {
    const answer = anAnswer(200, { data: { saveRegistryAuth: { id: 'new', name: 'x' } } });
    const { route, call, sent } = aWired('graphql', answer);

    const created = await route.create(call, 'x', CREDENTIAL);

    expect(created).toEqual({ id: 'new', name: 'x' });
    expect(bodies(sent)).toMatchObject([
      { variables: { input: { name: 'x', username: 'AWS', password: PASSWORD } } },
    ]);
  });

  it('lists by a query', async () => {
    const answer = anAnswer(200, { data: { myself: { containerRegistryCreds: [{ id: 'a', name: 'x' }] } } });
    const { route, call } = aWired('graphql', answer);

    await expect(route.list(call)).resolves.toEqual([{ id: 'a', name: 'x' }]);
  });

  it('repeats an update that was lost, but not a create', async () => {
    const lost = new TransientError('lost');
    const done = anAnswer(200, { data: { updateRegistryAuth: { id: 'a' } } });
    const updating = aWired('graphql', lost, done);
    const creating = aWired('graphql', lost);

    await updating.route.update(updating.call, 'a', CREDENTIAL);
    const failure = await rejectionOf(creating.route.create(creating.call, 'x', CREDENTIAL));

    expect(updating.sent).toHaveLength(2);
    expect(failure).toBe(lost);
    expect(creating.sent).toHaveLength(1);
  });

  it.each([
    [{ data: { updateRegistryAuth: { id: 'b' } } }],
    [{ data: { updateRegistryAuth: null } }],
    [{ data: {} }],
    [{ data: null }],
    [{}],
    [{ data: { updateRegistryAuth: { id: 'a' } }, errors: [{ message: 'half done' }] }],
    [{ errors: [{ message: 'boom', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }],
    [{ errors: ['boom'] }],
    [{ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }, { message: 'boom' }] }],
  ])('does not know whether an update was done that answers %j', async (body) => {
    const { route, call } = aWired('graphql', anAnswer(200, body));

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toBeInstanceOf(ApiUnsupportedError);
    expect(failure).toMatchObject({ certainty: 'unclear' });
  });

  it('takes an empty list of errors for none', async () => {
    const answer = anAnswer(200, { data: { updateRegistryAuth: { id: 'a' } }, errors: [] });
    const { route, call } = aWired('graphql', answer);

    await expect(route.update(call, 'a', CREDENTIAL)).resolves.toBeUndefined();
  });

  it.each([200, 400])(
    'knows by the codes in an answer of %d that the schema has no such operation',
    async (status) => {
      const answer = anAnswer(status, { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
      const { route, call } = aWired('graphql', answer);

      const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

      expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'final' });
    },
  );

  it.each([
    [200, 'UNAUTHENTICATED', ApiKeyRefusedError, 'api-key-refused'],
    [400, 'UNAUTHENTICATED', ApiKeyRefusedError, 'api-key-refused'],
    [200, 'FORBIDDEN', OperatorMustActError, 'permission-missing'],
    [401, 'INTERNAL_SERVER_ERROR', ApiKeyRefusedError, 'api-key-refused'],
    [401, undefined, ApiKeyRefusedError, 'api-key-refused'],
    [403, undefined, OperatorMustActError, 'permission-missing'],
  ])('takes %d with the code %s for what it means', async (status, code, kind, reason) => {
    const answer = anAnswer(status, { errors: [{ message: 'no', extensions: { code } }] });
    const { route, call } = aWired('graphql', answer);

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toBeInstanceOf(kind);
    expect(failure).toMatchObject({ reason });
  });

  it.each([404, 405, 410, 501])('is gone when it answers %d, whatever the body says', async (status) => {
    const { route, call } = aWired('graphql', anAnswer(status, { errors: [{ message: 'gone' }] }));

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'final' });
  });
});

describe('createRoutes', () => {
  it.each([
    ['auto', ['rest-v2', 'rest-v1', 'graphql']],
    ['rest-v2', ['rest-v2']],
    ['rest-v1', ['rest-v1']],
    ['graphql', ['graphql']],
  ] as const)('makes of %s the routes %j', (api, expected) => {
    const { transport } = scriptedTransport();
    const http = createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY });

    const routes = createRoutes(http, { ...someSettings().runpod, api });

    expect(routes.map(({ name }) => name)).toEqual(expected);
  });
});
