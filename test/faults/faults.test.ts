import { mapConcurrently } from '../../lambda/refresh-credentials/refresh';
import type { World } from '../integration/world';
import { runRow } from './run-row';
import { FAULTS } from './table';

/** Rows of the short form that run at once. */
const AT_ONCE = 6;

describe('the faults', () => {
  it('are at least sixty, each told apart by what is done', () => {
    const names = FAULTS.flatMap(({ rows }) => rows.map(({ what }) => what));

    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it('of the short form end as they must', async () => {
    const rows = FAULTS.flatMap((group) => group.rows).filter(({ short }) => short);

    const results = await mapConcurrently(rows, AT_ONCE, runRow);

    expect(results.length).toBeGreaterThan(15);
    expect(results.filter(({ complaints }) => complaints.length > 0)).toEqual([]);
  });
});

describe('runRow', () => {
  it('complains about a row that does not end as it must', async () => {
    const { outcome, complaints } = await runRow({
      what: 'nothing',
      expected: 'refreshed over graphql, proved',
    });

    expect(outcome).toBe('refreshed over rest-v2, proved');
    expect(complaints).toEqual(['expected "refreshed over graphql, proved"']);
  });

  it('complains about a check that fails, and about a secret that was put out', async () => {
    const row = {
      what: 'the log is searched for a word that stands in it',
      expected: 'refreshed over rest-v2, proved',
      arrange: (world: World) => world.putSecret('elsewhere', 'target refreshed'),
      check: () => 'something else',
    };

    const { complaints } = await runRow(row);

    expect(complaints).toEqual([expect.stringMatching(/^elsewhere .* leaked, plain$/), 'something else']);
  });
});
