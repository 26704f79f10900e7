import { mapConcurrently } from '../../lambda/core/concurrency';
import type { World } from '../integration/world';
import { runRow } from './run-row';
import { FAULTS } from './table';

/** Number of rows that run at the same time. */
const CONCURRENCY = 6;

describe('FAULTS', () => {
  it('has at least sixty rows, each with a name of its own', () => {
    const names = FAULTS.flatMap(({ rows }) => rows.map(({ what }) => what));

    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has the expected outcome in every row of the short form', async () => {
    const rows = FAULTS.flatMap((group) => group.rows).filter(({ short }) => short);

    const results = await mapConcurrently(rows, CONCURRENCY, runRow);

    expect(results.length).toBeGreaterThan(15);
    expect(results.filter(({ problems }) => problems.length > 0)).toEqual([]);
  });
});

describe('runRow', () => {
  it('reports a row with another outcome than expected', async () => {
    const { outcome, problems } = await runRow({
      what: 'nothing',
      expected: 'refreshed over graphql, proved',
    });

    expect(outcome).toBe('refreshed over rest-v2, proved');
    expect(problems).toEqual(['expected "refreshed over graphql, proved"']);
  });

  it('reports a check that fails, and a secret in the output', async () => {
    const row = {
      what: 'a secret is a text that the log contains',
      expected: 'refreshed over rest-v2, proved',
      arrange: (world: World) => world.putSecret('elsewhere', 'target refreshed'),
      check: () => 'something else',
    };

    const { problems } = await runRow(row);

    expect(problems).toEqual([expect.stringMatching(/^elsewhere .* leaked, plain$/), 'something else']);
  });
});
