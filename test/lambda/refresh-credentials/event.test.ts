import { InvalidEventError } from '../../../lambda/core/errors';
import { chooseTargets, parseEvent } from '../../../lambda/refresh-credentials/event';
import { aTarget } from '../../support/builders';
import { aQueuedEvent, aScheduledEvent } from '../../support/lambda-events';

const SCHEDULED = aScheduledEvent();

/** The entry that Lambda's on-failure destination writes. */
function aFailedInvocation(requestPayload: unknown): object {
  return {
    version: '1.0',
    requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload,
    responsePayload: { errorType: 'RefreshFailedError' },
  };
}

describe('parseEvent', () => {
  it.each<[string, unknown, object]>([
    ['an empty event', {}, { dryRun: false }],
    ['no event', undefined, { dryRun: false }],
    ['null', null, { dryRun: false }],
    ['an empty payload', '', { dryRun: false }],
    ['a scheduled event', SCHEDULED, { dryRun: false, runId: SCHEDULED.id }],
    ['targets', { targets: ['prod'] }, { targets: ['prod'], dryRun: false }],
    ['a dry run', { dryRun: true }, { dryRun: true }],
    ['targets in a dry run', { targets: ['a', 'b'], dryRun: true }, { targets: ['a', 'b'], dryRun: true }],
    [
      'a queued scheduled event',
      aQueuedEvent(aFailedInvocation(SCHEDULED)),
      { dryRun: false, runId: SCHEDULED.id },
    ],
    [
      'a queued event of targets',
      aQueuedEvent(aFailedInvocation({ targets: ['prod'] })),
      { targets: ['prod'], dryRun: false },
    ],
    [
      'a queued event without an id, with the id of its invocation',
      aQueuedEvent({ requestContext: { requestId: 'r-1' }, requestPayload: { targets: ['prod'] } }),
      { targets: ['prod'], dryRun: false, runId: 'r-1' },
    ],
    [
      'a failed invocation whose payload was too large to be delivered',
      aQueuedEvent({ version: '1.0', requestContext: { requestId: 'r-1' } }),
      { dryRun: false, runId: 'r-1' },
    ],
    [
      'an event that a person queued',
      aQueuedEvent('{"targets":["prod"]}'),
      { targets: ['prod'], dryRun: false },
    ],
    [
      'a scheduled event that a person queued',
      aQueuedEvent(SCHEDULED),
      { dryRun: false, runId: SCHEDULED.id },
    ],
  ])('reads %s', (_, event, expected) => {
    expect(parseEvent(event)).toEqual(expected);
  });

  it.each<[unknown, string]>([
    [{ target: 'prod' }, 'unknown field "target"'],
    [{ targets: ['prod'], dryrun: true }, 'unknown field "dryrun"'],
    [{ targets: 'prod' }, 'a list of target names'],
    [{ targets: [] }, 'a list of target names'],
    [{ targets: [7] }, 'a list of target names'],
    [{ targets: null }, 'a list of target names'],
    [{ dryRun: 'true' }, 'found string'],
    [{ dryRun: null }, 'found null'],
    ['prod', 'found string'],
    [['prod'], 'found a list'],
    [7, 'found number'],
    [{ Records: [] }, 'found 0'],
    [aQueuedEvent('{}', '{}'), 'found 2'],
    [aQueuedEvent('not JSON'), 'as JSON'],
    [aQueuedEvent(undefined), 'as JSON'],
    [aQueuedEvent('{"target":"prod"}'), 'unknown field "target"'],
    [{ Records: ['x'] }, 'as JSON'],
    [{ Records: [null] }, 'as JSON'],
  ])('refuses %j and says why', (event, why) => {
    expect(() => parseEvent(event)).toThrow(InvalidEventError);
    expect(() => parseEvent(event)).toThrow(why);
  });
});

describe('chooseTargets', () => {
  const all = ['prod', 'test', 'dev'].map((name) => aTarget({ name }));

  it('returns all targets when no name is given', () => {
    expect(chooseTargets(all, undefined)).toBe(all);
  });

  it('returns each named target once in the order of the configuration', () => {
    const chosen = chooseTargets(all, ['dev', 'prod', 'dev']);

    expect(chosen.map(({ name }) => name)).toEqual(['prod', 'dev']);
  });

  it('names the unknown target and the known ones', () => {
    expect(() => chooseTargets(all, ['prod', 'stage'])).toThrow(
      new InvalidEventError('no target is named "stage"; the targets are prod, test, dev'),
    );
  });

  it('lists at most twenty names', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => aTarget({ name: `t${index}` }));

    expect(() => chooseTargets(many, ['x'])).toThrow(/t0, t1, .*, t19, …$/);
  });
});
