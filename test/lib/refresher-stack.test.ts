import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { App, Stage } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { OUTPUT_NAMES } from '../../lambda/core/contract';
import { ConfigError } from '../../lib/config/mistakes';
import { RefresherStack } from '../../lib/refresher-stack';
import { thrownBy } from '../support/thrown';
import { config, type Json, manyTargets, targetJson } from './config/builder';
import { permissionsOf } from './permissions';
import { stackOf, templateOf, warningsOf } from './synthesise';
import { textIn } from './template-facts';

const TRIGGER_ROLE = 'AWSCDKTriggerCustomResourceProviderCustomResourceProviderRoleE18FAF0A';
const ENV = { account: '123456789012', region: 'eu-west-1' };

describe('RefresherStack', () => {
  let stack: ReturnType<typeof stackOf>;
  let template: Template;

  beforeAll(() => {
    const targets = [
      targetJson({ registry: { type: 'ecr', repositories: ['worker', 'team/batch'] } }),
      targetJson({
        name: 'same',
        registryAuthId: 'same1',
        registry: { type: 'ecr', repositories: ['worker'] },
      }),
      targetJson({
        name: 'us',
        registryAuthId: 'us1',
        runpodApiKeySecretName: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:team-b-AbCd12',
        registry: { type: 'ecr', region: 'us-east-1', repositories: ['worker'] },
      }),
      targetJson({
        name: 'other',
        registryAuthId: 'other1',
        registry: { type: 'ecr', repositories: ['theirs'], roleArn: 'arn:aws:iam::210987654321:role/pull' },
      }),
    ];
    stack = stackOf(config({ targets }));
    template = Template.fromStack(stack);
  });

  it('allows exactly these actions on exactly these resources', () => {
    expect(permissionsOf(template)).toEqual(
      [
        ...pull('arn:<AWS::Partition>:ecr:<AWS::Region>:<AWS::AccountId>:repository/team/batch'),
        ...pull('arn:<AWS::Partition>:ecr:<AWS::Region>:<AWS::AccountId>:repository/worker'),
        ...pull('arn:<AWS::Partition>:ecr:us-east-1:<AWS::AccountId>:repository/worker'),
        'Allow ecr:GetAuthorizationToken on *',
        'Allow lambda:InvokeFunction on <RefresherFunction4AAAAD8B.Arn>:*',
        'Allow logs:CreateLogStream on <RefresherLogGroupD7C34E22.Arn>',
        'Allow logs:PutLogEvents on <RefresherLogGroupD7C34E22.Arn>',
        'Allow secretsmanager:GetSecretValue on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:runpod/api-key-??????',
        'Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:team-b-AbCd12',
        'Allow sqs:DeleteMessage on <RetriesRetryQueue16BEB40E.Arn>',
        'Allow sqs:GetQueueAttributes on <RetriesRetryQueue16BEB40E.Arn>',
        'Allow sqs:ReceiveMessage on <RetriesRetryQueue16BEB40E.Arn>',
        'Allow sqs:SendMessage on <RetriesRetryQueue16BEB40E.Arn>',
        'Allow sts:AssumeRole on arn:aws:iam::210987654321:role/pull',
      ].sort(),
    );
  });

  it('gives every statement of the function’s role a Sid, and the role no managed policy', () => {
    const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );

    expect(statements.map(({ Sid }: { Sid: string }) => Sid).sort()).toEqual([
      'AssumePullRoles',
      'IssueEcrCredential',
      'PullRepositories',
      'ReadRunpodApiKeys',
      'ReceiveRetries',
      'SendFailedRuns',
      'WriteOwnLogs',
    ]);
    expect(Object.keys(template.findResources('AWS::IAM::Role', hasManagedPolicy()))).toEqual([TRIGGER_ROLE]);
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
  });

  it('lets the trigger of the first refresh only write its log and invoke the function', () => {
    const { ManagedPolicyArns, Policies } =
      template.findResources('AWS::IAM::Role')[TRIGGER_ROLE]?.Properties ?? {};

    expect(ManagedPolicyArns).toEqual([
      { 'Fn::Sub': expect.stringMatching(/:policy\/service-role\/AWSLambdaBasicExecutionRole$/) },
    ]);
    expect(Policies).toHaveLength(1);
  });

  it('lets only Lambda assume the roles', () => {
    template.resourceCountIs('AWS::IAM::Role', 2);
    template.allResourcesProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
        ],
      },
    });
  });

  it('runs the function on Node 24 and arm64, with JSON logs in its own log group', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      MemorySize: 256,
      Timeout: 300,
      ReservedConcurrentExecutions: Match.absent(),
      Environment: Match.absent(),
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: 'RefresherLogGroupD7C34E22' } },
    });
  });

  it('pins the log level, because the metrics’ lines are lost above INFO', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.handler',
      LoggingConfig: { ApplicationLogLevel: 'INFO', SystemLogLevel: 'INFO' },
    });
  });

  it('runs both functions on x86_64 when the configuration asks for it', () => {
    const delegations = [{ repository: 'my-app', region: 'us-east-1' }];
    const functions = templateOf({ architecture: 'x86_64', delegations, firstRefresh: 'off' }).findResources(
      'AWS::Lambda::Function',
      { Properties: { Runtime: 'nodejs24.x' } },
    );

    expect(Object.values(functions).map(({ Properties }) => Properties.Architectures)).toEqual([
      ['x86_64'],
      ['x86_64'],
    ]);
  });

  it('keeps the log for a month, and deletes it with the stack', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { RetentionInDays: 30 },
      DeletionPolicy: 'Delete',
    });
  });

  it('limits the retries and the age of an event, in the rule and in Lambda', () => {
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 3600,
    });
    template.hasResourceProperties('AWS::Events::Rule', {
      Targets: [
        Match.objectLike({ RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 3600 } }),
      ],
    });
  });

  it('lets only its own rules invoke the function', () => {
    const sources = Object.values(template.findResources('AWS::Lambda::Permission')).map(({ Properties }) => [
      Properties.Action,
      Properties.Principal,
      Properties.SourceArn['Fn::GetAtt'][0],
    ]);

    expect(sources).toEqual([
      ['lambda:InvokeFunction', 'events.amazonaws.com', 'ScheduleRule322D6281'],
      ['lambda:InvokeFunction', 'events.amazonaws.com', 'SecretRotationRule1A8927198'],
    ]);
  });

  it('tags and describes the stack', () => {
    expect(stack.tags.tagValues()).toEqual({ application: 'runpod-ecr-credential-refresher' });
    expect(stack.templateOptions.description).toContain('fresh with Amazon ECR credentials');
  });

  it('puts the settings file beside the code', () => {
    const fn = template.findResources('AWS::Lambda::Function').RefresherFunction4AAAAD8B;
    const directory = join(
      Stage.of(stack)?.outdir ?? '',
      `asset.${basename(fn?.Properties.Code.S3Key, '.zip')}`,
    );

    expect(JSON.parse(readFileSync(join(directory, 'refresher.json'), 'utf8'))).toMatchObject({
      service: 'EcrCredentialRefresher',
      targets: [{ name: 'prod' }, { name: 'same' }, { name: 'us' }, { name: 'other' }],
    });
  });

  it.each([
    [1, 'rate(1 hour)'],
    [6, 'rate(6 hours)'],
  ])('refreshes every %i h: %s', (refreshIntervalHours, expression) => {
    templateOf({ refreshIntervalHours }).hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: expression,
    });
  });

  it('allows no ECR action when every target has a role to assume', () => {
    const registry = {
      type: 'ecr',
      repositories: ['theirs'],
      roleArn: 'arn:aws:iam::210987654321:role/pull',
    };

    const actions = permissionsOf(templateOf({ targets: [targetJson({ registry })] }));

    expect(actions.filter((action) => action.includes(' ecr:'))).toEqual([]);
  });

  it('allows only the named secrets of other registries, and ECR Public only for its targets', () => {
    const stored = (name: string, registry: Json) =>
      targetJson({
        name,
        registryAuthId: name,
        registry: { credentialSecretName: `registry/${name}`, ...registry },
      });
    const targets = [
      stored('hub', { type: 'docker-hub' }),
      stored('hub-again', { type: 'docker-hub', credentialSecretName: 'registry/hub' }),
      stored('github', { type: 'ghcr' }),
      stored('google', { type: 'google-artifact-registry', location: 'us' }),
      stored('own', { type: 'self-hosted', url: 'https://registry.example.com' }),
    ];
    const publicTarget = targetJson({
      name: 'public',
      registryAuthId: 'p',
      registry: { type: 'ecr-public' },
    });
    const secret = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:';
    const reads = ['hub', 'github', 'google', 'own'].map(
      (name) => `Allow secretsmanager:GetSecretValue on ${secret}registry/${name}-??????`,
    );
    const ofRegistries = (listed: Json[]) =>
      permissionsOf(templateOf({ targets: listed })).filter((line) =>
        / (ecr|ecr-public|sts|secretsmanager):/.test(line),
      );

    const key = `Allow secretsmanager:GetSecretValue on ${secret}runpod/api-key-??????`;
    expect(ofRegistries(targets)).toEqual([...reads, key].sort());
    expect(ofRegistries([publicTarget])).toEqual([
      'Allow ecr-public:GetAuthorizationToken on *',
      key,
      'Allow sts:GetServiceBearerToken on *',
    ]);
  });

  it('writes complete ARNs when account and region are known', () => {
    const permissions = permissionsOf(Template.fromStack(stackOf(config(), ENV)));

    expect(permissions).toContain(
      'Allow ecr:BatchGetImage on arn:aws:ecr:eu-west-1:123456789012:repository/worker',
    );
    expect(permissions).toContain(
      'Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:runpod/api-key-??????',
    );
  });

  it.each([
    ['us-gov-west-1', 'aws-us-gov'],
    ['cn-north-1', 'aws-cn'],
  ])('uses the partition of %s in every ARN', (region, partition) => {
    expect(permissionsOf(Template.fromStack(stackOf(config(), { ...ENV, region }))).join('\n')).not.toContain(
      'arn:aws:',
    );
    expect(permissionsOf(Template.fromStack(stackOf(config(), { ...ENV, region })))).toContain(
      `Allow ecr:BatchGetImage on arn:${partition}:ecr:${region}:123456789012:repository/worker`,
    );
  });
});

describe('a configuration that was made by a program', () => {
  it('is refused as one from a file is', () => {
    const [target] = config().targets;
    if (!target) throw new Error('the configuration has no target');
    const wildcard = { ...target, registry: { type: 'ecr' as const, repositories: ['team/*'] } };

    expect(() => stackOf({ ...config(), targets: [wildcard] })).toThrow(
      /^The configuration has 1 mistake:\n {2}targets\[0\]\.registry\.repositories\[0\]: expected the name/,
    );
  });
});

describe('the outputs of the stack', () => {
  it('are exactly those of the contract', () => {
    const outputs = templateOf({ pullWatch: {} }).findOutputs('*');

    expect(Object.keys(outputs).sort()).toEqual([...OUTPUT_NAMES].sort());
  });

  it('are without those of the watch when there is none', () => {
    const outputs = templateOf().findOutputs('*');

    const expected = OUTPUT_NAMES.filter((name) => !name.startsWith('Watch'));
    expect(Object.keys(outputs).sort()).toEqual([...expected].sort());
  });
});

describe('DashboardUrl', () => {
  it.each([
    ['eu-west-1', 'https://eu-west-1.console.aws.amazon.com/cloudwatch/'],
    ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/cloudwatch/'],
    ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/'],
  ])('is in the console of %s', (region, address) => {
    const template = Template.fromStack(stackOf(config(), { account: '123456789012', region }));

    expect(JSON.stringify(template.findOutputs('DashboardUrl'))).toContain(address);
  });

  it.each([
    ['aws', 'console.aws.amazon.com'],
    ['aws-cn', 'console.amazonaws.cn'],
    ['aws-us-gov', 'console.amazonaws-us-gov.com'],
    ['aws-eusc', 'console.amazonaws-eusc.eu'],
    ['aws-of-tomorrow', 'console.aws.amazon.com'],
  ])('is in the console of the partition %s when the region is not known at synth', (partition, host) => {
    const { Conditions, Outputs } = templateOf().toJSON();

    const url = textInPartition(Outputs.DashboardUrl.Value, Conditions, partition);

    expect(url).toBe(
      `https://<AWS::Region>.${host}/cloudwatch/home?region=<AWS::Region>#dashboards/dashboard/EcrCredentialRefresher-<AWS::Region>`,
    );
  });

  it('is the link of every alarm, which does not wait for the dashboard', () => {
    const { Outputs, Resources } = templateOf().toJSON();
    const alarms = Object.values<Json>(Resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');

    expect(alarms).toHaveLength(9);
    for (const alarm of alarms) {
      expect(textIn((alarm.Properties as Json).AlarmDescription)).toContain(
        `\nRunbook: ${textIn(Outputs.DashboardUrl.Value)} (heading `,
      );
      expect(JSON.stringify(alarm)).not.toContain('OverviewDashboard');
    }
  });
});

describe('a configuration of 1,000 targets', () => {
  it('needs no managed policy when the targets share a repository', () => {
    const targets = manyTargets(1000);

    const template = templateOf({ targets });

    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
    expect(permissionsOf(template).filter((line) => line.includes('BatchGetImage'))).toHaveLength(1);
  });

  it('may pull each of 1,000 repositories, with policies of a length that IAM accepts', () => {
    const targets = manyTargets(1000, (index) => ({
      registry: { type: 'ecr', repositories: [`worker-${index}`] },
    }));
    const stack = stackOf(config({ targets, firstRefresh: 'attempt' }), ENV);

    const template = Template.fromStack(stack);

    const pullable = permissionsOf(template).filter((line) => line.includes('BatchGetImage'));
    expect(pullable).toHaveLength(1000);
    expect(new Set(pullable).size).toBe(1000);
    const sizes = policySizes(template);
    expect(sizes.inline).toBeLessThanOrEqual(10_240);
    expect(Math.max(...sizes.managed)).toBeLessThanOrEqual(6_144);
    expect(sizes.managed.length).toBeLessThanOrEqual(10);
    expect(warningsOf(stack)).toEqual([]);
    expect(JSON.stringify(template.toJSON(), null, 1).length).toBeLessThan(1_000_000);
  });

  it('leaves every other repository in its policy when one of 300 targets is removed', () => {
    const targets = manyTargets(300, (index) => ({
      registry: { type: 'ecr', repositories: [`worker-${index}`] },
    }));

    const before = policyOfRepository(templateOf({ targets }));
    const after = policyOfRepository(templateOf({ targets: targets.filter((_, index) => index !== 3) }));

    const [[gone] = []] = before.filter(([repository]) => /\/worker-3$/.test(repository));
    expect(after).toEqual(before.filter(([repository]) => repository !== gone));
    expect(after).toHaveLength(299);
    expect(new Set(after.map(([, policy]) => policy)).size).toBeGreaterThan(2);
  });

  it('changes the last policy first, so that no repository leaves one before it is in another', () => {
    const targets = manyTargets(600, (index) => ({
      registry: { type: 'ecr', repositories: [`worker-${index}`] },
    }));

    const template = templateOf({ targets });

    const managed = template.findResources('AWS::IAM::ManagedPolicy');
    const inOrder = ['RefresherRolePermissions5C0710AB', ...Object.keys(managed)];
    const policies = { ...template.findResources('AWS::IAM::Policy'), ...managed };
    for (const [index, next] of inOrder.slice(1).entries()) {
      expect(policies[inOrder[index] ?? '']?.DependsOn).toContain(next);
    }
    for (const { Properties } of Object.values(managed)) {
      expect(Properties.Roles).toEqual([{ Ref: 'RefresherRole6EAB35CB' }]);
    }
    expect(inOrder.length).toBeGreaterThan(4);
    expect(Object.keys(template.findResources('AWS::IAM::Role', hasManagedPolicy()))).toEqual([TRIGGER_ROLE]);
  });

  it('warns of the IAM quota that must be raised before the deployment', () => {
    const targets = manyTargets(1000, (index) => ({
      registry: { type: 'ecr', repositories: [`a-longer-name-of-a-team/worker-${index}`] },
    }));

    const stack = stackOf(config({ targets, firstRefresh: 'attempt' }), ENV);

    expect(warningsOf(stack)).toEqual([
      expect.stringMatching(
        /^The targets name so many repositories, .* needs 1\d managed policies\. IAM attaches at most 10, or up to 20 when the quota "Managed policies per role" is raised\. Raise it before the deployment/,
      ),
    ]);
  });

  it.each([
    ['warns when one run cannot refresh all targets of an API key', 1, 'targets share a Runpod API key'],
    ['does not warn when the targets have several API keys', 10, undefined],
  ])('%s', (_, keys, warning) => {
    const targets = manyTargets(1000, (index) => ({ runpodApiKeySecretName: `runpod/${index % keys}` }));

    const warnings = warningsOf(stackOf(config({ targets }), ENV));

    expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
  });

  it('is refused when one role cannot hold the permissions', () => {
    const targets = manyTargets(1000, (index) => ({
      registry: { type: 'ecr', repositories: [0, 1, 2].map((part) => `worker-${index}-${part}`) },
    }));

    expect(() => stackOf(config({ targets }), ENV)).toThrow(ConfigError);
    expect(() => stackOf(config({ targets }), ENV)).toThrow(
      /need \d+ managed policies, and IAM attaches at most 20 to a role\. Divide the targets among several configurations/,
    );
  });
});

function pull(resource: string): string[] {
  return ['BatchCheckLayerAvailability', 'BatchGetImage', 'GetDownloadUrlForLayer'].map(
    (action) => `Allow ecr:${action} on ${resource}`,
  );
}

/** Returns each repository's ARN with the logical id of the policy that allows to pull it, in the order of the ARNs. */
function policyOfRepository(template: Template): [repository: string, policy: string][] {
  const policies = {
    ...template.findResources('AWS::IAM::Policy'),
    ...template.findResources('AWS::IAM::ManagedPolicy'),
  };
  return Object.entries(policies)
    .flatMap(([id, { Properties }]) =>
      Properties.PolicyDocument.Statement.filter(({ Sid }: Json) => Sid === 'PullRepositories')
        .flatMap(({ Resource }: Json) => Resource)
        .map((arn: Json): [string, string] => [JSON.stringify(arn).replace(/.*(\/[\w-]+).*/, '$1'), id]),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function hasManagedPolicy() {
  return { Properties: { ManagedPolicyArns: Match.anyValue() } };
}

function policySizes(template: Template): { inline: number; managed: number[] } {
  const sizes = (type: string) =>
    Object.values(template.findResources(type)).map(
      ({ Properties }) => JSON.stringify(Properties.PolicyDocument).length,
    );
  return {
    inline: sizes('AWS::IAM::Policy').reduce((sum, size) => sum + size, 0),
    managed: sizes('AWS::IAM::ManagedPolicy'),
  };
}

describe('a configuration with delegations and no targets', () => {
  const template = Template.fromStack(
    stackOf(config({ targets: [], delegations: [{ repository: 'my-app' }] }), {
      account: '123456789012',
      region: 'eu-west-1',
    }),
  );

  it('creates the delegation and nothing of a refresher', () => {
    template.resourceCountIs('Custom::RunpodEcrDelegation', 1);
    template.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    template.resourceCountIs('AWS::Events::Rule', 0);
    template.resourceCountIs('AWS::SNS::Topic', 0);
    expect(Object.keys(template.findResources('AWS::Lambda::Function'))).toEqual([
      expect.stringMatching(/^DelegationFunction/),
    ]);
  });

  it('has no outputs, because they are about a refresher', () => {
    expect(template.findOutputs('*')).toEqual({});
  });
});

describe('RefresherStack.fromFile', () => {
  it('creates the stack that the file names', () => {
    const file = join(__dirname, '../../refresher.config.example.json');

    const stack = RefresherStack.fromFile(new App(), file, { env: { region: 'eu-west-1' } });

    expect([stack.stackName, stack.node.id, stack.region]).toEqual([
      'EcrCredentialRefresher',
      'EcrCredentialRefresher',
      'eu-west-1',
    ]);
  });

  it('throws a message without a stack trace when there is no such file', () => {
    const error = thrownBy(() => RefresherStack.fromFile(new App(), 'nothing.json'));

    expect(error).toMatchObject({
      message:
        'nothing.json does not exist. Check the path that was given. To write a new file: npx runpod-ecr init --config nothing.json',
      stack:
        'ConfigError: nothing.json does not exist. Check the path that was given. To write a new file: npx runpod-ecr init --config nothing.json',
    });
  });
});

/** Returns a text as CloudFormation makes it in a partition, by the conditions of the template. */
function textInPartition(value: unknown, conditions: Json, partition: string): string {
  const chosen = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(chosen);
    if (typeof part !== 'object' || part === null) return part;
    const choice = 'Fn::If' in part ? (part['Fn::If'] as [string, unknown, unknown]) : undefined;
    if (!choice) return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, chosen(item)]));
    const isPartition = { 'Fn::Equals': [{ Ref: 'AWS::Partition' }, partition] };
    const isTrue = JSON.stringify(conditions[choice[0]]) === JSON.stringify(isPartition);
    return chosen(choice[isTrue ? 1 : 2]);
  };
  return textIn(chosen(value));
}
