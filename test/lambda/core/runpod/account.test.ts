import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  OutOfTimeError,
  TransientError,
} from '../../../../lambda/core/errors';
import { type RouteName, Secret } from '../../../../lambda/core/model';
import { RunpodAccount } from '../../../../lambda/core/runpod/account';
import type { RegistryAuth, RouteCall, RunpodRoute } from '../../../../lambda/core/runpod/api';
import { keyRefused, permissionMissing } from '../../../../lambda/core/runpod/api';
import { aCredential } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { aRoute } from '../../../support/fake-route';
import { rejectionOf } from '../../../support/thrown';

const CALL = { apiKey: new Secret('key-1'), deadlineMs: NOON + 60_000 };
const CREDENTIAL = aCredential();
const OTHERS: RegistryAuth[] = [{ id: 'other', name: 'another' }];
const HERE: RegistryAuth[] = [...OTHERS, { id: 'auth-prod', name: 'ecr-prod' }];

const cannot = () => Promise.reject(new ApiUnsupportedError('it answered 404', 'final'));
const unclear = () => Promise.reject(new ApiUnsupportedError('it answered 200 without JSON', 'unclear'));
const maintenance = () => Promise.reject(new ApiUnsupportedError('it answered with a web page', 'may-pass'));
const down = () => Promise.reject(new TransientError('it answered 503'));
const refused = () => Promise.reject(keyRefused('rest-v2'));
const forbidden = () => Promise.reject(permissionMissing('rest-v2'));
const broken = () => Promise.reject(new TypeError('x is undefined'));

type Behaviour = Partial<Omit<RunpodRoute, 'name'>>;

/** An account over the routes that are given, in the order of the settings. */
function anAccount(behaviours: Partial<Record<RouteName, Behaviour>>) {
  const calls: string[] = [];
  const clock = new FakeClock();
  const names: RouteName[] = ['rest-v2', 'rest-v1', 'graphql'];
  const routes = names.flatMap((name) => {
    const behaviour = behaviours[name];
    return behaviour === undefined ? [] : [aRoute(name, calls, behaviour)];
  });
  return { account: new RunpodAccount(routes, clock), calls, clock };
}

/** All three routes with the same answer to an update, and with this list. */
function allRoutes(
  update: Behaviour['update'],
  list = () => Promise.resolve(HERE),
): Record<RouteName, Behaviour> {
  const behaviour = { list, ...(update && { update }) };
  return { 'rest-v2': behaviour, 'rest-v1': behaviour, graphql: behaviour };
}

describe('RunpodAccount.update', () => {
  it('takes the first route that works, and asks no other', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {}, 'rest-v1': {}, graphql: {} });

    const written = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(written).toEqual({ registryAuthId: 'auth-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it.each([
    ['cannot', cannot],
    ['gives an answer that nobody understands', unclear],
    ['is down after all retries', down],
    ['lacks a permission', forbidden],
    ['has a defect', broken],
  ])('goes on to the next route when one %s', async (_, update) => {
    const { account, calls } = anAccount({ 'rest-v2': { update }, 'rest-v1': { update }, graphql: {} });

    const written = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(written.route).toBe('graphql');
    expect(calls).toEqual([
      'rest-v2 update auth-prod',
      'rest-v1 update auth-prod',
      'graphql update auth-prod',
    ]);
  });

  it('does not offer a refused key to the next route', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { update: refused }, 'rest-v1': {}, graphql: {} });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(ApiKeyRefusedError);
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('does not take the word of a later route for the key, when the first did not refuse it', async () => {
    const { account } = anAccount({
      'rest-v2': { update: down },
      'rest-v1': { update: refused },
      graphql: {},
    });

    expect(await account.update(CALL, 'auth-prod', CREDENTIAL)).toMatchObject({ route: 'graphql' });
  });

  it.each([
    ['that an outage is over, where the last word is not the key', down, TransientError],
    ['for another key, where nothing else can be hoped for', cannot, ApiKeyRefusedError],
  ])('waits %s', async (_, update, kind) => {
    const { account } = anAccount({ 'rest-v2': { update }, 'rest-v1': { update: refused } });

    expect(await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL))).toBeInstanceOf(kind);
  });

  it('asks only the route that is forced', async () => {
    const { account, calls } = anAccount({ graphql: { update: down } });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls).toEqual(['graphql update auth-prod']);
  });

  it.each<[string, Behaviour['update'], RegistryAuth[], object]>([
    ['every route cannot and the id is not listed', cannot, OTHERS, { reason: 'registry-auth-missing' }],
    ['every route cannot and the id is listed', cannot, HERE, { reason: 'no-route-left' }],
    [
      'the answers are unclear and the id is not listed',
      unclear,
      OTHERS,
      { reason: 'registry-auth-missing' },
    ],
    ['the answers are unclear and the id is listed', unclear, HERE, { name: 'TransientError' }],
    ['every route lacks the permission', forbidden, HERE, { reason: 'permission-missing' }],
    ['every route is down', down, OTHERS, { name: 'TransientError' }],
    ['every route has a defect', broken, OTHERS, { name: 'TransientError' }],
  ])('when %s, says so', async (_, update, listed, expected) => {
    const { account } = anAccount(allRoutes(update, () => Promise.resolve(listed)));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject(expected);
  });

  it.each<[string, Record<RouteName, Behaviour['update']>, object]>([
    [
      'an outage before a missing permission',
      { 'rest-v2': forbidden, 'rest-v1': down, graphql: cannot },
      { name: 'TransientError' },
    ],
    [
      'a missing permission before an API that is gone',
      { 'rest-v2': cannot, 'rest-v1': forbidden, graphql: cannot },
      { reason: 'permission-missing' },
    ],
    [
      'a missing permission before an unclear answer',
      { 'rest-v2': unclear, 'rest-v1': forbidden, graphql: cannot },
      { reason: 'permission-missing' },
    ],
    [
      'an unclear answer before an API that is gone',
      { 'rest-v2': cannot, 'rest-v1': cannot, graphql: unclear },
      { name: 'TransientError' },
    ],
  ])('tells of %s', async (_, updates, expected) => {
    const list = () => Promise.resolve(HERE);
    const { account } = anAccount({
      'rest-v2': { update: updates['rest-v2'] ?? cannot, list },
      'rest-v1': { update: updates['rest-v1'] ?? cannot, list },
      graphql: { update: updates.graphql ?? cannot, list },
    });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject(expected);
  });

  it('does not call an id missing when the list cannot be had', async () => {
    const { account } = anAccount(allRoutes(cannot, down));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(TransientError);
  });

  it('finds out that an id is gone although a route is down for good', async () => {
    const list = () => Promise.resolve(OTHERS);
    const { account } = anAccount({
      'rest-v2': { update: cannot, list },
      'rest-v1': { update: down, list: down },
      graphql: { update: cannot, list },
    });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toMatchObject({ reason: 'registry-auth-missing' });
  });

  it('names every route and the runbook when none is left', async () => {
    const { account } = anAccount(allRoutes(cannot));

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(String(failure)).toContain('it answered 404, it answered 404, it answered 404');
    expect(String(failure)).toContain('see the runbook, "Runpod retires an API"');
  });

  it('takes a web page in the place of every API for an outage: maintenance looks like that', async () => {
    const page = () => Promise.reject(new ApiUnsupportedError('it answered with a web page', 'may-pass'));
    const { account } = anAccount({
      'rest-v2': { update: page, list: page },
      'rest-v1': { update: cannot, list: cannot },
      graphql: { update: page, list: page },
    });

    const error = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(error).toBeInstanceOf(TransientError);
  });

  it('does not go on to the next route when the time is over', async () => {
    const late = () =>
      Promise.reject(new OutOfTimeError('the quota asks to wait longer than the run may take'));
    const { account, calls } = anAccount({ 'rest-v2': { update: late }, graphql: {} });

    const failure = await rejectionOf(account.update(CALL, 'auth-prod', CREDENTIAL));

    expect(failure).toBeInstanceOf(OutOfTimeError);
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('does not let the rate limit of one route hold the next', async () => {
    const limited = ({ rateLimiter }: RouteCall) => {
      rateLimiter.hold(NOON, 3_600_000);
      return Promise.reject(new TransientError('it answered 429'));
    };
    const waitsMs: number[] = [];
    const free = async ({ rateLimiter }: RouteCall) => {
      waitsMs.push(rateLimiter.tryBegin(NOON));
    };
    const { account } = anAccount({ 'rest-v2': { update: limited }, graphql: { update: free } });

    await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect(waitsMs).toEqual([0]);
  });

  it('begins with the route that worked the last time', async () => {
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

  it('gives the others a chance when the remembered route fails', async () => {
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
    ['gave an answer that nobody understood', unclear],
    ['showed a web page', maintenance],
    ['lacked a permission', forbidden],
  ])('gives a route that %s its place back after ten minutes', async (_, fails) => {
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

  it('writes over the first route though it may not list', async () => {
    const { account } = anAccount({ 'rest-v2': { list: forbidden }, 'rest-v1': {} });

    const { route: listed } = await account.list(CALL);
    const { route: written } = await account.update(CALL, 'auth-prod', CREDENTIAL);

    expect([listed, written]).toEqual(['rest-v1', 'rest-v2']);
  });

  it('gives a route that was down its place back after ten minutes', async () => {
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

describe('RunpodAccount.ensure, while the first API is down,', () => {
  it('creates over the one that could list', async () => {
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

describe('RunpodAccount.isFallback', () => {
  it('is every route but the first of the settings', () => {
    const { account } = anAccount({ 'rest-v2': {}, 'rest-v1': {}, graphql: {} });

    const fallbacks = (['rest-v2', 'rest-v1', 'graphql'] as const).map((name) => account.isFallback(name));

    expect(fallbacks).toEqual([false, true, true]);
  });

  it('is not the route that is forced', () => {
    const { account } = anAccount({ graphql: {} });

    expect(account.isFallback('graphql')).toBe(false);
  });
});

describe('RunpodAccount.list', () => {
  it('tells over which route the list came', async () => {
    const { account } = anAccount({
      'rest-v2': { list: cannot },
      'rest-v1': { list: () => Promise.resolve(HERE) },
    });

    await expect(account.list(CALL)).resolves.toEqual({ auths: HERE, route: 'rest-v1' });
  });
});

describe('RunpodAccount.ensure', () => {
  it('updates in place what bears the name', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => HERE);

    expect(written).toEqual({ registryAuthId: 'auth-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 update auth-prod']);
  });

  it('creates what is missing', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written).toEqual({ registryAuthId: 'new-ecr-prod', route: 'rest-v2' });
    expect(calls).toEqual(['rest-v2 create ecr-prod']);
  });

  it('takes names literally', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    await account.ensure(CALL, 'ECR-prod', CREDENTIAL, async () => HERE);

    expect(calls).toEqual(['rest-v2 create ECR-prod']);
  });

  it.each([
    ['was lost', down],
    ['nobody understands', unclear],
  ])('looks up a creation whose answer %s, and does not create it again', async (_, create) => {
    const { account, calls } = anAccount({
      'rest-v2': { create, list: () => Promise.resolve(HERE) },
      'rest-v1': {},
    });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.registryAuthId).toBe('auth-prod');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v2 list', 'rest-v2 update auth-prod']);
  });

  it('looks up a creation whose answer has another name', async () => {
    const { account, calls } = anAccount({
      'rest-v2': {
        create: () => Promise.resolve({ id: 'something else', name: '' }),
        list: () => Promise.resolve(HERE),
      },
    });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.registryAuthId).toBe('auth-prod');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v2 list', 'rest-v2 update auth-prod']);
  });

  it('creates again only what a new look does not find', async () => {
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

  it('gives up after three creations whose answers were lost', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { create: down }, 'rest-v1': {} });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls.filter((call) => call.includes('create'))).toHaveLength(3);
    expect(calls.filter((call) => call.startsWith('rest-v1'))).toEqual([]);
  });

  it('updates what another has created meanwhile', async () => {
    const routes = { create: cannot, list: () => Promise.resolve(HERE) };
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

  it('creates over the next route where the first certainly created nothing', async () => {
    const { account, calls } = anAccount({ 'rest-v2': { create: cannot }, 'rest-v1': {} });

    const written = await account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS);

    expect(written.route).toBe('rest-v1');
    expect(calls).toEqual(['rest-v2 create ecr-prod', 'rest-v1 create ecr-prod']);
  });

  it.each([
    ['key is refused', refused, 'api-key-refused'],
    ['permission is missing', forbidden, 'permission-missing'],
  ])('does not look again when the %s', async (_, create, reason) => {
    const { account, calls } = anAccount({ 'rest-v2': { create } });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => OTHERS));

    expect(failure).toMatchObject({ reason });
    expect(calls).toEqual(['rest-v2 create ecr-prod']);
  });

  it('does not choose between two of the same name', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });
    const twice = [...HERE, { id: 'auth-2', name: 'ecr-prod' }];

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, async () => twice));

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect(failure).toMatchObject({ reason: 'configuration-wrong' });
    expect(calls).toEqual([]);
  });

  it('does not create while the names cannot be listed', async () => {
    const { account, calls } = anAccount({ 'rest-v2': {} });

    const failure = await rejectionOf(account.ensure(CALL, 'ecr-prod', CREDENTIAL, down));

    expect(failure).toBeInstanceOf(TransientError);
    expect(calls).toEqual([]);
  });
});
