import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { context } from '../../cdk.json';
import { doctor } from '../../cli/commands/doctor';
import { accountChecks } from '../../cli/doctor/account-checks';
import { type Check, type CheckResult, type Finding, fail, ok, runChecks } from '../../cli/doctor/check';
import { alarmsCheck, deploymentChecks, deploymentOf } from '../../cli/doctor/deployment-checks';
import { pagingCheck } from '../../cli/doctor/paging-check';
import { pullChecks } from '../../cli/doctor/pull-checks';
import { CliError } from '../../cli/errors';
import { Operator } from '../../cli/operator';
import { Output } from '../../cli/output';
import { routeAsker } from '../../cli/runpod/access';
import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { OperatorReason } from '../../lambda/core/errors';
import type { InvocableFunction } from '../../local/operator/function-api';
import { CommandWorld, ECR_HOST } from './command-world';
import { atTerminal } from './terminal';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  Object.assign(process.env, world.environment());
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const BOTH_REPOSITORIES = { type: 'ecr', repositories: ['my-worker', 'team/batch'] };

const ESC = String.fromCharCode(27);

/** Characters that a terminal may obey, except for the line break. */
const CONTROLS = /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/u;

/** The checks in the order in which they are shown. */
const CHECK_IDS = [
  'node',
  'identity',
  'configuration',
  'template',
  'secret',
  'runpod-key',
  'registry-auth',
  'images',
  'stack',
  'function',
  'registry',
  'last-run',
  'usage',
  'watch',
  'alarms',
  'paging',
];

/** What cannot be checked while the stack is missing. */
const OF_THE_STACK = ['function', 'registry', 'last-run', 'watch', 'alarms', 'paging'];

/** What cannot be checked while a check is broken, if the problem says nothing else. */
const DEPENDENTS: Readonly<Record<string, readonly string[]>> = {
  identity: ['secret', 'runpod-key', 'registry-auth', 'images', 'stack', ...OF_THE_STACK, 'usage'],
  configuration: [
    'template',
    'secret',
    'runpod-key',
    'registry-auth',
    'images',
    'stack',
    ...OF_THE_STACK,
    'usage',
  ],
  secret: ['runpod-key', 'registry-auth', 'function', 'registry', 'usage'],
  'runpod-key': ['registry-auth', 'function', 'registry', 'usage'],
  'registry-auth': ['function', 'registry', 'usage'],
};

/** The document of `--json`. */
interface Diagnosis {
  readonly healthy: boolean;
  readonly cause: string | null;
  readonly links: readonly CheckResult[];
}

/** One thing that can be broken, and its fix. */
interface Problem {
  readonly what: string;
  /** Id of the check that finds it. */
  readonly cause: string;
  readonly found: RegExp;
  readonly fix: RegExp;
  /** Ids of the checks that cannot be made. @default - those of `DEPENDENTS` */
  readonly notChecked?: readonly string[];
  /** Causes the problem. @returns a function that does what doctor suggests */
  readonly breakIt: () => Promise<ApplyFix> | ApplyFix;
}

type ApplyFix = (suggestion: string) => Promise<unknown> | unknown;

/** Runs a suggested `npx runpod-ecr …` as a process. If it asks for a key, it gets one on standard input. */
async function runSuggested(suggestion: string): Promise<void> {
  const words = /npx runpod-ecr (.*)$/.exec(suggestion)?.[1]?.split(' ') ?? [];
  const args = words.filter((word, at) => word !== '--config' && words[at - 1] !== '--config');
  const asksKey = args.includes('--store-key');
  const run = await world.run([...args, ...(asksKey ? ['--key-stdin'] : [])], { stdin: world.key });
  expect(run).toMatchObject({ code: 0, stderr: '' });
}

const PROBLEMS: readonly Problem[] = [
  {
    what: 'the AWS credentials have expired',
    cause: 'identity',
    found: /expired/,
    fix: /^aws sso login/,
    breakIt: () => {
      const body =
        '<ErrorResponse><Error><Code>ExpiredToken</Code><Message>no</Message></Error></ErrorResponse>';
      const fault = world.cloud.aws.faults.add({ operation: 'GetCallerIdentity' }, { status: 403, body });
      return () => fault.remove();
    },
  },
  {
    what: 'the configuration has a mistake',
    cause: 'configuration',
    found: /1 mistake/,
    fix: /^edit /,
    breakIt: () => {
      world.writeConfig({ registry: { type: 'ecr', repositories: ['my-worker'], region: 'mars' } });
      return () => world.writeConfig();
    },
  },
  {
    what: 'the secret was deleted',
    cause: 'secret',
    found: /runpod\/api-key: ResourceNotFoundException: .*specified secret\.$/,
    fix: /^npx runpod-ecr init --store-key --replace-key/,
    breakIt: () => {
      world.cloud.aws.secrets.remove('runpod/api-key');
      return runSuggested;
    },
  },
  {
    what: 'the secret does not hold a key',
    cause: 'secret',
    found: /expected the Runpod API key itself .* without a text field apiKey$/,
    fix: /^npx runpod-ecr init --store-key --replace-key/,
    breakIt: () => {
      world.cloud.aws.secrets.put('runpod/api-key', '{"token":"x"}');
      return runSuggested;
    },
  },
  {
    what: 'the key was revoked',
    cause: 'runpod-key',
    found: /401/,
    fix: /npx runpod-ecr init --store-key --replace-key/,
    breakIt: () => {
      world.cloud.runpod.revoke(world.key);
      world.cloud.runpod.addUser(world.newKey(), { user: world.user });
      return runSuggested;
    },
  },
  {
    what: 'the key may only read',
    cause: 'runpod-key',
    found: /403/,
    fix: /secrets:write.*npx runpod-ecr init --store-key --replace-key/,
    // A dry run writes nothing.
    notChecked: ['registry-auth', 'usage'],
    breakIt: () => {
      const good = world.key;
      const weak = world.newKey();
      world.cloud.runpod.addUser(weak, { user: world.user, scope: 'read-only' });
      world.cloud.aws.secrets.put('runpod/api-key', weak);
      world.keys.push(good);
      return runSuggested;
    },
  },
  {
    what: 'every API of Runpod is retired',
    cause: 'runpod-key',
    found: /410/,
    fix: /status page/,
    breakIt: () => {
      const { retired } = world.cloud.runpod;
      for (const route of ['rest-v2', 'rest-v1', 'graphql'] as const) retired.add(route);
      return () => retired.clear();
    },
  },
  {
    what: 'the registry auth was deleted',
    cause: 'registry-auth',
    found: /Runpod has no registry auth/,
    fix: /^in \S+, give it a registryAuthName instead, which creates one, or one of reg\w+ \(another\) as registryAuthId; then npx cdk deploy/,
    breakIt: () => {
      world.user.delete(world.authId);
      world.user.create({ name: 'another', username: 'AWS', password: 'old' });
      return async (suggestion) => {
        world.authId = /one of (reg\w+)/.exec(suggestion)?.[1] ?? '';
        for (const use of world.user.workloads.serverless) use.registry = world.authId;
        world.writeConfig();
        await world.deploy();
        await world.run(['refresh']);
      };
    },
  },
  {
    what: 'the repository was deleted',
    cause: 'images',
    found: /no repository my-worker in us-east-1/,
    fix: /^aws ecr create-repository --repository-name my-worker/,
    breakIt: () => {
      const fault = world.cloud.operatorAws.faults.add(
        { operation: 'BatchGetImage' },
        { status: 400, body: { __type: 'RepositoryNotFoundException', message: 'gone' } },
      );
      return () => fault.remove();
    },
  },
  {
    what: 'the image was deleted',
    cause: 'images',
    found: /my-worker:1\.0\.0 is not in its repository/,
    fix: /docker buildx build --platform linux\/amd64 --push/,
    breakIt: () => {
      world.cloud.registry.removeImage('my-worker', '1.0.0');
      return () => world.cloud.registry.addImage('my-worker', '1.0.0');
    },
  },
  {
    what: 'the image is for another processor',
    cause: 'images',
    found: /linux\/arm64; workers run on linux\/amd64/,
    fix: /docker buildx build --platform linux\/amd64 --push/,
    breakIt: () => {
      world.cloud.registry.addImage('my-worker', '1.0.0', 'arm64');
      return () => world.cloud.registry.addImage('my-worker', '1.0.0');
    },
  },
  {
    what: 'the stack is not deployed',
    cause: 'stack',
    found: /not deployed in us-east-1/,
    fix: /^npx cdk deploy -c config=/,
    notChecked: OF_THE_STACK,
    breakIt: () => {
      world.cloud.operatorAws.stacks.stacks.clear();
      return () => world.deploy();
    },
  },
  {
    what: 'the configuration was not deployed',
    cause: 'stack',
    found: /differs from .* in \d+ resources/,
    fix: /^npx cdk deploy -c config=/,
    breakIt: () => {
      world.writeConfig({ verify: 'required' });
      return () => world.deploy();
    },
  },
  {
    what: 'a rollback failed',
    cause: 'stack',
    found: /UPDATE_ROLLBACK_FAILED/,
    fix: /npx cdk deploy.*describe-stack-events/,
    breakIt: () => {
      const stack = world.cloud.operatorAws.stacks.stacks.get('EcrCredentialRefresher');
      if (stack) stack.status = 'UPDATE_ROLLBACK_FAILED';
      return () => world.deploy();
    },
  },
  {
    what: "the function's role may not ask for a token",
    cause: 'function',
    found: /ecr:GetAuthorizationToken: AccessDenied/,
    fix: /npx cdk deploy/,
    notChecked: ['registry'],
    breakIt: () => {
      const denial = world.cloud.aws.deny('ecr:GetAuthorizationToken');
      return () => denial.remove();
    },
  },
  {
    what: "somebody raised the function's log level",
    cause: 'function',
    found: /its log level is ERROR: Lambda drops every metric/,
    fix: /^aws lambda update-function-configuration --function-name \S+ --logging-config LogFormat=JSON,ApplicationLogLevel=INFO$/,
    breakIt: () => {
      const { logging } = deployedFunction();
      if (logging) logging.ApplicationLogLevel = 'ERROR';
      return (suggestion) => {
        if (logging) logging.ApplicationLogLevel = suggestion.split('=').at(-1) ?? '';
      };
    },
  },
  {
    what: 'you may not invoke the function',
    cause: 'function',
    found: /you may not invoke/,
    fix: /lambda:InvokeFunction/,
    notChecked: ['registry'],
    breakIt: () => {
      world.cloud.functionApi.forbidden = true;
      return () => {
        world.cloud.functionApi.forbidden = false;
      };
    },
  },
  {
    what: 'the registry rejects the credential',
    cause: 'registry',
    found: /rejected the new credential/,
    fix: /get-repository-policy/,
    breakIt: () => {
      world.cloud.registry.denied.add('my-worker');
      return () => world.cloud.registry.denied.clear();
    },
  },
  {
    what: 'the schedule is disabled',
    cause: 'last-run',
    found: /schedule is disabled/,
    fix: /^aws events enable-rule --name \S+$/,
    breakIt: () => {
      const { rules } = world.cloud.operatorAws.observations;
      for (const name of rules.keys()) if (!/PullWatch/.test(name)) rules.set(name, 'DISABLED');
      return (suggestion) => rules.set(suggestion.split(' ').at(-1) ?? '', 'ENABLED');
    },
  },
  {
    what: 'nothing was refreshed for 12 hours',
    cause: 'last-run',
    found: /prod: not refreshed in the last 12 hours/,
    fix: /^npx runpod-ecr refresh --config/,
    breakIt: async () => {
      const { LogGroupName = '' } = await world.deploy();
      world.cloud.operatorAws.observations.forget(LogGroupName);
      return runSuggested;
    },
  },
  {
    what: 'the alarm of the dead-letter queue is firing',
    cause: 'alarms',
    found: /firing: RetriesExhausted/,
    fix: /^aws sqs purge-queue --queue-url \S+DeadLetterQueue\S+$/,
    breakIt: () => {
      putDeadLetter();
      world.alarm('RetriesExhausted').state = 'ALARM';
      return (suggestion) => {
        world.cloud.operatorAws.observations.queues.set(suggestion.split(' ').at(-1) ?? '', 0);
        world.alarm('RetriesExhausted').state = 'OK';
      };
    },
  },
  {
    what: 'an alarm that pages is firing',
    cause: 'alarms',
    found: /firing: OperatorActionNeeded/,
    fix: /^npx runpod-ecr refresh --config/,
    breakIt: () => {
      world.alarm('OperatorActionNeeded').state = 'ALARM';
      return runSuggested;
    },
  },
  {
    what: 'an endpoint pulls an image that the credential may not pull',
    cause: 'usage',
    found: /endpoint batch pulls .*team\/batch:2\.0\.0/,
    fix: /add the repository to .*npx cdk deploy/,
    breakIt: () => {
      const image = `${ECR_HOST}/team/batch:2.0.0`;
      world.user.workloads.serverless.push({ id: 'e2', name: 'batch', image, registry: world.authId });
      return () => {
        world.writeConfig({ registry: { type: 'ecr', repositories: ['my-worker', 'team/batch'] } });
        return world.deploy();
      };
    },
  },
  {
    what: 'an endpoint pulls an image of the same name from another account',
    cause: 'usage',
    found:
      /endpoint foreign pulls 999999999999\..*my-worker:1\.0\.0, which is not in a repository of target prod/,
    fix: /of another account or region: as a target with its roleArn or region/,
    breakIt: () => {
      const { serverless } = world.user.workloads;
      const image = `999999999999.dkr.ecr.us-east-1.amazonaws.com/my-worker:1.0.0`;
      serverless.push({ id: 'e3', name: 'foreign', image, registry: world.authId });
      return () => serverless.pop();
    },
  },
  {
    what: 'the subscription is not confirmed',
    cause: 'paging',
    found: /^nobody\nnot subscribed: oncall@example\.com$/,
    fix: /^follow the link in the mail .*aws sns subscribe --topic-arn arn:aws:sns:\S+ --protocol email --notification-endpoint oncall@example\.com$/,
    breakIt: () => {
      const { topics } = world.cloud.operatorAws;
      for (const subscriber of [...topics.topics.values()].flat()) subscriber.confirmed = false;
      return () => topics.confirmAll();
    },
  },
  {
    what: 'the subscription was deleted because nobody confirmed it',
    cause: 'paging',
    found: /^nobody\nnot subscribed: oncall@example\.com$/,
    fix: /to get a new mail: aws sns subscribe --topic-arn arn:aws:sns:\S+ --protocol email --notification-endpoint oncall@example\.com$/,
    breakIt: () => {
      const { topics } = world.cloud.operatorAws;
      for (const topicArn of topics.topics.keys()) topics.topics.set(topicArn, []);
      return (suggestion) => {
        const [, topicArn = '', protocol = '', endpoint = ''] =
          /--topic-arn (\S+) --protocol (\S+) --notification-endpoint (\S+)/.exec(suggestion) ?? [];
        topics.subscribe(topicArn, protocol, endpoint);
        topics.confirmAll();
      };
    },
  },
  {
    what: 'the topic is encrypted with the AWS-managed key',
    cause: 'paging',
    found:
      /^CloudWatch may not publish to arn:aws:sns:\S+: it is encrypted with the AWS-managed key alias\/aws\/sns/,
    fix: /or remove the encryption: aws sns set-topic-attributes --topic-arn arn:\S+ --attribute-name KmsMasterKeyId --attribute-value ''$/,
    breakIt: () => {
      const { before, set } = changeTopic({ keyId: 'alias/aws/sns' });
      return () => set(before);
    },
  },
  {
    what: "the policy of the topic's key does not name CloudWatch",
    cause: 'paging',
    found:
      /^CloudWatch may not publish to arn:aws:sns:\S+: the policy of the topic's key arn:aws:kms:\S+ does not let cloudwatch\.amazonaws\.com in$/,
    fix: /^add this statement to the key's policy: \{/,
    breakIt: () => {
      const { before, set } = changeTopic({ keyId: 'alias/pages' });
      putKey([ROOT_MAY_EVERYTHING]);
      return (suggestion) => {
        putKey([ROOT_MAY_EVERYTHING, statementIn(suggestion)]);
        // The next problems have no key.
        return diagnose().then(({ cause }) => {
          expect(cause).toBeNull();
          set(before);
        });
      };
    },
  },
  {
    what: "the topic's key is disabled",
    cause: 'paging',
    found: /the topic's key arn:aws:kms:\S+ is disabled$/,
    fix: /^aws kms enable-key --key-id arn:aws:kms:\S+$/,
    breakIt: () => {
      const { before, set } = changeTopic({ keyId: 'alias/pages' });
      putKey([ROOT_MAY_EVERYTHING, { ...ROOT_MAY_EVERYTHING, Principal: '*' }], false);
      return () => set(before);
    },
  },
  {
    what: "the topic's policy does not let CloudWatch in",
    cause: 'paging',
    found:
      /^CloudWatch may not publish to arn:aws:sns:\S+: the topic's policy does not let cloudwatch\.amazonaws\.com in for account 123456789012$/,
    fix: /^add this statement to the topic's policy: \{/,
    breakIt: () => {
      const another = { StringEquals: { 'AWS:SourceOwner': '999999999999' } };
      const theirs = { ...ROOT_MAY_EVERYTHING, Principal: { AWS: '*' }, Condition: another };
      const { set } = changeTopic({ policy: JSON.stringify({ Statement: [theirs] }) });
      return (suggestion) =>
        set({ policy: JSON.stringify({ Statement: [theirs, statementIn(suggestion)] }) });
    },
  },
  {
    what: "the alarm's last attempt to notify the topic failed",
    cause: 'paging',
    found:
      /^EcrCredentialRefresher-RefreshFailing could not notify arn:aws:sns:\S+ at \d{4}-.* UTC: CloudWatch Alarms is not authorized/,
    fix: /send a page to see whether it arrives: aws cloudwatch set-alarm-state --alarm-name EcrCredentialRefresher-RefreshFailing --state-value ALARM --state-reason test$/,
    breakIt: () => {
      const { actions } = world.cloud.operatorAws.observations;
      const [topicArn = ''] = world.alarm('RefreshFailing').topicArns;
      const alarmName = 'EcrCredentialRefresher-RefreshFailing';
      const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
      const error = 'CloudWatch Alarms is not authorized to perform: SNS:Publish';
      actions.push(
        { alarmName, topicArn, at: minutesAgo(90) },
        { alarmName, topicArn, at: minutesAgo(60), error },
      );
      return () => actions.push({ alarmName, topicArn, at: minutesAgo(0) });
    },
  },
  {
    what: 'somebody muted an alarm',
    cause: 'paging',
    found: /muted by hand, so nobody is paged: RefreshFailing/,
    fix: /^aws cloudwatch enable-alarm-actions --alarm-names EcrCredentialRefresher-RefreshFailing$/,
    breakIt: () => {
      const { alarms } = world.cloud.operatorAws.observations;
      world.alarm('RefreshFailing').muted = true;
      return (suggestion) => {
        const unmuted = alarms.get(suggestion.split(' ').at(-1) ?? '');
        if (unmuted) unmuted.muted = false;
      };
    },
  },
];

/** Puts a failed run into the dead-letter queue. @returns the queue's URL */
function putDeadLetter(): string {
  const { queues } = world.cloud.operatorAws.observations;
  const url = [...queues.keys()].find((name) => name.includes('DeadLetterQueue')) ?? '';
  queues.set(url, 1);
  return url;
}

/** The statement of a key's policy that lets the account's own people in. */
const ROOT_MAY_EVERYTHING = {
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::123456789012:root' } as unknown,
  Action: '*',
  Resource: '*',
};

/** Changes the attributes of the topic that is paged. */
function changeTopic(change: { readonly keyId?: string; readonly policy?: string }) {
  const { attributes } = world.cloud.operatorAws.topics;
  const [topicArn = ''] = world.alarm('RefreshSilent').topicArns;
  const before = attributes.get(topicArn) ?? {};
  attributes.set(topicArn, { ...before, ...change });
  return { before, set: (value: typeof before) => attributes.set(topicArn, value) };
}

function putKey(statements: readonly object[], enabled = true): void {
  world.cloud.operatorAws.keys.keys.set('alias/pages', {
    arn: 'arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c',
    manager: 'CUSTOMER',
    enabled,
    policy: JSON.stringify({ Statement: statements }),
  });
}

/** The JSON at the end of a suggestion. */
function statementIn(suggestion: string): object {
  return JSON.parse(suggestion.slice(suggestion.indexOf('{'))) as object;
}

function deployedFunction(): InvocableFunction {
  const [deployed] = world.cloud.functionApi.functions.values();
  if (!deployed) throw new Error('No function is deployed.');
  return deployed;
}

/** What a failure of the function looks like, and what doctor suggests. */
interface FailureCase {
  readonly why: string;
  readonly fix: RegExp;
}

/** A fix for every reason for which a person must act. The compiler demands a row for each. */
const REASONS: Readonly<Record<OperatorReason, readonly FailureCase[]>> = {
  'api-key-refused': [
    {
      why: 'Runpod refused the API key (rest-v2)',
      fix: /^create a key at Runpod with secrets:write, then: npx runpod-ecr init --store-key --replace-key/,
    },
  ],
  'permission-missing': [
    {
      why: 'ecr:GetAuthorizationToken: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/x is not authorized',
      fix: /^npx cdk deploy .*--revert-drift undoes what was changed by hand; if that changes nothing, look for a Deny/,
    },
  ],
  'api-key-permission-missing': [
    {
      why: 'Runpod denies this request to the API key (rest-v2 answered 403)',
      fix: /^give the key secrets:write at Runpod, .* npx runpod-ecr init --store-key --replace-key/,
    },
  ],
  'secret-unusable': [
    { why: 'secret runpod/api-key: expected …', fix: /^npx runpod-ecr init --store-key --replace-key/ },
  ],
  'registry-auth-missing': [
    {
      why: 'Runpod has no registry auth x',
      fix: /^in \S+, give target prod a registryAuthName instead/,
    },
  ],
  'no-route-left': [
    { why: "none of Runpod's APIs can do it any more", fix: /runbook.md, "Runpod retires an API"$/ },
  ],
  'value-refused': [
    { why: 'Runpod refuses the password', fix: /^correct registryAuthId or registryAuthName of target prod/ },
  ],
  'credential-rejected': [
    {
      why: 'the registry rejected the new credential (403)',
      fix: /: aws ecr get-repository-policy --repository-name my-worker --region us-east-1$/,
    },
  ],
  'certificate-untrusted': [
    {
      why: 'GET registry.example.com: its certificate is not trusted',
      fix: /^use a certificate of a public authority/,
    },
  ],
  'image-unproved': [
    {
      why: 'verify is "required" and the image answered 404',
      fix: /^push the image, or name another one in verifyImage/,
    },
  ],
  'configuration-wrong': [
    {
      why: "this function's code was bundled for other settings",
      fix: /^correct .* as the message says, then npx cdk deploy/,
    },
  ],
};

describe('the fix for a failure of the function', () => {
  const WAIT = /^wait some minutes, since retries may fix it, then npx runpod-ecr doctor --config/;

  it.each(Object.entries(REASONS).flatMap(([reason, cases]) => cases.map((one) => ({ reason, ...one }))))(
    'follows from the reason $reason ($why)',
    async ({ reason, why, fix }) => {
      const finding = await findingAfter([{ target: 'prod', reason, why }]);

      expect(finding).toMatchObject({
        status: 'broken',
        found: [`prod: ${why}`],
        fix: expect.stringMatching(fix),
      });
    },
  );

  it('is to wait after a transient failure, or for a reason that this version does not know', async () => {
    const outage = await findingAfter([{ target: 'prod', why: 'rest-v2: no answer within 8000 ms' }]);
    const newer = await findingAfter([{ target: 'prod', reason: 'toString', why: 'something new' }]);

    expect([outage.fix, newer.fix]).toEqual([expect.stringMatching(WAIT), expect.stringMatching(WAIT)]);
  });

  it('names each fix once when targets fail for different reasons', async () => {
    const lines = [
      { target: 'prod', reason: 'no-route-left', why: 'x' },
      { target: 'prod', reason: 'no-route-left', why: 'x' },
      { target: 'prod', why: 'no answer' },
    ];

    expect((await findingAfter(lines)).fix).toMatch(
      /^see docs\/runbook.md, "Runpod retires an API"; and wait some minutes[^;]*$/,
    );
  });

  it.each([
    ['the function ran into its timeout', 'Sandbox.Timedout', /^wait some minutes.*"RunningSlow"$/],
    ['the code is damaged', 'Runtime.ImportModuleError', /^npx cdk deploy .*--revert-drift/],
    ['the deployed code is older', 'InvalidEventError', /^npx cdk deploy -c config=\S+$/],
    [
      'the log names no target',
      'RefreshFailedError',
      /^npx runpod-ecr refresh --config \S+ shows each target$/,
    ],
  ])('follows from the type of the error when %s', async (_, errorType, fix) => {
    expect(await findingAfter([], errorType)).toMatchObject({
      status: 'broken',
      fix: expect.stringMatching(fix),
    });
  });
});

/** Returns what the check of the function, and after it the check of the registry, finds after a run with these failures. */
async function findingAfter(failures: readonly object[], errorType = 'RefreshFailedError'): Promise<Finding> {
  const functions = world.cloud.functionApi.functions;
  const [name = ''] = functions.keys();
  const deployed = deployedFunction();
  const lines = failures.map((fields) =>
    JSON.stringify({ message: LOG_MESSAGES.targetFailed, timestamp: new Date().toISOString(), ...fields }),
  );
  const invoke = async () => ({
    output: lines.join('\n'),
    error: { errorType, errorMessage: 'failed' },
  });
  functions.set(name, {
    ...deployed,
    runtime: { invoke, stop: async () => undefined } as unknown as InvocableFunction['runtime'],
    onInvoked: () => undefined,
  });
  try {
    const checks = deploymentChecks(deploymentOf(new Operator({ config: world.configPath })));
    const run = (id: string) => checks.find((check) => check.id === id)?.run();
    const found = await run('function');
    const finding = found?.status === 'broken' ? found : await run('registry');
    if (!finding) throw new Error('There is no such check.');
    return finding;
  } finally {
    functions.set(name, deployed);
  }
}

describe('doctor', () => {
  it('prints a line for each check, and exits with 0', async () => {
    const { code, stdout, stderr } = await world.run(['doctor'], { launcher: true });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const node = `${process.versions.node}, which works and is at its end of life: 22 and 24 are supported`;
    expect(
      stdout.replace(/\d+ resources synthesised/, 'N resources synthesised'),
    ).toBe(`✓ Node.js                ${process.versions.node.startsWith('20.') ? node : process.versions.node}
✓ AWS identity           ${await caller()} in us-east-1
✓ Configuration          ${world.configPath}: 1 target, stack EcrCredentialRefresher
✓ Expected template      N resources synthesised
✓ Secret                 runpod/api-key holds a key
✓ Runpod API key         accepted on rest-v2, rest-v1, graphql
✓ Registry auths         1 auth at Runpod
✓ Repositories, images   my-worker; my-worker:1.0.0 runs on linux/amd64
✓ Stack                  EcrCredentialRefresher is CREATE_COMPLETE and the same as the configuration
✓ Function and its role  a dry run with its own role read the key, asked Runpod and got the credentials
✓ Registry accepts       every new credential was accepted
✓ Schedule, last run     refreshed 0 min ago, good for another 11 h 59 min
✓ Workloads at Runpod    1 endpoint
✓ Watch of the pulls     looked 0 min ago at 1 workload: no problem
✓ Queues and alarms      the queues are empty, no alarm is firing
✓ Who is paged           oncall@example.com

All 16 checks passed.
To see which of Runpod's APIs can update with your key: npx runpod-ecr check-runpod --config ${world.configPath}
`);
  });

  it('checks what does not depend on a broken check, and exits with 1', async () => {
    world.cloud.registry.removeImage('my-worker', '1.0.0');
    const { code, stdout } = await world.run(['doctor']);
    world.cloud.registry.addImage('my-worker', '1.0.0');

    expect(code).toBe(1);
    expect(stdout).toContain('✗ Repositories, images   my-worker:1.0.0 is not in its repository\n');
    expect(stdout).toContain(
      `docker buildx build --platform linux/amd64 --push -t ${ECR_HOST}/my-worker:1.0.0 .`,
    );
    expect(stdout).toMatch(
      /^! Registry accepts {7}not proved for prod: the image is missing \(.*\/my-worker\/manifests\/1\.0\.0 answered 404\)$/m,
    );
    expect(stdout).toContain('✓ Stack                  EcrCredentialRefresher is CREATE_COMPLETE');
    expect(stdout).toContain('The first problem is: Repositories, images.\n');
    expect(stdout.match(/^✗/gm)).toHaveLength(1);
    expect(stdout).not.toContain('·');
  });

  it('finds two targets whose id and name are the same registry auth at Runpod, and offers neither', async () => {
    const registry = { type: 'ecr', repositories: ['my-worker'] };
    const gone = { name: 'gone', registryAuthId: 'clzdaifot0001l90809257ynb', registry };
    const twin = { name: 'twin', registryAuthName: 'ecr-prod', registry };
    const prod = { name: 'prod', registryAuthId: world.authId, registry };
    const check = async (...targets: object[]) => {
      world.writeConfig({}, { targets });
      const operator = new Operator({ config: world.configPath });
      const checks = accountChecks(operator, routeAsker(operator), async () => ({ Resources: {} }));
      return checks.find(({ id }) => id === 'registry-auth')?.run();
    };

    const both = await check(prod, twin);
    const all = await check(prod, twin, gone);
    world.writeConfig();

    expect(both).toEqual({
      status: 'broken',
      found: [
        `prod, twin: these targets write the same registry auth ${world.authId} (ecr-prod), each over the login of the other`,
      ],
      fix: expect.stringMatching(
        /^in \S+, give all but one of them a registryAuthName of its own, which creates one; then npx cdk deploy/,
      ),
    });
    expect(all?.fix).toMatch(
      /^in \S+, give it a registryAuthName instead, which creates one(, or one of [^;]*)?; then/,
    );
    expect(all?.fix).not.toContain(world.authId);
    expect(all?.found).toHaveLength(2);
  });

  it('shows two independent problems beside each other, each with its own fix', async () => {
    const { rules } = world.cloud.operatorAws.observations;
    const [rule = ''] = [...rules.keys()].filter((name) => !/PullWatch/.test(name));
    rules.set(rule, 'DISABLED');
    world.cloud.runpod.revoke(world.key);
    const denial = world.cloud.aws.deny('ecr:GetAuthorizationToken');

    const { code, stdout } = await world.run(['doctor']);
    denial.remove();
    rules.set(rule, 'ENABLED');
    world.cloud.runpod.addUser(world.newKey(), { user: world.user });
    world.cloud.aws.secrets.put('runpod/api-key', world.key);

    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^✗ Runpod API key {9}Runpod refuses the key in runpod\/api-key \(401\)\n {25}→ create a key at Runpod/m,
    );
    expect(stdout).toMatch(
      /^✗ Function and its role {2}prod: ecr:GetAuthorizationToken: AccessDenied.*\n {25}→ npx cdk deploy /m,
    );
    expect(stdout).toMatch(
      /^✗ Schedule, last run {5}the schedule is disabled: .*\n {25}→ aws events enable-rule --name \S+$/m,
    );
    expect(stdout).toMatch(/^· Registry auths {9}not checked, because "Runpod API key" is broken$/m);
    expect(stdout).toContain(
      'The first problem is: Runpod API key.\nAlso broken: Function and its role; Schedule, last run.\n',
    );
  });

  it('names what to fix first where a problem follows from another one', async () => {
    const { LogGroupName = '' } = await world.deploy();
    world.cloud.operatorAws.observations.forget(LogGroupName);
    world.cloud.runpod.revoke(world.key);
    world.alarm('OperatorActionNeeded').state = 'ALARM';

    const { cause, links } = await diagnose();
    world.cloud.runpod.addUser(world.newKey(), { user: world.user });
    world.cloud.aws.secrets.put('runpod/api-key', world.key);
    await world.run(['refresh']);

    expect(cause).toBe('runpod-key');
    for (const id of ['last-run', 'alarms']) {
      expect(links.find((link) => link.id === id)).toMatchObject({
        status: 'broken',
        fix: expect.stringMatching(/^fix "Runpod API key" first, then: npx runpod-ecr refresh --config /),
      });
    }
  });

  it('is broken after a run that failed for a lasting reason, although the cause is gone', async () => {
    world.cloud.registry.denied.add('my-worker');
    await world.run(['refresh']);
    world.cloud.registry.denied.clear();

    const failed = await diagnose();
    await world.run(['refresh']);
    const after = await diagnose();

    expect(failed.cause).toBe('last-run');
    expect(failed.links.find(({ id }) => id === 'last-run')).toMatchObject({
      found: [expect.stringMatching(/^prod: its last run failed 0 min ago: .*rejected the new credential/)],
      fix: expect.stringMatching(/^npx runpod-ecr refresh --config /),
    });
    expect(after.cause).toBeNull();
  });

  it('only warns about a dead letter whose run a later run has replaced', async () => {
    const url = putDeadLetter();
    const history = await diagnose();
    world.cloud.registry.denied.add('my-worker');
    await world.run(['refresh']);
    const current = await diagnose();
    world.cloud.registry.denied.clear();
    await world.run(['refresh']);
    world.cloud.operatorAws.observations.queues.set(url, 0);

    expect(history.healthy).toBe(true);
    expect(history.links.find(({ id }) => id === 'alarms')).toMatchObject({
      status: 'warning',
      found: ['1 failed run in the dead-letter queue; later runs have refreshed every target'],
      fix: expect.stringMatching(/^aws sqs purge-queue --queue-url \S+$/),
    });
    expect(current.links.find(({ id }) => id === 'alarms')).toMatchObject({
      status: 'broken',
      found: ['1 failed run in the dead-letter queue'],
      fix: expect.stringMatching(/^fix "Registry accepts" first, then: aws sqs purge-queue /),
    });
  });

  it.each([
    [
      'a region',
      { AWS_REGION: undefined },
      'No AWS region is set.',
      'Name it with --region, or set AWS_REGION.',
    ],
    [
      'credentials',
      { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_EC2_METADATA_DISABLED: 'true' },
      'there are no AWS credentials',
      'aws sso login (or aws configure)',
    ],
  ])('checks everything local without %s', async (_, env, found, fix) => {
    const { code, stdout } = await world.run(['doctor', '--json'], { env });
    const { cause, links } = JSON.parse(stdout) as Diagnosis;

    expect(code).toBe(1);
    expect(cause).toBe('identity');
    expect(links.filter(({ status }) => status === 'ok').map(({ id }) => id)).toEqual([
      'node',
      'configuration',
      'template',
    ]);
    expect(links.filter(({ because }) => because === 'identity').map(({ id }) => id)).toEqual(
      CHECK_IDS.slice(4),
    );
    expect(links[1]).toMatchObject({ found: [expect.stringContaining(found)], fix });
  });

  it('says that the template cannot be synthesised, and checks the rest', async () => {
    const operator = new Operator({ config: world.configPath });
    const broken = async () => {
      throw new CliError('It cannot be synthesised.', { fix: 'Change it.' });
    };
    const checks = [
      ...accountChecks(operator, routeAsker(operator), broken),
      ...deploymentChecks(deploymentOf(operator, broken)),
    ];
    const results = await runChecks(checks, { onResult: () => undefined });

    expect(results.filter(({ status }) => status === 'broken')).toEqual([
      {
        id: 'template',
        title: 'Expected template',
        status: 'broken',
        found: ['It cannot be synthesised.'],
        fix: 'Change it.',
      },
    ]);
    expect(results.find(({ id }) => id === 'stack')).toMatchObject({
      status: 'warning',
      found: [
        expect.any(String),
        'not checked: whether it is the same as the configuration, because "Expected template" is broken',
      ],
    });
    expect(results.find(({ id }) => id === 'function')?.status).toBe('ok');
  });

  it('suggests the deployment for what a configuration adds that is not deployed', async () => {
    const targets = ['prod', 'new'].map((name) => ({
      name,
      registryAuthName: 'ecr-prod',
      registry: { type: 'ecr', repositories: ['my-worker'] },
    }));
    const emails = ['oncall@example.com', 'second@example.com'];
    world.writeConfig(
      {},
      { targets: [targets[0], { ...targets[1], registryAuthName: 'ecr-new' }], alarms: { emails } },
    );
    const { cause, links } = await diagnose();
    world.writeConfig();

    expect(cause).toBe('stack');
    expect(links.find(({ id }) => id === 'function')?.status).toBe('ok');
    expect(links.find(({ id }) => id === 'last-run')).toMatchObject({
      status: 'broken',
      found: ['new: not refreshed in the last 12 hours'],
      fix: expect.stringMatching(/^npx cdk deploy /),
    });
    expect(links.find(({ id }) => id === 'paging')).toMatchObject({
      status: 'warning',
      found: ['oncall@example.com', 'not subscribed: second@example.com'],
      fix: expect.stringMatching(/^npx cdk deploy /),
    });
  });

  it('calls no dead letter history while the log cannot be read', async () => {
    const url = putDeadLetter();
    const { LogGroupName = '' } = await world.deploy();
    const body = { __type: 'AccessDeniedException', message: 'you may not' };
    const denial = world.cloud.operatorAws.faults.add(
      ({ operation, body: asked }) => operation === 'FilterLogEvents' && asked.includes(LogGroupName),
      { status: 400, body },
    );
    world.cloud.operatorAws.observations.queues.set(url, 1);
    const { links } = await diagnose();
    denial.remove();
    world.cloud.operatorAws.observations.queues.set(url, 0);

    expect(links.filter(({ status }) => status === 'broken')).toMatchObject([
      { id: 'last-run', found: ['AccessDeniedException: you may not'] },
      { id: 'alarms', found: ['1 failed run in the dead-letter queue'] },
    ]);
  });

  it('does not suggest to store a key under an ARN that no secret has', async () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod/gone-AbCdEf';
    world.writeConfig({}, { runpodApiKeySecretName: arn });
    const { links } = await diagnose();
    world.writeConfig();

    expect(links.find(({ id }) => id === 'secret')?.fix).toMatch(
      /^the ARN is wrong, or the secret was deleted: find its ARN with aws secretsmanager list-secrets --filters Key=name,Values=runpod\/gone --query 'SecretList\[\]\.ARN', put it into \S+, then npx cdk deploy /,
    );
  });

  it.each(PROBLEMS)('names $cause when $what, and its fix works', async (problem) => {
    const applyFix = await problem.breakIt();

    const before = await diagnose();
    const broken = before.links.find(({ status }) => status === 'broken');
    await applyFix(broken?.fix ?? '');
    const after = await diagnose();

    expect(before.cause).toBe(problem.cause);
    expect(before.links.map(({ id }) => id)).toEqual(CHECK_IDS);
    const notChecked = problem.notChecked ?? DEPENDENTS[problem.cause] ?? [];
    expect(before.links.map(({ id, status, because }) => ({ id, status, because }))).toEqual(
      before.links.map(({ id, status }) => {
        if (id === problem.cause) return { id, status: 'broken' };
        if (notChecked.includes(id)) return { id, status: 'not-checked', because: problem.cause };
        return { id, status: status === 'warning' ? 'warning' : 'ok' };
      }),
    );
    expect(broken?.found.join('\n')).toMatch(problem.found);
    expect(broken?.fix).toMatch(problem.fix);
    expect({ what: problem.what, cause: after.cause }).toEqual({ what: problem.what, cause: null });
  });

  it('warns about :latest and about a fallback route, and still exits with 0', async () => {
    const image = `${ECR_HOST}/my-worker:latest`;
    world.user.workloads.pods.push({
      id: 'p1',
      name: 'lab',
      image,
      registry: world.authId,
      status: 'EXITED',
    });
    world.cloud.runpod.faults.add({ path: /^\/v2\/registries/ }, { status: 410 }, 1);

    const { healthy, links } = await diagnose();

    expect(healthy).toBe(true);
    expect(links.find(({ id }) => id === 'usage')).toMatchObject({
      status: 'warning',
      found: [expect.any(String), expect.stringContaining('pod lab uses :latest')],
    });
    expect(links.find(({ id }) => id === 'runpod-key')?.status).toBe('warning');
  });

  it('warns if nobody is paged, if a recipient is not subscribed, and if subscriptions cannot be listed', async () => {
    const integration = 'https://events.example.com/integration/a1b2c3d4/enqueue';
    const paging = async () => (await diagnose()).links.find(({ id }) => id === 'paging');
    const deployWith = async (alarms: object) => {
      world.writeConfig({ registry: BOTH_REPOSITORIES }, { alarms });
      await world.deploy();
    };

    await deployWith({});
    const nobody = await paging();
    await deployWith({ emails: ['oncall@example.com'], httpsEndpoints: [integration] });
    const one = await paging();
    world.cloud.operatorAws.topics.confirmAll();
    const both = await paging();
    const denied = world.cloud.operatorAws.faults.add(
      { operation: 'ListSubscriptionsByTopic' },
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>AuthorizationError</Code><Message>not authorized</Message></Error></ErrorResponse>',
      },
    );
    const unreadable = world.cloud.operatorAws.faults.add(
      { operation: 'GetTopicAttributes' },
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>AuthorizationError</Code><Message>not authorized</Message></Error></ErrorResponse>',
      },
    );
    const ourOwn = await paging();
    await deployWith({ topicArns: ['arn:aws:sns:us-east-1:999999999999:their-topic'] });
    const unknown = await paging();
    denied.remove();
    unreadable.remove();
    await deployWith({ emails: ['oncall@example.com'] });

    expect(nobody).toMatchObject({
      status: 'warning',
      found: ['nobody: the configuration names no recipient'],
      fix: expect.stringMatching(/^put alarms\.emails into .*, then npx cdk deploy/),
    });
    expect(one).toMatchObject({
      status: 'warning',
      found: ['oncall@example.com', 'not subscribed: https://events.example.com/…'],
      fix: expect.stringMatching(/^confirm it in the integration; .* --protocol https /),
    });
    expect(both).toMatchObject({ status: 'ok', found: ['oncall@example.com, https://events.example.com/…'] });
    for (const result of [ourOwn, unknown]) {
      expect(result).toMatchObject({
        status: 'warning',
        found: [
          expect.stringMatching(/^subscriptions cannot be listed: .*not authorized/),
          expect.stringMatching(/^it is unknown whether CloudWatch may publish to arn:\S+: .*not authorized/),
          // The stack's own topics are two: pages and warnings.
          ...(result === ourOwn ? [expect.stringMatching(/WarningsTopic\S+: .*not authorized/)] : []),
        ],
      });
      expect(result).not.toHaveProperty('fix');
    }
    expect(JSON.stringify([one, both])).not.toContain('a1b2c3d4');
  });

  it('warns if the key of a topic or the history of the alarms cannot be read', async () => {
    const { faults } = world.cloud.operatorAws;
    const body = { __type: 'AccessDeniedException', message: 'you may not' };
    const denials = ['DescribeKey', 'DescribeAlarmHistory'].map((operation) =>
      faults.add({ operation }, { status: 400, body }),
    );
    const { before, set } = changeTopic({ keyId: 'alias/theirs' });

    const { healthy, links } = await diagnose();
    set(before);
    for (const denial of denials) denial.remove();

    expect(healthy).toBe(true);
    expect(links.at(-1)).toMatchObject({
      status: 'warning',
      found: [
        expect.stringMatching(/^oncall@example\.com/),
        expect.stringMatching(/^it is unknown whether CloudWatch may publish to arn:.*you may not$/),
        expect.stringMatching(/^the history of the alarms cannot be read: .*you may not$/),
      ],
    });
  });

  it("shows text from elsewhere on its own line, so that it cannot forge a check's result", async () => {
    const forged = `${ESC}[2K${ESC}[1G\n✓ Who is paged          everybody\u202e${' '.repeat(200)}\u009b1A`;
    const latest = `${ECR_HOST}/my-worker:latest`;
    const { pods } = world.user.workloads;
    const number = pods.length;
    pods.push({ id: 'forger', name: `lab${forged}`, image: latest, registry: world.authId });
    const { alarms } = world.cloud.operatorAws.observations;
    const alarmName = `EcrCredentialRefresher-Forged${forged}`;
    alarms.set(alarmName, { state: 'ALARM', muted: false, topicArns: [] });

    const [plain, json] = [await printed(false), await printed(true)];
    pods.length = number;
    alarms.delete(alarmName);
    world.user.create({ name: `theirs${forged}`, username: 'AWS', password: 'x' });
    world.writeConfig({ registryAuthId: 'regnowhere' });
    const unknown = await printed(false);
    world.writeConfig({ registry: BOTH_REPOSITORIES });

    for (const stdout of [plain, unknown]) {
      expect(stdout).not.toMatch(/^✓ Who is paged +everybody/m);
      expect(stdout).not.toMatch(CONTROLS);
    }
    expect(plain).toContain('Forged ✓ Who is paged');
    expect(unknown).toContain('(theirs ✓ Who is paged everybody)');
    expect(json).not.toMatch(CONTROLS);
    expect(JSON.parse(json).links).toHaveLength(CHECK_IDS.length);
  });

  it('compares the stack with the feature flags of the cdk.json beside the configuration', async () => {
    const file = join(world.directory, 'cdk.json');
    const stack = async () => (await diagnose()).links.find(({ id }) => id === 'stack');

    writeFileSync(file, JSON.stringify({ app: 'mine' }));
    const without = await stack();
    writeFileSync(file, JSON.stringify({ app: 'mine', context }));
    const same = await stack();
    rmSync(file);

    expect(without).toMatchObject({ status: 'broken', found: [expect.stringMatching(/differs from/)] });
    expect(same).toMatchObject({ status: 'ok' });
  });

  it('names a topic of another team that does not exist', async () => {
    const topicArn = 'arn:aws:sns:us-east-1:999999999999:gone';
    world.writeConfig({ registry: BOTH_REPOSITORIES }, { alarms: { topicArns: [topicArn] } });
    await world.deploy();

    const { cause, links } = await diagnose();
    world.writeConfig({ registry: BOTH_REPOSITORIES });
    await world.deploy();

    expect(cause).toBe('paging');
    expect(links.at(-1)).toMatchObject({
      found: [`there is no topic ${topicArn}`],
      fix: expect.stringMatching(/^put topics that exist into alarms\.topicArns/),
    });
  });

  it('passes if only a warning, an alarm of another stack or a removed target has a problem', async () => {
    const { observations } = world.cloud.operatorAws;
    const { alarms } = observations;
    const firing = { state: 'ALARM' as const, muted: true, topicArns: [] };
    const { LogGroupName = '' } = await world.deploy();
    const old = new Date(Date.now() - 8 * 3_600_000);
    const line = {
      message: LOG_MESSAGES.targetRefreshed,
      target: 'renamed-away',
      timestamp: old.toISOString(),
    };
    observations.log(LogGroupName, old, JSON.stringify(line));
    alarms.set('EcrCredentialRefresher-staging-RefreshSilent', firing);
    const keyOld = world.alarm('ApiKeyOld');
    keyOld.state = 'ALARM';

    const { healthy, links } = await diagnose();
    const { code, stdout } = await world.run(['status']);
    alarms.delete('EcrCredentialRefresher-staging-RefreshSilent');
    keyOld.state = 'OK';

    expect(healthy).toBe(true);
    expect(links.find(({ id }) => id === 'alarms')).toMatchObject({
      status: 'warning',
      found: ['warning: ApiKeyOld; see docs/runbook.md, "ApiKeyOld"'],
    });
    expect(links.find(({ id }) => id === 'last-run')).toMatchObject({ status: 'ok' });
    expect(code).toBe(0);
    expect(stdout).toContain('Alarms      none firing\nWarnings    ApiKeyOld\n');
  });
});

describe('doctor --watch', () => {
  it('repeats the checks, shows the time, and ends with the exit code of the last round', async () => {
    const { rules } = world.cloud.operatorAws.observations;
    const [rule = ''] = [...rules.keys()].filter((name) => !/PullWatch/.test(name));
    let [seen, rounds] = ['', 0];
    const { code, stdout, stderr } = await world.run(['doctor', '--watch', '1'], {
      onStart: (child) =>
        child.stdout?.on('data', (chunk: string) => {
          seen += chunk;
          if (!/checks passed\.|The first problem is: .*\n/.test(seen)) return;
          [seen, rounds] = ['', rounds + 1];
          rules.set(rule, 'DISABLED');
          if (rounds === 2) setTimeout(() => child.kill('SIGINT'), 200);
        }),
    });
    rules.set(rule, 'ENABLED');

    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout.match(/^\d\d:\d\d:\d\d UTC$/gm)?.length).toBeGreaterThanOrEqual(2);
    expect(stdout).toMatch(/All 16 checks passed\.[\s\S]*The first problem is: Schedule, last run\.\n/);
  });

  it('ends with Ctrl-C in a terminal, in the pause after a round', async () => {
    const ended = await atTerminal(
      world,
      ['doctor', '--watch'],
      [
        ['checks passed.', ''],
        ['; Ctrl-C ends', String.fromCharCode(3)],
      ],
    );

    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/^\d\d:\d\d:\d\d UTC\n✓ Node\.js /);
  });

  it.each([
    [
      ['--watch', '--json'],
      '--watch repeats for a person, and --json is one document: leave one of them out.\n',
    ],
    [['--watch', 'often'], '--watch: expected a number of seconds from 1 to 9999, found "often".\n'],
  ])('rejects %j with exit code 2 and one sentence', async (flags, message) => {
    expect(await world.run(['doctor', ...flags])).toMatchObject({ code: 2, stderr: message });
  });
});

describe('runChecks', () => {
  const check = (id: string, needs: readonly string[], finding: Finding = ok('well')): Check => ({
    id,
    title: id.toUpperCase(),
    needs,
    run: async () => finding,
  });

  it('names the broken check behind one that was not checked', async () => {
    const results = await runChecks(
      [check('a', [], fail(['no'], 'fix a')), check('b', ['a']), check('c', ['b']), check('d', [])],
      { onResult: () => undefined },
    );

    expect(results.map(({ id, status, because }) => [id, status, because])).toEqual([
      ['a', 'broken', undefined],
      ['b', 'not-checked', 'a'],
      ['c', 'not-checked', 'a'],
      ['d', 'ok', undefined],
    ]);
    expect(results[2]?.found).toEqual(['not checked, because "A" is broken']);
  });

  it('runs independent checks at the same time, and reports them in their order', async () => {
    const events: string[] = [];
    let letGo: () => void = () => undefined;
    const slow: Check = {
      ...check('slow', []),
      run: () =>
        new Promise((resolve) => {
          letGo = () => resolve(ok('late'));
        }),
    };
    const quick: Check = {
      ...check('quick', []),
      run: async () => {
        events.push('quick ran');
        letGo();
        return ok('early');
      },
    };
    await runChecks([slow, quick], { onResult: ({ id }) => events.push(id) });

    expect(events).toEqual(['quick ran', 'slow', 'quick']);
  });

  it('knows every check that another one names', async () => {
    const operator = new Operator({ config: world.configPath });
    const askRoutes = routeAsker(operator);
    const deployment = deploymentOf(operator);
    const checks = [
      ...accountChecks(operator, askRoutes, deployment.expectedTemplate),
      ...deploymentChecks(deployment),
      ...pullChecks(operator, askRoutes, { isWatched: true }),
      alarmsCheck(deployment),
      pagingCheck(operator),
    ];

    for (const [at, { id, needs = [], after = [] }] of checks.entries()) {
      const earlier = checks.slice(0, at).map((one) => one.id);
      expect({ id, unknown: [...needs, ...after].filter((one) => !earlier.includes(one)) }).toEqual({
        id,
        unknown: [],
      });
    }
  });
});

describe('all output of doctor', () => {
  it('has no key, no password and nothing from the environment of a workload', () => {
    expect(world.leaks()).toEqual([]);
  });
});

async function diagnose(): Promise<Diagnosis> {
  return JSON.parse(await printed(true)) as Diagnosis;
}

/** Runs doctor in this process, because two dozen processes would take minutes. @returns its output */
async function printed(json: boolean): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = new Output({ stdout, stderr, json, env: {} });
  await doctor(new Operator({ config: world.configPath }), output);
  stdout.end();
  const all = await text(stdout);
  world.note(all);
  expect(all).not.toContain('a-workload-secret');
  return all;
}

async function caller(): Promise<string> {
  return (await new Operator({}).identity()).arn;
}
