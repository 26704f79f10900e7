/**
 * `npm run simulate [-- --years 100 --seed 1 --json]`: simulates years of random outages, of the refresher and of the
 * watch of pulls. Each of the two is a process of its own, so that two cores halve the time.
 *
 * The exit code is 1 when a claim does not hold, and 2 when the arguments are wrong.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SETTINGS_FILE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import { readConfigFile } from '../../lib/config/load';
import { synthesise } from '../../lib/synthesise';
import type { TemplatePart } from './template';
import type { CloudFormationTemplate } from './template-values';
import { describeWatch, summariseWatch, type WatchSummary } from './watch/summary';
import { simulateWatchYear } from './watch/year';
import { describeSummary, type Summary, summarise } from './year/summary';
import { simulateYear } from './year/year';

const EXAMPLE = join(__dirname, '../../refresher.config.example.json');

const { values } = parseArgs({
  options: {
    years: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    /** Simulates only this part. The process that simulates both starts itself with it. */
    part: { type: 'string' },
  },
});

const years = wholeNumber('years', values.years);
const seed = wholeNumber('seed', values.seed);

run().then((allHold) => {
  process.exitCode = allHold ? 0 : 1;
});

async function run(): Promise<boolean> {
  const startedMs = performance.now();
  if (values.part !== undefined) {
    const summary = values.part === 'watch' ? await simulateWatch() : await simulateRefresher();
    say(JSON.stringify(summary));
    return summary.violations.length === 0;
  }
  const [refresher, watch] = await Promise.all([
    inProcess<Summary>('refresher'),
    inProcess<WatchSummary>('watch'),
  ]);
  if (values.json) say(JSON.stringify({ ...refresher, watch }, null, 2));
  else {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    say(`\n${describeSummary(refresher)}\n\n${describeWatch(watch)}\n\n${seconds} s\n`);
  }
  return refresher.violations.length + watch.violations.length === 0;
}

async function simulateRefresher(): Promise<Summary> {
  return summarise(await eachYear(synthesiseExample(), simulateYear));
}

async function simulateWatch(): Promise<WatchSummary> {
  return summariseWatch(await eachYear(synthesiseExample(), simulateWatchYear));
}

interface Example {
  readonly template: CloudFormationTemplate;
  readonly settings: RefresherSettings;
}

async function eachYear<Report>(
  example: Example,
  simulate: (props: Example & { readonly seed: number }) => Promise<Report>,
): Promise<[Report, ...Report[]]> {
  const reports: [Report, ...Report[]] = [await simulate({ ...example, seed })];
  for (let year = 1; year < years; year++) reports.push(await simulate({ ...example, seed: seed + year }));
  return reports;
}

/** Simulates one part in a process of its own, which prints its summary. */
async function inProcess<Result>(part: TemplatePart): Promise<Result> {
  const args = ['--years', String(years), '--seed', String(seed), '--part', part];
  const child = spawn(process.execPath, [...process.execArgv, __filename, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await new Promise<void>((resolve, reject) => child.on('error', reject).on('close', () => resolve()));
  if (printed === '') throw new Error(`the simulation of the ${part} ended without a summary`);
  return JSON.parse(printed) as Result;
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
