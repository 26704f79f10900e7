import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import type { RefresherSettings } from '../../lambda/core/model';
import { writeRefresher, writeWatch } from '../../lib/function-code';
import { type EmbeddedCloud, startEmbeddedCloud } from '../../local/cloud';
import { lambdaEnvironment } from '../../local/lambda-process';
import { LambdaRuntime } from '../../local/lambda-runtime';
import type { RunpodUser } from '../../local/runpod/accounts';
import { bundleRefresher } from '../../scripts/build-functions';
import { type Command, inTurn, runProcess, type Spread, spreadOf, straightLine } from './measure';

/** A measured figure and its limit. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly limit: string;
  readonly met: boolean;
  /** A Markdown table with details. */
  readonly details?: string;
}

const API_KEY = 'rpa_BENCHMARK';
const ROUNDS = 15;

/** Measures all figures, one after the other. */
export async function measureAll(tell: (line: string) => void): Promise<Figure[]> {
  const bench = await Bench.start();
  const figures: Figure[] = [];
  const parts = [
    coldProcess,
    importAlone,
    assetSize,
    criticalPath,
    thousandTargets,
    underQuota,
    growth,
    watchOf500,
  ];
  try {
    for (const part of parts) {
      tell(`measuring: ${part.name}`);
      figures.push(...(await part(bench)));
    }
  } finally {
    await bench.stop();
  }
  return figures;
}

/** The embedded cloud, and bundles of the function for any number of targets. */
class Bench {
  readonly cloud: EmbeddedCloud;
  readonly directory = mkdtempSync(join(tmpdir(), 'bench-'));
  readonly user: RunpodUser;

  private constructor(cloud: EmbeddedCloud) {
    this.cloud = cloud;
    this.user = cloud.runpod.addUser(API_KEY);
    cloud.runpod.abilities['rest-v1'].update = true;
    cloud.aws.secrets.put('runpod/api-key', API_KEY);
  }

  static async start(): Promise<Bench> {
    return new Bench(await startEmbeddedCloud());
  }

  settings(targets: number): RefresherSettings {
    for (let index = this.user.auths.length; index < targets; index += 1) {
      this.user.create({ id: `auth${index}`, name: `auth${index}`, username: 'AWS', password: 'old' });
    }
    return {
      service: 'Bench',
      targets: Array.from({ length: targets }, (_, index) => ({
        name: `target-${index}`,
        registryAuthId: `auth${index}`,
        runpodApiKeySecretName: 'runpod/api-key',
        registry: { type: 'ecr', repositories: ['worker'] },
        verify: 'best-effort',
      })),
      runpod: this.cloud.runpod.settings(),
      minCredentialMinutes: 600,
    };
  }

  /** Bundles the function for a number of targets. @returns its directory */
  asset(targets: number): string {
    const directory = join(this.directory, `asset-${targets}`);
    const settings = this.settings(targets);
    writeRefresher(directory, settings.targets, settings);
    return directory;
  }

  command(targets: number): Command {
    const asset = this.asset(targets);
    const args = [join(__dirname, 'cold.mjs'), join(asset, 'index.mjs')];
    const env = { ...lambdaEnvironment(asset), ...this.cloud.environment() };
    return { file: process.execPath, args, env };
  }

  latency(ms: number): void {
    for (const server of [this.cloud.aws, this.cloud.registry, this.cloud.runpod]) server.latencyMs = ms;
  }

  async stop(): Promise<void> {
    await this.cloud.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Returns the path of the Python interpreter. A version manager's wrapper would be measured too. */
function pythonWithBoto3(): string | undefined {
  const code = 'import sys, boto3, urllib3; print(sys.executable)';
  for (const python of [join(__dirname, '../../.venv/bin/python3'), 'python3']) {
    const { status, stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

async function coldProcess(bench: Bench): Promise<Figure[]> {
  const ours = bench.command(1);
  const python = pythonWithBoto3();
  const memory = (kb: number): Figure => ({
    name: 'peak memory of one run',
    value: `${Math.round(kb / 1_024)} MB`,
    limit: 'at most 90 MB',
    met: kb / 1_024 <= 90,
  });
  if (python === undefined) {
    const [runs = []] = await inTurn([ours], ROUNDS);
    const times = spreadOf(runs.map(({ ms }) => ms));
    const name = 'cold process, start to answer (no python3 with boto3 here to compare with)';
    return [
      { name, value: show(times), limit: '', met: true },
      memory(spreadOf(runs.map((run) => run.peakKb)).median),
    ];
  }
  const { cloud } = bench;
  const env = {
    ...cloud.environment(),
    AWS_DEFAULT_REGION: 'us-east-1',
    RUNPOD_API_KEY: API_KEY,
    RUNPOD_REGISTRY_AUTH_ID: 'auth0',
    RUNPOD_REST_V1_URL: cloud.runpod.settings().restV1Url,
  };
  const theirs = { file: python, args: [join(__dirname, 'guide_lambda.py')], env };
  const [a = [], b = []] = await inTurn([ours, theirs], ROUNDS);
  const ratio = spreadOf(a.map(({ ms }, index) => ms / (b[index]?.ms ?? Number.NaN)));
  return [
    {
      name: "cold process, start to answer, compared with the guide's Python Lambda",
      value: `${ratio.median.toFixed(2)} of its time (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}): ${show(spreadOf(a.map(({ ms }) => ms)))} and ${show(spreadOf(b.map(({ ms }) => ms)))}`,
      limit: 'at most 0.50',
      met: ratio.median <= 0.5,
    },
    memory(spreadOf(a.map(({ peakKb }) => peakKb)).median),
  ];
}

async function importAlone(bench: Bench): Promise<Figure[]> {
  const bundle = join(bench.asset(1), 'index.mjs');
  const node = (code: string): Command => ({
    file: process.execPath,
    args: ['--input-type=module', '-e', code],
    env: bench.cloud.environment(),
  });
  const commands = [
    node(`await import(${JSON.stringify(bundle)}); process.exit(0)`),
    node('process.exit(0)'),
  ];
  const [a = [], b = []] = await inTurn(commands, ROUNDS);
  const more = spreadOf(a.map(({ ms }, index) => ms - (b[index]?.ms ?? Number.NaN)));
  const name = 'import of the bundle alone, on top of an empty Node process';
  return [{ name, value: show(more), limit: 'at most 60 ms', met: more.median <= 60 }];
}

async function assetSize(bench: Bench): Promise<Figure[]> {
  const directory = bench.asset(1);
  const { outputs } = bundleRefresher(['ecr']).metafile;
  const bytes = ['index.mjs', 'index.mjs.map', 'refresher.json']
    .map((file) => deflateRawSync(readFileSync(join(directory, file))).length + 76 + 2 * file.length)
    .reduce((sum, size) => sum + size, 22);
  const inputs = Object.values(outputs).find(({ entryPoint }) => entryPoint !== undefined)?.inputs ?? {};
  const sizes = new Map<string, number>();
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? 'our own sources';
    sizes.set(name, (sizes.get(name) ?? 0) + bytesInOutput);
  }
  const rows = [...sizes].sort(([, a], [, b]) => b - a).filter(([, size]) => size >= 1_000);
  const details = [
    '| in the bundle, minified, before zipping | KB |',
    '|---|---|',
    ...rows.map(([name, size]) => `| ${name} | ${(size / 1_000).toFixed(1)} |`),
  ].join('\n');
  const value = `${(bytes / 1_000).toFixed(1)} KB`;
  return [{ name: 'asset, zipped', value, limit: 'at most 150 KB', met: bytes <= 150_000, details }];
}

async function criticalPath(bench: Bench): Promise<Figure[]> {
  const lambda = new LambdaRuntime({
    assetDirectory: bench.asset(1),
    environment: bench.cloud.environment(),
  });
  await lambda.invoke({});
  bench.latency(150);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push((await lambda.invoke({})).durationMs);
  bench.latency(0);
  await lambda.stop();
  const spread = spreadOf(times);
  return [
    {
      name: 'one target, warm, 150 ms injected everywhere',
      value: `${show(spread)} = ${(spread.median / 150).toFixed(2)} × 150 ms`,
      limit: 'at most 3.2 × 150 ms',
      met: spread.median <= 3.2 * 150,
    },
  ];
}

async function thousandTargets(bench: Bench): Promise<Figure[]> {
  const command = bench.command(1_000);
  bench.latency(20);
  bench.cloud.aws.requests.length = 0;
  const [runs = []] = await inTurn([command], 5);
  bench.latency(0);
  const calls = (action: string) => bench.cloud.aws.countOf(action) / 6;
  const times = spreadOf(runs.map(({ ms }) => ms));
  const megabytes = spreadOf(runs.map(({ peakKb }) => peakKb / 1_024)).median;
  return [
    {
      name: '1,000 targets, one account, one region, 20 ms latency, cold',
      value: `${show(times)}; ${calls('GetAuthorizationToken')} ECR call, ${calls('GetSecretValue')} secret read`,
      limit: 'at most 8 s; 1 and 1',
      met: times.median <= 8_000 && calls('GetAuthorizationToken') === 1 && calls('GetSecretValue') === 1,
    },
    {
      name: 'peak memory of 1,000 targets',
      value: `${Math.round(megabytes)} MB`,
      limit: 'at most 160 MB',
      met: megabytes <= 160,
    },
  ];
}

/**
 * Plays a minute in four seconds, and the five minutes of an invocation in twenty seconds.
 *
 * The rate limit headers have whole seconds, so a much shorter window would be no longer than their resolution.
 */
async function underQuota(bench: Bench): Promise<Figure[]> {
  const assetDirectory = bench.asset(1_000);
  for (const auth of bench.user.auths) auth.updates = 0;
  bench.cloud.runpod.limit(bench.user, { limit: 60, windowSeconds: 4 });
  bench.cloud.runpod.requests.length = 0;
  const lambda = new LambdaRuntime({ assetDirectory, environment: bench.cloud.environment() });
  const event = { id: 'bench', source: 'bench', 'detail-type': 'Scheduled Event' };
  let invocations = 0;
  let finished = false;
  while (!finished && invocations < 20) {
    invocations += 1;
    finished = (await lambda.invoke(event, 20_000)).error === undefined;
  }
  await lambda.stop();
  bench.cloud.runpod.limit(bench.user, { limit: 1_000_000 });
  const written = bench.user.auths.filter(({ updates }) => updates > 0).length;
  const updates = bench.user.auths.reduce((sum, auth) => sum + auth.updates, 0);
  const refused = bench.cloud.runpod.requests.length - updates;
  return [
    {
      name: '1,000 targets under a quota of 60 a minute, played 15 times faster',
      value: `${written} written by ${updates} updates, ${refused} refused, in ${invocations} invocations`,
      limit: 'all, none refused after the first window',
      met: finished && written === 1_000 && refused <= 10,
    },
  ];
}

async function growth(bench: Bench): Promise<Figure[]> {
  const sizes = [10, 50, 100, 250, 500, 1_000];
  bench.latency(20);
  const rows: { targets: number; ms: number; megabytes: number }[] = [];
  for (const targets of sizes) {
    const [runs = []] = await inTurn([bench.command(targets)], 5);
    const ms = spreadOf(runs.map((run) => run.ms)).median;
    rows.push({ targets, ms, megabytes: spreadOf(runs.map(({ peakKb }) => peakKb / 1_024)).median });
  }
  bench.latency(0);
  const time = straightLine(rows.map(({ targets, ms }) => [targets, ms] as const));
  const memory = straightLine(rows.map(({ targets, megabytes }) => [targets, megabytes] as const));
  const details = [
    '| targets | ms | peak MB |',
    '|---|---|---|',
    ...rows.map(
      ({ targets, ms, megabytes }) => `| ${targets} | ${Math.round(ms)} | ${Math.round(megabytes)} |`,
    ),
  ].join('\n');
  return [
    {
      name: 'growth from 10 to 1,000 targets',
      value: `${time.slope.toFixed(2)} ms and ${(memory.slope * 1_024).toFixed(0)} KB a target; R² ${time.r2.toFixed(3)} and ${memory.r2.toFixed(3)}`,
      limit: 'a straight line: R² of the time at least 0.98, memory at most 160 MB',
      met: time.r2 >= 0.98 && (rows.at(-1)?.megabytes ?? 0) <= 160,
      details,
    },
  ];
}

/** Every tenth workload fails its pulls. The others have a silent log, for which the watch waits five seconds. */
async function watchOf500(bench: Bench): Promise<Figure[]> {
  const { cloud, user } = bench;
  const { registryAuthId: registry = '' } = bench.settings(1).targets[0] ?? {};
  const host = new URL(cloud.registry.url).host;
  for (let index = 0; index < 50; index += 1) cloud.registry.addImage('worker', `v${index}`);
  for (let index = 0; index < 500; index += 1) {
    const line = `error pulling image: toomanyrequests: ${'x'.repeat(200)}`;
    const logs =
      index % 10 === 0
        ? Array.from({ length: 100 }, () => ({
            source: 'system' as const,
            line,
            ts: new Date(Date.now() - 60_000),
          }))
        : [];
    user.workloads.serverless.push({
      id: `endpoint${index}`,
      name: `endpoint ${index}`,
      image: `${host}/worker:v${index % 50}`,
      registry,
      workers: { min: 1, max: 3, running: [{ id: `worker${index}`, logs }] },
    });
  }
  cloud.runpod.pages.size = 100;
  const asset = join(bench.directory, 'watch');
  writeWatch(asset, bench.settings(1));
  const args = [join(__dirname, 'cold.mjs'), join(asset, 'index.mjs')];
  const env = { ...lambdaEnvironment(asset), ...cloud.environment() };
  bench.latency(20);
  cloud.runpod.requests.length = 0;
  cloud.registry.requests.length = 0;
  const { ms, peakKb } = await runProcess({ file: process.execPath, args, env });
  bench.latency(0);
  const megabytes = Math.round(peakKb / 1_024);
  return [
    {
      name: 'the watch looks at 500 endpoints with 50 images, 20 ms latency, cold',
      value: `${(ms / 1_000).toFixed(0)} s, ${megabytes} MB; ${cloud.runpod.requests.length} requests to Runpod, ${cloud.registry.requests.length} to the registry`,
      limit: 'at most 240 s and 160 MB',
      met: ms <= 240_000 && megabytes <= 160,
    },
  ];
}

function show({ min, median, max }: Spread): string {
  return `${Math.round(median)} ms (${Math.round(min)} to ${Math.round(max)})`;
}
