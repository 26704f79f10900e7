import type { RunpodUser } from '../../local/runpod/accounts';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';
import { runpodClient } from './runpod-request';

const NEW = { name: 'ecr', username: 'AWS', password: 'p' };
const SAVE = 'mutation Save($input: SaveRegistryAuthInput!) { saveRegistryAuth(input: $input) { id name } }';
const UPDATE = 'mutation ($input: UpdateRegistryAuthInput) { updateRegistryAuth(input: $input) { id name } }';
const DELETE = 'mutation ($registryAuthId: String!) { deleteRegistryAuth(registryAuthId: $registryAuthId) }';

let runpod: RunpodStandIn;
let user: RunpodUser;

beforeEach(async () => {
  runpod = new RunpodStandIn(new StandInClock());
  await runpod.listen();
  user = runpod.addUser('key');
});

afterEach(() => runpod.close());

describe('GraphQL', () => {
  it('creates, lists, updates in place and deletes, and never shows a credential', async () => {
    const saved = await ask(SAVE, { input: NEW });
    const id = user.auths[0]?.id ?? '';
    const listed = await ask('query { myself { containerRegistryCreds { id name } } }');
    const updated = await ask(UPDATE, { input: { id, username: 'AWS', password: 'q' } });
    const password = user.find(id)?.password;
    const deleted = await ask(DELETE, { registryAuthId: id });

    expect(saved.status).toBe(200);
    expect(saved.body).toEqual({ data: { saveRegistryAuth: { id, name: 'ecr' } } });
    expect(listed.body).toEqual({ data: { myself: { containerRegistryCreds: [{ id, name: 'ecr' }] } } });
    expect(updated.body).toEqual({ data: { updateRegistryAuth: { id, name: 'ecr' } } });
    expect(password).toBe('q');
    expect(deleted.body).toMatchObject({ data: { deleteRegistryAuth: true } });
    expect(user.auths).toEqual([]);
    expect(user.writes.map(({ kind, route }) => `${kind} ${route}`)).toEqual([
      'create graphql',
      'update graphql',
      'delete graphql',
    ]);
  });

  it.each<[string, string, object, string]>([
    ['an unknown operation', 'mutation { renameRegistryAuth }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'an unknown id',
      UPDATE,
      { input: { id: 'gone', username: 'u', password: 'p' } },
      'INTERNAL_SERVER_ERROR',
    ],
    ['a name that is taken', SAVE, { input: NEW }, 'BAD_USER_INPUT'],
    ['a missing field', UPDATE, { input: { id: 'x', username: 'u' } }, 'BAD_USER_INPUT'],
    ['an unknown field', SAVE, { input: { ...NEW, name: 'x', extra: 'y' } }, 'BAD_USER_INPUT'],
    ['a misspelt field', SAVE, { input: { name: 'x', user: 'u', password: 'p' } }, 'BAD_USER_INPUT'],
    ['a number', SAVE, { input: { ...NEW, name: 5 } }, 'BAD_USER_INPUT'],
    ['no variables', SAVE, {}, 'BAD_USER_INPUT'],
    ['no id to delete', DELETE, {}, 'BAD_USER_INPUT'],
    ['an unknown id to delete', DELETE, { registryAuthId: 'gone' }, 'INTERNAL_SERVER_ERROR'],
  ])('answers %s with status 200 and errors', async (_, query, variables, code) => {
    user.create(NEW);

    const answer = await ask(query, variables);

    expect(answer).toMatchObject({
      status: 200,
      body: { errors: [{ message: expect.any(String), extensions: { code } }], data: null },
    });
    expect(user.auths).toMatchObject([NEW]);
    expect(user.writes).toEqual([]);
  });

  it('does not delete a registry auth that a pod uses', async () => {
    const id = user.create(NEW)?.id ?? '';
    user.workloads.pods.push({ id: 'pod', name: 'pod', image: 'i', registry: id });

    const answer = await ask(DELETE, { registryAuthId: id });

    expect(answer.body).toMatchObject({ errors: [{}] });
    expect(user.auths).toHaveLength(1);
  });

  it('accepts only POST, and only JSON with a query', async () => {
    const send = runpodClient(runpod, 'key');

    const statuses = [
      await send('GET', '/graphql'),
      await send('POST', '/graphql', '{ broken'),
      await send('POST', '/graphql', { variables: {} }),
    ].map(({ status }) => status);

    expect(statuses).toEqual([405, 400, 400]);
  });

  it('names the operation, so that a fault can select it', async () => {
    const id = user.create(NEW)?.id;
    runpod.faults.add({ operation: 'updateRegistryAuth' }, { applyThen: { status: 502 } });

    const listed = await ask('{ myself { containerRegistryCreds { id name } } }');
    const updated = await ask(UPDATE, { input: { id, username: 'AWS', password: 'q' } });

    expect([listed.status, updated.status]).toEqual([200, 502]);
    expect(user.auths[0]?.password).toBe('q');
  });
});

function ask(query: string, variables?: object) {
  return runpodClient(runpod, 'key')('POST', '/graphql', { query, variables });
}
