import { eachTestIn, type World } from './world';

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

afterEach(() => {
  expect(world.user.deletes).toBe(0);
});

describe('the refresh function over the routes', () => {
  it('writes over GraphQL when REST v2 cannot update and REST v1 is gone, and creates nothing', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod' }]);

    const { result, metrics } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ target: 'prod', route: 'graphql' }]);
    expect(metrics.FallbackRoute).toBe(1);
    expect(world.user.creates).toBe(0);
    expect(await world.canPull('prod')).toBe(true);
  });

  it('starts with the route that worked while the process is warm', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    await world.deploy([{ name: 'prod' }]);
    await world.invoke();
    world.cloud.runpod.requests.length = 0;

    await world.invoke();

    expect(world.cloud.runpod.requests.map(({ path }) => path)).toEqual(['/graphql']);
  });

  it('writes over REST v1 when REST v2 cannot update', async () => {
    world.cloud.runpod.abilities['rest-v2'].update = false;
    world.cloud.runpod.abilities['rest-v1'].update = true;
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'rest-v1' }]);
  });

  it('uses only the route that the settings force', async () => {
    await world.deploy([{ name: 'prod' }, { name: 'new', registryAuthName: 'made' }], { api: 'graphql' });

    const { result, metrics } = await world.invoke();

    expect(result?.refreshed.map(({ route }) => route)).toEqual(['graphql', 'graphql']);
    expect(metrics.FallbackRoute).toBe(0);
    expect(new Set(world.cloud.runpod.requests.map(({ path }) => path))).toEqual(new Set(['/graphql']));
  });

  it.each([
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>moved</html>' }],
    [
      '403 from the edge',
      { status: 403, headers: { 'content-type': 'text/html' }, body: 'error code: 1010' },
    ],
    ['a redirect', { status: 308, headers: { location: 'https://elsewhere.example/' } }],
    ['405', { status: 405 }],
    ['501', { status: 501 }],
    ['422', { status: 422, body: { title: 'Unprocessable Entity', status: 422, detail: 'no' } }],
    ['another id', { status: 200, body: { id: 'somebody-else', name: 'x' } }],
    ['success without an id', { status: 200, body: {} }],
    ['no content', { status: 204, body: '' }],
    ['a missing permission', { status: 403, body: { title: 'Forbidden', status: 403, detail: 'no' } }],
  ])('tries the next route after %s', async (_, fault) => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, fault);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
    expect(await world.canPull('prod')).toBe(true);
  });

  it('tries the next route when the first one is down after all retries', async () => {
    const fault = world.cloud.runpod.faults.add({ method: 'PATCH', path: /^\/v2/ }, { status: 503 });
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(fault.hits).toBe(4);
    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
  });

  it('reports a missing id as missing and not as an API that is gone', async () => {
    await world.deploy([{ name: 'prod', registryAuthId: 'reg-deleted' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /prod: Runpod has no registry auth reg-deleted in this key's account/,
    );
    expect(metrics).toMatchObject({ OperatorActionNeeded: 1, TargetsFailed: 1, RunSucceeded: 0 });
    expect(world.user.creates).toBe(0);
  });

  it('reports that every route is retired', async () => {
    for (const route of ['rest-v2', 'rest-v1', 'graphql'] as const) world.cloud.runpod.retired.add(route);
    await world.deploy([{ name: 'prod' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(/none of Runpod's APIs can do it any more \(rest-v2 answered 410/);
    expect(metrics.OperatorActionNeeded).toBe(1);
  });
});

describe('the refresh function with a registry auth by name', () => {
  it('creates the registry auth once and then updates it', async () => {
    await world.deploy([{ name: 'prod', registryAuthName: 'ecr' }]);

    await world.invoke();
    const created = world.user.auths[0]?.id;
    const { result } = await world.invoke();

    expect(world.user.creates).toBe(1);
    expect(result?.refreshed).toMatchObject([{ registryAuthId: created }]);
    expect(world.user.auths[0]?.updates).toBe(1);
  });

  it('looks the registry auth up when the answer to its create was lost', async () => {
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

  it('creates the registry auth over the next route when the first one cannot', async () => {
    world.cloud.runpod.retired.add('rest-v2');
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod', registryAuthName: 'ecr' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
    expect(world.user.creates).toBe(1);
  });
});
