/** `npm run faults`: every fault over real sockets, as a table. Exit 1 when one of them did not end as it must. */

import colors from 'picocolors';
import { mapConcurrently } from '../../lambda/refresh-credentials/refresh';
import globalSetup from '../integration/global-setup';
import { type RowResult, runRow } from './run-row';
import { FAULTS } from './table';

/** Most rows wait rather than work. */
const AT_ONCE = 8;

run().then((failed) => {
  process.exitCode = failed > 0 ? 1 : 0;
});

async function run(): Promise<number> {
  const startedMs = performance.now();
  const removeAsset = globalSetup();
  try {
    // All groups at once, so that the slow rows of one overlap with those of another.
    const rows = FAULTS.flatMap((group) => group.rows);
    const results = await mapConcurrently(rows, AT_ONCE, runRow);
    for (const group of FAULTS) {
      say(`\n${colors.bold(group.about)}\n`);
      for (const result of results) if (group.rows.includes(result.row)) say(line(result));
    }
    const failed = results.filter(({ complaints }) => complaints.length > 0).length;
    say(`\n${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
    say(`${results.length - failed} passed, ${failed} failed`);
    return failed;
  } finally {
    removeAsset();
  }
}

function line({ row, outcome, complaints, durationMs }: RowResult): string {
  const passed = complaints.length === 0;
  const mark = passed ? colors.green('✓') : colors.red('✗');
  const seconds = `${(durationMs / 1_000).toFixed(1)} s`.padStart(7);
  const story = passed ? outcome : `${outcome}; ${complaints.join('; ')}`;
  return `  ${mark}${seconds}  ${row.what.padEnd(62)}  ${story}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
