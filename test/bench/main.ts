/** `npm run bench [-- --write]`: measures the figures of docs/benchmark.md on the stand-ins. Exit 1 when one is over its limit. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { measureAll } from './figures';

const ROOT = join(__dirname, '../..');

measureAll((line) => process.stderr.write(`${line}\n`)).then((figures) => {
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`;
  const rows = figures.map(
    ({ name, value, limit, met }) => `| ${name} | ${value} | ${limit} | ${met ? 'yes' : '**no**'} |`,
  );
  const table = ['| figure | measured | target | met |', '|---|---|---|---|', ...rows].join('\n');
  const head = `# Benchmark\n\nMade by \`npm run bench\` on ${date}: ${machine}. Medians, with the range in brackets.\n`;
  process.stdout.write(`${table}\n`);
  mkdirSync(join(ROOT, 'reports'), { recursive: true });
  writeFileSync(join(ROOT, 'reports/bench.json'), `${JSON.stringify({ date, machine, figures }, null, 2)}\n`);
  if (process.argv.includes('--write'))
    writeFileSync(join(ROOT, 'docs/benchmark.md'), `${head}\n${table}\n\n${notes(figures)}`);
  process.exitCode = figures.every(({ met }) => met) ? 0 : 1;
});

function notes(figures: Awaited<ReturnType<typeof measureAll>>): string {
  return figures.flatMap(({ name, details }) => (details ? [`## ${name}\n\n${details}\n`] : [])).join('\n');
}
