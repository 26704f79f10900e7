import { checkRegions } from '../../../lib/config/regions';
import { stackOf } from '../synthesise';
import { config, type Json, targetJson } from './builder';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:oncall';
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-a1b2c3';

describe('checkRegions', () => {
  it.each<[string, Json, string]>([
    ['a topic', { alarms: { topicArns: [TOPIC] } }, 'alarms.topicArns[0]'],
    ['a topic for warnings', { alarms: { warningTopicArns: [TOPIC] } }, 'alarms.warningTopicArns[0]'],
    ['the secret of the API key', { runpodApiKeySecretName: SECRET }, 'runpodApiKeySecretName'],
    [
      'the secret of a target',
      { targets: [targetJson({ runpodApiKeySecretName: SECRET })] },
      'targets[0].runpodApiKeySecretName',
    ],
    [
      "a registry's secret",
      { targets: [targetJson({ registry: { type: 'ghcr', credentialSecretName: SECRET } })] },
      'targets[0].registry.credentialSecretName',
    ],
    [
      'the secret of a delegation',
      { delegations: [{ repository: 'my-app', runpodApiKeySecretName: SECRET }] },
      'delegations[0].runpodApiKeySecretName',
    ],
  ])('refuses %s in another region than the stack', (_, overrides, path) => {
    const settings = config(overrides);

    expect(() => checkRegions(settings, 'us-east-1')).toThrow(
      `${path}: expected an ARN of us-east-1, the region of the stack; found one of eu-west-1`,
    );
    expect(() => checkRegions(settings, 'eu-west-1')).not.toThrow();
  });

  it('refuses two delegations of a repository when one of them does not name the stack’s region', () => {
    const settings = config({
      delegations: [{ repository: 'my-app' }, { repository: 'my-app', region: 'us-east-1' }],
    });

    expect(() => checkRegions(settings, 'us-east-1')).toThrow(
      'delegations[1].repository: expected a repository that no other delegation names; found my-app in us-east-1, as in delegations[0]',
    );
    expect(() => checkRegions(settings, 'eu-west-1')).not.toThrow();
  });

  it('requires only a region for each delegation when the region of the stack is unknown', () => {
    const nowhere = stackOf(config()).region;
    const settings = config({ alarms: { topicArns: [TOPIC] }, delegations: [{ repository: 'my-app' }] });

    expect(() => checkRegions(settings, nowhere)).toThrow(/has 1 mistake:\n {2}delegations\[0\]\.region/);
  });

  describe('in a partition other than aws', () => {
    const ecrPublic = { targets: [targetJson({ registry: { type: 'ecr-public' } })] };
    const inRegion = {
      targets: [targetJson({ registry: { type: 'ecr', repositories: ['worker'], region: 'us-east-1' } })],
    };
    const roleArn = 'arn:aws:iam::210987654321:role/pull';
    const withRole = {
      targets: [targetJson({ registry: { type: 'ecr', repositories: ['worker'], roleArn } })],
    };
    const publicOnly =
      'another type of registry, because ECR Public has logins only for accounts of the partition aws';
    const runpodIsInAws =
      'a region of the partition aws, because the roles of Runpod in "delegationPrincipalArns" are in it';

    it.each<[string, string, Json, string]>([
      [
        'ECR Public',
        'cn-north-1',
        ecrPublic,
        `targets[0].registry.type: expected ${publicOnly}; found "ecr-public" in a stack of aws-cn`,
      ],
      [
        'ECR Public',
        'us-gov-west-1',
        ecrPublic,
        `targets[0].registry.type: expected ${publicOnly}; found "ecr-public" in a stack of aws-us-gov`,
      ],
      [
        'a registry of another partition',
        'cn-north-1',
        inRegion,
        'targets[0].registry.region: expected a region of aws-cn, the partition of the stack; found one of aws',
      ],
      [
        'a role of another partition',
        'cn-north-1',
        withRole,
        'targets[0].registry.roleArn: expected a role of aws-cn, the partition of the stack; found one of aws',
      ],
      [
        'a delegation in the region of the stack',
        'us-gov-west-1',
        { delegations: [{ repository: 'my-app' }] },
        `delegations[0].repository: expected ${runpodIsInAws}; found us-gov-west-1 of aws-us-gov`,
      ],
    ])('refuses %s in %s', (_, region, overrides, line) => {
      const settings = config({ ...overrides, alarms: {} });

      expect(() => checkRegions(settings, region)).toThrow(line);
      expect(() => checkRegions(settings, 'us-east-1')).not.toThrow();
    });

    it('refuses a delegation in such a region when the region of the stack is unknown', () => {
      const settings = config({ delegations: [{ repository: 'my-app', region: 'cn-north-1' }] });

      expect(() => checkRegions(settings, stackOf(config()).region)).toThrow(
        `delegations[0].region: expected ${runpodIsInAws}; found cn-north-1 of aws-cn`,
      );
    });

    it('accepts a delegation to roles of that partition', () => {
      const settings = config({
        delegations: [{ repository: 'my-app' }],
        runpod: { delegationPrincipalArns: ['arn:aws-cn:iam::210987654321:role/pull'] },
      });

      expect(() => checkRegions(settings, 'cn-north-1')).not.toThrow();
      expect(() => checkRegions(settings, 'us-east-1')).toThrow('found us-east-1 of aws');
    });

    it('refuses an ARN whose partition is not that of its region', () => {
      const settings = config({ alarms: { topicArns: ['arn:aws:sns:cn-north-1:123456789012:oncall'] } });

      expect(() => checkRegions(settings, 'cn-north-1')).toThrow(
        'alarms.topicArns[0]: expected an ARN that begins with arn:aws-cn:, as those of cn-north-1 do; found arn:aws:',
      );
    });
  });

  it('runs when a stack is created', () => {
    const settings = config({ alarms: { topicArns: [TOPIC] } });

    expect(() => stackOf(settings, { account: '123456789012', region: 'us-east-1' })).toThrow('topicArns[0]');
  });
});
