import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CloudFormationTemplate, refresherFunction } from '../../lib/synthesise';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { RegistryStandIn } from '../../local/registry';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';
import { ACCOUNT, Emulator, ecrOfToday, REGION } from './emulator';

/** The real CDK CLI deploys a refresher and its standby to two regions of an AWS emulator. */

const STANDBY_REGION = 'us-west-2';
const STACKS: Readonly<Record<string, string>> = {
  [REGION]: 'EcrCredentialRefresher',
  [STANDBY_REGION]: 'EcrCredentialRefresher-standby',
};
const API_KEY = 'rpa_E2E';
const EXAMPLE = join(__dirname, '../../refresher.config.example.json');

let emulator: Emulator;
let runpod: RunpodStandIn;
let registry: RegistryStandIn;
let ecr: { url: string; server: Server };
const directory = mkdtempSync(join(tmpdir(), 'e2e-standby-'));
const configFile = join(directory, 'refresher.config.json');

beforeAll(async () => {
  emulator = await Emulator.start();
  runpod = new RunpodStandIn(new StandInClock());
  registry = new RegistryStandIn((username) => username === 'AWS');
  await Promise.all([runpod.listen(), registry.listen()]);
  registry.addImage('my-serverless-worker', '1.4.2');
  ecr = await ecrOfToday(emulator, registry.url);
  configure({ standby: { region: STANDBY_REGION } });
  await bootstrap(REGION);
}, 240_000);

afterAll(async () => {
  ecr?.server.close();
  await Promise.all([runpod?.close(), registry?.close(), emulator?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

/** Writes the example's configuration with one target, Runpod's stand-in, and without the first refresh. */
function configure(changes: object): void {
  const { targets, ...example } = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as { targets: object[] };
  const config = {
    ...example,
    targets: targets.slice(0, 1),
    firstRefresh: 'off',
    runpod: runpod.settings(),
    ...changes,
  };
  writeFileSync(configFile, JSON.stringify(config));
}

const bootstrap = (region: string) =>
  emulator.cdk('bootstrap', '-c', `config=${configFile}`, `aws://${ACCOUNT}/${region}`);

/** Deploys without a change set, because the emulator loses an empty change set. */
function deploy(...flags: string[]): Promise<string> {
  const method = ['--require-approval', 'never', '--method', 'direct', '--no-previous-parameters'];
  return emulator.cdk('deploy', '-c', `config=${configFile}`, ...method, ...flags);
}

/** Returns what the CDK CLI printed when it failed. */
async function failureOf(command: Promise<string>): Promise<string> {
  const error: unknown = await command.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return String((error as { stderr?: string } | undefined)?.stderr ?? '');
}

describe('a deployment to two regions', () => {
  it('says what to do when the region of the standby is not bootstrapped, and deploys nothing', async () => {
    const message = await failureOf(deploy('--all'));

    expect(message).toContain(
      `not found in aws://${ACCOUNT}/${STANDBY_REGION}. Has the environment been bootstrapped? Please run 'cdk bootstrap'`,
    );
    expect([...(await functions(REGION)), ...(await functions(STANDBY_REGION))]).toEqual([]);
  }, 240_000);

  it('deploys both stacks with --all once both regions are bootstrapped', async () => {
    await bootstrap(STANDBY_REGION);
    await deploy('--all');

    expect(await schedules(REGION)).toContain('cron(13 0/6 * * ? *)');
    expect(await schedules(STANDBY_REGION)).toEqual(['cron(13 3/6 * * ? *)']);
  }, 240_000);

  it('has the watch in the first region only', async () => {
    const [first, second] = [await functions(REGION), await functions(STANDBY_REGION)];

    expect(first.some((name) => name.includes('PullWatch'))).toBe(true);
    expect(second.filter((name) => name.includes('PullWatch'))).toEqual([]);
    expect(second.some((name) => name.includes('RefresherFunction'))).toBe(true);
  });

  it('refreshes from the standby with the replica of the key, and reports to the first region', async () => {
    await emulator.aws(
      ...['secretsmanager', 'create-secret', '--name', 'runpod/api-key', '--secret-string', API_KEY],
    );
    await emulator.aws(
      ...['secretsmanager', 'replicate-secret-to-regions', '--secret-id', 'runpod/api-key'],
      ...['--add-replica-regions', `Region=${STANDBY_REGION}`],
    );
    const user = runpod.addUser(API_KEY);
    user.create({ id: 'clzdaifot0001l90809257ynb', name: 'ecr-prod', username: 'AWS', password: 'expired' });

    const { error, metrics, logs } = await invoke(STANDBY_REGION);

    expect(error).toBeUndefined();
    expect(metrics).toMatchObject({ RunSucceeded: 1, RegionSucceeded: 1 });
    expect(logs.filter(({ level }) => level === 'WARN')).toEqual([]);
    expect(user.auths).toMatchObject([{ username: 'AWS', updates: 1 }]);
    expect(await toldMetrics(REGION)).toEqual([STACKS[REGION]]);
  }, 60_000);

  it('refreshes from the first region, and reports to the standby', async () => {
    const { error } = await invoke(REGION);

    expect(error).toBeUndefined();
    expect(await toldMetrics(STANDBY_REGION)).toEqual([STACKS[STANDBY_REGION]]);
  }, 60_000);

  it('removes the standby alone, and the first stack returns to its rate', async () => {
    const standby = STACKS[STANDBY_REGION] ?? '';
    await emulator.cdk('destroy', standby, '--exclusively', '-c', `config=${configFile}`, '--force');
    configure({});
    await deploy();

    expect(await functions(STANDBY_REGION)).toEqual([]);
    expect(await schedules(STANDBY_REGION)).toEqual([]);
    expect(await schedules(REGION)).toContain('rate(6 hours)');
  }, 240_000);
});

async function functions(region: string): Promise<string[]> {
  const { Functions } = await emulator.aws<{ Functions: { FunctionName: string }[] }>(
    ...['lambda', 'list-functions', '--region', region],
  );
  return Functions.map(({ FunctionName }) => FunctionName);
}

async function schedules(region: string): Promise<string[]> {
  const { Rules } = await emulator.aws<{ Rules: { ScheduleExpression?: string }[] }>(
    ...['events', 'list-rules', '--region', region],
  );
  return Rules.flatMap(({ ScheduleExpression }) => ScheduleExpression ?? []);
}

/** Returns the refreshers that a region counted successes for on behalf of the other one. */
async function toldMetrics(region: string): Promise<string[]> {
  const { Metrics } = await emulator.aws<{ Metrics: { Dimensions: { Value: string }[] }[] }>(
    ...['cloudwatch', 'list-metrics', '--region', region, '--metric-name', 'RunSucceeded'],
  );
  return Metrics.flatMap(({ Dimensions }) => Dimensions.map(({ Value }) => Value));
}

/** Runs the code that is deployed in a region. */
async function invoke(region: string) {
  const assetDirectory = join(directory, `code-${region}`);
  execFileSync('python3', ['-m', 'zipfile', '-e', await fetchCode(region), assetDirectory]);
  const environment = { ...emulator.environment(), AWS_ENDPOINT_URL: ecr.url, AWS_REGION: region };
  const lambda = new LambdaRuntime({ assetDirectory, environment });
  try {
    return await lambda.invoke({
      source: 'aws.events',
      'detail-type': 'Scheduled Event',
      id: `e2e-${region}`,
    });
  } finally {
    await lambda.stop();
  }
}

/** Downloads the function's code from the bucket of a region. @returns the path of the archive */
async function fetchCode(region: string): Promise<string> {
  const { TemplateBody } = await emulator.aws<{ TemplateBody: CloudFormationTemplate }>(
    ...['cloudformation', 'get-template', '--region', region, '--stack-name', STACKS[region] ?? ''],
  );
  const { Code } = refresherFunction(TemplateBody).Properties as { Code: { S3Key: string } };
  const file = join(directory, `code-${region}.zip`);
  const bucket = `cdk-hnb659fds-assets-${ACCOUNT}-${region}`;
  await emulator.aws(
    ...['s3api', 'get-object', '--region', region, '--bucket', bucket, '--key', Code.S3Key, file],
  );
  return file;
}
