import { nextFixedTime } from '../../cli/deployment/schedule';

describe('nextFixedTime', () => {
  it.each([
    ['cron(13 0/6 * * ? *)', '2026-11-26T05:00:00Z', '2026-11-26T06:13:00.000Z'],
    ['cron(13 0/6 * * ? *)', '2026-11-26T06:13:00Z', '2026-11-26T12:13:00.000Z'],
    ['cron(13 0/6 * * ? *)', '2026-11-26T06:12:59Z', '2026-11-26T06:13:00.000Z'],
    ['cron(13 3/6 * * ? *)', '2026-11-26T22:00:00Z', '2026-11-27T03:13:00.000Z'],
    ['cron(43 1/3 * * ? *)', '2026-11-26T22:43:00Z', '2026-11-27T01:43:00.000Z'],
    ['cron(13 0/24 * * ? *)', '2026-11-26T00:13:00Z', '2026-11-27T00:13:00.000Z'],
    ['cron(0,30 8-9 * * ? *)', '2026-11-26T09:00:00Z', '2026-11-26T09:30:00.000Z'],
    ['cron(5 * ? * * *)', '2026-11-26T09:05:00Z', '2026-11-26T10:05:00.000Z'],
  ])('returns when %s fires after %s', (expression, now, next) => {
    expect(nextFixedTime(expression, new Date(now))?.toISOString()).toBe(next);
  });

  it.each([
    'rate(6 hours)',
    '',
    'cron(13 0/6 ? * MON *)',
    'cron(x 0/6 * * ? *)',
    'cron(0 0/0 * * ? *)',
    'cron(13)',
  ])('does not know the next time of "%s"', (expression) => {
    expect(nextFixedTime(expression, new Date())).toBeUndefined();
  });
});
