import fc from 'fast-check';
import {
  DEFAULT_RETRY_POLICY,
  isRetryableStatus,
  jitteredDelayMs,
  retryAfterMs,
} from '../../../lambda/core/http';
import { NOON } from '../../support/fake-clock';

const policy = { ...DEFAULT_RETRY_POLICY, baseDelayMs: 300, maxDelayMs: 8_000 };

describe('jitteredDelayMs', () => {
  it.each([
    [1, 299],
    [2, 599],
    [3, 1_199],
    [5, 4_799],
    [6, 7_999],
    [60, 7_999],
    [5_000, 7_999],
  ])('after %d failures waits at most %d ms', (failures, longest) => {
    const almostOne = 1 - Number.EPSILON;

    const delayMs = jitteredDelayMs(failures, policy, () => almostOne);

    expect(delayMs).toBe(longest);
  });

  it('may not wait at all', () => {
    expect(jitteredDelayMs(3, policy, () => 0)).toBe(0);
  });

  it('stays between zero and its ceiling, whatever is drawn', () => {
    const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), draws, (failures, draw) => {
        const delayMs = jitteredDelayMs(failures, policy, () => draw);

        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1)));
      }),
    );
  });
});

describe('isRetryableStatus', () => {
  it.each([408, 425, 429, 500, 502, 503, 504, 520, 599])('takes %d for "not now"', (status) => {
    expect(isRetryableStatus(status)).toBe(true);
  });

  it.each([200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 409, 410, 422, 501])(
    'takes %d for an answer',
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
    'does not understand %p',
    (header) => {
      expect(retryAfterMs(header, NOON)).toBeUndefined();
    },
  );

  it('is never negative and never NaN, whatever the header', () => {
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

  it('reads every date and every number of seconds back', () => {
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
