/** `npm run faults`: runs every fault over real sockets and prints a table. The exit code is 1 when a row fails. */

import colors from 'picocolors';
import { mapConcurrently } from '../../lambda/core/concurrency';
import globalSetup from '../global-setup';
import { type RowResult, runRow } from './run-row';
import { FAULTS } from './table';
import { runWatchRow, type WatchRowResult } from './watch-row';
import { WATCH_FAULTS } from './watch-table';

/** Number of rows that run at the same time. Most rows wait most of the time. */
const CONCURRENCY = 8;

run().then((failed) => {
  process.exitCode = failed > 0 ? 1 : 0;
});

async function run(): Promise<number> {
  const startedMs = performance.now();
  const removeAsset = await globalSetup();
  try {
    // All groups together, so that the slow rows of one group overlap with those of another.
    const rows = FAULTS.flatMap((group) => group.rows);
    const results = await mapConcurrently(rows, CONCURRENCY, runRow);
    const watchRows = WATCH_FAULTS.flatMap((group) => group.rows);
    const watchResults = await mapConcurrently(watchRows, CONCURRENCY, runWatchRow);
    for (const group of FAULTS) {
      say(`\n${colors.bold(group.about)}\n`);
      for (const result of results) if (group.rows.includes(result.row)) say(line(result));
    }
    for (const group of WATCH_FAULTS) {
      say(`\n${colors.bold(`The watch: ${group.about}`)}\n`);
      for (const result of watchResults) if (group.rows.includes(result.row)) say(line(result));
    }
    const all = [...results, ...watchResults];
    const failed = all.filter(({ problems }) => problems.length > 0).length;
    say(`\n${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
    say(`${all.length - failed} passed, ${failed} failed`);
    return failed;
  } finally {
    removeAsset();
  }
}

function line({ row, outcome, problems, durationMs }: RowResult | WatchRowResult): string {
  const passed = problems.length === 0;
  const mark = passed ? colors.green('✓') : colors.red('✗');
  const seconds = `${(durationMs / 1_000).toFixed(1)} s`.padStart(7);
  const result = passed ? outcome : `${outcome}; ${problems.join('; ')}`;
  return `  ${mark}${seconds}  ${row.what.padEnd(62)}  ${result}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
