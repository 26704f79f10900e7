/**
 * `npm run simulate [-- --years 100 --seed 1 --json]`: simulates years of random outages, of the refresher, of the watch
 * of pulls, and of a refresher with a standby in another region. Each part runs in its own process. The years of two
 * regions run in two processes, so that two cores halve the time.
 *
 * The exit code is 1 when a claim does not hold, and 2 when the arguments are wrong.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfigFile } from '../../lib/config/load';
import { twoRegionStacks } from './regions/stacks';
import { describeTwoRegions, figuresOf, summariseTwoRegions, type TwoRegionFigures } from './regions/summary';
import { simulateTwoRegions, type TwoRegionStacks } from './regions/year';
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
    /** Simulates only this part. The main process starts itself with it for each part. */
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
    say(JSON.stringify(await simulatePart(values.part)));
    return true;
  }
  // The second half may be empty.
  const half = Math.ceil(years / 2);
  const [refresher, watch, firstHalf, secondHalf] = await Promise.all([
    inProcess<Summary>('refresher', { years, seed }),
    inProcess<WatchSummary>('watch', { years, seed }),
    inProcess<[TwoRegionFigures, ...TwoRegionFigures[]]>('two-regions', { years: half, seed }),
    years > half
      ? inProcess<TwoRegionFigures[]>('two-regions', { years: years - half, seed: seed + half })
      : [],
  ]);
  const twoRegions = summariseTwoRegions([...firstHalf, ...secondHalf]);
  if (values.json) say(JSON.stringify({ ...refresher, watch, twoRegions }, null, 2));
  else {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    const parts = [describeSummary(refresher), describeWatch(watch), describeTwoRegions(twoRegions)];
    say(`\n${parts.join('\n\n')}\n\n${seconds} s\n`);
  }
  return [refresher, watch, twoRegions].every(({ violations }) => violations.length === 0);
}

async function simulatePart(part: string): Promise<unknown> {
  const stacks = synthesiseExample();
  const { alone } = stacks;
  switch (part) {
    case 'watch':
      return summariseWatch(await eachYear((of) => simulateWatchYear({ ...alone, seed: of })));
    case 'two-regions':
      return eachYear(async (of) => figuresOf(await simulateTwoRegions({ stacks, seed: of })));
    default:
      return summarise(await eachYear((of) => simulateYear({ ...alone, seed: of })));
  }
}

function synthesiseExample(): TwoRegionStacks {
  const outdir = mkdtempSync(join(tmpdir(), 'simulate-'));
  try {
    return twoRegionStacks(readConfigFile(EXAMPLE), outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

async function eachYear<Report>(simulate: (seed: number) => Promise<Report>): Promise<[Report, ...Report[]]> {
  const reports: [Report, ...Report[]] = [await simulate(seed)];
  for (let year = 1; year < years; year++) reports.push(await simulate(seed + year));
  return reports;
}

/** Simulates one part in a process of its own, which prints its result. */
async function inProcess<Result>(
  part: 'refresher' | 'watch' | 'two-regions',
  span: { readonly years: number; readonly seed: number },
): Promise<Result> {
  const args = ['--years', String(span.years), '--seed', String(span.seed), '--part', part];
  const child = spawn(process.execPath, [...process.execArgv, __filename, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await new Promise<void>((resolve, reject) => child.on('error', reject).on('close', () => resolve()));
  if (printed === '') throw new Error(`the simulation of the part ${part} ended without a result`);
  return JSON.parse(printed) as Result;
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
