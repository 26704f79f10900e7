import { steadyClock } from '../../../lambda/core/clock';

/** Both clocks of a machine, set by the test. */
function clocks() {
  const time = { wallMs: 1_000_000, monotonicMs: 50 };
  const steady = steadyClock(
    () => time.wallMs,
    () => time.monotonicMs,
  );
  const pass = (ms: number) => {
    time.wallMs += ms;
    time.monotonicMs += ms;
  };
  return { time, steady, pass };
}

describe('steadyClock', () => {
  it('starts at the time of day', () => {
    expect(clocks().steady()).toBe(1_000_000);
  });

  it('continues when the time of day is set back by an hour', () => {
    const { time, steady, pass } = clocks();

    time.wallMs -= 3_600_000;
    pass(5_000);

    expect(steady()).toBe(1_005_000);
  });

  it('follows the time of day after a freeze that stopped the monotonic clock', () => {
    const { time, steady } = clocks();

    time.wallMs += 6 * 3_600_000;

    expect(steady()).toBe(1_000_000 + 6 * 3_600_000);
  });

  it('does not drift when the two clocks round differently', () => {
    const { time, steady } = clocks();

    for (let step = 1; step <= 10_000; step += 1) {
      time.monotonicMs += 0.3;
      time.wallMs = 1_000_000 + Math.round(step * 0.3);
      steady();
    }

    expect(steady()).toBeCloseTo(1_003_000, 0);
  });

  it('never goes back', () => {
    const { time, steady, pass } = clocks();
    const seen = [steady()];

    for (const jumpMs of [-5_000, 7_000, -3_600_000, 3_600_000]) {
      time.wallMs += jumpMs;
      pass(10);
      seen.push(steady());
    }

    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});
