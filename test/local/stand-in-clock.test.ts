import { StandInClock } from '../../local/stand-in-clock';

describe('StandInClock', () => {
  it('follows the clock of the machine and adds every advance', () => {
    const before = Date.now();
    const clock = new StandInClock();

    const asIs = clock.now().getTime();
    clock.advance(60_000);
    clock.advance(60_000);
    const ahead = clock.now().getTime();

    expect(asIs).toBeGreaterThanOrEqual(before);
    expect(asIs).toBeLessThan(before + 10_000);
    expect(ahead - asIs).toBeGreaterThanOrEqual(120_000);
    expect(ahead - asIs).toBeLessThan(130_000);
  });

  it('follows another clock when it is given one', () => {
    const clock = new StandInClock(() => new Date(1_000));
    clock.advance(500);

    expect(clock.now()).toEqual(new Date(1_500));
  });
});
