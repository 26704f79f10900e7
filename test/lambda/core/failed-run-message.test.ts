import {
  type FailedTarget,
  OperatorMustActError,
  RefreshFailedError,
  TransientError,
} from '../../../lambda/core/errors';

const outage = (target: string, message: string): FailedTarget => ({
  target,
  error: new TransientError(message),
});

describe('RefreshFailedError', () => {
  it.each([
    [
      '25 different reasons',
      Array.from({ length: 25 }, (_, n) => outage(`t${n}`, `${n} ${'x'.repeat(200)}`)),
    ],
    [
      'a thousand targets with one',
      Array.from({ length: 1_000 }, (_, n) => outage(`target-${n}`, 'Runpod is down')),
    ],
    ['a reason of many kilobytes', [outage('a', 'é'.repeat(5_000))]],
    ['long names', Array.from({ length: 40 }, (_, n) => outage(`${n}`.padEnd(64, 'n'), `reason ${n}`))],
  ])('holds %s in 1,500 bytes', (_, failed) => {
    const { message, stack } = new RefreshFailedError(failed, failed.length);

    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_500);
    expect(Buffer.byteLength(JSON.stringify({ message, stack }))).toBeLessThan(4_096);
    expect(message).not.toContain('\uFFFD');
  });

  it('counts the targets that it has no room to name', () => {
    const failed = Array.from({ length: 1_000 }, (_, n) => outage(`target-${n}`, 'Runpod is down'));

    const { message } = new RefreshFailedError(failed, 1_000);

    const named = message.match(/target-\d+/g)?.length ?? 0;
    expect(message).toMatch(/^1000 of 1000 targets failed\. target-0, target-1, /);
    expect(message).toMatch(new RegExp(`: Runpod is down \\| and ${1_000 - named} more, see the log$`));
  });

  it('names first what a person must fix, then what most targets share', () => {
    const failed = [
      outage('a', 'rare outage'),
      outage('b', 'common outage'),
      outage('c', 'common outage'),
      { target: 'd', error: new OperatorMustActError('api-key-refused', 'the key is refused') },
    ];

    expect(new RefreshFailedError(failed, 4).message).toBe(
      '4 of 4 targets failed. d: the key is refused | b, c: common outage | a: rare outage',
    );
  });
});
