import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  TransientError,
} from '../../../../lambda/core/errors';
import { Secret } from '../../../../lambda/core/model';
import { createGraphqlRoute } from '../../../../lambda/core/runpod/graphql';
import { aCredential, anAnswer } from '../../../support/builders';
import { scriptedRoute } from '../../../support/scripted-route';
import type { Step } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const URL = 'https://api.runpod.io/graphql';
const PASSWORD = 'pass:"wörd"';
const CREDENTIAL = aCredential({ password: new Secret(PASSWORD) });

function aGraphqlRoute(...steps: Step[]) {
  return scriptedRoute((http) => createGraphqlRoute(http, URL), ...steps);
}

describe('createGraphqlRoute', () => {
  it('updates in place with a mutation that has the values as variables', async () => {
    const answer = anAnswer(200, { data: { updateRegistryAuth: { id: 'a', name: 'x' } } });
    const { route, call, sent, bodies } = aGraphqlRoute(answer);

    await route.update(call, 'a', CREDENTIAL);

    expect(sent).toMatchObject([{ method: 'POST', url: URL }]);
    expect(sent[0]?.headers.authorization).toBe('Bearer key-1');
    expect(bodies()).toEqual([
      {
        query: expect.stringContaining('updateRegistryAuth(input: $input) { id name }'),
        variables: { input: { id: 'a', username: 'AWS', password: PASSWORD } },
      },
    ]);
  });

  it('creates with a mutation', async () => {
    const answer = anAnswer(200, { data: { saveRegistryAuth: { id: 'new', name: 'x' } } });
    const { route, call, bodies } = aGraphqlRoute(answer);

    const created = await route.create(call, 'x', CREDENTIAL);

    expect(created).toEqual({ id: 'new', name: 'x' });
    expect(bodies()).toMatchObject([
      { variables: { input: { name: 'x', username: 'AWS', password: PASSWORD } } },
    ]);
  });

  it('lists with a query', async () => {
    const answer = anAnswer(200, { data: { myself: { containerRegistryCreds: [{ id: 'a', name: 'x' }] } } });
    const { route, call } = aGraphqlRoute(answer);

    await expect(route.list(call)).resolves.toEqual([{ id: 'a', name: 'x' }]);
  });

  it('repeats an update whose answer was lost, but not a create', async () => {
    const lost = new TransientError('lost');
    const done = anAnswer(200, { data: { updateRegistryAuth: { id: 'a' } } });
    const updating = aGraphqlRoute(lost, done);
    const creating = aGraphqlRoute(lost);

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
  ])('calls the answer %j to an update unclear', async (body) => {
    const { route, call } = aGraphqlRoute(anAnswer(200, body));

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toBeInstanceOf(ApiUnsupportedError);
    expect(failure).toMatchObject({ certainty: 'unclear' });
  });

  it('treats an empty list of errors as success', async () => {
    const answer = anAnswer(200, { data: { updateRegistryAuth: { id: 'a' } }, errors: [] });
    const { route, call } = aGraphqlRoute(answer);

    await expect(route.update(call, 'a', CREDENTIAL)).resolves.toBeUndefined();
  });

  it.each([200, 400])(
    'is unsupported when an answer with status %d has the code of an unknown operation',
    async (status) => {
      const answer = anAnswer(status, { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
      const { route, call } = aGraphqlRoute(answer);

      const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

      expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'final' });
    },
  );

  it.each([
    [200, 'UNAUTHENTICATED', ApiKeyRefusedError, 'api-key-refused'],
    [400, 'UNAUTHENTICATED', ApiKeyRefusedError, 'api-key-refused'],
    [200, 'FORBIDDEN', OperatorMustActError, 'api-key-permission-missing'],
    [401, 'INTERNAL_SERVER_ERROR', ApiKeyRefusedError, 'api-key-refused'],
    [401, undefined, ApiKeyRefusedError, 'api-key-refused'],
    [403, undefined, OperatorMustActError, 'api-key-permission-missing'],
  ])('throws what the status %d with the code %s means', async (status, code, kind, reason) => {
    const answer = anAnswer(status, { errors: [{ message: 'no', extensions: { code } }] });
    const { route, call } = aGraphqlRoute(answer);

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toBeInstanceOf(kind);
    expect(failure).toMatchObject({ reason });
  });

  it.each([404, 405, 410, 501])('is unsupported for the status %d whatever the body says', async (status) => {
    const { route, call } = aGraphqlRoute(anAnswer(status, { errors: [{ message: 'gone' }] }));

    const failure = await rejectionOf(route.update(call, 'a', CREDENTIAL));

    expect(failure).toMatchObject({ name: 'ApiUnsupportedError', certainty: 'final' });
  });
});
