import { randomUUID } from 'node:crypto';
import { InvalidEventError, RefreshFailedError, TransientError } from '../../../lambda/core/errors';
import { createHandler } from '../../../lambda/refresh-credentials/handler';
import { aLambdaContext, aTarget, someSettings } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { NOON } from '../../support/fake-clock';
import { aWorld, type WorldDifferences } from '../../support/fake-world';
import { rejectionOf } from '../../support/thrown';

const TARGETS = ['a', 'b', 'c'].map((name) => aTarget({ name, registryAuthId: `auth-${name}` }));

/** A handler over a fake world, as one warm process would keep it. */
function aHandler(differences: WorldDifferences = {}) {
  const world = aWorld(differences);
  const telemetry = captureTelemetry();
  const handler = createHandler({
    settings: someSettings({ targets: TARGETS }),
    services: world.services,
    ...telemetry,
  });
  const invoke = (event: unknown = {}, awsRequestId: string = randomUUID()) =>
    handler(event, aLambdaContext({ awsRequestId }));
  return { world, invoke, ...telemetry };
}

/** A world in which these ids cannot be written while they are in the set. */
function failingFor(ids: ReadonlySet<string>): WorldDifferences {
  const update = async (_call: unknown, id: string) => {
    if (ids.has(id)) throw new TransientError('Runpod answered 503');
  };
  return { routes: { 'rest-v2': { update } } };
}

/** What Lambda's on-failure destination writes of an invocation that had no payload worth the name. */
function failedInvocation(requestId: string): string {
  return JSON.stringify({ requestContext: { requestId }, requestPayload: {} });
}

function aSchedule(id: string) {
  return { id, source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} };
}

describe('createHandler', () => {
  it('returns what the interface promises, and no more', async () => {
    const { invoke } = aHandler();

    const report = await invoke({ targets: ['a'] });

    expect(report).toEqual({
      refreshed: [
        {
          target: 'a',
          registryAuthId: 'auth-a',
          route: 'rest-v2',
          expiresAt: '2026-11-22T00:00:00.000Z',
          verified: true,
        },
      ],
      failed: [],
    });
  });

  it('refreshes all targets when the event names none', async () => {
    const { invoke, world } = aHandler();

    await invoke();

    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
  });

  it('refreshes only what the event names, which is no full run', async () => {
    const { invoke, world, published } = aHandler();

    await invoke({ targets: ['c', 'b'] });

    expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b', 'rest-v2 update auth-c']);
    expect(published()).not.toHaveProperty('RunSucceeded');
  });

  it('says that a dry run was one, and publishes nothing', async () => {
    const list = async () => TARGETS.map(({ name }) => ({ id: `auth-${name}`, name }));
    const { invoke, world, published } = aHandler({ routes: { 'rest-v2': { list } } });

    const report = await invoke({ dryRun: true });

    expect(report).toMatchObject({ dryRun: true, refreshed: [{}, {}, {}] });
    expect(world.callsTo('rest-v2 update')).toEqual([]);
    expect(published()).toBeUndefined();
  });

  it('throws after all is done and reported, naming each failed target with its reason', async () => {
    const { invoke, world, published, logLines } = aHandler(failingFor(new Set(['auth-a', 'auth-c'])));

    const failure = await rejectionOf(invoke());

    expect(failure).toBeInstanceOf(RefreshFailedError);
    expect(String(failure)).toBe('RefreshFailedError: 2 of 3 targets failed. a, c: Runpod answered 503');
    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
    expect(published()).toMatchObject({ RunSucceeded: 0, TargetsRefreshed: 1, TargetsFailed: 2 });
    expect(logLines().map(({ message }) => message)).toEqual([
      'target refreshed',
      'target failed',
      'target failed',
      'run finished',
    ]);
  });

  it.each([[{ target: 'a' }], [{ targets: ['x'] }], ['a'], [{ Records: [] }]])(
    'does nothing for the event %j, which it does not understand',
    async (event) => {
      const { invoke, world, output } = aHandler();

      const failure = await rejectionOf(invoke(event));

      expect(failure).toBeInstanceOf(InvalidEventError);
      expect(world.calls).toEqual([]);
      expect(output()).toBe('');
    },
  );

  it('begins with the targets that have waited longest', async () => {
    const { invoke, world } = aHandler();
    await invoke({ targets: ['a', 'b'] });
    world.calls.length = 0;

    await invoke();

    expect(world.callsTo('rest-v2 update')[0]).toBe('rest-v2 update auth-c');
  });

  it('keeps five seconds of the invocation to report', async () => {
    const { services, reads } = aWorld();
    const handler = createHandler({ settings: someSettings(), services, ...captureTelemetry() });

    await handler({}, aLambdaContext({ remainingMs: 60_000 }));

    expect(reads.map(({ deadlineMs }) => deadlineMs)).toEqual([NOON + 55_000]);
  });

  it('has the id of the invocation in every line', async () => {
    const { invoke, logLines } = aHandler();

    await invoke({}, 'request-1');

    const ids = logLines().map((line) => line.function_request_id);
    expect(new Set(ids)).toEqual(new Set(['request-1']));
  });

  it('reports the age of the keys that were read', async () => {
    const { invoke, published } = aHandler({ keyCreatedAt: new Date(NOON - 91 * 24 * 3_600_000) });

    await invoke();

    expect(published()).toMatchObject({ ApiKeyAgeDays: 91 });
  });

  describe('at a retry of the same event', () => {
    it('goes on with what is missing, and reports the whole run', async () => {
      const down = new Set(['auth-b']);
      const { invoke, world, published } = aHandler(failingFor(down));
      await rejectionOf(invoke(aSchedule('run-1')));
      down.clear();
      world.calls.length = 0;

      const report = await invoke(aSchedule('run-1'));

      expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
      expect(report.refreshed.map(({ target }) => target).sort()).toEqual(['a', 'b', 'c']);
      expect(report.refreshed[0]).not.toHaveProperty('durationMs');
      expect(published()).toMatchObject({ RunSucceeded: 1, TargetsRefreshed: 1 });
    });

    it('knows the event that comes back from the queue', async () => {
      const down = new Set(['auth-b']);
      const { invoke, world } = aHandler(failingFor(down));
      await rejectionOf(invoke(aSchedule('run-1')));
      down.clear();
      world.calls.length = 0;
      const body = JSON.stringify({ requestPayload: aSchedule('run-1') });

      await invoke({ Records: [{ body }] });

      expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
    });

    it.each<[string, object, string]>([
      ['by Lambda', {}, 'request-1'],
      ['by the queue', { Records: [{ body: failedInvocation('request-1') }] }, 'request-2'],
    ])('knows an event without an id that is repeated %s', async (_, event, requestId) => {
      const down = new Set(['auth-b']);
      const { invoke, world } = aHandler(failingFor(down));
      await rejectionOf(invoke({}, 'request-1'));
      down.clear();
      world.calls.length = 0;

      await invoke(event, requestId);

      expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
    });

    it('still throws while a target fails, counting all targets of the run', async () => {
      const { invoke } = aHandler(failingFor(new Set(['auth-b'])));
      await rejectionOf(invoke(aSchedule('run-1')));

      const failure = await rejectionOf(invoke(aSchedule('run-1')));

      expect(String(failure)).toContain('1 of 3 targets failed. b:');
    });

    it('begins anew an hour later', async () => {
      const down = new Set(['auth-b']);
      const { invoke, world } = aHandler(failingFor(down));
      await rejectionOf(invoke(aSchedule('run-1')));
      down.clear();
      world.calls.length = 0;
      world.clock.advance(3_600_001);

      await invoke(aSchedule('run-1'));

      expect(world.callsTo('rest-v2 update')).toHaveLength(3);
    });
  });

  it.each([
    ['another event', aSchedule('run-1'), aSchedule('run-2')],
    ['an event without an id', {}, {}],
  ])('begins anew with %s', async (_, first, second) => {
    const { invoke, world } = aHandler();
    await invoke(first);
    world.calls.length = 0;

    await invoke(second);

    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
    expect(world.callsTo('read')).toHaveLength(1);
    expect(world.callsTo('issue')).toHaveLength(1);
  });
});
