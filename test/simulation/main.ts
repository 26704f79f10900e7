/**
 * `npm run simulate [-- --years 100 --seed 1 --json]`: simulates years of random outages.
 *
 * The exit code is 1 when a claim does not hold, and 2 when the arguments are wrong.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { readConfigFile } from '../../lib/config/load';
import { synthesise } from '../../lib/synthesise';
import { describeSummary, summarise } from './year/summary';
import { simulateYear, type YearReport } from './year/year';

const EXAMPLE = join(__dirname, '../../refresher.config.example.json');

const { values } = parseArgs({
  options: {
    years: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

run(wholeNumber('years', values.years), wholeNumber('seed', values.seed)).then((allHold) => {
  process.exitCode = allHold ? 0 : 1;
});

async function run(years: number, seed: number): Promise<boolean> {
  const startedMs = performance.now();
  const { template, settings } = synthesiseExample();
  const first = await simulateYear({ template, settings, seed });
  const reports: [YearReport, ...YearReport[]] = [first];
  for (let year = 1; year < years; year++) {
    reports.push(await simulateYear({ template, settings, seed: seed + year }));
  }
  const summary = summarise(reports);
  if (values.json) say(JSON.stringify(summary, null, 2));
  else say(`\n${describeSummary(summary)}\n\n${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`);
  return summary.violations.length === 0;
}

function synthesiseExample() {
  const outdir = mkdtempSync(join(tmpdir(), 'simulate-'));
  try {
    const { template, assetDirectory } = synthesise(readConfigFile(EXAMPLE), outdir);
    const text = readFileSync(join(assetDirectory, SETTINGS_FILE), 'utf8');
    return { template, settings: JSON.parse(text) as RefresherSettings };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    process.stderr.write(`--${name}: expected a whole number of at least 1, found ${text}\n`);
    process.exit(2);
  }
  return Number(text);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
