import { Resumption } from '../../lambda/refresh-credentials/resumption';
import { aSuccess } from '../support/builders';
import { FakeClock } from '../support/fake-clock';

const HOUR_MS = 3_600_000;

/** The names that a memory tells for a run. */
function recalled(resumption: Resumption, runId: string | undefined): string[] {
  return [...resumption.recall(runId).keys()];
}

describe('Resumption', () => {
  it('knows nothing at first', () => {
    expect(recalled(new Resumption(new FakeClock()), 'run-1')).toEqual([]);
  });

  it('adds up what the tries of one run have done', () => {
    const resumption = new Resumption(new FakeClock());

    resumption.remember('run-1', [aSuccess({ target: 'a' })]);
    resumption.remember('run-1', []);
    resumption.remember('run-1', [aSuccess({ target: 'b' })]);

    expect(recalled(resumption, 'run-1')).toEqual(['a', 'b']);
    expect(resumption.recall('run-1').get('a')).toEqual(aSuccess({ target: 'a' }));
  });

  it('does not mix up runs, and keeps the latest only', () => {
    const resumption = new Resumption(new FakeClock());

    resumption.remember('run-1', [aSuccess({ target: 'a' })]);
    resumption.remember('run-2', [aSuccess({ target: 'b' })]);

    expect(recalled(resumption, 'run-2')).toEqual(['b']);
    expect(recalled(resumption, 'run-1')).toEqual([]);
  });

  it('remembers nothing of an event without an id', () => {
    const resumption = new Resumption(new FakeClock());

    resumption.remember(undefined, [aSuccess()]);

    expect(recalled(resumption, undefined)).toEqual([]);
  });

  it('is not made to forget by an event without an id', () => {
    const resumption = new Resumption(new FakeClock());
    resumption.remember('run-1', [aSuccess({ target: 'a' })]);

    resumption.remember(undefined, [aSuccess({ target: 'b' })]);

    expect(recalled(resumption, 'run-1')).toEqual(['a']);
  });

  it('forgets each target an hour after it was refreshed', () => {
    const clock = new FakeClock();
    const resumption = new Resumption(clock);
    resumption.remember('run-1', [aSuccess({ target: 'a' })]);
    clock.advance(HOUR_MS / 2);
    resumption.remember('run-1', [aSuccess({ target: 'b' })]);

    clock.advance(HOUR_MS / 2);
    const afterAnHour = recalled(resumption, 'run-1');
    clock.advance(1);
    const aMomentLater = recalled(resumption, 'run-1');

    expect(afterAnHour).toEqual(['a', 'b']);
    expect(aMomentLater).toEqual(['b']);
  });
});
