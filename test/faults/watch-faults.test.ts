import { mapConcurrently } from '../../lambda/core/concurrency';
import { runWatchRow } from './watch-row';
import { WATCH_FAULTS } from './watch-table';

/** Number of rows that run at the same time. Most rows wait most of the time. */
const CONCURRENCY = 12;

describe('WATCH_FAULTS', () => {
  it('has at least eighty rows, each with a name of its own', () => {
    const names = WATCH_FAULTS.flatMap(({ rows }) => rows.map(({ what }) => what));

    expect(names.length).toBeGreaterThanOrEqual(80);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has the expected outcome in every row that waits for no timeout', async () => {
    const rows = WATCH_FAULTS.flatMap((group) => group.rows).filter(({ slow }) => !slow);

    const results = await mapConcurrently(rows, CONCURRENCY, runWatchRow);

    expect(results.length).toBeGreaterThan(80);
    const failed = results.filter(({ problems }) => problems.length > 0);
    expect(failed.map(({ row, outcome, problems }) => ({ what: row.what, outcome, problems }))).toEqual([]);
  }, 120_000);
});
