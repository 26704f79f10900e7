/** The demo: one refresh on an embedded cloud, with a worker's pull before and after it, and two looks of the watch. */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { createColors } from 'picocolors';
import type { RefreshReport, Target, WatchReport } from '../lambda/core/model';
import { readConfigFile } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import { checkConfig } from '../lib/config/parse';
import type { RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { refresherFunction, synthesise } from '../lib/synthesise';
import example from '../refresher.config.example.json';
import { type EmbeddedCloud, startEmbeddedCloud } from './cloud';
import { type Invocation, LambdaRuntime } from './lambda-runtime';
import { type Accounts, embed, imageOf, registryOf, seed } from './seed';
import { WatchDemo, type WatchedCloud } from './watch-demo';
import { pullAsWorker } from './worker';

/** Colours only on a terminal. By default picocolors also colours the log of a CI server. */
const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

const EXAMPLE = 'refresher.config.example.json';
const USAGE = `Usage: npm start [-- --config PATH]

Runs one refresh on the embedded cloud, and shows a worker's pull before and after it. Then the watch looks twice, the
second time after a tag was deleted. Needs no AWS account, no Runpod account and no Docker. The exit code is 0 only if
every worker can pull after the refresh, and the watch finds the tag that is gone and nothing else.

  -c, --config PATH  the configuration to run (default: ${EXAMPLE}); stand-ins replace
                     every address in it, and made-up values replace every secret
  -h, --help         show this text
`;
/** Lines that are shown of a long list. */
const MAX_LINES = 12;
/** Indentation of the text of a step, in columns. */
const INDENT = 21;

const startedMs = performance.now();

/**
 * Runs the demo with these arguments and prints what happens.
 *
 * @returns the exit code: 0 if every worker can pull at the end, 1 if not, 2 if the arguments are wrong
 */
export async function start(args: string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args,
      options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      print(USAGE);
      return 0;
    }
    const { config } = values;
    const written =
      config === undefined ? checkConfig(example, EXAMPLE) : readConfigFile(resolve(config), config);
    return (await run(written)) ? 0 : 1;
  } catch (error) {
    const isUsage =
      error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    if (!isUsage && !(error instanceof ConfigError)) throw error;
    process.stderr.write(isUsage ? `${error.message}\n\n${USAGE}` : `${error.message}\n`);
    return isUsage ? 2 : 1;
  }
}

async function run(written: RefresherConfig): Promise<boolean> {
  if (written.targets.length === 0) {
    throw new ConfigError(
      'The configuration has delegations only. This command shows a refresh, which needs a target.',
    );
  }
  print('\nOne refresh on the embedded cloud: no AWS account, no Runpod account, no Docker.\n');
  const directory = mkdtempSync(join(tmpdir(), 'runpod-ecr-'));
  const cloud = await startEmbeddedCloud();
  try {
    return await refreshOnce(cloud, await embed(written, cloud), directory);
  } finally {
    await cloud.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function refreshOnce(
  cloud: EmbeddedCloud,
  config: RefresherConfig,
  directory: string,
): Promise<boolean> {
  const { targets } = toSettings(config);
  const accounts = await seed(cloud, targets);
  const kinds = new Set(targets.map(({ registry }) => registry.type)).size;
  step(
    'cloud',
    `stand-ins for AWS, Runpod and ${kinds === 1 ? 'a registry' : `${kinds} registries`} listen on 127.0.0.1`,
  );

  const { template, assetDirectory } = synthesise(config, join(directory, 'cdk.out'));
  const { Runtime, Architectures } = refresherFunction(template).Properties;
  const kilobytes = Math.round(statSync(join(assetDirectory, 'index.mjs')).size / 1_000);
  step(
    'cdk synth',
    `${config.stackName}: rate(${config.refreshIntervalHours} hours) → ${Runtime}, ${Architectures}, bundle of ${kilobytes} KB`,
  );

  await pullAll(cloud, accounts, targets);
  const lambda = new LambdaRuntime({ assetDirectory, environment: cloud.environment() });
  step('schedule', 'fires, and the function starts cold');
  const invocation = await lambda.invoke<RefreshReport>(scheduledEvent());
  await lambda.stop();
  printRefresh(invocation);
  const canAllPull = await pullAll(cloud, accounts, targets);
  print(
    canAllPull
      ? `\n${colors.green('Every worker pulls again.')}`
      : `\n${colors.red('A worker still cannot pull.')}\n`,
  );
  if (!canAllPull || invocation.error) return false;
  const sees = await lookTwice({ cloud, accounts, targets, template, assetDirectory });
  print(`\n${NEXT}\n`);
  return sees;
}

/**
 * Lets the watch look before and after a tag is deleted.
 *
 * @returns whether it found nothing before and the tag after. A stack without a watch has nothing to show
 */
async function lookTwice(watched: WatchedCloud): Promise<boolean> {
  const watch = await WatchDemo.start(watched);
  if (!watch) return true;
  print('The watch looks every hour whether the next worker can pull, too.\n');
  try {
    const before = await watch.look(scheduledEvent());
    printFindings(before);
    if (before.findings.length === 0) {
      const { workloads } = before;
      const endpoints = workloads === 1 ? '1 endpoint' : `${workloads} endpoints`;
      step('watch', `${endpoints}: every image can be pulled, and no log tells of a failed pull`);
    }
    await watch.deleteTag();
    step('registry', `the tag of ${watch.endpoints[0]?.name} is deleted`);
    const { findings } = await watch.look(scheduledEvent());
    printFindings({ findings });
    const isFound = findings.length > 0 && findings.every(({ problem }) => problem === 'image-missing');
    if (isFound) step('watch', 'if the next look finds it too, ImagesUnpullable pages the person on call');
    return before.findings.length === 0 && isFound;
  } finally {
    await watch.stop();
  }
}

function printFindings({ findings }: Pick<WatchReport, 'findings'>): void {
  steps(
    'watch',
    findings.map(({ workload, image, detail }) => colors.red(`${workload}, ${image}: ${detail}`)),
  );
}

const NEXT = 'Next: npx runpod-ecr demo opens a shell in which every command works.';

/** Pulls each target's image with the credential that Runpod holds. Returns whether every pull worked. */
async function pullAll(
  cloud: EmbeddedCloud,
  accounts: Accounts,
  targets: readonly Target[],
): Promise<boolean> {
  const results = await Promise.all(targets.map((target) => pull(cloud, accounts, target)));
  steps(
    'worker',
    results.map(({ ok, line }) => (ok ? colors.green(`✓ ${line}`) : colors.red(`✗ ${line}`))),
  );
  return results.every(({ ok }) => ok);
}

async function pull(
  cloud: EmbeddedCloud,
  accounts: Accounts,
  target: Target,
): Promise<{ ok: boolean; line: string }> {
  const [repository, reference] = imageOf(target);
  const image = `${target.name}: ${repository}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
  const auth = accounts
    .get(target.runpodApiKeySecretName)
    ?.auths.find(({ id, name }) => id === target.registryAuthId || name === target.registryAuthName);
  if (!auth)
    return { ok: false, line: `${image}  Runpod has no registry auth ${target.registryAuthName} yet` };
  const { url: registryUrl } = await registryOf(cloud, target.registry);
  const { username, password } = auth;
  const { ok, status, bytes } = await pullAsWorker(
    { registryUrl, username, password },
    repository,
    reference,
  );
  return { ok, line: `${image}  ${ok ? `pulled, ${bytes} bytes` : `${status} unauthorized`}` };
}

function printRefresh({ result, error, coldStartMs = 0, durationMs }: Invocation<RefreshReport>): void {
  const lines = (result?.refreshed ?? []).map(({ target, route, expiresAt, verified }) => {
    const until = expiresAt ? `good until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC` : 'without expiry';
    return `${target} over ${route}, ${verified ? 'proved' : 'not proved'}, ${until}`;
  });
  steps('refreshed', lines);
  if (error) step('failed', colors.red(`${error.errorType}: ${error.errorMessage}`));
  step(
    'function',
    `import ${Math.round(coldStartMs)} ms, from start of process to answer ${Math.round(durationMs)} ms`,
  );
}

function scheduledEvent(): object {
  return {
    id: 'embedded',
    source: 'aws.events',
    'detail-type': 'Scheduled Event',
    time: new Date().toISOString(),
  };
}

/** Prints the first lines of a list: a configuration may have a thousand targets. */
function steps(who: string, lines: readonly string[]): void {
  for (const line of lines.slice(0, MAX_LINES)) step(who, line);
  if (lines.length > MAX_LINES) step(who, `… and ${lines.length - MAX_LINES} more`);
}

function step(who: string, what: string): void {
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(2);
  const rest = wrapped(what, (process.stdout.columns ?? Number.POSITIVE_INFINITY) - INDENT);
  print(
    `${colors.dim(`${seconds.padStart(6)} s`)}  ${colors.bold(who.padEnd(9))}  ${rest.join(`\n${' '.repeat(INDENT)}`)}`,
  );
}

/** Breaks a text between words. A word that is longer than a line stays whole. */
function wrapped(what: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of what.split(/(?<=\S) (?=\S)/)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && stripVTControlCharacters(longer).length <= width)
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
