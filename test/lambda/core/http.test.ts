import fc from 'fast-check';
import { OperatorMustActError, OutOfTimeError, TransientError } from '../../../lambda/core/errors';
import {
  createHttp,
  DEFAULT_RETRY_POLICY,
  isRetryableStatus,
  jitteredDelayMs,
  retryAfterMs,
  type SendOptions,
  USER_AGENT,
} from '../../../lambda/core/http';
import { RateLimiter } from '../../../lambda/core/rate-limit';
import type { HttpRequest } from '../../../lambda/core/transport';
import { anAnswer } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';
import { type Step, scriptedHttp, scriptedTransport } from '../../support/scripted-transport';
import { rejectionOf } from '../../support/thrown';

const REQUEST: HttpRequest = {
  method: 'PATCH',
  url: 'https://api.runpod.io/v2/registries/auth-prod',
  headers: { accept: 'application/json' },
  body: '{}',
};

const LOST = new TransientError('PATCH api.runpod.io: ECONNRESET');

/** Sends REQUEST over scripted answers, with a deadline in ten minutes by default. */
function aSender(...steps: Step[]) {
  const { http, clock, sent } = scriptedHttp(...steps);
  const send = (options: Partial<SendOptions> = {}) =>
    http(REQUEST, { deadlineMs: NOON + 600_000, ...options });
  return { clock, sent, send };
}

describe('createHttp', () => {
  it.each([200, 204, 302, 400, 401, 403, 404, 410, 501])(
    'returns the status %d after one attempt',
    async (status) => {
      const { send, sent } = aSender(anAnswer(status));

      const answer = await send();

      expect(answer.status).toBe(status);
      expect(sent).toHaveLength(1);
    },
  );

  it('adds its user agent and keeps the headers of the request', async () => {
    const { send, sent } = aSender(anAnswer(200));

    await send();

    expect(sent).toEqual([{ ...REQUEST, headers: { accept: 'application/json', 'user-agent': USER_AGENT } }]);
    expect(USER_AGENT).toMatch(/^[a-z-]+\/\d+\.\d+\.\d+$/);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('tries again after the status %d', async (status) => {
    const { send, sent } = aSender(anAnswer(status), anAnswer(200));

    const answer = await send();

    expect(answer.status).toBe(200);
    expect(sent).toHaveLength(2);
  });

  it('attempts no more often than the request allows', async () => {
    const { send, sent } = aSender(anAnswer(503), anAnswer(503), anAnswer(200));

    await expect(send({ maxAttempts: 2 })).rejects.toThrow('answered 503');

    expect(sent).toHaveLength(2);
  });

  it('passes the limits of the request on, where they are stricter than the policy', async () => {
    const { transport, limits } = scriptedTransport(anAnswer(200), anAnswer(200));
    const http = createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY });
    const stream = { firstByteMs: 1, quietMs: 2 };

    await http(REQUEST, { deadlineMs: NOON + 600_000, maxBytes: 5, attemptTimeoutMs: 7, stream });
    await http(REQUEST, { deadlineMs: NOON + 600_000, attemptTimeoutMs: 60_000 });

    expect(limits[0]).toMatchObject({ maxBytes: 5, timeoutMs: 7, stream });
    expect(limits[1]).toMatchObject({ maxBytes: 1024 * 1024, timeoutMs: 10_000 });
  });

  it('fails after four attempts with the host and the status', async () => {
    const { send, sent } = aSender(...Array(4).fill(anAnswer(503)));

    await expect(send()).rejects.toThrow(new TransientError('PATCH api.runpod.io answered 503'));

    expect(sent).toHaveLength(4);
  });

  it('fails after four lost answers with the last failure', async () => {
    const last = new TransientError('PATCH api.runpod.io: ETIMEDOUT');
    const { send, sent } = aSender(LOST, LOST, LOST, last);

    await expect(send()).rejects.toBe(last);

    expect(sent).toHaveLength(4);
  });

  it('doubles the wait after each failure', async () => {
    const { send, clock } = aSender(LOST, LOST, LOST, anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([150, 300, 600]);
  });

  it.each([
    ['seconds', '7'],
    ['a date', 'Sat, 21 Nov 2026 12:00:07 GMT'],
  ])('waits at least as long as a Retry-After in %s asks', async (_, header) => {
    const { send, clock } = aSender(anAnswer(429, '', { 'retry-after': header }), anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([7_000]);
  });

  it('waits the backoff delay when Retry-After asks for less', async () => {
    const { send, clock } = aSender(anAnswer(503, '', { 'retry-after': '0' }), anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([150]);
  });

  it('does not wait when the next attempt would start after the deadline', async () => {
    const { send, clock, sent } = aSender(anAnswer(429, '', { 'retry-after': '60' }));

    await expect(send({ deadlineMs: NOON + 60_000 })).rejects.toThrow('answered 429');

    expect(clock.sleeps).toEqual([]);
    expect(sent).toHaveLength(1);
  });

  it('starts no attempt after the deadline', async () => {
    const { send, sent } = aSender();

    await expect(send({ deadlineMs: NOON })).rejects.toThrow('out of time');

    expect(sent).toEqual([]);
  });

  it('ends at the deadline when every attempt times out', async () => {
    const deadlineMs = NOON + 25_000;
    const clock = new FakeClock();
    const { transport, limits } = scriptedTransport(
      ...Array(4).fill(() => {
        clock.advance(limits.at(-1)?.timeoutMs ?? 0);
        return LOST;
      }),
    );
    const send = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });

    await expect(send(REQUEST, { deadlineMs })).rejects.toBe(LOST);

    expect(limits.map(({ timeoutMs }) => timeoutMs)).toEqual([10_000, 10_000, 4_550]);
    expect(clock.now()).toBe(deadlineMs);
  });

  it.each([
    ['the answer is lost', LOST],
    ['the answer is 503', anAnswer(503)],
  ])('sends an unrepeatable request once when %s', async (_, step) => {
    const { send, sent } = aSender(step);

    await expect(send({ repeatable: false })).rejects.toBeInstanceOf(TransientError);

    expect(sent).toHaveLength(1);
  });

  it('does not retry an error that a person must fix', async () => {
    const refusal = new OperatorMustActError('configuration-wrong', 'only https may carry a credential');
    const { send, sent } = aSender(refusal);

    await expect(send()).rejects.toBe(refusal);

    expect(sent).toHaveLength(1);
  });

  it.each([
    ['an answer', anAnswer(200)],
    ['a refusal', anAnswer(404)],
    ['lost answers', LOST],
    ['an outage', anAnswer(500)],
    ['a defect', new TypeError('of undefined')],
  ])('ends its request at the rate limiter after %s', async (_, step) => {
    const rateLimiter = new RateLimiter();
    const { send } = aSender(...Array(4).fill(step));

    await send({ rateLimiter }).catch(() => undefined);

    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ratelimit: '"minute";r=1;t=60' });
    expect(rateLimiter.tryBegin(NOON)).toBe(0);
    expect(rateLimiter.tryBegin(NOON)).toBeGreaterThan(0);
  });

  it('waits until the rate limiter lets the request through', async () => {
    const rateLimiter = new RateLimiter();
    const { send, clock } = aSender(anAnswer(200, '', { ratelimit: '"minute";r=0;t=12' }), anAnswer(200));

    await send({ rateLimiter });
    await send({ rateLimiter });

    expect(clock.sleeps).toEqual([13_000]);
  });

  it('holds back the other requests of the account after a 429', async () => {
    const rateLimiter = new RateLimiter();
    const { send } = aSender(anAnswer(429, '', { 'retry-after': '30' }));

    await send({ rateLimiter, repeatable: false }).catch(() => undefined);

    expect(rateLimiter.tryBegin(NOON)).toBe(30_000);
  });

  it('waits five seconds although the time of day is set back by an hour in between', async () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.hold(NOON, 5_000);
    const { send, clock } = aSender(anAnswer(200));
    clock.correctTimeOfDay(-3_600_000);

    const answer = await send({ rateLimiter, deadlineMs: NOON + 60_000 });

    expect(answer.status).toBe(200);
    expect(clock.sleeps).toEqual([5_000]);
  });

  it('names the wait that the rate limit asks for when it is longer than the run may take', async () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.hold(NOON, 540_000);
    const { send, sent, clock } = aSender();

    await expect(send({ rateLimiter, deadlineMs: NOON + 60_000 })).rejects.toThrow('another 540 s');

    expect(sent).toEqual([]);
    expect(clock.sleeps).toEqual([]);
  });

  it.each([
    ['throws OutOfTimeError for a limit of minutes, because the next retry can wait it out', 290_000, true],
    ['counts a limit of hours as an outage, so that another API is tried', 36_000_000, false],
  ])('%s', async (_, waitMs, isOutOfTime) => {
    const rateLimiter = new RateLimiter();
    rateLimiter.hold(NOON, waitMs);
    const { send } = aSender();

    const failure = await rejectionOf(send({ rateLimiter, deadlineMs: NOON + 60_000 }));

    expect(failure).toBeInstanceOf(TransientError);
    expect(failure instanceof OutOfTimeError).toBe(isOutOfTime);
  });
});

const POLICY = { ...DEFAULT_RETRY_POLICY, baseDelayMs: 300, maxDelayMs: 8_000 };

describe('jitteredDelayMs', () => {
  it.each([
    [1, 299],
    [2, 599],
    [3, 1_199],
    [5, 4_799],
    [6, 7_999],
    [60, 7_999],
    [5_000, 7_999],
  ])('returns after %d failures at most %d ms', (failures, longest) => {
    const almostOne = 1 - Number.EPSILON;

    const delayMs = jitteredDelayMs(failures, POLICY, () => almostOne);

    expect(delayMs).toBe(longest);
  });

  it('can return zero', () => {
    expect(jitteredDelayMs(3, POLICY, () => 0)).toBe(0);
  });

  it('returns a whole number from zero to below the ceiling', () => {
    const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), draws, (failures, draw) => {
        const delayMs = jitteredDelayMs(failures, POLICY, () => draw);

        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(Math.min(POLICY.maxDelayMs, POLICY.baseDelayMs * 2 ** (failures - 1)));
      }),
    );
  });
});

describe('isRetryableStatus', () => {
  it.each([408, 425, 429, 500, 502, 503, 504, 520, 599])('is true for %d', (status) => {
    expect(isRetryableStatus(status)).toBe(true);
  });

  it.each([200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 409, 410, 422, 501])(
    'is false for %d',
    (status) => {
      expect(isRetryableStatus(status)).toBe(false);
    },
  );
});

describe('retryAfterMs', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['Saturday, 21-Nov-26 12:00:05 GMT', 5_000],
  ])('reads "%s" as %d ms', (header, expected) => {
    expect(retryAfterMs(header, NOON)).toBe(expected);
  });

  it.each([undefined, '', '  ', '-5', '1.5', '1e3', 'soon', 'Mon, nonsense', '2026-11-21T12:00:30Z'])(
    'returns undefined for %p',
    (header) => {
      expect(retryAfterMs(header, NOON)).toBeUndefined();
    },
  );

  it('returns no negative number and no NaN for any header', () => {
    const likely = fc.constantFrom('Mon', 'Sat, 21 Nov ', '2026', ' GMT', '-1', '12:00', '9'.repeat(30));
    const headers = fc.oneof(
      fc.string(),
      fc.array(fc.oneof(likely, fc.string())).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(headers, (header) => {
        const waitMs = retryAfterMs(header, NOON);

        expect(waitMs === undefined || waitMs >= 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('reads the same wait from a number of seconds and from a date', () => {
    const seconds = fc.integer({ min: 0, max: 999_999_999 });
    fc.assert(
      fc.property(seconds, (wait) => {
        const date = new Date(NOON + wait * 1_000).toUTCString();

        expect(retryAfterMs(String(wait), NOON)).toBe(wait * 1_000);
        expect(retryAfterMs(date, NOON)).toBe(wait * 1_000);
      }),
    );
  });
});
