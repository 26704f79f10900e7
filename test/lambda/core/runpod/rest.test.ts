import { ApiUnsupportedError, TransientError } from '../../../../lambda/core/errors';
import { Secret } from '../../../../lambda/core/model';
import { createRestRoute, RunpodRest } from '../../../../lambda/core/runpod/rest';
import { aCredential, anAnswer } from '../../../support/builders';
import { NOON } from '../../../support/fake-clock';
import { scriptedRoute } from '../../../support/scripted-route';
import { type Step, scriptedHttp } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const PASSWORD = 'pass:"wörd"';
const CREDENTIAL = aCredential({ password: new Secret(PASSWORD) });

describe.each([
  ['rest-v2', 'https://api.runpod.io/v2/', 'https://api.runpod.io/v2/registries', 'registries'],
  [
    'rest-v1',
    'https://rest.runpod.io/v1',
    'https://rest.runpod.io/v1/containerregistryauth',
    'containerRegistryAuths',
  ],
] as const)('createRestRoute for %s', (name, baseUrl, collection, listField) => {
  const aRestRoute = (...steps: Step[]) =>
    scriptedRoute((http) => createRestRoute(new RunpodRest(http, name, baseUrl)), ...steps);

  it('updates in place with exactly the username and the password', async () => {
    const { route, call, sent, bodies } = aRestRoute(anAnswer(200, { id: 'auth_1-b', name: 'x' }));

    await route.update(call, 'auth_1-b', CREDENTIAL);

    expect(sent).toMatchObject([{ method: 'PATCH', url: `${collection}/auth_1-b` }]);
    expect(sent[0]?.headers.authorization).toBe('Bearer key-1');
    expect(bodies()).toEqual([{ username: 'AWS', password: PASSWORD }]);
  });

  it('encodes an id that would change the path', async () => {
    const { route, call, sent } = aRestRoute(anAnswer(404));

    await rejectionOf(route.update(call, 'a/b', CREDENTIAL));

    expect(sent).toMatchObject([{ method: 'PATCH', url: `${collection}/a%2Fb` }]);
  });

  it.each([[{ id: 'b' }], [{}], [[{ id: 'a' }]], [{ data: { id: 'a' } }], ['']])(
    'calls the answer %j to an update unclear',
    async (body) => {
      const { route, call } = aRestRoute(anAnswer(200, body));

      const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

      expect(failure).toBeInstanceOf(ApiUnsupportedError);
      expect(failure).toMatchObject({ certainty: 'unclear' });
    },
  );

  it.each([200, 201])('creates by name and accepts the status %d', async (status) => {
    const { route, call, sent, bodies } = aRestRoute(anAnswer(status, { id: 'new', name: 'ecr-prod' }));

    const created = await route.create(call, 'ecr-prod', CREDENTIAL);

    expect(created).toEqual({ id: 'new', name: 'ecr-prod' });
    expect(sent).toMatchObject([{ method: 'POST', url: collection }]);
    expect(bodies()).toEqual([{ name: 'ecr-prod', username: 'AWS', password: PASSWORD }]);
  });

  it('sends a create only once', async () => {
    const { route, call, sent } = aRestRoute(anAnswer(503));

    const failure = await rejectionOf(route.create(call, 'ecr-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
    expect(sent).toHaveLength(1);
  });

  it('repeats an update whose answer was lost', async () => {
    const { route, call, sent } = aRestRoute(new TransientError('lost'), anAnswer(200, { id: 'a' }));

    await route.update(call, 'a', CREDENTIAL);

    expect(sent).toHaveLength(2);
  });

  it.each([
    ['bare', [{ id: 'a', name: 'x' }]],
    ['wrapped', { [listField]: [{ id: 'a', name: 'x' }] }],
  ])('reads a list that is %s', async (_, body) => {
    const { route, call, sent } = aRestRoute(anAnswer(200, body));

    const auths = await route.list(call);

    expect(auths).toEqual([{ id: 'a', name: 'x' }]);
    expect(sent).toMatchObject([{ method: 'GET', url: collection }]);
    expect(sent[0]?.body).toBeUndefined();
  });
});

describe('RunpodRest', () => {
  const CALL = { apiKey: new Secret('key-1'), deadlineMs: NOON + 60_000 };
  const aList = (...steps: Step[]) => {
    const { http, sent } = scriptedHttp(...steps);
    const rest = new RunpodRest(http, 'rest-v2', 'https://api.runpod.io/v2');
    return { sent, list: () => rest.list(CALL, 'pods', 'pods') };
  };

  it('lists every page', async () => {
    const { list, sent } = aList(
      anAnswer(200, { pods: ['a', 'b'], pagination: { nextCursor: 'c/2' } }),
      anAnswer(200, { pods: ['c'], pagination: { nextCursor: null } }),
    );

    const items = await list();

    expect(items).toEqual(['a', 'b', 'c']);
    expect(sent.map(({ url }) => url)).toEqual([
      'https://api.runpod.io/v2/pods',
      'https://api.runpod.io/v2/pods?cursor=c%2F2',
    ]);
  });

  it('calls a list without an end unclear', async () => {
    const pages = Array.from({ length: 201 }, (_, page) =>
      anAnswer(200, { pods: [], pagination: { nextCursor: `page ${page}` } }),
    );
    const { list, sent } = aList(...pages);

    const failure = await rejectionOf(list());

    expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'unclear' });
    expect(sent).toHaveLength(200);
  });

  it.each([[{}], [{ pods: {} }], [null], ['']])('calls the answer %j to a list unclear', async (body) => {
    const { list } = aList(anAnswer(200, body));

    const failure = await rejectionOf(list());

    expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'unclear' });
  });
});
