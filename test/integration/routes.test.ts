import { World } from './world';

let world: World;

beforeEach(async () => {
  world = await World.start();
});

afterEach(async () => {
  await world.stop();
  expect(world.leaks()).toEqual([]);
  expect(world.user.deletes).toBe(0);
});

describe('the routes', () => {
  it('end at GraphQL when REST v2 cannot update and REST v1 is gone, and nothing is deleted or created', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod' }]);

    const { result, metrics } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ target: 'prod', route: 'graphql' }]);
    expect(metrics.FallbackRoute).toBe(1);
    expect(world.user.creates).toBe(0);
    expect(await world.canPull('prod')).toBe(true);
  });

  it('begin with the one that worked while the process is warm', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    await world.deploy([{ name: 'prod' }]);
    await world.invoke();
    world.cloud.runpod.requests.length = 0;

    await world.invoke();

    expect(world.cloud.runpod.requests.map(({ path }) => path)).toEqual(['/graphql']);
  });

  it('take REST v1 while it has the update', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    world.cloud.runpod.abilities['rest-v1'].update = true;
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'rest-v1' }]);
  });

  it('are only the one that the settings force', async () => {
    await world.deploy([{ name: 'prod' }, { name: 'new', registryAuthName: 'made' }], { api: 'graphql' });

    const { result, metrics } = await world.invoke();

    expect(result?.refreshed.map(({ route }) => route)).toEqual(['graphql', 'graphql']);
    expect(metrics.FallbackRoute).toBe(0);
    expect(new Set(world.cloud.runpod.requests.map(({ path }) => path))).toEqual(new Set(['/graphql']));
  });

  it.each([
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>moved</html>' }],
    ['the edge', { status: 403, headers: { 'content-type': 'text/html' }, body: 'error code: 1010' }],
    ['a redirect', { status: 308, headers: { location: 'https://elsewhere.example/' } }],
    ['405', { status: 405 }],
    ['501', { status: 501 }],
    ['422', { status: 422, body: { title: 'Unprocessable Entity', status: 422, detail: 'no' } }],
    ['another id', { status: 200, body: { id: 'somebody-else', name: 'x' } }],
    ['success without an id', { status: 200, body: {} }],
    ['no content', { status: 204, body: '' }],
    ['a missing permission', { status: 403, body: { title: 'Forbidden', status: 403, detail: 'no' } }],
  ])('go on after %s', async (_, fault) => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, fault);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
    expect(await world.canPull('prod')).toBe(true);
  });

  it('go on when the first is down after all retries', async () => {
    const fault = world.cloud.runpod.faults.add({ method: 'PATCH', path: /^\/v2/ }, { status: 503 });
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(fault.hits).toBe(4);
    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
  });

  it('tell an id that is not there from an API that is gone', async () => {
    await world.deploy([{ name: 'prod', registryAuthId: 'reg-deleted' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /prod: Runpod has no registry auth reg-deleted in this key's account/,
    );
    expect(metrics).toMatchObject({ OperatorActionNeeded: 1, TargetsFailed: 1, RunSucceeded: 0 });
    expect(world.user.creates).toBe(0);
  });

  it('ask for a person when all are retired', async () => {
    for (const route of ['rest-v2', 'rest-v1', 'graphql'] as const) world.cloud.runpod.retired.add(route);
    await world.deploy([{ name: 'prod' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(/none of Runpod's APIs can do it any more \(rest-v2 answered 410/);
    expect(metrics.OperatorActionNeeded).toBe(1);
  });
});

describe('a registry auth by name', () => {
  it('is created once, and updated from then on', async () => {
    await world.deploy([{ name: 'prod', registryAuthName: 'ecr' }]);

    await world.invoke();
    const created = world.user.auths[0]?.id;
    const { result } = await world.invoke();

    expect(world.user.creates).toBe(1);
    expect(result?.refreshed).toMatchObject([{ registryAuthId: created }]);
    expect(world.user.auths[0]?.updates).toBe(1);
  });

  it('is looked up, not created again, when the answer to its creation was lost', async () => {
    world.cloud.runpod.faults.add(
      { method: 'POST', path: '/v2/registries' },
      { applyThen: { reset: true } },
      1,
    );
    await world.deploy([{ name: 'prod', registryAuthName: 'ecr' }]);

    const { result } = await world.invoke();

    expect(world.user.creates).toBe(1);
    expect(world.cloud.runpod.requestsOf('POST', 'rest-v2')).toHaveLength(1);
    expect(result?.refreshed).toMatchObject([{ registryAuthId: world.user.auths[0]?.id }]);
    expect(await world.canPull('ecr')).toBe(true);
  });

  it('is created over the next route where the first cannot', async () => {
    world.cloud.runpod.retired.add('rest-v2');
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod', registryAuthName: 'ecr' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
    expect(world.user.creates).toBe(1);
  });
});
