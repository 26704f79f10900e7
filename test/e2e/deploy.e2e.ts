import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { type NamedPolicy, simulatePolicies } from './policy-simulator';

/**
 * The real CDK CLI deploys the example to an AWS emulator. The tests then ask AWS's own APIs what is there.
 *
 * The emulator ignores alarms and the settings of asynchronous invocations, and runs no custom resources. The tests of
 * the template cover those.
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
let watch: FunctionConfiguration;
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
  const named = (part: string) =>
    Functions.find(({ FunctionName }) => FunctionName.includes(part)) ?? fail(`no ${part}`);
  deployed = named('RefresherFunction');
  watch = named('PullWatchFunction');
}, 240_000);

afterAll(async () => {
  ecr?.server.close();
  await Promise.all([runpod?.close(), registry?.close(), emulator?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

/** Writes the example's configuration with Runpod's stand-in, and without the first refresh, which the emulator cannot run. */
function configure(changes: object): void {
  const example = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as object;
  const config = { ...example, firstRefresh: 'off', runpod: runpod.settings(), ...changes };
  writeFileSync(configFile, JSON.stringify(config));
}

/** Deploys without a change set, because the emulator loses an empty change set. */
function deploy(...flags: string[]): Promise<string> {
  const method = ['--require-approval', 'never', '--method', 'direct'];
  return emulator.cdk('deploy', '-c', `config=${configFile}`, ...method, ...flags);
}

function fail(what: string): never {
  throw new Error(what);
}

describe('the deployed stack', () => {
  it('has two rules; only they may invoke the function, and each has a queue for undelivered events', async () => {
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

  it('has the function with the synthesised settings and the bundled code', async () => {
    const zip = await fetchCode();

    expect(deployed).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Timeout: 300,
      MemorySize: 256,
    });
    expect(createHash('sha256').update(readFileSync(zip)).digest('base64')).toBe(deployed.CodeSha256);
  });

  it('has three queues, two topics, two log groups and the event source of the retries', async () => {
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
    expect(Topics).toHaveLength(2);
    expect(
      logGroups.filter(({ logGroupName }) => /RefresherLogGroup|PullWatchLogGroup/.test(logGroupName)),
    ).toMatchObject([{ retentionInDays: 30 }, { retentionInDays: 30 }]);
    expect(EventSourceMappings).toMatchObject([{ BatchSize: 1, State: 'Enabled' }]);
  });

  it('has the watch with a rule of its own', async () => {
    const rules = (await allRules()).filter(({ Name }) => Name.includes('PullWatch'));

    expect(rules).toMatchObject([{ ScheduleExpression: 'rate(1 hour)', State: 'ENABLED' }]);
    expect(watch).toMatchObject({ Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 300 });
    expect(watch.Role).not.toBe(deployed.Role);
  });

  it('refreshes both targets when the deployed code runs against the emulator', async () => {
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

  it('does not change when it is deployed again', async () => {
    const output = await deploy();

    expect(output).toContain(`${STACK} (no changes)`);
  });

  it('changes the schedule and the settings, and so refreshes again, when the interval changes', async () => {
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
    expect(now.Role).toBe(deployed.Role);
    expect(now.CodeSha256).not.toBe(deployed.CodeSha256);
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

  it('may write its own log, and send messages to the retry queue and receive them', async () => {
    const queue = await queueArn('RetryQueue');
    const logGroup = await logGroupArn('RefresherLogGroup');

    expect(await verdict('logs:PutLogEvents', `${logGroup}:log-stream:today`)).toBe('Allowed');
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

describe("the watch's role", () => {
  it.each([
    ['secretsmanager:GetSecretValue', KEY],
    ['ecr:GetAuthorizationToken', '*'],
    ['ecr:BatchGetImage', WORKER],
  ])('may %s on %s', async (action, resource) => {
    expect(await verdict(action, resource, watch)).toBe('Allowed');
  });

  it('may write and read its own log, and not that of the refresher', async () => {
    const [own, other] = [await logGroupArn('PullWatchLogGroup'), await logGroupArn('RefresherLogGroup')];

    expect(await verdict('logs:PutLogEvents', `${own}:log-stream:today`, watch)).toBe('Allowed');
    expect(await verdict('logs:FilterLogEvents', `${own}:*`, watch)).toBe('Allowed');
    expect(await verdict('logs:PutLogEvents', `${other}:log-stream:today`, watch)).toBe('ImplicitlyDenied');
    expect(await verdict('logs:FilterLogEvents', `${other}:*`, watch)).toBe('ImplicitlyDenied');
  });

  it.each([
    ['ecr:PutImage', WORKER],
    ['ecr:BatchDeleteImage', WORKER],
    ['ecr:BatchGetImage', arn('ecr', 'repository/another')],
    ['secretsmanager:PutSecretValue', KEY],
    ['secretsmanager:GetSecretValue', arn('secretsmanager', 'secret:another-AbCdEf')],
    ['sqs:SendMessage', arn('sqs', '*')],
    ['lambda:InvokeFunction', arn('lambda', 'function:another')],
    ['cloudwatch:PutMetricData', '*'],
    ['s3:PutObject', 'arn:aws:s3:::a-bucket/a-key'],
  ])('may not %s on %s', async (action, resource) => {
    expect(await verdict(action, resource, watch)).toBe('ImplicitlyDenied');
  });
});

describe('cdk destroy', () => {
  it('leaves no resource behind', async () => {
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

/** Returns the rules of the refresher, the schedule first. */
async function listRules() {
  return (await allRules()).filter(({ Name }) => !Name.includes('PullWatch'));
}

async function allRules(): Promise<{ Name: string; ScheduleExpression?: string; State: string }[]> {
  const { Rules } = await emulator.aws<{
    Rules: { Name: string; ScheduleExpression?: string; State: string }[];
  }>('events', 'list-rules');
  return Rules.sort((a, b) => Number('ScheduleExpression' in b) - Number('ScheduleExpression' in a));
}

/** Downloads the function's code from the bucket of the deployment. @returns the path of the archive */
async function fetchCode(): Promise<string> {
  const bucket = `cdk-hnb659fds-assets-${ACCOUNT}-${REGION}`;
  const { TemplateBody } = await emulator.aws<{ TemplateBody: CloudFormationTemplate }>(
    'cloudformation',
    'get-template',
    '--stack-name',
    STACK,
  );
  const { Code } = refresherFunction(TemplateBody).Properties as { Code: { S3Key: string } };
  const key = Code.S3Key;
  const file = join(directory, 'code.zip');
  await emulator.aws('s3api', 'get-object', '--bucket', bucket, '--key', key, file);
  return file;
}

/** Simulates an action of the deployed role, with the policies that the role has in the emulator. */
async function verdict(action: string, resource: string, fn = deployed): Promise<string> {
  const { Role: principal } = fn;
  const policies = await rolePolicies(principal);
  return simulatePolicies({ principal, account: ACCOUNT, action, resource, policies });
}

const policiesByRole = new Map<string, Promise<NamedPolicy[]>>();

function rolePolicies(roleArn: string): Promise<NamedPolicy[]> {
  const policies = policiesByRole.get(roleArn) ?? readRolePolicies(roleArn.split('/').at(-1) ?? '');
  policiesByRole.set(roleArn, policies);
  return policies;
}

/** Returns the ARN of a log group without the `:*` at its end. */
async function logGroupArn(part: string): Promise<string> {
  const { logGroups } = await emulator.aws<{ logGroups: { arn: string }[] }>('logs', 'describe-log-groups');
  const found = logGroups.find(({ arn: logGroup }) => logGroup.includes(part)) ?? fail(`no ${part}`);
  return found.arn.replace(/:\*$/, '');
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

/** Restores the `:*` at the end of a log group's Arn attribute, which stands for its streams. The emulator omits it. */
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
