import { parseConfig } from '../../../lib/config/parse';
import { configJson, type Json, targetJson } from './builder';
import { mistakesIn } from './mistakes-in';

const ACCOUNT = '123456789012';

describe('an AWS region that does not exist', () => {
  const secret = `arn:aws:secretsmanager:us-esat-1:${ACCOUNT}:secret:key-a1B2c3`;
  const topic = `arn:aws:sns:us-esat-1:${ACCOUNT}:oncall`;
  const fix = 'Write "us-east-1", or list a new region in "additionalRegions".';
  const region = `expected an AWS region, such as us-east-1; found "us-esat-1". ${fix}`;
  const arn = `expected an ARN of an AWS region, such as us-east-1; found one of "us-esat-1". ${fix}`;

  it.each<[string, Json, string]>([
    [
      'targets[0].registry.region',
      { targets: [targetJson({ registry: { type: 'ecr', repositories: ['worker'], region: 'us-esat-1' } })] },
      region,
    ],
    ['delegations[0].region', { delegations: [{ repository: 'worker', region: 'us-esat-1' }] }, region],
    ['alarms.topicArns[0]', { alarms: { topicArns: [topic] } }, arn],
    ['alarms.warningTopicArns[0]', { alarms: { warningTopicArns: [topic] } }, arn],
    ['runpodApiKeySecretName', { runpodApiKeySecretName: secret }, arn],
    ['targets[0].runpodApiKeySecretName', { targets: [targetJson({ runpodApiKeySecretName: secret })] }, arn],
    [
      'targets[0].registry.credentialSecretName',
      { targets: [targetJson({ registry: { type: 'ghcr', credentialSecretName: secret } })] },
      arn,
    ],
    [
      'delegations[0].runpodApiKeySecretName',
      { delegations: [{ repository: 'worker', runpodApiKeySecretName: secret }] },
      arn,
    ],
  ])('is refused at %s, with the nearest one to paste', (path, overrides, message) => {
    expect(mistakesIn(configJson(overrides))).toEqual([`${path}: ${message}`]);
  });

  it('is refused without a proposal when no region resembles it', () => {
    const delegations = [{ repository: 'worker', region: 'moon-farside-1' }];

    expect(mistakesIn(configJson({ delegations }))).toEqual([
      'delegations[0].region: expected an AWS region, such as us-east-1; found "moon-farside-1". If it is new, list it in "additionalRegions".',
    ]);
  });

  it('is accepted when additionalRegions lists it', () => {
    const input = configJson({
      additionalRegions: ['us-esat-1'],
      delegations: [{ repository: 'worker', region: 'us-esat-1' }],
      runpodApiKeySecretName: secret,
      alarms: { topicArns: [topic] },
    });

    expect(parseConfig(JSON.stringify(input), 'test.json').additionalRegions).toEqual(['us-esat-1']);
  });

  it('is refused in an ARN also when it resembles none', () => {
    const topicArns = [`arn:aws:sns:mars:${ACCOUNT}:oncall`];

    expect(mistakesIn(configJson({ alarms: { topicArns } }))).toEqual([
      expect.stringContaining('alarms.topicArns[0]: expected the ARN of a standard SNS topic'),
    ]);
  });

  it('is refused in additionalRegions when it cannot be a region', () => {
    expect(mistakesIn(configJson({ additionalRegions: ['us east'] }))).toEqual([
      'additionalRegions[0]: expected an AWS region, such as us-east-1; found "us east"',
    ]);
  });
});
