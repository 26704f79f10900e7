import { mapConcurrently, once } from '../../../lambda/core/concurrency';
import { FakeClock } from '../../support/fake-clock';

describe('mapConcurrently', () => {
  it('returns results in the order of the items', async () => {
    const clock = new FakeClock();

    const results = await mapConcurrently([30, 10, 20], 3, async (ms) => {
      await clock.pass(ms);
      return ms * 2;
    });

    expect(results).toEqual([60, 20, 40]);
  });

  it.each([
    [1, 1],
    [4, 4],
    [50, 20],
  ])('with a limit of %d runs %d of twenty actions at a time', async (limit, expected) => {
    const clock = new FakeClock();
    let running = 0;
    let most = 0;

    await mapConcurrently(Array.from({ length: 20 }), limit, async () => {
      running += 1;
      most = Math.max(most, running);
      await clock.pass(5);
      running -= 1;
    });

    expect(most).toBe(expected);
  });

  it('starts the next item as soon as one is done', async () => {
    const clock = new FakeClock();
    const startedAt = clock.now();

    await mapConcurrently([100, 10, 10, 10], 2, (ms) => clock.pass(ms));

    expect(clock.now() - startedAt).toBe(100);
  });

  it('calls nothing for an empty list', async () => {
    await expect(mapConcurrently([], 10, () => Promise.reject(new Error('called')))).resolves.toEqual([]);
  });
});

describe('once', () => {
  it('makes each value once', () => {
    const values = new Map<string, { key: string }>();
    let made = 0;
    const make = (key: string) => () => {
      made += 1;
      return { key };
    };

    const results = ['a', 'b', 'a', 'b'].map((key) => once(values, key, make(key)));

    expect(results).toEqual([{ key: 'a' }, { key: 'b' }, { key: 'a' }, { key: 'b' }]);
    expect(made).toBe(2);
  });

  it('keeps a promise that rejects', async () => {
    const values = new Map<string, Promise<never>>();
    const first = once(values, 'a', () => Promise.reject(new Error('first')));

    const second = once(values, 'a', () => Promise.reject(new Error('second')));

    await expect(first).rejects.toThrow('first');
    expect(second).toBe(first);
  });
});
