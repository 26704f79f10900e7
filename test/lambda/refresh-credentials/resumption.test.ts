import { OutOfTimeError, TransientError } from '../../../lambda/core/errors';
import { Resumption } from '../../../lambda/refresh-credentials/resumption';
import { aSuccess, aTarget } from '../../support/builders';
import { FakeClock } from '../../support/fake-clock';

const HOUR_MS = 3_600_000;

/** The names that a memory tells for a run. */
function recalled(resumption: Resumption, runId: string): string[] {
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

  it('does not mix up runs whose tries alternate', () => {
    const resumption = new Resumption(new FakeClock());

    resumption.remember('run-1', [aSuccess({ target: 'a' })]);
    resumption.remember('run-2', [aSuccess({ target: 'b' })]);
    resumption.remember('run-1', [aSuccess({ target: 'c' })]);

    expect(recalled(resumption, 'run-2')).toEqual(['b']);
    expect(recalled(resumption, 'run-1')).toEqual(['a', 'c']);
  });

  it('keeps the four runs that were tried last', () => {
    const resumption = new Resumption(new FakeClock());
    const runs = ['run-1', 'run-2', 'run-3', 'run-4'];
    for (const run of runs) resumption.remember(run, [aSuccess({ target: run })]);

    resumption.remember('run-1', []);
    resumption.remember('run-5', [aSuccess({ target: 'run-5' })]);

    const kept = [...runs, 'run-5'].filter((run) => recalled(resumption, run).length > 0);
    expect(kept).toEqual(['run-1', 'run-3', 'run-4', 'run-5']);
  });

  it('puts first what has waited longest, whichever run refreshed it, and else keeps the order', () => {
    const clock = new FakeClock();
    const resumption = new Resumption(clock);
    const targets = ['a', 'b', 'c', 'd', 'e'].map((name) => aTarget({ name }));
    resumption.remember('run-1', [aSuccess({ target: 'b' }), aSuccess({ target: 'a' })]);
    clock.advance(HOUR_MS);
    resumption.remember('run-2', [aSuccess({ target: 'd' })]);

    expect(resumption.inOrderOfNeed(targets).map(({ name }) => name)).toEqual(['c', 'e', 'a', 'b', 'd']);
  });

  it('counts a failure as a turn, but not that there was no time for one', () => {
    const clock = new FakeClock();
    const resumption = new Resumption(clock);
    const targets = ['failing', 'untried', 'healthy'].map((name) => aTarget({ name }));
    const failures = [
      { target: 'failing', error: new TransientError('it is down') },
      { target: 'untried', error: new OutOfTimeError('out of time') },
    ];

    resumption.remember('run-1', [aSuccess({ target: 'healthy' })]);
    clock.advance(1);
    resumption.remember('run-2', [], failures);

    const order = resumption.inOrderOfNeed(targets).map(({ name }) => name);
    expect(order).toEqual(['untried', 'healthy', 'failing']);
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
