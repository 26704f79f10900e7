import { randomUUID } from 'node:crypto';
import { LOG_MESSAGES } from '../../../lambda/core/contract';
import { InvalidEventError, RefreshFailedError, TransientError } from '../../../lambda/core/errors';
import { createHandler } from '../../../lambda/refresh-credentials/handler';
import { aLambdaContext, aTarget, someSettings } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { NOON } from '../../support/fake-clock';
import { aWorld, type WorldDifferences } from '../../support/fake-world';
import { aQueuedEvent, aScheduledEvent } from '../../support/lambda-events';
import { rejectionOf } from '../../support/thrown';

const TARGETS = ['a', 'b', 'c'].map((name) => aTarget({ name, registryAuthId: `auth-${name}` }));

/** The handler of one warm process over a fake world. */
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

/** A world in which an id cannot be written while it is in the set. */
function failingFor(ids: ReadonlySet<string>): WorldDifferences {
  const update = async (_call: unknown, id: string) => {
    if (ids.has(id)) throw new TransientError('Runpod answered 503');
  };
  return { routes: { 'rest-v2': { update } } };
}

/** An entry of Lambda's on-failure destination, as the queue delivers it. */
const FAILED_INVOCATION = aQueuedEvent({ requestContext: { requestId: 'request-1' }, requestPayload: {} });

/** A handler whose first run failed for target b only. The target works now, and `world.calls` is empty. */
async function aHandlerAfterAFailure(event: unknown, awsRequestId?: string) {
  const down = new Set(['auth-b']);
  const handler = aHandler(failingFor(down));
  await rejectionOf(handler.invoke(event, awsRequestId));
  down.clear();
  handler.world.calls.length = 0;
  return handler;
}

describe('createHandler', () => {
  it('returns exactly the fields that the interface promises', async () => {
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

  it('refreshes only the targets that the event names and does not count as a full run', async () => {
    const { invoke, world, published } = aHandler();

    await invoke({ targets: ['c', 'b'] });

    expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b', 'rest-v2 update auth-c']);
    expect(published()).not.toHaveProperty('RunSucceeded');
  });

  it('marks a dry run and publishes no metrics', async () => {
    const list = async () => TARGETS.map(({ name }) => ({ id: `auth-${name}`, name }));
    const { invoke, world, published } = aHandler({ routes: { 'rest-v2': { list } } });

    const report = await invoke({ dryRun: true });

    expect(report).toMatchObject({ dryRun: true, refreshed: [{}, {}, {}] });
    expect(world.callsTo('rest-v2 update')).toEqual([]);
    expect(published()).toBeUndefined();
  });

  it('throws with each failed target and its reason after all targets are reported', async () => {
    const { invoke, world, published, logLines } = aHandler(failingFor(new Set(['auth-a', 'auth-c'])));

    const failure = await rejectionOf(invoke());

    expect(failure).toBeInstanceOf(RefreshFailedError);
    expect(String(failure)).toBe('RefreshFailedError: 2 of 3 targets failed. a, c: Runpod answered 503');
    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
    expect(published()).toMatchObject({ RunSucceeded: 0, TargetsRefreshed: 1, TargetsFailed: 2 });
    expect(logLines().map(({ message }) => message)).toEqual([
      LOG_MESSAGES.targetRefreshed,
      LOG_MESSAGES.targetFailed,
      LOG_MESSAGES.targetFailed,
      LOG_MESSAGES.runFinished,
    ]);
  });

  it.each([[{ target: 'a' }], [{ targets: ['x'] }], ['a'], [{ Records: [] }]])(
    'does nothing for the unknown event %j',
    async (event) => {
      const { invoke, world, output } = aHandler();

      const failure = await rejectionOf(invoke(event));

      expect(failure).toBeInstanceOf(InvalidEventError);
      expect(world.calls).toEqual([]);
      expect(output()).toBe('');
    },
  );

  it('starts with the target that was least recently tried', async () => {
    const { invoke, world } = aHandler();
    await invoke({ targets: ['a', 'b'] });
    world.calls.length = 0;

    await invoke();

    expect(world.callsTo('rest-v2 update')[0]).toBe('rest-v2 update auth-c');
  });

  it('keeps the last five seconds of the invocation for the report', async () => {
    const { services, reads } = aWorld();
    const handler = createHandler({ settings: someSettings(), services, ...captureTelemetry() });

    await handler({}, aLambdaContext({ remainingMs: 60_000 }));

    expect(reads.map(({ deadlineMs }) => deadlineMs)).toEqual([NOON + 55_000]);
  });

  it('logs the request id in every line', async () => {
    const { invoke, logLines } = aHandler();

    await invoke({}, 'request-1');

    const ids = logLines().map((line) => line.function_request_id);
    expect(new Set(ids)).toEqual(new Set(['request-1']));
  });

  it('publishes the age of the oldest key', async () => {
    const { invoke, published } = aHandler({ keyCreatedAt: new Date(NOON - 91 * 24 * 3_600_000) });

    await invoke();

    expect(published()).toMatchObject({ ApiKeyAgeDays: 91 });
  });

  it.each([
    ['another event', aScheduledEvent('run-1'), aScheduledEvent('run-2')],
    ['an event without an id', {}, {}],
  ])('starts from the beginning with %s', async (_, first, second) => {
    const { invoke, world } = aHandler();
    await invoke(first);
    world.calls.length = 0;

    await invoke(second);

    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
    expect(world.callsTo('read')).toHaveLength(1);
    expect(world.callsTo('issue')).toHaveLength(1);
  });
});

describe('createHandler at a retry', () => {
  it('writes only the missing targets and reports the whole run', async () => {
    const { invoke, world, published } = await aHandlerAfterAFailure(aScheduledEvent('run-1'));

    const report = await invoke(aScheduledEvent('run-1'));

    expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
    expect(report.refreshed.map(({ target }) => target).sort()).toEqual(['a', 'b', 'c']);
    expect(report.refreshed[0]).not.toHaveProperty('durationMs');
    expect(published()).toMatchObject({ RunSucceeded: 1, TargetsRefreshed: 1 });
  });

  it('recognises the event that comes back from the queue', async () => {
    const { invoke, world } = await aHandlerAfterAFailure(aScheduledEvent('run-1'));

    await invoke(aQueuedEvent({ requestPayload: aScheduledEvent('run-1') }));

    expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
  });

  it.each<[string, object, string]>([
    ['by Lambda', {}, 'request-1'],
    ['by the queue', FAILED_INVOCATION, 'request-2'],
  ])('recognises an event without an id that is repeated %s', async (_, event, requestId) => {
    const { invoke, world } = await aHandlerAfterAFailure({}, 'request-1');

    await invoke(event, requestId);

    expect(world.callsTo('rest-v2 update')).toEqual(['rest-v2 update auth-b']);
  });

  it('throws while a target fails and counts all targets of the run', async () => {
    const { invoke } = aHandler(failingFor(new Set(['auth-b'])));
    await rejectionOf(invoke(aScheduledEvent('run-1')));

    const failure = await rejectionOf(invoke(aScheduledEvent('run-1')));

    expect(String(failure)).toContain('1 of 3 targets failed. b:');
  });

  it('starts from the beginning an hour later', async () => {
    const { invoke, world } = await aHandlerAfterAFailure(aScheduledEvent('run-1'));
    world.clock.advance(3_600_001);

    await invoke(aScheduledEvent('run-1'));

    expect(world.callsTo('rest-v2 update')).toHaveLength(3);
  });
});
