import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { RegistryStandIn } from '../../local/registry';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';
import { ACCOUNT, Emulator, ecrOfToday, REGION } from './emulator';
import { type NamedPolicy, simulatePolicies } from './policy-simulator';

/**
 * The real CDK CLI deploys the example to an AWS emulator; then AWS's own APIs are asked what is there. The emulator
 * makes neither alarms nor the configuration of asynchronous invocations out of a template, and runs no trigger, so
 * those are the template tests' business.
 */

const STACK = 'EcrCredentialRefresher';
const API_KEY = 'rpa_E2E';
const EXAMPLE = join(__dirname, '../../refresher.config.example.json');

interface FunctionConfiguration {
  readonly FunctionName: string;
  readonly Runtime: string;
  readonly Handler: string;
  readonly Timeout: number;
  readonly MemorySize: number;
  readonly Role: string;
  readonly CodeSha256: string;
}

let emulator: Emulator;
let runpod: RunpodStandIn;
let registry: RegistryStandIn;
let ecr: { url: string; server: Server };
let deployed: FunctionConfiguration;
const directory = mkdtempSync(join(tmpdir(), 'e2e-'));
const configFile = join(directory, 'refresher.config.json');

beforeAll(async () => {
  emulator = await Emulator.start();
  runpod = new RunpodStandIn(new StandInClock());
  registry = new RegistryStandIn((username) => username === 'AWS');
  await Promise.all([runpod.listen(), registry.listen()]);
  registry.addImage('my-serverless-worker', '1.4.2');
  ecr = await ecrOfToday(emulator, registry.url);
  configure({});
  await emulator.cdk('bootstrap', '-c', `config=${configFile}`, `aws://${ACCOUNT}/${REGION}`);
  await deploy();
  const { Functions } = await emulator.aws<{ Functions: FunctionConfiguration[] }>(
    'lambda',
    'list-functions',
  );
  deployed =
    Functions.find(({ FunctionName }) => FunctionName.includes('RefresherFunction')) ?? fail('no function');
}, 240_000);

afterAll(async () => {
  ecr?.server.close();
  await Promise.all([runpod?.close(), registry?.close(), emulator?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

/** The example as it stands, but for Runpod's addresses and the trigger, which the emulator cannot run. */
function configure(changes: object): void {
  const example = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as object;
  const config = { ...example, firstRefresh: 'off', runpod: runpod.settings(), ...changes };
  writeFileSync(configFile, JSON.stringify(config));
}

/** Without a change set: the emulator loses one that had nothing in it. */
function deploy(...flags: string[]): Promise<string> {
  const method = ['--require-approval', 'never', '--method', 'direct'];
  return emulator.cdk('deploy', '-c', `config=${configFile}`, ...method, ...flags);
}

function fail(what: string): never {
  throw new Error(what);
}

describe('the deployed stack', () => {
  it('has the rules, which alone may invoke the function and keep what they could not deliver', async () => {
    const rules = await listRules();
    const { Policy } = await emulator.aws<{ Policy: string }>(
      'lambda',
      'get-policy',
      '--function-name',
      deployed.FunctionName,
    );

    expect(
      rules.map(({ ScheduleExpression = 'by event', State }) => `${ScheduleExpression} ${State}`),
    ).toEqual(['rate(6 hours) ENABLED', 'by event ENABLED']);
    for (const { Name } of rules) {
      const { Targets } = await emulator.aws<{
        Targets: { Arn: string; DeadLetterConfig: { Arn: string } }[];
      }>('events', 'list-targets-by-rule', '--rule', Name);
      expect(Targets).toHaveLength(1);
      expect(Targets[0]?.Arn).toContain(`:function:${deployed.FunctionName}`);
      expect(Targets[0]?.DeadLetterConfig.Arn).toContain('UndeliveredQueue');
      expect(Policy).toContain(`:rule/${Name}`);
    }
    const { Statement } = JSON.parse(Policy) as { Statement: { Principal: object }[] };
    expect(Statement.map(({ Principal }) => Principal)).toEqual(
      rules.map(() => ({ Service: 'events.amazonaws.com' })),
    );
  });

  it('has the function as synthesised, with the code that was bundled', async () => {
    const zip = await fetchCode();

    expect(deployed).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Timeout: 300,
      MemorySize: 256,
    });
    expect(createHash('sha256').update(readFileSync(zip)).digest('base64')).toBe(deployed.CodeSha256);
  });

  it('has the queues, the topic and the log group', async () => {
    const { QueueUrls } = await emulator.aws<{ QueueUrls: string[] }>('sqs', 'list-queues');
    const { Topics } = await emulator.aws<{ Topics: object[] }>('sns', 'list-topics');
    const { logGroups } = await emulator.aws<{
      logGroups: { logGroupName: string; retentionInDays: number }[];
    }>('logs', 'describe-log-groups');
    const { EventSourceMappings } = await emulator.aws<{ EventSourceMappings: object[] }>(
      'lambda',
      'list-event-source-mappings',
      '--function-name',
      deployed.FunctionName,
    );

    const names = QueueUrls.map(
      (url) => /(RetryQueue|DeadLetterQueue|UndeliveredQueue)/.exec(url)?.[1],
    ).sort();
    expect(names).toEqual(['DeadLetterQueue', 'RetryQueue', 'UndeliveredQueue']);
    expect(Topics).toHaveLength(1);
    expect(logGroups.filter(({ logGroupName }) => logGroupName.includes('Refresher'))).toMatchObject([
      { retentionInDays: 30 },
    ]);
    expect(EventSourceMappings).toMatchObject([{ BatchSize: 1, State: 'Enabled' }]);
  });

  it('refreshes: the code is fetched back and run against the emulator', async () => {
    const assetDirectory = join(directory, 'code');
    execFileSync('python3', ['-m', 'zipfile', '-e', await fetchCode(), assetDirectory]);
    await emulator.aws(
      'secretsmanager',
      'create-secret',
      '--name',
      'runpod/api-key',
      '--secret-string',
      API_KEY,
    );
    const user = runpod.addUser(API_KEY);
    const id = 'clzdaifot0001l90809257ynb';
    user.create({ id, name: 'ecr-prod', username: 'AWS', password: 'expired' });
    const lambda = new LambdaRuntime({
      assetDirectory,
      environment: { ...emulator.environment(), AWS_ENDPOINT_URL: ecr.url },
    });

    const { result, error } = await lambda.invoke({
      source: 'aws.events',
      'detail-type': 'Scheduled Event',
      id: 'e2e',
    });
    await lambda.stop();

    expect(error).toBeUndefined();
    expect(result).toMatchObject({
      refreshed: [
        { target: 'prod', registryAuthId: id, route: 'rest-v2', verified: true },
        { target: 'staging', route: 'rest-v2', verified: true },
      ],
      failed: [],
    });
    const { authorizationData } = await emulator.aws<{ authorizationData: { authorizationToken: string }[] }>(
      'ecr',
      'get-authorization-token',
    );
    const token = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64').toString('utf8');
    expect(user.auths.map(({ username, password }) => `${username}:${password}`)).toEqual([token, token]);
  });

  it('changes nothing when it is deployed again', async () => {
    const output = await deploy();

    expect(output).toContain(`${STACK} (no changes)`);
  });

  it('changes only the schedule when only the interval changes', async () => {
    configure({ refreshIntervalHours: 4 });
    // The emulator forgets the parameters of a deployment.
    await deploy('--no-previous-parameters');

    const [schedule] = await listRules();
    const now = await emulator.aws<FunctionConfiguration>(
      'lambda',
      'get-function-configuration',
      '--function-name',
      deployed.FunctionName,
    );
    expect(schedule?.ScheduleExpression).toBe('rate(4 hours)');
    expect(now).toMatchObject({ CodeSha256: deployed.CodeSha256, Role: deployed.Role });
  });
});

const arn = (service: string, resource: string, region = REGION) =>
  `arn:aws:${service}:${region}:${ACCOUNT}:${resource}`;
const WORKER = arn('ecr', 'repository/my-serverless-worker');
const KEY = arn('secretsmanager', 'secret:runpod/api-key-AbCdEf');

describe('the deployed role', () => {
  it.each([
    ['secretsmanager:GetSecretValue', KEY],
    ['ecr:GetAuthorizationToken', '*'],
    ['ecr:BatchCheckLayerAvailability', WORKER],
    ['ecr:BatchGetImage', WORKER],
    ['ecr:GetDownloadUrlForLayer', WORKER],
    ['ecr:BatchGetImage', arn('ecr', 'repository/team/batch-worker')],
  ])('may %s on %s', async (action, resource) => {
    expect(await verdict(action, resource)).toBe('Allowed');
  });

  it('may write its own log, send failed runs to the retry queue and take them back', async () => {
    const { logGroups } = await emulator.aws<{ logGroups: { arn: string }[] }>('logs', 'describe-log-groups');
    const queue = await queueArn('RetryQueue');
    const stream = `${(logGroups[0]?.arn ?? '').replace(/:\*$/, '')}:log-stream:today`;

    expect(await verdict('logs:PutLogEvents', stream)).toBe('Allowed');
    for (const action of [
      'sqs:SendMessage',
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
    ]) {
      expect(await verdict(action, queue)).toBe('Allowed');
    }
  });

  it.each([
    ['ecr:GetDownloadUrlForLayer', arn('ecr', 'repository/another')],
    ['ecr:BatchGetImage', arn('ecr', 'repository/my-serverless-worker-2')],
    ['ecr:BatchGetImage', arn('ecr', 'repository/my-serverless-worker', 'eu-west-1')],
    ['ecr:PutImage', WORKER],
    ['ecr:InitiateLayerUpload', WORKER],
    ['ecr:BatchDeleteImage', WORKER],
    ['ecr:DescribeRepositories', WORKER],
    ['ecr:DescribeImages', WORKER],
    ['ecr:ListImages', WORKER],
    ['ecr:SetRepositoryPolicy', WORKER],
    ['secretsmanager:GetSecretValue', arn('secretsmanager', 'secret:another-AbCdEf')],
    ['secretsmanager:GetSecretValue', arn('secretsmanager', 'secret:runpod/api-key-of-others-AbCdEf')],
    ['secretsmanager:DescribeSecret', KEY],
    ['secretsmanager:PutSecretValue', KEY],
    ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/another`],
    ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/another`],
    ['logs:PutLogEvents', arn('logs', 'log-group:another:log-stream:x')],
    ['logs:DeleteLogGroup', arn('logs', 'log-group:another')],
    ['sqs:PurgeQueue', arn('sqs', 'another')],
    ['lambda:UpdateFunctionCode', arn('lambda', 'function:another')],
    ['s3:GetObject', 'arn:aws:s3:::a-bucket/a-key'],
  ])('may not %s on %s', async (action, resource) => {
    expect(await verdict(action, resource)).toBe('ImplicitlyDenied');
  });
});

describe('cdk destroy', () => {
  it('leaves nothing behind', async () => {
    await emulator.cdk('destroy', '-c', `config=${configFile}`, '--force');

    const left = await Promise.all([
      emulator.aws<{ Functions: object[] }>('lambda', 'list-functions').then(({ Functions }) => Functions),
      emulator.aws<{ Rules: object[] }>('events', 'list-rules').then(({ Rules }) => Rules),
      emulator.aws<{ QueueUrls?: object[] }>('sqs', 'list-queues').then(({ QueueUrls = [] }) => QueueUrls),
      emulator.aws<{ Topics: object[] }>('sns', 'list-topics').then(({ Topics }) => Topics),
      emulator.aws<{ logGroups: object[] }>('logs', 'describe-log-groups').then(({ logGroups }) => logGroups),
      emulator
        .aws<{ Roles: { RoleName: string }[] }>('iam', 'list-roles')
        .then(({ Roles }) => Roles.filter(({ RoleName }) => RoleName.startsWith(STACK))),
    ]);
    expect(left).toEqual([[], [], [], [], [], []]);
  });
});

/** The rules, the schedule first. */
async function listRules(): Promise<{ Name: string; ScheduleExpression?: string; State: string }[]> {
  const { Rules } = await emulator.aws<{
    Rules: { Name: string; ScheduleExpression?: string; State: string }[];
  }>('events', 'list-rules');
  return Rules.sort((a, b) => Number('ScheduleExpression' in b) - Number('ScheduleExpression' in a));
}

/** The function's code, from where the deployment put it. */
async function fetchCode(): Promise<string> {
  const bucket = `cdk-hnb659fds-assets-${ACCOUNT}-${REGION}`;
  const { Contents } = await emulator.aws<{ Contents: { Key: string }[] }>(
    's3api',
    'list-objects-v2',
    '--bucket',
    bucket,
  );
  const [key = ''] = Contents.map(({ Key }) => Key).filter((name) => name.endsWith('.zip'));
  const file = join(directory, 'code.zip');
  await emulator.aws('s3api', 'get-object', '--bucket', bucket, '--key', key, file);
  return file;
}

/** Whether the deployed role may do something, with the policies that it has in the emulator. */
async function verdict(action: string, resource: string): Promise<string> {
  const { Role: principal } = deployed;
  return simulatePolicies({ principal, account: ACCOUNT, action, resource, policies: await rolePolicies() });
}

let policies: Promise<NamedPolicy[]> | undefined;

function rolePolicies() {
  policies ??= readRolePolicies(deployed.Role.split('/').at(-1) ?? '');
  return policies;
}

async function readRolePolicies(role: string): Promise<NamedPolicy[]> {
  const attached = await emulator.aws<{ AttachedPolicies: object[] }>(
    'iam',
    'list-attached-role-policies',
    '--role-name',
    role,
  );
  expect(attached.AttachedPolicies).toEqual([]);
  const { PolicyNames } = await emulator.aws<{ PolicyNames: string[] }>(
    'iam',
    'list-role-policies',
    '--role-name',
    role,
  );
  return Promise.all(
    PolicyNames.map(async (name) => {
      const { PolicyDocument } = await emulator.aws<{ PolicyDocument: unknown }>(
        'iam',
        'get-role-policy',
        '--role-name',
        role,
        '--policy-name',
        name,
      );
      return { name, policy: asInAws(PolicyDocument) };
    }),
  );
}

/** A log group's Arn attribute ends in `:*`, which stands for its streams; the emulator leaves that away. */
function asInAws(policy: unknown): unknown {
  return JSON.parse(JSON.stringify(policy).replace(/(:log-group:[^":]+)"/g, '$1:*"'));
}

async function queueArn(part: string): Promise<string> {
  const { QueueUrls } = await emulator.aws<{ QueueUrls: string[] }>('sqs', 'list-queues');
  return arn(
    'sqs',
    QueueUrls.find((url) => url.includes(part))
      ?.split('/')
      .at(-1) ?? '',
  );
}
