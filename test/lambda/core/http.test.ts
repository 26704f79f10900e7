import { OperatorMustActError, OutOfTimeError, TransientError } from '../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY, type SendOptions, USER_AGENT } from '../../../lambda/core/http';
import { RateLimiter } from '../../../lambda/core/rate-limit';
import type { HttpRequest } from '../../../lambda/core/transport';
import { anAnswer } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';
import { type Step, scriptedTransport } from '../../support/scripted-transport';
import { rejectionOf } from '../../support/thrown';

const REQUEST: HttpRequest = {
  method: 'PATCH',
  url: 'https://api.runpod.io/v2/registries/auth-prod',
  headers: { accept: 'application/json' },
  body: '{}',
};

const LOST = new TransientError('PATCH api.runpod.io: ECONNRESET');

/** A sender over a scripted transport, with ten minutes to go unless the test says otherwise. */
function aSender(...steps: Step[]) {
  const clock = new FakeClock();
  const { transport, sent, limits } = scriptedTransport(...steps);
  const http = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });
  const send = (options: Partial<SendOptions> = {}) =>
    http(REQUEST, { deadlineMs: NOON + 600_000, ...options });
  return { clock, sent, limits, send };
}

describe('createHttp', () => {
  it.each([200, 204, 302, 400, 401, 403, 404, 410, 501])(
    'hands back %d after one attempt',
    async (status) => {
      const { send, sent } = aSender(anAnswer(status));

      const answer = await send();

      expect(answer.status).toBe(status);
      expect(sent).toHaveLength(1);
    },
  );

  it('says what it is and keeps the headers of the request', async () => {
    const { send, sent } = aSender(anAnswer(200));

    await send();

    expect(sent).toEqual([{ ...REQUEST, headers: { accept: 'application/json', 'user-agent': USER_AGENT } }]);
    expect(USER_AGENT).toMatch(/^[a-z-]+\/\d+\.\d+\.\d+$/);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('tries again after %d', async (status) => {
    const { send, sent } = aSender(anAnswer(status), anAnswer(200));

    const answer = await send();

    expect(answer.status).toBe(200);
    expect(sent).toHaveLength(2);
  });

  it('gives up after four attempts, naming the host and the status', async () => {
    const { send, sent } = aSender(...Array(4).fill(anAnswer(503)));

    await expect(send()).rejects.toThrow(new TransientError('PATCH api.runpod.io answered 503'));

    expect(sent).toHaveLength(4);
  });

  it('gives up after four lost answers with what was lost last', async () => {
    const last = new TransientError('PATCH api.runpod.io: ETIMEDOUT');
    const { send, sent } = aSender(LOST, LOST, LOST, last);

    await expect(send()).rejects.toBe(last);

    expect(sent).toHaveLength(4);
  });

  it('waits longer after each failure', async () => {
    const { send, clock } = aSender(LOST, LOST, LOST, anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([150, 300, 600]);
  });

  it.each([
    ['seconds', '7'],
    ['a date', 'Sat, 21 Nov 2026 12:00:07 GMT'],
  ])('waits at least as long as Retry-After asks in %s', async (_, header) => {
    const { send, clock } = aSender(anAnswer(429, '', { 'retry-after': header }), anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([7_000]);
  });

  it('waits its own time when Retry-After asks for less', async () => {
    const { send, clock } = aSender(anAnswer(503, '', { 'retry-after': '0' }), anAnswer(200));

    await send();

    expect(clock.sleeps).toEqual([150]);
  });

  it('does not wait for what would come after the deadline', async () => {
    const { send, clock, sent } = aSender(anAnswer(429, '', { 'retry-after': '60' }));

    await expect(send({ deadlineMs: NOON + 60_000 })).rejects.toThrow('answered 429');

    expect(clock.sleeps).toEqual([]);
    expect(sent).toHaveLength(1);
  });

  it('starts no attempt once the deadline is over', async () => {
    const { send, sent } = aSender();

    await expect(send({ deadlineMs: NOON })).rejects.toThrow('out of time');

    expect(sent).toEqual([]);
  });

  it('ends before the deadline when every attempt takes its whole time', async () => {
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
    ['is lost', LOST],
    ['says "not now"', anAnswer(503)],
  ])('sends what must not be repeated once, though its answer %s', async (_, step) => {
    const { send, sent } = aSender(step);

    await expect(send({ repeatable: false })).rejects.toBeInstanceOf(TransientError);

    expect(sent).toHaveLength(1);
  });

  it('does not repeat what a person must mend', async () => {
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
  ])('gives the place in the quota back after %s', async (_, step) => {
    const rateLimiter = new RateLimiter();
    const { send } = aSender(...Array(4).fill(step));

    await send({ rateLimiter }).catch(() => undefined);

    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ratelimit: '"minute";r=1;t=60' });
    expect(rateLimiter.tryBegin(NOON)).toBe(0);
    expect(rateLimiter.tryBegin(NOON)).toBeGreaterThan(0);
  });

  it('waits for its turn in the quota', async () => {
    const rateLimiter = new RateLimiter();
    const { send, clock } = aSender(anAnswer(200, '', { ratelimit: '"minute";r=0;t=12' }), anAnswer(200));

    await send({ rateLimiter });
    await send({ rateLimiter });

    expect(clock.sleeps).toEqual([13_000]);
  });

  it('holds the other requests of the account, too, after a 429', async () => {
    const rateLimiter = new RateLimiter();
    const { send } = aSender(anAnswer(429, '', { 'retry-after': '30' }));

    await send({ rateLimiter, repeatable: false }).catch(() => undefined);

    expect(rateLimiter.tryBegin(NOON)).toBe(30_000);
  });

  it('says how long the quota asks to wait when that is longer than the run may take', async () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.hold(NOON, 2_400_000);
    const { send, sent, clock } = aSender();

    await expect(send({ rateLimiter })).rejects.toThrow('another 2400 s');

    expect(sent).toEqual([]);
    expect(clock.sleeps).toEqual([]);
  });

  it.each([
    ['ends the try for a limit of minutes, which the next retry outlives', 290_000, true],
    ['counts as an outage for a limit of hours, so that another route may step in', 36_000_000, false],
  ])('%s', async (_, waitMs, endsTheTry) => {
    const rateLimiter = new RateLimiter();
    rateLimiter.hold(NOON, waitMs);
    const { send } = aSender();

    const failure = await rejectionOf(send({ rateLimiter, deadlineMs: NOON + 60_000 }));

    expect(failure).toBeInstanceOf(TransientError);
    expect(failure instanceof OutOfTimeError).toBe(endsTheTry);
  });
});
