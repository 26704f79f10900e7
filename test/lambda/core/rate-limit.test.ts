import fc from 'fast-check';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../lambda/core/http';
import { parseRateLimit, parseRateLimitPolicy, RateLimiter } from '../../../lambda/core/rate-limit';
import { anAnswer } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';
import { respondingTransport } from '../../support/scripted-transport';

describe('parseRateLimit', () => {
  it('reads each window of the list', () => {
    expect(parseRateLimit('"minute";r=0;t=12, "hour";t=2400;r=2950')).toEqual([
      { name: 'minute', remaining: 0, resetSeconds: 12 },
      { name: 'hour', remaining: 2_950, resetSeconds: 2_400 },
    ]);
  });

  it.each([
    [undefined],
    [''],
    ['minute;r=1;t=2'],
    ['"minute"'],
    ['"minute";r=1'],
    ['"minute";r=-1;t=2'],
    ['"minute";r=1.5;t=2'],
    ['"minute";r=;t='],
    [',,;;=,"'],
  ])('passes over %p', (header) => {
    expect(parseRateLimit(header)).toEqual([]);
  });

  it('keeps what it understands beside what it does not', () => {
    expect(parseRateLimit('limit=60, "minute";r=5;t=6;pk=:abc:, "day";r=x;t=1')).toEqual([
      { name: 'minute', remaining: 5, resetSeconds: 6 },
    ]);
  });

  it('gives whole numbers that are not negative for any header', () => {
    const pieces = fc.constantFrom('"minute"', ';', ',', 'r=', 't=', '1', '-', '=', '"', ' ', '99999999999');
    const headers = fc.oneof(
      fc.string(),
      fc.array(pieces).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(headers, (header) => {
        for (const { remaining, resetSeconds } of parseRateLimit(header)) {
          expect(Number.isSafeInteger(remaining) && remaining >= 0).toBe(true);
          expect(Number.isSafeInteger(resetSeconds) && resetSeconds >= 0).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reads back what a server writes', () => {
    const number = fc.integer({ min: 0, max: 999_999_999 });
    const names = fc.constantFrom('minute', 'hour', 'day', 'burst-1');
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: names, remaining: number, resetSeconds: number })),
        (windows) => {
          const header = windows.map(
            ({ name, remaining, resetSeconds }) => `"${name}";r=${remaining};t=${resetSeconds}`,
          );

          expect(parseRateLimit(header.join(', '))).toEqual(windows);
        },
      ),
    );
  });
});

describe('parseRateLimitPolicy', () => {
  it('reads each quota of the list', () => {
    expect(parseRateLimitPolicy('"minute";q=60;w=60, "hour";q=3000;w=3600')).toEqual([
      { name: 'minute', quota: 60, windowSeconds: 60 },
      { name: 'hour', quota: 3_000, windowSeconds: 3_600 },
    ]);
  });

  it.each([[undefined], [''], ['"minute";q=60'], ['"minute";q=many;w=60'], ['60;w=60']])(
    'passes over %p',
    (header) => {
      expect(parseRateLimitPolicy(header)).toEqual([]);
    },
  );

  it('does not fail on any header', () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(parseRateLimitPolicy(header))));
  });
});

const MINUTE_POLICY = { 'ratelimit-policy': '"minute";q=60;w=60' };

/** How many requests the rateLimiter lets begin at this moment, up to a hundred. */
function beginsAt(rateLimiter: RateLimiter, nowMs: number): number {
  let begun = 0;
  while (begun < 100 && rateLimiter.tryBegin(nowMs) === 0) begun += 1;
  return begun;
}

/** A rateLimiter that has seen one answer with this header. */
function rateLimiterThatSaw(
  ratelimit: string,
  nowMs = NOON,
  others: Record<string, string> = MINUTE_POLICY,
): RateLimiter {
  const rateLimiter = new RateLimiter();
  rateLimiter.tryBegin(nowMs);
  rateLimiter.end(nowMs, { ratelimit, ...others });
  return rateLimiter;
}

describe('RateLimiter', () => {
  it('lets everything through before a quota is known', () => {
    expect(beginsAt(new RateLimiter(), NOON)).toBe(100);
  });

  it('lets no more through than the server reported', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=3;t=12');

    expect(beginsAt(rateLimiter, NOON)).toBe(3);
  });

  it('keeps back what is on its way, which the server may not have counted', () => {
    const rateLimiter = new RateLimiter();
    for (let sent = 0; sent < 5; sent += 1) rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: '"minute";r=6;t=12' });

    expect(beginsAt(rateLimiter, NOON)).toBe(2);
  });

  it('waits for the renewal and a second more when nothing is left', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');

    expect(rateLimiter.tryBegin(NOON)).toBe(13_000);
    expect(rateLimiter.tryBegin(NOON + 12_999)).toBe(1);
    expect(rateLimiter.tryBegin(NOON + 13_000)).toBe(0);
  });

  it('takes a renewed window for its whole quota until an answer tells', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');

    expect(beginsAt(rateLimiter, NOON + 13_000)).toBe(60);
  });

  it('forgets a renewed window whose quota was never announced', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12', NOON, {});

    expect(beginsAt(rateLimiter, NOON + 13_000)).toBe(100);
  });

  it('goes by the narrowest of several windows', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=50;t=12, "hour";r=2;t=1800');

    expect(beginsAt(rateLimiter, NOON)).toBe(2);
  });

  it('waits for the slowest of the windows that are used up', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12, "hour";r=0;t=1800, "day";r=9;t=80000');

    expect(rateLimiter.tryBegin(NOON)).toBe(1_801_000);
  });

  it('believes the lower count when answers overtake each other', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: '"minute";r=4;t=12' });
    rateLimiter.end(NOON, { ratelimit: '"minute";r=5;t=12' });

    expect(beginsAt(rateLimiter, NOON)).toBe(4);
  });

  it('believes a higher count when another window has begun', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ...MINUTE_POLICY, ratelimit: '"minute";r=2;t=1' });
    rateLimiter.tryBegin(NOON + 1_500);

    rateLimiter.end(NOON + 1_500, { ...MINUTE_POLICY, ratelimit: '"minute";r=59;t=60' });

    expect(beginsAt(rateLimiter, NOON + 1_500)).toBe(59);
  });

  it('does not take a slow answer for another window', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ...MINUTE_POLICY, ratelimit: '"minute";r=1;t=40' });

    rateLimiter.end(NOON + 9_000, { ...MINUTE_POLICY, ratelimit: '"minute";r=58;t=40' });

    expect(beginsAt(rateLimiter, NOON + 9_000)).toBe(1);
  });

  it('does not let a late answer of the old window end the new one', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON + 100, { ...MINUTE_POLICY, ratelimit: '"minute";r=3;t=60' });

    rateLimiter.end(NOON + 200, { ...MINUTE_POLICY, ratelimit: '"minute";r=50;t=1' });

    expect(beginsAt(rateLimiter, NOON + 5_000)).toBe(3);
  });

  it('expects renewals in the rhythm of the windows, however long it was idle', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');
    rateLimiter.tryBegin(NOON + 10 * 60_000);

    rateLimiter.end(NOON + 10 * 60_000, { ...MINUTE_POLICY, ratelimit: '"minute";r=0;t=12' });

    expect(rateLimiter.tryBegin(NOON + 10 * 60_000)).toBe(13_000);
  });

  it('lets nothing through while it is held, and the longest hold counts', () => {
    const rateLimiter = new RateLimiter();

    rateLimiter.hold(NOON, 5_000);
    rateLimiter.hold(NOON, 2_000);

    expect(rateLimiter.tryBegin(NOON)).toBe(5_000);
    expect(rateLimiter.tryBegin(NOON + 5_000)).toBe(0);
  });

  it('goes on by the last known quota when the headers stop coming', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=2;t=12');

    for (let sent = 0; sent < 2; sent += 1) {
      rateLimiter.tryBegin(NOON);
      rateLimiter.end(NOON, {});
    }

    expect(beginsAt(rateLimiter, NOON)).toBe(0);
    expect(beginsAt(rateLimiter, NOON + 13_000)).toBe(60);
  });

  it('understands a header that came twice', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: ['"minute";r=9;t=12', '"hour";r=1;t=12'] });

    expect(beginsAt(rateLimiter, NOON)).toBe(1);
  });

  it('never provokes a 429 with ten workers once the quota is known', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          quota: fc.integer({ min: 15, max: 90 }),
          round: fc.constantFrom(Math.ceil, Math.floor),
          windowPhaseMs: fc.integer({ min: 0, max: 59_999 }),
          latenciesMs: fc.array(fc.integer({ min: 5, max: 5_000 }), { minLength: 1, maxLength: 20 }),
        }),
        async (server) => {
          const { refused, minutes } = await writeWithTenWorkers(150, server);

          expect(refused).toBe(0);
          // The windows that the writes fill, the one in which they begin, and two for waiting too long.
          expect(minutes).toBeLessThanOrEqual(Math.ceil(150 / server.quota) + 3);
        },
      ),
      { numRuns: 15 },
    );
  });
});

interface LimitingServer {
  readonly quota: number;
  /** How the seconds to the renewal are made whole. */
  readonly round: (seconds: number) => number;
  readonly windowPhaseMs: number;
  readonly latenciesMs: readonly number[];
}

/** Ten workers write over the real sender, in virtual time, to a server that counts in fixed windows of a minute. */
async function writeWithTenWorkers(
  writes: number,
  { quota, round, windowPhaseMs, latenciesMs }: LimitingServer,
): Promise<{ refused: number; minutes: number }> {
  const clock = new FakeClock();
  const counts = new Map<number, number>();
  let served = 0;
  let refused = 0;
  const { transport } = respondingTransport(async () => {
    const sinceMs = clock.now() + windowPhaseMs;
    const window = Math.floor(sinceMs / 60_000);
    const count = (counts.get(window) ?? 0) + 1;
    counts.set(window, count);
    served += 1;
    if (count > quota) refused += 1;
    const left = Math.max(0, quota - count);
    const headers = {
      ratelimit: `"minute";r=${left};t=${round(60 - (sinceMs % 60_000) / 1_000)}`,
      'ratelimit-policy': `"minute";q=${quota};w=60`,
    };
    await clock.pass(latenciesMs[served % latenciesMs.length] ?? 0);
    return anAnswer(count > quota ? 429 : 200, {}, headers);
  });
  const send = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });
  const options = { deadlineMs: NOON + 24 * 3_600_000, rateLimiter: new RateLimiter() };
  let next = 0;
  const worker = async () => {
    while (next < writes) {
      next += 1;
      await send({ method: 'PATCH', url: 'https://api.runpod.io/v2/registries/a', headers: {} }, options);
    }
  };

  await Promise.all(Array.from({ length: 10 }, worker));

  return { refused, minutes: (clock.now() - NOON) / 60_000 };
}
