import fc from 'fast-check';
import { EventQueue } from './event-queue';

describe('EventQueue', () => {
  it('runs events by time, and events with the same time in the order in which they were planned', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), async (times) => {
        const queue = new EventQueue(0);
        const happened: { atMs: number; order: number }[] = [];
        times.forEach((atMs, order) => {
          queue.at(atMs, () => {
            happened.push({ atMs: queue.nowMs, order });
          });
        });

        await queue.runUntil(20);

        const expected = times
          .map((atMs, order) => ({ atMs, order }))
          .sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        expect(happened).toEqual(expected);
      }),
    );
  });

  it('stops after the events at the given time, and continues from there', async () => {
    const queue = new EventQueue(100);
    const happened: number[] = [];
    for (const atMs of [110, 120, 121]) queue.at(atMs, () => void happened.push(atMs));

    await queue.runUntil(120);
    expect([happened, queue.nowMs]).toEqual([[110, 120], 120]);

    await queue.runUntil(200);
    expect([happened, queue.nowMs]).toEqual([[110, 120, 121], 200]);
  });

  it('awaits an event before time goes on', async () => {
    const queue = new EventQueue(0);
    const order: string[] = [];
    queue.at(1, async () => {
      await Promise.resolve();
      order.push(`first at ${queue.nowMs}`);
    });
    queue.at(2, () => void order.push('second'));

    await queue.runUntil(2);

    expect(order).toEqual(['first at 1', 'second']);
  });

  it('runs an event that is planned in the past at once', async () => {
    const queue = new EventQueue(50);
    let atMs = 0;
    queue.at(10, () => {
      atMs = queue.nowMs;
    });

    await queue.runUntil(50);

    expect(atMs).toBe(50);
  });
});
