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
  ])('skips %p', (header) => {
    expect(parseRateLimit(header)).toEqual([]);
  });

  it('reads the members that it understands and skips the others', () => {
    expect(parseRateLimit('limit=60, "minute";r=5;t=6;pk=:abc:, "day";r=x;t=1')).toEqual([
      { name: 'minute', remaining: 5, resetSeconds: 6 },
    ]);
  });

  it('returns only whole numbers from zero up for any header', () => {
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

  it('reads every list of windows that a server can write', () => {
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
    'skips %p',
    (header) => {
      expect(parseRateLimitPolicy(header)).toEqual([]);
    },
  );

  it('returns a list for any header', () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(parseRateLimitPolicy(header))));
  });
});

const MINUTE_POLICY = { 'ratelimit-policy': '"minute";q=60;w=60' };

/** Number of requests that the rate limiter lets through at this moment, at most a hundred. */
function allowedAt(rateLimiter: RateLimiter, nowMs: number): number {
  let begun = 0;
  while (begun < 100 && rateLimiter.tryBegin(nowMs) === 0) begun += 1;
  return begun;
}

/** A rate limiter that has seen one answer with this header. */
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
  it('lets every request through before a quota is known', () => {
    expect(allowedAt(new RateLimiter(), NOON)).toBe(100);
  });

  it('lets only as many requests through as the server reported', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=3;t=12');

    expect(allowedAt(rateLimiter, NOON)).toBe(3);
  });

  it('subtracts the requests in flight, which the server may not have counted', () => {
    const rateLimiter = new RateLimiter();
    for (let sent = 0; sent < 5; sent += 1) rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: '"minute";r=6;t=12' });

    expect(allowedAt(rateLimiter, NOON)).toBe(2);
  });

  it('waits until a second after the reset when nothing is left', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');

    expect(rateLimiter.tryBegin(NOON)).toBe(13_000);
    expect(rateLimiter.tryBegin(NOON + 12_999)).toBe(1);
    expect(rateLimiter.tryBegin(NOON + 13_000)).toBe(0);
  });

  it('treats a renewed window as full until the next answer', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');

    expect(allowedAt(rateLimiter, NOON + 13_000)).toBe(60);
  });

  it('forgets a window at its reset when its quota was never announced', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12', NOON, {});

    expect(allowedAt(rateLimiter, NOON + 13_000)).toBe(100);
  });

  it('obeys the window with the fewest requests left', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=50;t=12, "hour";r=2;t=1800');

    expect(allowedAt(rateLimiter, NOON)).toBe(2);
  });

  it('waits for the last reset of the windows that are used up', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12, "hour";r=0;t=500, "day";r=9;t=80000');

    expect(rateLimiter.tryBegin(NOON)).toBe(501_000);
  });

  it('takes the lower count when answers arrive out of order', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: '"minute";r=4;t=12' });
    rateLimiter.end(NOON, { ratelimit: '"minute";r=5;t=12' });

    expect(allowedAt(rateLimiter, NOON)).toBe(4);
  });

  it('takes a higher count when a new window has begun', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ...MINUTE_POLICY, ratelimit: '"minute";r=2;t=1' });
    rateLimiter.tryBegin(NOON + 1_500);

    rateLimiter.end(NOON + 1_500, { ...MINUTE_POLICY, ratelimit: '"minute";r=59;t=60' });

    expect(allowedAt(rateLimiter, NOON + 1_500)).toBe(59);
  });

  it('counts a slow answer to the current window', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, { ...MINUTE_POLICY, ratelimit: '"minute";r=1;t=40' });

    rateLimiter.end(NOON + 9_000, { ...MINUTE_POLICY, ratelimit: '"minute";r=58;t=40' });

    expect(allowedAt(rateLimiter, NOON + 9_000)).toBe(1);
  });

  it('ignores a late answer from the previous window', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON + 100, { ...MINUTE_POLICY, ratelimit: '"minute";r=3;t=60' });

    rateLimiter.end(NOON + 200, { ...MINUTE_POLICY, ratelimit: '"minute";r=50;t=1' });

    expect(allowedAt(rateLimiter, NOON + 5_000)).toBe(3);
  });

  it('keeps the ends of the windows aligned after a long idle time', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=0;t=12');
    rateLimiter.tryBegin(NOON + 10 * 60_000);

    rateLimiter.end(NOON + 10 * 60_000, { ...MINUTE_POLICY, ratelimit: '"minute";r=0;t=12' });

    expect(rateLimiter.tryBegin(NOON + 10 * 60_000)).toBe(13_000);
  });

  it('lets nothing through until the longest hold has ended', () => {
    const rateLimiter = new RateLimiter();

    rateLimiter.hold(NOON, 5_000);
    rateLimiter.hold(NOON, 2_000);

    expect(rateLimiter.tryBegin(NOON)).toBe(5_000);
    expect(rateLimiter.tryBegin(NOON + 5_000)).toBe(0);
  });

  it('counts down the last known quota when answers have no header', () => {
    const rateLimiter = rateLimiterThatSaw('"minute";r=2;t=12');

    for (let sent = 0; sent < 2; sent += 1) {
      rateLimiter.tryBegin(NOON);
      rateLimiter.end(NOON, {});
    }

    expect(allowedAt(rateLimiter, NOON)).toBe(0);
    expect(allowedAt(rateLimiter, NOON + 13_000)).toBe(60);
  });

  it('reads a header that was sent twice', () => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);

    rateLimiter.end(NOON, { ratelimit: ['"minute";r=9;t=12', '"hour";r=1;t=12'] });

    expect(allowedAt(rateLimiter, NOON)).toBe(1);
  });

  it('provokes no 429 from ten workers once the quota is known', async () => {
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
          // The windows that the writes fill, the one in which they start, and two for waits that are too long.
          expect(minutes).toBeLessThanOrEqual(Math.ceil(150 / server.quota) + 3);
        },
      ),
      { numRuns: 15 },
    );
  });
});

interface LimitingServer {
  readonly quota: number;
  /** How the server rounds the seconds until the reset. */
  readonly round: (seconds: number) => number;
  readonly windowPhaseMs: number;
  readonly latenciesMs: readonly number[];
}

/** Sends writes from ten workers, in virtual time, to a server that counts in fixed windows of one minute. */
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

describe('RateLimiter, when a server names impossible limits', () => {
  const limitedUntil = (headers: Record<string, string>) => {
    const rateLimiter = new RateLimiter();
    rateLimiter.tryBegin(NOON);
    rateLimiter.end(NOON, headers);
    return rateLimiter;
  };

  it('ignores a policy that allows nothing, and one without a window', () => {
    expect(parseRateLimitPolicy('"minute";q=0;w=60, "hour";q=9;w=0, "day";q=5;w=9')).toEqual([
      { name: 'day', quota: 5, windowSeconds: 9 },
    ]);
  });

  it('sends again after a quota of zero', () => {
    const rateLimiter = limitedUntil({
      ratelimit: '"minute";r=0;t=10',
      'ratelimit-policy': '"minute";q=0;w=60',
    });

    expect(rateLimiter.tryBegin(NOON + 60_000)).toBe(0);
  });

  it('remembers a limit of years for ten minutes, and then lets one request test it', () => {
    const rateLimiter = limitedUntil({
      ratelimit: '"day";r=0;t=99999999',
      'ratelimit-policy': '"day";q=9;w=86400',
    });

    expect(rateLimiter.tryBegin(NOON)).toBe(600_000);
    expect(rateLimiter.tryBegin(NOON + 600_000)).toBe(0);
    expect(rateLimiter.tryBegin(NOON + 600_000)).toBeGreaterThan(0);
  });

  const HOURS = { 'ratelimit-policy': '"minute";q=60;w=60, "hour";q=3000;w=3600' };

  it.each([
    ['the same window', 15],
    ['a later window', 6 * 60],
  ])('lets requests through together in %s, when the window of an hour had many left', (_, minutes) => {
    const laterMs = NOON + minutes * 60_000;
    const rateLimiter = limitedUntil({ ...HOURS, ratelimit: '"minute";r=59;t=60, "hour";r=2990;t=3000' });

    expect(allowedAt(rateLimiter, laterMs)).toBe(60);
  });

  it('survives a lost answer in a process that lived for hours', () => {
    const laterMs = NOON + 6 * 3_600_000;
    const rateLimiter = limitedUntil({ ...HOURS, ratelimit: '"minute";r=59;t=60, "hour";r=2990;t=3000' });

    rateLimiter.tryBegin(laterMs);
    rateLimiter.end(laterMs);

    expect(rateLimiter.tryBegin(laterMs)).toBe(0);
  });

  it('believes the answer to the request that tested a limit', () => {
    const laterMs = NOON + 600_000;
    const rateLimiter = limitedUntil({ ...HOURS, ratelimit: '"minute";r=59;t=60, "hour";r=0;t=3000' });

    rateLimiter.tryBegin(laterMs);
    rateLimiter.end(laterMs, { ...HOURS, ratelimit: '"minute";r=40;t=50, "hour";r=2000;t=2400' });

    expect(allowedAt(rateLimiter, laterMs)).toBe(40);
  });

  it('takes the count of a new hour while the old one is remembered', () => {
    const laterMs = NOON + 120_000;
    const rateLimiter = limitedUntil({ ...HOURS, ratelimit: '"hour";r=3;t=100' });

    rateLimiter.tryBegin(laterMs);
    rateLimiter.end(laterMs, { ...HOURS, ratelimit: '"hour";r=2;t=3580' });

    expect(allowedAt(rateLimiter, laterMs)).toBe(2);
  });

  it('holds for ten minutes at most, whatever Retry-After says', () => {
    const rateLimiter = new RateLimiter();

    rateLimiter.hold(NOON, 999_999_999_000);

    expect(rateLimiter.tryBegin(NOON)).toBe(600_000);
    expect(rateLimiter.tryBegin(NOON + 600_000)).toBe(0);
  });
});
