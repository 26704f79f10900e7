import { OutOfTimeError, TransientError } from '../../../lambda/core/errors';
import { RetryProgress } from '../../../lambda/refresh-credentials/handler';
import { aSuccess, aTarget } from '../../support/builders';
import { FakeClock } from '../../support/fake-clock';

const HOUR_MS = 3_600_000;

/** Names of the targets that a run has refreshed. */
function refreshed(progress: RetryProgress, runId: string): string[] {
  return [...progress.refreshedBefore(runId).keys()];
}

describe('RetryProgress', () => {
  it('knows no refreshed target at first', () => {
    expect(refreshed(new RetryProgress(new FakeClock()), 'run-1')).toEqual([]);
  });

  it('adds up the targets that the attempts of one run refreshed', () => {
    const progress = new RetryProgress(new FakeClock());

    progress.record('run-1', [aSuccess({ target: 'a' })]);
    progress.record('run-1', []);
    progress.record('run-1', [aSuccess({ target: 'b' })]);

    expect(refreshed(progress, 'run-1')).toEqual(['a', 'b']);
    expect(progress.refreshedBefore('run-1').get('a')).toEqual(aSuccess({ target: 'a' }));
  });

  it('keeps runs apart whose attempts alternate', () => {
    const progress = new RetryProgress(new FakeClock());

    progress.record('run-1', [aSuccess({ target: 'a' })]);
    progress.record('run-2', [aSuccess({ target: 'b' })]);
    progress.record('run-1', [aSuccess({ target: 'c' })]);

    expect(refreshed(progress, 'run-2')).toEqual(['b']);
    expect(refreshed(progress, 'run-1')).toEqual(['a', 'c']);
  });

  it('remembers the four most recent runs', () => {
    const progress = new RetryProgress(new FakeClock());
    const runs = ['run-1', 'run-2', 'run-3', 'run-4'];
    for (const run of runs) progress.record(run, [aSuccess({ target: run })]);

    progress.record('run-1', []);
    progress.record('run-5', [aSuccess({ target: 'run-5' })]);

    const kept = [...runs, 'run-5'].filter((run) => refreshed(progress, run).length > 0);
    expect(kept).toEqual(['run-1', 'run-3', 'run-4', 'run-5']);
  });

  it('puts the least recently tried target first across runs and otherwise keeps the order', () => {
    const clock = new FakeClock();
    const progress = new RetryProgress(clock);
    const targets = ['a', 'b', 'c', 'd', 'e'].map((name) => aTarget({ name }));
    progress.record('run-1', [aSuccess({ target: 'b' }), aSuccess({ target: 'a' })]);
    clock.advance(HOUR_MS);
    progress.record('run-2', [aSuccess({ target: 'd' })]);

    expect(progress.leastRecentlyTriedFirst(targets).map(({ name }) => name)).toEqual([
      'c',
      'e',
      'a',
      'b',
      'd',
    ]);
  });

  it('counts a failed target as tried, but not one for which there was no time', () => {
    const clock = new FakeClock();
    const progress = new RetryProgress(clock);
    const targets = ['failing', 'untried', 'healthy'].map((name) => aTarget({ name }));
    const failures = [
      { target: 'failing', error: new TransientError('it is down') },
      { target: 'untried', error: new OutOfTimeError('out of time') },
    ];

    progress.record('run-1', [aSuccess({ target: 'healthy' })]);
    clock.advance(1);
    progress.record('run-2', [], failures);

    const order = progress.leastRecentlyTriedFirst(targets).map(({ name }) => name);
    expect(order).toEqual(['untried', 'healthy', 'failing']);
  });

  it('forgets a target an hour after it was refreshed', () => {
    const clock = new FakeClock();
    const progress = new RetryProgress(clock);
    progress.record('run-1', [aSuccess({ target: 'a' })]);
    clock.advance(HOUR_MS / 2);
    progress.record('run-1', [aSuccess({ target: 'b' })]);

    clock.advance(HOUR_MS / 2);
    const afterAnHour = refreshed(progress, 'run-1');
    clock.advance(1);
    const aMillisecondLater = refreshed(progress, 'run-1');

    expect(afterAnHour).toEqual(['a', 'b']);
    expect(aMillisecondLater).toEqual(['b']);
  });
});
