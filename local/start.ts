/** `npm start`: the whole service once, on the embedded cloud. Exit 0 only if the workers can pull at the end. */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createColors } from 'picocolors';
import type { RefreshReport, Target } from '../lambda/core/model';
import { readConfigFile } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import type { RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { endWithClosedPipe } from './closed-pipe';
import { type EmbeddedCloud, startEmbeddedCloud } from './cloud';
import { type Accounts, embed, furnish, imageOf, registryOf } from './furnish';
import { type Invocation, LambdaRuntime } from './lambda-runtime';
import { refresherFunction, synthesise } from './synthesise';
import { pullAsWorker } from './worker';

/** Only on a terminal: left to itself the library colours the log of a CI server too. */
const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

const EXAMPLE = 'refresher.config.example.json';
const USAGE = `Usage: npm start [-- --config PATH]

Runs one refresh on the embedded cloud, and shows a worker's pull before and after it. Needs no AWS account, no Runpod
account, no Docker. Exit code 0 only if every worker can pull at the end.

  -c, --config PATH  the configuration to run (default: ${EXAMPLE}); every address in it is
                     replaced by that of a stand-in, and every secret by one that is made up
  -h, --help         this text
`;
const MAX_TOLD = 12;

const startedAt = performance.now();
const outdir = mkdtempSync(join(tmpdir(), 'runpod-ecr-'));

endWithClosedPipe();
start()
  .then((code) => {
    process.exitCode = code;
  })
  .finally(() => rmSync(outdir, { recursive: true, force: true }));

async function start(): Promise<number> {
  try {
    const { values } = parseArgs({
      options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      say(USAGE);
      return 0;
    }
    const { config = join(__dirname, '..', EXAMPLE) } = values;
    return (await run(readConfigFile(resolve(config), values.config ?? EXAMPLE))) ? 0 : 1;
  } catch (error) {
    const isUsage =
      error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    if (!isUsage && !(error instanceof ConfigError)) throw error;
    process.stderr.write(isUsage ? `${error.message}\n\n${USAGE}` : `${error.message}\n`);
    return isUsage ? 2 : 1;
  }
}

async function run(written: RefresherConfig): Promise<boolean> {
  say('\nOne refresh on the embedded cloud: no AWS account, no Runpod account, no Docker.\n');
  const cloud = await startEmbeddedCloud();
  const config = await embed(written, cloud);
  const { targets } = toSettings(config);
  const accounts = await furnish(cloud, targets);
  const kinds = new Set(targets.map(({ registry }) => registry.type)).size;
  tell(
    'cloud',
    `stand-ins for AWS, Runpod and ${kinds === 1 ? 'a registry' : `${kinds} registries`} listen on 127.0.0.1`,
  );

  const { template, assetDirectory } = synthesise(config, join(outdir, 'cdk.out'));
  const { Runtime, Architectures } = refresherFunction(template).Properties;
  const kilobytes = Math.round(statSync(join(assetDirectory, 'index.mjs')).size / 1_000);
  tell(
    'cdk synth',
    `${config.stackName}: rate(${config.refreshIntervalHours} hours) → ${Runtime}, ${Architectures}, bundle of ${kilobytes} KB`,
  );

  await pullAll(cloud, accounts, targets);
  const lambda = new LambdaRuntime({ assetDirectory, environment: cloud.environment() });
  tell('schedule', 'fires, and the function starts cold');
  const invocation = await lambda.invoke<RefreshReport>(scheduledEvent());
  tellRefresh(invocation);
  const allWell = await pullAll(cloud, accounts, targets);

  await Promise.all([lambda.stop(), cloud.close()]);
  say(
    allWell
      ? `\n${colors.green('Every worker pulls again.')} ${NEXT}\n`
      : `\n${colors.red('A worker still cannot pull.')}\n`,
  );
  return allWell && invocation.error === undefined;
}

const NEXT = 'Next: "Deploy it" in README.md does the same in your account.';

/** Pulls each target's image with what Runpod holds for it. @returns whether all could */
async function pullAll(
  cloud: EmbeddedCloud,
  accounts: Accounts,
  targets: readonly Target[],
): Promise<boolean> {
  const results = await Promise.all(targets.map((target) => pull(cloud, accounts, target)));
  tellAll(
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

function tellRefresh({ result, error, coldStartMs = 0, durationMs }: Invocation<RefreshReport>): void {
  const lines = (result?.refreshed ?? []).map(({ target, route, expiresAt, verified }) => {
    const until = expiresAt ? `good until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC` : 'without expiry';
    return `${target} over ${route}, ${verified ? 'proved' : 'not proved'}, ${until}`;
  });
  tellAll('refreshed', lines);
  if (error) tell('failed', colors.red(`${error.errorType}: ${error.errorMessage}`));
  tell(
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

/** A thousand targets are told by the first few. */
function tellAll(who: string, lines: readonly string[]): void {
  for (const line of lines.slice(0, MAX_TOLD)) tell(who, line);
  if (lines.length > MAX_TOLD) tell(who, `… and ${lines.length - MAX_TOLD} more`);
}

function tell(who: string, what: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
  say(`${colors.dim(`${seconds.padStart(6)} s`)}  ${colors.bold(who.padEnd(9))}  ${what}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
