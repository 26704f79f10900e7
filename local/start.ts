/** `npm start`: the whole service once, on the embedded cloud. Exit 0 only if the workers can pull at the end. */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import colors from 'picocolors';
import type { RefreshReport, Target } from '../lambda/refresh-credentials/model';
import { readConfigFile } from '../lib/config/load';
import type { RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { type EmbeddedCloud, LOCAL_REGION, startEmbeddedCloud } from './cloud';
import { type Invocation, LambdaRuntime } from './lambda-runtime';
import type { RunpodUser } from './runpod/accounts';
import { refresherFunction, synthesise } from './synthesise';

const EXAMPLE = join(__dirname, '../refresher.config.example.json');
const API_KEY = 'rpa_EMBEDDEDCLOUD0000000000000000000000000';
const HOUR_MS = 60 * 60_000;

const startedAt = performance.now();
const outdir = mkdtempSync(join(tmpdir(), 'runpod-ecr-'));

run()
  .then((allWell) => {
    process.exitCode = allWell ? 0 : 1;
  })
  .finally(() => rmSync(outdir, { recursive: true, force: true }));

async function run(): Promise<boolean> {
  say('\nOne refresh on the embedded cloud: no AWS account, no Runpod account, no Docker.\n');
  const cloud = await startEmbeddedCloud();
  const example = readConfigFile(EXAMPLE, 'refresher.config.example.json');
  const config = { ...example, runpod: { ...example.runpod, ...cloud.runpod.settings() } };
  const { targets } = toSettings(config);
  const user = furnish(cloud, config, targets);
  tell('cloud', 'stand-ins for ECR, Secrets Manager, Runpod and the registry listen on 127.0.0.1');

  const { template, assetDirectory } = synthesise(config, join(outdir, 'cdk.out'));
  const { Runtime, Architectures } = refresherFunction(template).Properties;
  const kilobytes = Math.round(statSync(join(assetDirectory, 'index.mjs')).size / 1_000);
  tell(
    'cdk synth',
    `${config.stackName}: rate(${config.refreshIntervalHours} hours) → ${Runtime}, ${Architectures}, bundle of ${kilobytes} KB`,
  );

  await pullAll(cloud, user, targets);
  const lambda = new LambdaRuntime({ assetDirectory, environment: cloud.environment() });
  tell('schedule', 'fires, and the function starts cold');
  const invocation = await lambda.invoke<RefreshReport>(scheduledEvent());
  tellRefresh(invocation);
  const allWell = await pullAll(cloud, user, targets);

  await Promise.all([lambda.stop(), cloud.close()]);
  say(
    allWell
      ? `\n${colors.green('Every worker pulls again.')} ${NEXT}\n`
      : `\n${colors.red('A worker still cannot pull.')}\n`,
  );
  return allWell && invocation.error === undefined;
}

const NEXT = 'Next: "Deploy it" in README.md does the same in your account.';

/** A Runpod account whose first registry auth was last written 13 hours ago; what a target names is created. */
function furnish(cloud: EmbeddedCloud, config: RefresherConfig, targets: readonly Target[]): RunpodUser {
  const stale = cloud.aws.ecr.issue('guide', LOCAL_REGION, new Date(Date.now() - 13 * HOUR_MS));
  const user = cloud.runpod.addUser(API_KEY);
  for (const { registryAuthId: id, name } of targets) {
    if (id) user.create({ id, name: `ecr-${name}`, username: 'AWS', password: stale.password });
  }
  cloud.aws.secrets.put(config.runpodApiKeySecretName, API_KEY);
  for (const target of targets) cloud.registry.addImage(...imageOf(target));
  return user;
}

/** Pulls each target's image with what Runpod holds for it. @returns whether all could */
async function pullAll(
  { registry }: EmbeddedCloud,
  user: RunpodUser,
  targets: readonly Target[],
): Promise<boolean> {
  const results = await Promise.all(
    targets.map(async (target) => {
      const [repository, tag] = imageOf(target);
      const auth = user.auths.find(
        ({ id, name }) => id === target.registryAuthId || name === target.registryAuthName,
      );
      const image = `${target.name}: ${repository}:${tag}`;
      if (!auth)
        return { ok: false, line: `${image}  Runpod has no registry auth ${target.registryAuthName} yet` };
      const { ok, status, bytes } = await registry.pull(repository, tag, auth.username, auth.password);
      return { ok, line: `${image}  ${ok ? `pulled, ${bytes} bytes` : `${status} unauthorized`}` };
    }),
  );
  for (const { ok, line } of results)
    tell('worker', ok ? colors.green(`✓ ${line}`) : colors.red(`✗ ${line}`));
  return results.every(({ ok }) => ok);
}

function tellRefresh({ result, error, coldStartMs = 0, durationMs }: Invocation<RefreshReport>): void {
  for (const { target, route, expiresAt, verified } of result?.refreshed ?? []) {
    const until = expiresAt ? `good until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC` : 'without expiry';
    tell('refreshed', `${target} over ${route}, ${verified ? 'proved' : 'not proved'}, ${until}`);
  }
  if (error) tell('failed', colors.red(`${error.errorType}: ${error.errorMessage}`));
  tell(
    'function',
    `import ${Math.round(coldStartMs)} ms, from start of process to answer ${Math.round(durationMs)} ms`,
  );
}

function imageOf({ verifyImage, registry }: Target): [repository: string, tag: string] {
  const [repository = '', tag = 'latest'] = (
    verifyImage ??
    (registry.type === 'ecr' ? registry.repositories[0] : undefined) ??
    ''
  ).split(':');
  return [repository, tag];
}

function scheduledEvent(): object {
  return {
    id: 'embedded',
    source: 'aws.events',
    'detail-type': 'Scheduled Event',
    time: new Date().toISOString(),
  };
}

function tell(who: string, what: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
  say(`${colors.dim(`${seconds.padStart(6)} s`)}  ${colors.bold(who.padEnd(9))}  ${what}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
