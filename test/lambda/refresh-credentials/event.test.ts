import { InvalidEventError } from '../../../lambda/core/errors';
import { chooseTargets, parseEvent } from '../../../lambda/refresh-credentials/event';
import { aTarget } from '../../support/builders';

const SCHEDULED = {
  version: '0',
  id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  time: '2026-11-21T12:00:00Z',
  detail: {},
};

/** A message as the queue delivers it. */
function queued(...bodies: unknown[]) {
  return { Records: bodies.map((body) => ({ messageId: 'm', eventSource: 'aws:sqs', body })) };
}

/** What Lambda's on-failure destination writes. */
function failedInvocation(requestPayload: unknown) {
  return JSON.stringify({
    version: '1.0',
    requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload,
    responsePayload: { errorType: 'RefreshFailedError' },
  });
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
    ['both', { targets: ['a', 'b'], dryRun: true }, { targets: ['a', 'b'], dryRun: true }],
    ['a queued schedule', queued(failedInvocation(SCHEDULED)), { dryRun: false, runId: SCHEDULED.id }],
    [
      'a queued event of targets',
      queued(failedInvocation({ targets: ['prod'] })),
      { targets: ['prod'], dryRun: false },
    ],
    [
      'a queued event without an id, by that of its invocation',
      queued(JSON.stringify({ requestContext: { requestId: 'r-1' }, requestPayload: { targets: ['prod'] } })),
      { targets: ['prod'], dryRun: false, runId: 'r-1' },
    ],
    [
      'a failed invocation whose payload was too large to come along',
      queued(JSON.stringify({ version: '1.0', requestContext: { requestId: 'r-1' } })),
      { dryRun: false, runId: 'r-1' },
    ],
    ['an event put back by hand', queued('{"targets":["prod"]}'), { targets: ['prod'], dryRun: false }],
    [
      'a schedule put back by hand',
      queued(JSON.stringify(SCHEDULED)),
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
    [queued('{}', '{}'), 'found 2'],
    [queued('not JSON'), 'as JSON'],
    [queued(undefined), 'as JSON'],
    [queued('{"target":"prod"}'), 'unknown field "target"'],
    [{ Records: ['x'] }, 'as JSON'],
    [{ Records: [null] }, 'as JSON'],
  ])('refuses %j and says why', (event, why) => {
    expect(() => parseEvent(event)).toThrow(InvalidEventError);
    expect(() => parseEvent(event)).toThrow(why);
  });
});

describe('chooseTargets', () => {
  const all = ['prod', 'test', 'dev'].map((name) => aTarget({ name }));

  it('takes all when no name is given', () => {
    expect(chooseTargets(all, undefined)).toBe(all);
  });

  it('takes each named target once, in the order of the configuration', () => {
    const chosen = chooseTargets(all, ['dev', 'prod', 'dev']);

    expect(chosen.map(({ name }) => name)).toEqual(['prod', 'dev']);
  });

  it('names what is not there and what is', () => {
    expect(() => chooseTargets(all, ['prod', 'stage'])).toThrow(
      new InvalidEventError('no target is named "stage"; there are prod, test, dev'),
    );
  });

  it('does not list a thousand names', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => aTarget({ name: `t${index}` }));

    expect(() => chooseTargets(many, ['x'])).toThrow(/t0, t1, .*, t19, …$/);
  });
});
