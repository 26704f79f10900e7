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

  it('runs when a stack is created', () => {
    const settings = config({ alarms: { topicArns: [TOPIC] } });

    expect(() => stackOf(settings, { account: '123456789012', region: 'us-east-1' })).toThrow('topicArns[0]');
  });
});
