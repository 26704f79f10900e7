import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  OutOfTimeError,
  TransientError,
  ValueRefusedError,
} from '../../../../lambda/core/errors';
import { type RouteName, Secret } from '../../../../lambda/core/model';
import { createRoutes, RunpodAccount } from '../../../../lambda/core/runpod/account';
import {
  keyRefused,
  permissionMissing,
  type RegistryAuth,
  type RunpodCall,
} from '../../../../lambda/core/runpod/api';
import { aCredential, someSettings } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { type RouteBehaviour, someRoutes } from '../../../support/fake-route';
import { scriptedHttp } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const CALL = { apiKey: new Secret('key-1'), deadlineMs: NOON + 60_000 };
const CREDENTIAL = aCredential();
const OTHERS: RegistryAuth[] = [{ id: 'other', name: 'another' }];
const LISTED: RegistryAuth[] = [...OTHERS, { id: 'auth-prod', name: 'ecr-prod' }];

const cannot = () => Promise.reject(new ApiUnsupportedError('it answered 404', 'final'));
const unclear = () => Promise.reject(new ApiUnsupportedError('it answered 200 without JSON', 'unclear'));
const maintenance = () => Promise.reject(new ApiUnsupportedError('it answered with a web page', 'may-pass'));
const refusedValue = () => Promise.reject(new ValueRefusedError('it answered 422'));
const down = () => Promise.reject(new TransientError('it answered 503'));
const refused = () => Promise.reject(keyRefused('rest-v2'));
const forbidden = () => Promise.reject(permissionMissing('rest-v2'));
const broken = () => Promise.reject(new TypeError('x is undefined'));

/** An account over these routes, in the order of the settings. */
function anAccount(behaviours: Partial<Record<RouteName, RouteBehaviour>>) {
  const calls: string[] = [];
  const clock = new FakeClock();
  return { account: new RunpodAccount(someRoutes(behaviours, calls), clock), calls, clock };
}

/** All three routes with the same behaviour at an update, and with this list. */
function allRoutes(
  update: RouteBehaviour['update'],
  list = () => Promise.resolve(LISTED),
): Record<RouteName, RouteBehaviour> {
  const behaviour = { list, ...(update && { update }) };
  return { 'rest-v2': behaviour, 'rest-v1': behaviour, graphql: behaviour };
}

describe('createRoutes', () => {
  it.each([
    ['auto', ['rest-v2', 'rest-v1', 'graphql']],
    ['rest-v2', ['rest-v2']],
    ['rest-v1', ['rest-v1']],
    ['graphql', ['graphql']],
  ] as const)('makes for the setting %s the routes %j', (api, expected) => {
    const { http } = scriptedHttp();

    const routes = createRoutes(http, { ...someSettings().runpod, api });

    expect(routes.map(({ name }) => name)).toEqual(expected);
  });
});

describe('RunpodAccount.update', () => {
  it('writes over the first route that works and tries no other', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {}, 'rest-v1': {}, graphql: {} });

    const written = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(written).toEqual({ registryAuthId: 'auth-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it.each([
    ['cannot update', cannot],
    ['gives an unclear answer', unclear],
    ['is down after all retries', down],
    ['lacks a permission', forbidden],
    ['has a defect', broken],
  ])('tries the next route when one %s', async (_, update) => {
    const { account, calls } = anAccount({ 'rest-v2': { update }, 'rest-v1': { update }, graphql: {} });

    const written = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(written.route).toBe('graphql');
    expect(calls).toEqual([
      'rest-v2 update auth-prod',
      'rest-v1 update auth-prod',
      'graphql update auth-prod',
    ]);
  });

  it('does not try a refused key at the next route', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { update: refused }, 'rest-v1': {}, graphql: {} });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(ApiKeyRefusedError);
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('tries the next route when only a later route refuses the key', async () => {
    const { account } = anAccount({
      'rest-v2': { update: down },
      'rest-v1': { update: refused },
      graphql: {},
    });

    expect(await account.update(CALL, 'auth-prod', CREDENTIAL)).toMatchObject({ route: 'graphql' });
  });

  it.each([
    ['an outage of the first route', down, TransientError],
    ['a refused key when the first route cannot update', cannot, ApiKeyRefusedError],
  ])('reports %s when the last route refuses the key', async (_, update, kind) => {
    const { account } = anAccount({ 'rest-v2': { update }, 'rest-v1': { update: refused } });

    expect(await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL))).toBeInstanceOf(kind);
  });

  it('tries only the route that the settings force', async () => {
    const { account, calls } = anAccount({ graphql: { update: down } });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls).toEqual(['graphql update auth-prod']);
  });

  it.each<[string, RouteBehaviour['update'], RegistryAuth[], object]>([
    ['no route can update and the id is not listed', cannot, OTHERS, { reason: 'registry-auth-missing' }],
    ['no route can update and the id is listed', cannot, LISTED, { reason: 'no-route-left' }],
    [
      'the answers are unclear and the id is not listed',
      unclear,
      OTHERS,
      { reason: 'registry-auth-missing' },
    ],
    ['the answers are unclear and the id is listed', unclear, LISTED, { name: 'TransientError' }],
    ['the permission is missing on every route', forbidden, LISTED, { reason: 'api-key-permission-missing' }],
    ['every route is down', down, OTHERS, { name: 'TransientError' }],
    ['every route has a defect', broken, OTHERS, { name: 'TransientError' }],
  ])('throws the matching error when %s', async (_, update, listed, expected) => {
    const { account } = anAccount(allRoutes(update, () => Promise.resolve(listed)));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject(expected);
  });

  it.each<[string, Record<RouteName, RouteBehaviour['update']>, object]>([
    [
      'an outage rather than a missing permission',
      { 'rest-v2': forbidden, 'rest-v1': down, graphql: cannot },
      { name: 'TransientError' },
    ],
    [
      'a missing permission rather than an API that is gone',
      { 'rest-v2': cannot, 'rest-v1': forbidden, graphql: cannot },
      { reason: 'api-key-permission-missing' },
    ],
    [
      'a missing permission rather than an unclear answer',
      { 'rest-v2': unclear, 'rest-v1': forbidden, graphql: cannot },
      { reason: 'api-key-permission-missing' },
    ],
    [
      'an unclear answer rather than an API that is gone',
      { 'rest-v2': cannot, 'rest-v1': cannot, graphql: unclear },
      { name: 'TransientError' },
    ],
  ])('reports %s', async (_, updates, expected) => {
    const list = () => Promise.resolve(LISTED);
    const { account } = anAccount({
      'rest-v2': { update: updates['rest-v2'] ?? cannot, list },
      'rest-v1': { update: updates['rest-v1'] ?? cannot, list },
      graphql: { update: updates.graphql ?? cannot, list },
    });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject(expected);
  });

  it('does not report a missing id when the account cannot be listed', async () => {
    const { account } = anAccount(allRoutes(cannot, down));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
  });

  it('reports a missing id while one route is down', async () => {
    const list = () => Promise.resolve(OTHERS);
    const { account } = anAccount({
      'rest-v2': { update: cannot, list },
      'rest-v1': { update: down, list: down },
      graphql: { update: cannot, list },
    });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject({ reason: 'registry-auth-missing' });
  });

  it('names every answer and the runbook when no route is left', async () => {
    const { account } = anAccount(allRoutes(cannot));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(String(failure)).toContain('it answered 404, it answered 404, it answered 404');
    expect(String(failure)).toContain('see the runbook, "Runpod retires an API"');
  });

  it('treats web pages from every API as an outage', async () => {
    const { account } = anAccount({
      'rest-v2': { update: maintenance, list: maintenance },
      'rest-v1': { update: cannot, list: cannot },
      graphql: { update: maintenance, list: maintenance },
    });

    const error = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(error).toBeInstanceOf(TransientError);
  });

  it('does not try the next route after an OutOfTimeError', async () => {
    const outOfTime = () =>
      Promise.reject(new OutOfTimeError('the quota asks to wait longer than the run may take'));
    const { account, calls } = anAccount({ 'rest-v2': { update: outOfTime }, graphql: {} });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(OutOfTimeError);
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('keeps the rate limit of each route apart', async () => {
    const limited = ({ rateLimiter }: RunpodCall) => {
      rateLimiter?.hold(NOON, 3_600_000);
      return Promise.reject(new TransientError('it answered 429'));
    };
    const waitsMs: number[] = [];
    const free = async ({ rateLimiter }: RunpodCall) => {
      waitsMs.push(rateLimiter?.tryBegin(NOON) ?? Number.NaN);
    };
    const { account } = anAccount({ 'rest-v2': { update: limited }, graphql: { update: free } });

    await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(waitsMs).toEqual([0]);
  });

  it('starts with the route that worked the last time', async () => {
    const { account, calls, clock } = anAccount({
      'rest-v2': { update: cannot },
      'rest-v1': { update: cannot },
      graphql: {},
    });
    await account.update(CALL, 'auth-prod', CREDENTIAL);
    calls.length = 0;
    clock.advance(24 * 3_600_000);

    await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(calls).toEqual(['graphql update auth-prod']);
  });

  it('tries the other routes when the preferred one fails', async () => {
    let graphqlIsUp = true;
    const { account, calls } = anAccount({
      'rest-v2': { update: cannot },
      'rest-v1': { update: () => (graphqlIsUp ? cannot() : Promise.resolve()) },
      graphql: { update: () => (graphqlIsUp ? Promise.resolve() : cannot()) },
    });
    await account.update(CALL, 'auth-prod', CREDENTIAL);
    graphqlIsUp = false;
    calls.length = 0;

    const written = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(written.route).toBe('rest-v1');
    expect(calls).toEqual([
      'graphql update auth-prod',
      'rest-v2 update auth-prod',
      'rest-v1 update auth-prod',
    ]);
  });

  it.each<[string, () => Promise<never>]>([
    ['gave an unclear answer', unclear],
    ['showed a web page', maintenance],
    ['lacked a permission', forbidden],
    ['refused a value', refusedValue],
  ])('tries a route that %s first again after ten minutes', async (_, fails) => {
    const answers = [fails, () => Promise.resolve()];
    const { account, clock } = anAccount({
      'rest-v2': { update: () => answers.shift()?.() ?? Promise.resolve() },
      'rest-v1': {},
    });

    const first = await account.update(CALL, 'auth-prod', CREDENTIAL);
    clock.advance(10 * 60_000);
    const later = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect([first.route, later.route]).toEqual(['rest-v1', 'rest-v2']);
  });

  it('writes over the first route even when it may not list', async () => {
    const { account } = anAccount({ 'rest-v2': { list: forbidden }, 'rest-v1': {} });

    const { route: listed } = await account.list(CALL);
    const { route: written } = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect([listed, written]).toEqual(['rest-v1', 'rest-v2']);
  });

  it('tries a route that was down first again after ten minutes', async () => {
    let isDown = true;
    const { account, clock } = anAccount({
      'rest-v2': { update: () => (isDown ? down() : Promise.resolve()) },
      'rest-v1': {},
    });
    const routeNow = async () => (await account.update(CALL, 'auth-prod', CREDENTIAL)).route;

    const during = await routeNow();
    isDown = false;
    clock.advance(9 * 60_000);
    const soonAfter = await routeNow();
    clock.advance(60_000);
    const later = await routeNow();

    expect([during, soonAfter, later]).toEqual(['rest-v1', 'rest-v1', 'rest-v2']);
  });
});

describe('RunpodAccount.isFallback', () => {
  it('is true for every route but the first of the settings', () => {
    const { account } = anAccount({ 'rest-v2': {}, 'rest-v1': {}, graphql: {} });

    const fallbacks = (['rest-v2', 'rest-v1', 'graphql'] as const).map((name) => account.isFallback(name));

    expect(fallbacks).toEqual([false, true, true]);
  });

  it('is false for the route that the settings force', () => {
    const { account } = anAccount({ graphql: {} });

    expect(account.isFallback('graphql')).toBe(false);
  });
});

describe('RunpodAccount.list', () => {
  it('returns the list and the route that gave it', async () => {
    const { account } = anAccount({
      'rest-v2': { list: cannot },
      'rest-v1': { list: () => Promise.resolve(LISTED) },
    });

    await expect(account.list(CALL)).resolves.toEqual({ auths: LISTED, route: 'rest-v1' });
  });
});

describe('RunpodAccount.ensure', () => {
  it('updates the registry auth of this name in place', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => LISTED);

    expect(written).toEqual({ registryAuthId: 'auth-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('creates a missing registry auth', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written).toEqual({ registryAuthId: 'new-ecr-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 create ecr-prod']);
  });

  it('compares names case-sensitively', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    await account.ensure(CALL, 'ECR-prod', CREDENTIAL, async () => LISTED);

    expect(calls).toEqual(['rest-v2 create ECR-prod']);
  });

  it.each([
    ['was lost', down],
    ['was unclear', unclear],
  ])('looks up a created registry auth whose answer %s instead of creating it again', async (_, create) => {
    const { account, calls } = anAccount({
      'rest-v2': { create, list: () => Promise.resolve(LISTED) },
      'rest-v1': {},
    });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.registryAuthId).toBe('auth-prod');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v2 list', 'rest-v2 update auth-prod']);
  });

  it('looks up a created registry auth whose answer has another name', async () => {
    const { account, calls } = anAccount({
      'rest-v2': {
        create: () => Promise.resolve({ id: 'something else', name: '' }),
        list: () => Promise.resolve(LISTED),
      },
    });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.registryAuthId).toBe('auth-prod');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v2 list', 'rest-v2 update auth-prod']);
  });

  it('creates again only when the name is still missing from the list', async () => {
    let creations = 0;
    const { account, calls, clock } = anAccount({
      'rest-v2': {
        create: () => {
          creations += 1;
          return creations === 1 ? down() : Promise.resolve({ id: 'new', name: 'ecr-prod' });
        },
      },
    });

    await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v2 list', 'rest-v2 create ecr-prod']);
    expect(clock.sleeps).toEqual([500]);
  });

  it('fails after three creates whose answers were lost', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { create: down }, 'rest-v1': {} });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls.filter((call) => call.includes('create'))).toHaveLength(3);
    expect(calls.filter((call) => call.startsWith('rest-v1'))).toEqual([]);
  });

  it('updates a registry auth that somebody else created in the meantime', async () => {
    const routes = { create: cannot, list: () => Promise.resolve(LISTED) };
    const { account, calls } = anAccount({ 'rest-v2': routes, 'rest-v1': routes });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.registryAuthId).toBe('auth-prod');
    expect(calls).toEqual([
      'rest-v2 create ecr-prod',
      'rest-v1 create ecr-prod',
      'rest-v2 list',
      'rest-v2 update auth-prod',
    ]);
  });

  it('creates over the next route when the first one certainly created nothing', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { create: cannot }, 'rest-v1': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.route).toBe('rest-v1');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v1 create ecr-prod']);
  });

  it.each([
    ['key is refused', refused, 'api-key-refused'],
    ['permission is missing', forbidden, 'api-key-permission-missing'],
  ])('does not list again when the %s', async (_, create, reason) => {
    const { account, calls } = anAccount({ 'rest-v2': { create } });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS));

    expect(failure).toMatchObject({ reason });
    expect(calls).toEqual(['rest-v2 create ecr-prod']);
  });

  it('refuses to choose between two registry auths of the same name', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });
    const twice = [...LISTED, { id: 'auth-2', name: 'ecr-prod' }];

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => twice));

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect(failure).toMatchObject({ reason: 'configuration-wrong' });
    expect(calls).toEqual([]);
  });

  it('does not create while the account cannot be listed', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, down));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls).toEqual([]);
  });

  it('creates over the API that could list while the first one is down', async () => {
    const { account, calls } = anAccount({
      'rest-v2': { list: down, create: down },
      'rest-v1': { list: async () => [] },
    });

    const written = await account.ensure(
      CALL,
      'ecr-new',
      CREDENTIAL,
      async () => (await account.list(CALL)).auths,
    );

    expect(written.route).toBe('rest-v1');
    expect(calls.filter((call) => call.startsWith('rest-v2'))).toEqual(['rest-v2 list']);
  });
});
