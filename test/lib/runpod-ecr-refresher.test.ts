import { App, CfnParameter, Duration, NestedStack, Stack, Stage } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { AccountPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { parseSettings } from '../../lambda/core/settings';
import {
  FirstRefreshMode,
  RunpodEcrRefresher,
  type RunpodEcrRefresherProps,
  RunpodRegistry,
  type RunpodTarget,
  VerifyMode,
} from '../../lib';
import { thrownBy } from '../support/thrown';
import { permissionsOf as permissionsWithTokens } from './permissions';
import { warningsOf } from './synthesise';
import { textIn } from './template-facts';

const ENV = { account: '123456789012', region: 'eu-west-1' };
const METADATA = 'runpod-ecr-credential-refresher';
/** Without them each construct takes longer, and no test here needs a stack trace. */
const QUIET = { context: { 'aws:cdk:disable-stack-trace': true }, builtinCloudFormationValidation: false };

function newStack(name = 'App', env: { account?: string; region?: string } = ENV): Stack {
  return new Stack(new App(QUIET), name, { env });
}

/** Returns a new stack of another region in the same app. */
function elsewhere(stack: Stack): Stack {
  return new Stack(stack.node.root, 'Elsewhere', {
    env: { ...ENV, region: 'us-east-1' },
    crossRegionReferences: true,
  });
}

/** Returns the permissions of a template, in the partition `aws`. */
function permissionsOf(template: Template): string[] {
  return permissionsWithTokens(template).map((line) => line.replace('<AWS::Partition>', 'aws'));
}

/** Returns properties with one target. What is not given is imported by name. */
function propsIn(
  stack: Stack,
  props: Partial<RunpodEcrRefresherProps> = {},
  target: Partial<RunpodTarget> = {},
): RunpodEcrRefresherProps {
  return {
    runpodApiKey: Secret.fromSecretNameV2(stack, 'Key', 'runpod/api-key'),
    pullWatch: { enabled: false },
    targets: [
      {
        name: 'prod',
        registryAuthName: 'ecr-prod',
        registry: RunpodRegistry.ecr({
          repositories: [Repository.fromRepositoryName(stack, 'Repo', 'worker')],
        }),
        ...target,
      },
    ],
    ...props,
  };
}

/** Returns the settings as they are written, with the environment of the function. */
function settingsOf(stack: Stack) {
  const [fn] = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function')).filter(
    ({ Metadata }) => Metadata?.[METADATA],
  );
  return {
    file: fn?.Metadata[METADATA].settings,
    environment: fn?.Properties.Environment?.Variables ?? {},
  };
}

describe('RunpodEcrRefresher', () => {
  it('creates rule, function, retries, alarms and dashboard, and exposes them', () => {
    const stack = newStack();

    const refresher = new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack));

    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(6 hours)' });
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    expect(refresher.alarms).toEqual([...refresher.pages, ...refresher.warnings]);
    expect(refresher.pages.map(({ node }) => node.id)).toContain('RefreshSilent');
    expect(stack.resolve(refresher.function.functionArn)).toEqual({
      'Fn::GetAtt': [expect.anything(), 'Arn'],
    });
    expect(stack.resolve(refresher.metricRunSucceeded().toMetricConfig().metricStat)).toMatchObject({
      namespace: 'RunpodEcrRefresher',
      metricName: 'RunSucceeded',
      statistic: 'Sum',
      dimensions: [{ name: 'service', value: refresher.serviceName }],
    });
  });

  it('grants exactly what its properties name', () => {
    const stack = newStack();
    new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, { firstRefresh: FirstRefreshMode.OFF }));

    const granted = permissionsOf(Template.fromStack(stack)).filter((line) => !/logs:|sqs:|sns:/.test(line));

    const repository = 'arn:aws:ecr:eu-west-1:123456789012:repository/worker';
    expect(granted).toEqual([
      `Allow ecr:BatchCheckLayerAvailability on ${repository}`,
      `Allow ecr:BatchGetImage on ${repository}`,
      'Allow ecr:GetAuthorizationToken on *',
      `Allow ecr:GetDownloadUrlForLayer on ${repository}`,
      'Allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:runpod/api-key-??????',
    ]);
  });

  it('passes its options on', () => {
    const stack = newStack();
    const topic = new Topic(stack, 'OnCall');
    new RunpodEcrRefresher(
      stack,
      'Pulls',
      propsIn(
        stack,
        {
          interval: Duration.hours(3),
          dashboard: false,
          architecture: Architecture.X86_64,
          pageTopics: [topic],
          apiKeyMaxAge: Duration.days(30),
          serviceName: 'pulls',
        },
        { verify: VerifyMode.REQUIRED, verifyImageTag: 'v1' },
      ),
    );

    const template = Template.fromStack(stack);

    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(3 hours)' });
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['x86_64'],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'pulls-RefreshSilent',
      AlarmActions: [stack.resolve(topic.topicArn)],
      OKActions: [stack.resolve(topic.topicArn)],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { AlarmName: 'pulls-ApiKeyOld', Threshold: 30 });
    expect(settingsOf(stack).file).toMatchObject({
      service: 'pulls',
      targets: [{ verify: 'required', verifyImage: 'worker:v1' }],
    });
    expect(warningsOf(stack)).toEqual([]);
  });

  it('warns when nobody is paged', () => {
    const stack = newStack();
    new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack));

    expect(warningsOf(stack)).toEqual([expect.stringMatching(/^Nobody is paged .* give pageTopics/)]);
  });

  describe('with resources that the app creates', () => {
    const created = (stack: Stack) => {
      const secret = new Secret(stack, 'Login', { encryptionKey: new Key(stack, 'KmsKey') });
      const repository = new Repository(stack, 'Repo');
      new RunpodEcrRefresher(stack, 'Pulls', {
        runpodApiKey: new Secret(stack, 'Key'),
        targets: [
          {
            name: 'ecr',
            registryAuthName: 'ecr',
            registry: RunpodRegistry.ecr({ repositories: [repository] }),
            verifyImageTag: 'v1',
          },
          {
            name: 'hub',
            registryAuthName: 'hub',
            registry: RunpodRegistry.dockerHub({ credential: secret }),
          },
        ],
        pageTopics: [new Topic(stack, 'Topic')],
      });
      return stack;
    };

    it('writes what is known into the file, and refers to the environment for the rest', () => {
      const { file, environment } = settingsOf(created(newStack()));

      expect(file.targets).toEqual([
        expect.objectContaining({
          name: 'ecr',
          runpodApiKeySecretName: { env: 'SETTING_1' },
          registry: { type: 'ecr', repositories: [] },
          verifyImage: { env: 'SETTING_2' },
        }),
        expect.objectContaining({
          name: 'hub',
          runpodApiKeySecretName: { env: 'SETTING_1' },
          registry: expect.objectContaining({ credentialSecretName: { env: 'SETTING_3' } }),
        }),
      ]);
      expect(environment).toEqual({
        SETTING_1: { Ref: expect.stringMatching(/^Key/) },
        SETTING_2: { 'Fn::Join': ['', [{ Ref: expect.stringMatching(/^Repo/) }, ':v1']] },
        SETTING_3: { Ref: expect.stringMatching(/^Login/) },
      });
      expect(
        parseSettings(JSON.stringify(file), { SETTING_1: 'a', SETTING_2: 'b:v1', SETTING_3: 'c' }).targets,
      ).toMatchObject([
        { runpodApiKeySecretName: 'a', verifyImage: 'b:v1' },
        { registry: { credentialSecretName: 'c' } },
      ]);
    });

    it('grants access to them, and to the key that encrypts a secret through Secrets Manager only', () => {
      const template = Template.fromStack(created(newStack()));

      const granted = permissionsOf(template);
      expect(granted).toContainEqual(expect.stringMatching(/^Allow secretsmanager:GetSecretValue on <Key/));
      expect(granted).toContainEqual(expect.stringMatching(/^Allow secretsmanager:GetSecretValue on <Login/));
      expect(granted).toContainEqual(expect.stringMatching(/^Allow ecr:BatchGetImage on <Repo.*\.Arn>/));
      template.hasResourceProperties('AWS::IAM::Policy', {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Sid: 'DecryptSecrets',
              Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' } },
            }),
          ]),
        },
      });
    });

    it('refreshes only after a role that pulls has its permissions', () => {
      const stack = newStack();
      const repository = new Repository(stack, 'Repository');
      const role = new Role(stack, 'Pull', { assumedBy: new AccountPrincipal(stack.account) });
      repository.grantPull(role);
      const registry = RunpodRegistry.ecr({ repositories: [repository], role });

      new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, {}, { registry }));

      const [trigger] = Object.values(Template.fromStack(stack).findResources('Custom::Trigger'));
      expect(trigger?.DependsOn).toContainEqual(expect.stringMatching(/^PullDefaultPolicy/));
    });

    it('keeps its logical ids and its packing when unrelated resources are added', () => {
      const before = Object.keys(Template.fromStack(created(newStack())).toJSON().Resources);
      const stack = newStack();
      for (let index = 0; index < 3; index += 1) new Topic(stack, `Unrelated${index}`).topicName;

      const after = Object.keys(Template.fromStack(created(stack)).toJSON().Resources);

      expect(after.filter((id) => !id.startsWith('Unrelated'))).toEqual(before);
    });

    it('takes references to another stack of the app', () => {
      const app = new App(QUIET);
      const other = new Stack(app, 'Other', { env: ENV });
      const stack = new Stack(app, 'App', { env: ENV });
      const repository = new Repository(other, 'Repo');
      const props = propsIn(stack, { runpodApiKey: new Secret(other, 'Secret') });

      new RunpodEcrRefresher(stack, 'Pulls', {
        ...props,
        targets: [
          {
            name: 'prod',
            registryAuthName: 'x',
            registry: RunpodRegistry.ecr({ repositories: [repository] }),
          },
        ],
      });

      expect(JSON.stringify(Template.fromStack(stack).toJSON())).toContain('Fn::ImportValue');
    });

    it('refuses more of them than the environment holds, with a number and a way out', () => {
      const stack = newStack();
      const targets = Array.from({ length: 60 }, (_, index) => ({
        name: `t${index}`,
        registryAuthName: `t${index}`,
        registry: RunpodRegistry.dockerHub({ credential: new Secret(stack, `Login${index}`) }),
      }));

      const make = () => new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, { targets }));

      expect(make).toThrow(
        /^App\/Pulls\/Refresher: 60 names or ARNs of secrets, roles and repositories are known only at deployment\. They need about \d+ bytes, and the environment of a Lambda function holds 4096\. Import secrets and repositories by their names and roles by their ARNs/,
      );
    });
  });

  describe('with repositories of other places', () => {
    const registryOf = (stack: Stack, registry: RunpodRegistry) => {
      new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, {}, { registry }));
      return {
        registry: settingsOf(stack).file.targets[0].registry,
        granted: permissionsOf(Template.fromStack(stack)).filter((line) =>
          /BatchGetImage|AssumeRole/.test(line),
        ),
      };
    };

    it('takes the region of a repository that was imported by its ARN', () => {
      const stack = newStack();
      const arn = 'arn:aws:ecr:us-west-2:123456789012:repository/worker';
      const repositories = [Repository.fromRepositoryArn(stack, 'Far', arn)];

      const { registry, granted } = registryOf(stack, RunpodRegistry.ecr({ repositories }));

      expect(registry).toEqual({ type: 'ecr', region: 'us-west-2', repositories: ['worker'] });
      expect(granted).toEqual([`Allow ecr:BatchGetImage on ${arn}`]);
    });

    it('takes region and account of an imported ARN when those of the stack are not known', () => {
      const stack = newStack('App', {});
      const arn = 'arn:aws:ecr:us-west-2:210987654321:repository/worker';
      const repositories = [Repository.fromRepositoryArn(stack, 'Far', arn)];

      const { registry, granted } = registryOf(stack, RunpodRegistry.ecr({ repositories }));

      expect(registry).toEqual({
        type: 'ecr',
        region: 'us-west-2',
        registryId: '210987654321',
        repositories: ['worker'],
      });
      expect(granted).toEqual([`Allow ecr:BatchGetImage on ${arn}`]);
    });

    it('takes the region that is given for a repository that was imported by its name', () => {
      const stack = newStack();
      const repositories = [Repository.fromRepositoryName(stack, 'Far', 'worker')];

      const { registry, granted } = registryOf(
        stack,
        RunpodRegistry.ecr({ repositories, region: 'us-west-2' }),
      );

      expect(registry.region).toBe('us-west-2');
      expect(granted).toEqual([
        'Allow ecr:BatchGetImage on arn:aws:ecr:us-west-2:123456789012:repository/worker',
      ]);
    });

    it('asks the registry of the other account, which its repository policy must allow', () => {
      const stack = newStack();
      const arn = 'arn:aws:ecr:eu-west-1:210987654321:repository/worker';
      const repositories = [Repository.fromRepositoryArn(stack, 'Far', arn)];

      const { registry, granted } = registryOf(stack, RunpodRegistry.ecr({ repositories }));

      expect(registry).toEqual({ type: 'ecr', registryId: '210987654321', repositories: ['worker'] });
      expect(granted).toEqual([`Allow ecr:BatchGetImage on ${arn}`]);
    });

    it('assumes a role, and then pulls nothing with its own', () => {
      const stack = newStack();
      const roleArn = 'arn:aws:iam::210987654321:role/pull';
      const role = Role.fromRoleArn(stack, 'PullRole', roleArn);
      const repositories = [Repository.fromRepositoryName(stack, 'Far', 'worker')];

      const { registry, granted } = registryOf(
        stack,
        RunpodRegistry.ecr({ repositories, role, externalId: 'abc' }),
      );

      expect(registry).toMatchObject({ roleArn, externalId: 'abc' });
      expect(granted).toEqual([`Allow sts:AssumeRole on ${roleArn}`]);
    });
  });

  it('accepts what a lookup returns before the command line has looked it up', () => {
    const stack = newStack('App', { account: '210987654321', region: 'cn-north-1' });
    const repositories = [Repository.fromLookup(stack, 'Worker', { repositoryName: 'worker' })];
    const several = [Repository.fromRepositoryName(stack, 'Known', 'known'), ...repositories];
    const lookup = (name: string) => StringParameter.valueFromLookup(stack, name);

    const make = () =>
      new RunpodEcrRefresher(
        stack,
        'Pulls',
        propsIn(
          stack,
          { runpodApiKey: Secret.fromSecretNameV2(stack, 'Looked', lookup('/runpod/key')) },
          {
            registry: RunpodRegistry.ecr({ repositories }),
            registryAuthName: undefined,
            registryAuthId: lookup('/runpod/auth'),
            verifyImageTag: lookup('/worker/tag'),
          },
        ),
      );
    const makeOther = () =>
      new RunpodEcrRefresher(
        stack,
        'Other',
        propsIn(
          new Stack(stack.node.root, 'Imports', { env: { account: stack.account, region: stack.region } }),
          {},
          { registry: RunpodRegistry.ecr({ repositories: several }) },
        ),
      );

    expect(make).not.toThrow();
    expect(makeOther).not.toThrow();
  });

  it('writes every kind of registry as the configuration file does', () => {
    const stack = newStack();
    const credential = Secret.fromSecretNameV2(stack, 'Login', 'registry/login');
    const registries = [
      RunpodRegistry.ecrPublic(),
      RunpodRegistry.dockerHub({ credential }),
      RunpodRegistry.ghcr({ credential }),
      RunpodRegistry.googleArtifactRegistry({ credential, location: 'europe-west3' }),
      RunpodRegistry.selfHosted({ credential, url: 'https://registry.example.com' }),
    ];
    const targets = registries.map((registry, index) => ({
      name: `t${index}`,
      registryAuthName: `t${index}`,
      registry,
    }));

    new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, { targets }));

    const credentialSecretName = 'registry/login';
    const written: { registry: unknown }[] = settingsOf(stack).file.targets;
    expect(written.map(({ registry }) => registry)).toEqual([
      { type: 'ecr-public', url: 'https://public.ecr.aws' },
      { type: 'docker-hub', url: 'https://registry-1.docker.io', credentialSecretName },
      { type: 'ghcr', url: 'https://ghcr.io', credentialSecretName },
      { type: 'google-artifact-registry', url: 'https://europe-west3-docker.pkg.dev', credentialSecretName },
      { type: 'self-hosted', url: 'https://registry.example.com', credentialSecretName },
    ]);
  });

  describe('several in one account', () => {
    const alarmNames = (stack: Stack) =>
      Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm')).map(
        ({ Properties }) => Properties.AlarmName,
      );

    it('can be in one stack', () => {
      const stack = newStack();
      const props = propsIn(stack);
      new RunpodEcrRefresher(stack, 'A', props);
      new RunpodEcrRefresher(stack, 'B', props);

      const names = alarmNames(stack);

      expect(new Set(names).size).toBe(names.length);
      Template.fromStack(stack).resourceCountIs('AWS::CloudWatch::Dashboard', 2);
    });

    it('have different names in different stacks, stages and nested stacks', () => {
      const app = new App(QUIET);
      const stacks = [
        new Stack(app, 'One', { env: ENV }),
        new Stack(app, 'Two', { env: ENV }),
        new Stack(new Stage(app, 'Prod'), 'One', { env: ENV }),
      ];
      const nested = new NestedStack(stacks[0] ?? app, 'Nested');

      const names = [...stacks, nested].map(
        (stack) => new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack)).serviceName,
      );

      expect(new Set(names).size).toBe(4);
      expect(names.every((name) => /^[A-Za-z][A-Za-z0-9-]*$/.test(name))).toBe(true);
    });

    it.each([
      ['known', ENV],
      ['unknown', {}],
    ])('have names and descriptions that fit into an alarm, with a %s region', (_, env) => {
      const stack = newStack('S'.repeat(128), env);

      const { serviceName } = new RunpodEcrRefresher(stack, 'P'.repeat(100), propsIn(stack));

      const alarms = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
      const longest = { 'AWS::Region': 'ap-southeast-99', 'AWS::AccountId': '123456789012' };
      const lengths = alarms.map(({ Properties }) => textIn(Properties.AlarmDescription, longest).length);
      expect(serviceName).toHaveLength(128);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(1_024);
    });

    it('say where the runbook is when there is no dashboard', () => {
      const stack = newStack();

      new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack, { dashboard: false }));

      for (const { Properties } of Object.values(
        Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'),
      )) {
        expect(Properties.AlarmDescription).toMatch(
          /\nRunbook: docs\/runbook\.md in the package runpod-ecr-credential-refresher \(heading \w+\)\n/,
        );
      }
    });

    it('synthesises in a stack without account and region', () => {
      const stack = newStack('App', {});

      new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack));

      expect(() => Template.fromStack(stack)).not.toThrow();
    });
  });

  describe('refuses properties as the configuration file does', () => {
    it.each<[string, (stack: Stack) => RunpodEcrRefresherProps, string]>([
      [
        'an interval that is too long',
        (stack) => propsIn(stack, { interval: Duration.hours(7) }),
        "interval: expected a whole number of hours from 1 to 6 (half of an ECR credential's 12 hours); found 7",
      ],
      [
        'an interval that is a token',
        (stack) =>
          propsIn(stack, {
            interval: Duration.hours(new CfnParameter(stack, 'P', { type: 'Number' }).valueAsNumber),
          }),
        'interval: expected a duration that is known at synth; found a token',
      ],
      [
        'no target',
        (stack) => propsIn(stack, { targets: [] }),
        'targets: expected at least one target; found a list of 0',
      ],
      [
        'a target with both id and name',
        (stack) => propsIn(stack, {}, { registryAuthId: 'abc' }),
        'targets[0]: expected either registryAuthId or registryAuthName; found both',
      ],
      [
        'two targets of one auth',
        (stack) => {
          const props = propsIn(stack);
          return { ...props, targets: props.targets.flatMap((one) => [one, { ...one, name: 'second' }]) };
        },
        'targets[1].registryAuthName: expected a registry auth that no other target with the same API key writes; found "ecr-prod", as in targets[0]',
      ],
      [
        'a name that is a token',
        (stack) => propsIn(stack, {}, { name: new CfnParameter(stack, 'P').valueAsString }),
        'targets[0].name: expected 1 to 64 letters, digits, _ and -; found a token, whose value is known only at deployment',
      ],
      [
        'an image of another repository',
        (stack) => propsIn(stack, {}, { verifyImage: 'other:v1' }),
        'targets[0].verifyImage: expected an image of one of the repositories of this target, as repository:tag or repository@digest; found "other:v1"',
      ],
      [
        'a tag that is not one, although the repository is a token',
        (stack) =>
          propsIn(
            stack,
            {},
            {
              registry: RunpodRegistry.ecr({ repositories: [new Repository(stack, 'New')] }),
              verifyImageTag: 'no tag',
            },
          ),
        'targets[0].verifyImageTag: expected a tag, such as 1.4.2; found "no tag"',
      ],
      [
        'a tag beside several repositories',
        (stack) => {
          const repositories = ['a1', 'b1'].map((name) => Repository.fromRepositoryName(stack, name, name));
          return propsIn(stack, {}, { registry: RunpodRegistry.ecr({ repositories }), verifyImageTag: 'v1' });
        },
        'targets[0].verifyImageTag: expected verifyImage, because this target has several repositories; found a tag',
      ],
      [
        'repositories of two regions',
        (stack) => {
          const repositories = ['eu-west-1', 'us-east-1'].map((region) =>
            Repository.fromRepositoryArn(
              stack,
              region,
              `arn:aws:ecr:${region}:123456789012:repository/worker`,
            ),
          );
          return propsIn(stack, {}, { registry: RunpodRegistry.ecr({ repositories }) });
        },
        'targets[0].registry.repositories[1]: expected a repository of eu-west-1, as the first one is: others need a target of their own; found one of us-east-1',
      ],
      [
        'no repository',
        (stack) => propsIn(stack, {}, { registry: RunpodRegistry.ecr({ repositories: [] }) }),
        'targets[0].registry.repositories: expected at least one repository name; found a list of 0',
      ],
      [
        'a secret of another region',
        (stack) =>
          propsIn(stack, {
            runpodApiKey: Secret.fromSecretCompleteArn(
              stack,
              'Far',
              'arn:aws:secretsmanager:us-east-1:123456789012:secret:key-a1B2c3',
            ),
          }),
        'runpodApiKey: expected an ARN of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a partial ARN of another account',
        (stack) =>
          propsIn(stack, {
            runpodApiKey: Secret.fromSecretPartialArn(
              stack,
              'Far',
              'arn:aws:secretsmanager:eu-west-1:210987654321:secret:runpod/key',
            ),
          }),
        'runpodApiKey: expected the name of a Secrets Manager secret, such as runpod/api-key, or its full ARN',
      ],
      [
        'a topic of another region',
        (stack) =>
          propsIn(stack, {
            pageTopics: [Topic.fromTopicArn(stack, 'T', 'arn:aws:sns:us-east-1:123456789012:oncall')],
          }),
        'pageTopics[0]: expected an ARN of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a topic that the app creates in another region',
        (stack) =>
          propsIn(stack, { pageTopics: [new Topic(elsewhere(stack), 'T', { topicName: 'oncall' })] }),
        'pageTopics[0]: expected a topic of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a secret that the app creates in another region',
        (stack) =>
          propsIn(stack, { runpodApiKey: new Secret(elsewhere(stack), 'Far', { secretName: 'key' }) }),
        'runpodApiKey: expected a secret of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a key of a target, imported by its name into a stack of another region',
        (stack) =>
          propsIn(
            stack,
            {},
            { runpodApiKey: Secret.fromSecretNameV2(elsewhere(stack), 'Far', 'runpod/key') },
          ),
        'targets[0].runpodApiKey: expected a secret of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a secret that was imported by its name into a stack of another account',
        (stack) => {
          const env = { account: '210987654321', region: 'eu-west-1' };
          const theirs = new Stack(stack.node.root, 'Theirs', { env });
          return propsIn(stack, { runpodApiKey: Secret.fromSecretNameV2(theirs, 'Far', 'runpod/key') });
        },
        'runpodApiKey: expected the full ARN of a secret of another account; found its name',
      ],
      [
        'a login that the app creates in another region',
        (stack) => {
          const credential = new Secret(elsewhere(stack), 'Far', { secretName: 'login' });
          return propsIn(stack, {}, { registry: RunpodRegistry.ghcr({ credential }) });
        },
        'targets[0].registry.credential: expected a secret of eu-west-1, the region of the stack; found one of us-east-1',
      ],
      [
        'a FIFO topic',
        (stack) => propsIn(stack, { pageTopics: [new Topic(stack, 'T', { fifo: true })] }),
        'pageTopics[0]: expected a standard SNS topic; found a FIFO topic',
      ],
      [
        'an address with a query',
        (stack) => propsIn(stack, { restV2Url: 'https://api.example.com/v2?x=1' }),
        'restV2Url: expected an https: address',
      ],
      [
        'an API key in the place of an id',
        (stack) =>
          propsIn(stack, {}, { registryAuthName: undefined, registryAuthId: `rpa_${'A1'.repeat(20)}` }),
        'targets[0].registryAuthId: expected no API key in this file',
      ],
    ])('%s', (_, propsOf, line) => {
      const stack = newStack();
      const props = propsOf(stack);

      const make = () => new RunpodEcrRefresher(stack, 'Pulls', props);

      const message = String(thrownBy(make));
      expect(message).toContain('RunpodEcrRefresher App/Pulls has 1 mistake:\n');
      expect(message).toContain(line);
    });
  });

  it('says where the command line finds it', () => {
    const stack = newStack();
    new RunpodEcrRefresher(stack, 'Pulls', propsIn(stack));

    const template = Template.fromStack(stack).toJSON();

    const [fn] = Object.entries<{ Metadata?: Record<string, { resources: Record<string, string> }> }>(
      template.Resources,
    ).filter(([, { Metadata }]) => Metadata?.[METADATA]);
    const { resources } = fn?.[1].Metadata?.[METADATA] ?? {};
    const typeOf = (id = '') => template.Resources[id]?.Type;
    expect(resources?.FunctionName).toBe(fn?.[0]);
    expect(Object.entries(resources ?? {}).map(([name, id]) => [name, typeOf(id)])).toEqual([
      ['FunctionName', 'AWS::Lambda::Function'],
      ['LogGroupName', 'AWS::Logs::LogGroup'],
      ['RuleName', 'AWS::Events::Rule'],
      ['RetryQueueUrl', 'AWS::SQS::Queue'],
      ['DeadLetterQueueUrl', 'AWS::SQS::Queue'],
      ['UndeliveredQueueUrl', 'AWS::SQS::Queue'],
      ['DashboardUrl', 'AWS::CloudWatch::Dashboard'],
    ]);
  });
});
