import { App, Aws, CfnParameter, Duration, NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { METADATA_KEY } from '../../lambda/core/contract';
import {
  RefresherStack,
  RunpodEcrRefresher,
  type RunpodEcrRefresherProps,
  RunpodRegistry,
  type StandbyOptions,
} from '../../lib';
import { thrownBy } from '../support/thrown';
import { config, targetJson } from './config/builder';
import { permissionsOf } from './permissions';
import { bothStacks, stackOf, warningsOf } from './synthesise';
import { textIn } from './template-facts';

const ENV = { account: '123456789012', region: 'us-east-1' };
const QUIET = { context: { 'aws:cdk:disable-stack-trace': true }, builtinCloudFormationValidation: false };

const { primary, standby } = bothStacks();
const sides = { primary: Template.fromStack(primary), standby: Template.fromStack(standby) };

describe('a configuration with a standby', () => {
  it('has a second stack in the other region, which is deployed after the first', () => {
    expect([standby.stackName, standby.region, standby.account]).toEqual([
      'EcrCredentialRefresher-standby',
      'us-west-2',
      '123456789012',
    ]);
    expect(standby.dependencies).toEqual([primary]);
  });

  it('has the properties of the first stack in the second one too', () => {
    const app = new App(QUIET);
    const settings = config({ standby: { region: 'us-west-2' } });
    new RefresherStack(app, 'Pulls', {
      config: settings,
      env: ENV,
      terminationProtection: true,
      tags: { team: 'ml' },
    });

    const second = app.node.findChild('Pulls-standby') as Stack;

    expect(second.terminationProtection).toBe(true);
    expect(second.tags.tagValues()).toEqual({ team: 'ml' });
  });

  it('does not send the events of the second stack to topics of the first region', () => {
    const app = new App(QUIET);
    const settings = config({ standby: { region: 'us-west-2' } });
    const notificationArns = ['arn:aws:sns:us-east-1:123456789012:deployments'];
    new RefresherStack(app, 'Pulls', { config: settings, env: ENV, notificationArns });

    const { stacks } = app.synth();

    expect(stacks.map((stack) => stack.notificationArns ?? [])).toEqual([notificationArns, []]);
  });

  it('names the second stack after the first one, also where the properties name it', () => {
    const app = new App(QUIET);
    const settings = config({ standby: { region: 'us-west-2' } });
    new RefresherStack(app, 'Pulls', { config: settings, env: ENV, stackName: 'TeamPulls' });

    const second = app.node.findChild('Pulls-standby') as Stack;

    expect(second.stackName).toBe('TeamPulls-standby');
  });

  it.each([
    [6, 'cron(13 0/6 * * ? *)', 'cron(13 3/6 * * ? *)'],
    [4, 'cron(13 0/4 * * ? *)', 'cron(13 2/4 * * ? *)'],
    [3, 'cron(13 0/3 * * ? *)', 'cron(43 1/3 * * ? *)'],
    [1, 'cron(13 0/1 * * ? *)', 'cron(43 0/1 * * ? *)'],
    [5, 'rate(5 hours)', 'rate(5 hours)'],
  ])('runs every %d hours, half an interval apart where that divides a day', (hours, first, second) => {
    const both = bothStacks({ refreshIntervalHours: hours });

    expect([scheduleOf(both.primary), scheduleOf(both.standby)]).toEqual([first, second]);
  });

  it('allows the standby to pull the same repositories, and to read secrets of its own region', () => {
    const permissions = permissionsOf(sides.standby);

    expect(permissions).toEqual(
      permissionsOf(sides.primary).map((line) =>
        line
          .replace(':secretsmanager:us-east-1:', ':secretsmanager:us-west-2:')
          .replace(/(PutMetricData.*)us-west-2/, '$1us-east-1'),
      ),
    );
    expect(permissions.join('\n')).toContain(':ecr:us-east-1:123456789012:repository/worker');
  });

  it('reads the replica of a secret that is named by its ARN', () => {
    const both = bothStacks({
      runpodApiKeySecretName: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod/api-key-AbCdEf',
    });

    expect(settingsOf(both.standby).targets).toMatchObject([
      {
        runpodApiKeySecretName: 'arn:aws:secretsmanager:us-west-2:123456789012:secret:runpod/api-key-AbCdEf',
      },
    ]);
  });

  it('reads the replicas of the logins of other registries', () => {
    const ghcr = { type: 'ghcr', credentialSecretName: 'runpod/ghcr' };
    const both = bothStacks({
      targets: [targetJson({ registry: ghcr, runpodApiKeySecretName: 'runpod/team-b' })],
    });

    const permissions = permissionsOf(Template.fromStack(both.standby)).join('\n');

    expect(permissions).toContain(':secretsmanager:us-west-2:123456789012:secret:runpod/ghcr-');
    expect(permissions).toContain(':secretsmanager:us-west-2:123456789012:secret:runpod/team-b-');
  });

  it('names the region of the repositories in the settings of the standby', () => {
    expect(settingsOf(standby).targets).toMatchObject([{ registry: { region: 'us-east-1' } }]);
  });

  it('gives each side the address at which the other one counts successes', () => {
    expect(settingsOf(primary).otherRegion).toEqual({
      region: 'us-west-2',
      service: 'EcrCredentialRefresher-standby',
      metricsUrl: 'https://monitoring.us-west-2.amazonaws.com',
    });
    expect(settingsOf(standby).otherRegion).toMatchObject({
      region: 'us-east-1',
      service: 'EcrCredentialRefresher',
      hasOriginalSecrets: true,
    });
    expect(metadataOf(standby).other).toEqual({
      side: 'standby',
      region: 'us-east-1',
      stackName: 'EcrCredentialRefresher',
      service: 'EcrCredentialRefresher',
    });
  });

  it.each([
    ['cn-north-1', 'cn-northwest-1', 'https://monitoring.cn-northwest-1.amazonaws.com.cn'],
    ['us-gov-west-1', 'us-gov-east-1', 'https://monitoring.us-gov-east-1.amazonaws.com'],
    ['cn-north-1', 'cn-south-9', 'https://monitoring.cn-south-9.amazonaws.com.cn'],
  ])('reports from %s to the CloudWatch of %s at %s', (region, other, metricsUrl) => {
    const settings = config({ standby: { region: other }, additionalRegions: ['cn-south-9'] });

    const stack = stackOf(settings, { ...ENV, region });

    expect(settingsOf(stack).otherRegion).toMatchObject({ region: other, metricsUrl });
  });

  it('pages for both regions together, and for what a person must fix', () => {
    expect(alarmsFor(sides.primary, 'Pages')).toEqual([
      'CredentialShortLived',
      'OperatorActionNeeded',
      'RefreshSilent',
    ]);
    expect(alarmsFor(sides.standby, 'Pages')).toEqual(['RefreshSilent']);
    expect(alarmsFor(sides.primary, 'Warnings')).toContain('RegionSilent');
    expect(alarmsFor(sides.standby, 'Warnings')).toContain('RegionSilent');
  });

  it.each(['primary', 'standby'] as const)(
    'pages from the %s when it counted no success of either region',
    (side) => {
      const metrics = Object.values(sides[side].findResources('AWS::CloudWatch::Alarm')).map(
        ({ Properties }) => [Properties.AlarmName.split('-').at(-1), Properties.MetricName] as const,
      );

      expect(Object.fromEntries(metrics)).toMatchObject({
        RefreshSilent: 'RunSucceeded',
        RegionSilent: 'RegionSucceeded',
      });
    },
  );

  it.each(['primary', 'standby'] as const)(
    'names in each alarm of the %s the command that shows the other region',
    (side) => {
      const command =
        side === 'primary'
          ? 'npx runpod-ecr status --stack EcrCredentialRefresher-standby --region us-west-2'
          : 'npx runpod-ecr status --stack EcrCredentialRefresher --region us-east-1';

      for (const { Properties } of Object.values(sides[side].findResources('AWS::CloudWatch::Alarm'))) {
        expect(JSON.stringify(Properties.AlarmDescription)).toContain(command);
      }
    },
  );

  it('has descriptions that fit into an alarm, however long the names are', () => {
    const both = bothStacks({ stackName: 'Pulls-'.repeat(20) });

    for (const stack of [both.primary, both.standby]) {
      const alarms = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
      const texts = alarms.map(({ Properties }) => textIn(Properties.AlarmDescription));
      expect(Math.max(...texts.map(({ length }) => length))).toBeLessThanOrEqual(1_024);
      expect(texts.every((text) => /\nThe other refresher(: npx| is in us-)/.test(text))).toBe(true);
    }
  });

  it('watches pulls and delegates in the first stack only', () => {
    const both = bothStacks({ pullWatch: { mode: 'auto' }, delegations: [{ repository: 'worker' }] });
    const functionsOf = (stack: Stack) =>
      Object.keys(Template.fromStack(stack).findResources('AWS::Lambda::Function')).map((id) =>
        id.replace(/[0-9A-F]{8}$/, ''),
      );

    expect(functionsOf(both.primary)).toEqual(
      expect.arrayContaining(['PullWatchFunction', 'DelegationFunction']),
    );
    expect(functionsOf(both.standby).filter((id) => /PullWatch|Delegation/.test(id))).toEqual([]);
  });

  it('leaves a stack without a standby as it was', () => {
    const alone = Template.fromStack(stackOf(config(), ENV));

    expect(Object.keys(alone.toJSON().Resources).filter((id) => id.includes('RegionSilent'))).toEqual([]);
    expect(JSON.stringify(alone.toJSON())).not.toMatch(/PutMetricData|RegionSucceeded|cron/);
  });

  it('leaves the condition of RefreshSilent as it is without a standby, so that no deployment sets it off', () => {
    const conditionIn = (template: Template) => {
      const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
      const silent = alarms.find(({ Properties }) => Properties.AlarmName.endsWith('-RefreshSilent'));
      const { AlarmDescription: _, ...condition } = silent?.Properties ?? {};
      return condition;
    };

    expect(conditionIn(sides.primary)).toEqual(conditionIn(Template.fromStack(stackOf(config(), ENV))));
  });

  it('has the same logical ids as without a standby, except for the alarm RegionSilent', () => {
    const ids = (template: Template) => Object.keys(template.toJSON().Resources);
    const alone = ids(Template.fromStack(stackOf(config(), ENV)));
    const stable = (all: string[]) =>
      all.filter((id) => !/CurrentVersion|^FirstRefresh[0-9a-f]{32}/.test(id));

    expect(stable(ids(sides.primary)).filter((id) => !id.includes('RegionSilent'))).toEqual(stable(alone));
  });

  it('warns that nobody is paged by the standby when only the first region has topics', () => {
    const topicArns = ['arn:aws:sns:us-east-1:123456789012:oncall'];

    const both = bothStacks({ alarms: { topicArns } });

    expect(warningsOf(both.primary).join()).not.toContain('Nobody is paged');
    expect(warningsOf(both.standby).join()).toContain('standby.topicArns in a configuration file');
  });

  it('gives the standby its own topics', () => {
    const topicArns = ['arn:aws:sns:us-west-2:123456789012:oncall'];
    const both = bothStacks({ alarms: {}, standby: { region: 'us-west-2', topicArns } });

    expect(warningsOf(both.primary).join()).toContain('Nobody is paged');
    expect(warningsOf(both.standby).join()).not.toContain('Nobody is paged');
  });
});

describe('the mistakes of a standby', () => {
  it.each([
    ['the region of the first stack', { region: 'us-east-1' }, {}, 'another region than us-east-1'],
    ['a region of another partition', { region: 'cn-north-1' }, {}, 'a region of aws'],
    ['a region that does not exist', { region: 'us-west-9' }, {}, 'Write "us-west'],
    [
      'a topic of another region',
      { region: 'us-west-2', topicArns: ['arn:aws:sns:us-east-1:123456789012:oncall'] },
      {},
      'standby.topicArns[0]: expected an ARN of us-west-2',
    ],
    [
      'a long stack name',
      { region: 'us-west-2' },
      { stackName: 'x'.repeat(121) },
      'stackName: expected at most 120',
    ],
    [
      'no targets',
      { region: 'us-west-2' },
      { targets: [], delegations: [{ repository: 'worker' }] },
      'standby: expected targets',
    ],
  ])('%s is refused', (_, options, overrides, message) => {
    const thrown = thrownBy(() => bothStacks({ standby: options, ...overrides }));

    expect(String(thrown)).toContain(message);
  });

  it('include a first stack without a known region', () => {
    const thrown = thrownBy(() => stackOf(config({ standby: { region: 'us-west-2' } })));

    expect(String(thrown)).toContain(
      'standby.region: expected a first stack whose region is known: sign in to AWS',
    );
  });
});

describe('RunpodEcrRefresher with a standby', () => {
  function refresherIn(
    stack: Stack,
    options: StandbyOptions,
    runpodApiKey = Secret.fromSecretNameV2(stack, 'Key', 'runpod/api-key'),
  ) {
    const repository = Repository.fromRepositoryName(stack, 'Repo', 'worker');
    return new RunpodEcrRefresher(stack, 'Pulls', {
      runpodApiKey,
      targets: [
        {
          name: 'prod',
          registryAuthName: 'ecr-prod',
          registry: RunpodRegistry.ecr({ repositories: [repository] }),
        },
      ],
      interval: Duration.hours(4),
      pageTopics: [new Topic(stack, 'OnCall')],
      standby: options,
    });
  }

  interface TwoStacks {
    readonly first: Stack;
    readonly second: Stack;
  }

  function twoStacks(region = 'us-west-2', account = ENV.account, crossRegionReferences = true): TwoStacks {
    const app = new App(QUIET);
    return {
      first: new Stack(app, 'App', { env: ENV, crossRegionReferences }),
      second: new Stack(app, 'AppStandby', { env: { account, region }, crossRegionReferences }),
    };
  }

  it('creates a second refresher in the given stack, and exposes it', () => {
    const { first, second } = twoStacks();

    const refresher = refresherIn(first, { stack: second, pageTopics: [new Topic(second, 'OnCall')] });

    expect(refresher.standby?.serviceName).toBe(`${refresher.serviceName}-standby`);
    expect(refresher.standby?.pages.map(({ node }) => node.id)).toEqual(['RefreshSilent']);
    expect(refresher.standby?.watchFunction).toBeUndefined();
    expect(scheduleOf(second)).toBe('cron(13 2/4 * * ? *)');
    expect(metadataOf(first).other).toMatchObject({ region: 'us-west-2', stackName: 'AppStandby' });
  });

  it('finds the replica of a secret that the app creates by a reference across regions', () => {
    const { first, second } = twoStacks();
    const created = new Secret(first, 'Key', {
      secretName: 'runpod/key',
      replicaRegions: [{ region: 'us-west-2' }],
    });

    refresherIn(first, { stack: second }, created);

    expect(() => Template.fromStack(second)).not.toThrow();
    expect(second.dependencies).toContain(first);
  });

  it.each<[string, (scope: Stack) => ISecret, string]>([
    [
      'an ARN that is a parameter',
      (scope) => Secret.fromSecretCompleteArn(scope, 'Key', new CfnParameter(scope, 'Arn').valueAsString),
      'us-west-2',
    ],
    [
      'an ARN with a token for the account',
      (scope) =>
        Secret.fromSecretCompleteArn(
          scope,
          'Key',
          `arn:aws:secretsmanager:us-east-1:${Aws.ACCOUNT_ID}:secret:runpod/key-AbCdEf`,
        ),
      'us-west-2:<AWS::AccountId>:secret:runpod/key-AbCdEf',
    ],
  ])('reads the replica of a secret with %s by its whole ARN', (_, import_, expected) => {
    const { first, second } = twoStacks();

    refresherIn(first, { stack: second }, import_(first));

    const [resource] = permissionsOf(Template.fromStack(second)).filter((line) =>
      line.includes('secretsmanager:GetSecretValue'),
    );
    expect(resource).toContain(expected);
    expect(resource).not.toContain('??????');
  });

  it('reads the given replica for every target that shares the key', () => {
    const { first, second } = twoStacks();
    const key = Secret.fromSecretNameV2(first, 'Key', 'runpod/key');
    const runpodApiKey = Secret.fromSecretNameV2(second, 'Replica', 'runpod/other-key');

    new RunpodEcrRefresher(first, 'Pulls', {
      runpodApiKey: key,
      targets: [
        {
          name: 'prod',
          registryAuthName: 'prod',
          registry: RunpodRegistry.ecrPublic(),
          runpodApiKey: key,
        },
      ],
      standby: { stack: second, runpodApiKey },
    });

    expect(settingsOf(second).targets).toMatchObject([{ runpodApiKeySecretName: 'runpod/other-key' }]);
  });

  it('has a standby for each of several refreshers with the same id in one stack', () => {
    const { first, second } = twoStacks();

    const names = ['Prod', 'Test'].map((id) => {
      const team = new Construct(first, id);
      const { standby: created } = new RunpodEcrRefresher(team, 'Pulls', {
        runpodApiKey: Secret.fromSecretNameV2(team, 'Key', 'runpod/key'),
        targets: [{ name: 'all', registryAuthName: id, registry: RunpodRegistry.ecrPublic() }],
        standby: { stack: second },
      });
      return created?.node.id;
    });

    expect(names).toEqual(['Prod-Pulls', 'Test-Pulls']);
  });

  it('shortens the name of a refresher with a long path, so that the standby has a name too', () => {
    const { first, second } = twoStacks();
    const team = new Construct(first, 'x'.repeat(140));

    const { serviceName, standby: created } = new RunpodEcrRefresher(team, 'Pulls', {
      runpodApiKey: Secret.fromSecretNameV2(team, 'Key', 'runpod/key'),
      targets: [{ name: 'all', registryAuthName: 'all', registry: RunpodRegistry.ecrPublic() }],
      standby: { stack: second },
    });

    expect(serviceName.length).toBeLessThanOrEqual(120);
    expect(created?.serviceName).toBe(`${serviceName}-standby`);
  });

  it.each<[string, (stacks: TwoStacks) => Partial<RunpodEcrRefresherProps>, string]>([
    [
      'a topic of the first region',
      ({ first, second }) => ({ standby: { stack: second, pageTopics: [new Topic(first, 'Page')] } }),
      'standby.pageTopics[0]: expected a topic of us-west-2, the region of the stack; found one of us-east-1',
    ],
    [
      'a key of the first region',
      ({ first, second }) => ({
        standby: {
          stack: second,
          runpodApiKey: Secret.fromSecretCompleteArn(
            first,
            'Replica',
            'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod/key-AbCdEf',
          ),
        },
      }),
      'standby.runpodApiKey: expected an ARN of us-west-2',
    ],
    [
      'a name that has no room for the suffix',
      ({ second }) => ({ serviceName: 'x'.repeat(121), standby: { stack: second } }),
      'serviceName: expected at most 120 characters, because the standby adds "-standby"',
    ],
    [
      'a nested stack',
      ({ second }) => ({ standby: { stack: new NestedStack(second, 'Nested') } }),
      'standby.stack: expected a stack that is not nested',
    ],
    [
      'a key whose name CloudFormation makes up',
      ({ first, second }) => ({ runpodApiKey: new Secret(first, 'Own'), standby: { stack: second } }),
      'runpodApiKey: expected a resource with a name of its own, or crossRegionReferences: true in both stacks',
    ],
    [
      'a repository whose name CloudFormation makes up',
      ({ first, second }) => ({
        targets: [
          {
            name: 'all',
            registryAuthName: 'all',
            registry: RunpodRegistry.ecr({ repositories: [new Repository(first, 'Own')] }),
          },
        ],
        standby: { stack: second },
      }),
      'targets[0].registry.repositories[0]: expected a resource with a name of its own',
    ],
    [
      'a stack in which the id is taken',
      ({ second }) => {
        new Construct(second, 'Pulls');
        return { standby: { stack: second } };
      },
      'standby.stack: expected a stack without a construct "Pulls"',
    ],
  ])('refuses %s', (_, differences, message) => {
    const stacks = twoStacks('us-west-2', ENV.account, false);

    const thrown = thrownBy(
      () =>
        new RunpodEcrRefresher(stacks.first, 'Pulls', {
          runpodApiKey: Secret.fromSecretNameV2(stacks.first, 'Key', 'runpod/key'),
          targets: [{ name: 'all', registryAuthName: 'all', registry: RunpodRegistry.ecrPublic() }],
          ...differences(stacks),
        }),
    );

    expect(String(thrown)).toContain(`RunpodEcrRefresher App/Pulls has 1 mistake:\n  ${message}`);
  });

  it.each([
    ['of the same region', 'us-east-1', ENV.account, 'another region than us-east-1'],
    ['of another account', 'us-west-2', '210987654321', 'a stack of the account 123456789012'],
  ])('refuses a stack %s', (_, region, account, message) => {
    const { first, second } = twoStacks(region, account);

    const thrown = thrownBy(() => refresherIn(first, { stack: second }));

    expect(String(thrown)).toContain(`standby.stack: expected ${message}`);
  });
});

function scheduleOf(stack: Stack): unknown {
  const rules = Object.values(Template.fromStack(stack).findResources('AWS::Events::Rule'));
  return rules.map(({ Properties }) => Properties.ScheduleExpression).find((expression) => expression);
}

function metadataOf(stack: Stack) {
  const functions = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  return functions.map(({ Metadata }) => Metadata?.[METADATA_KEY]).find((found) => found);
}

function settingsOf(stack: Stack) {
  return metadataOf(stack).settings;
}

/** The names of the alarms that notify the topic of a severity. */
function alarmsFor(template: Template, severity: 'Pages' | 'Warnings'): string[] {
  return Object.values(template.findResources('AWS::CloudWatch::Alarm'))
    .filter(({ Properties }) => JSON.stringify(Properties.AlarmActions).includes(`Notifications${severity}`))
    .map(({ Properties }) => Properties.AlarmName.split('-').at(-1))
    .sort();
}
