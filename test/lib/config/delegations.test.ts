import { ConfigError } from '../../../lib/config/mistakes';
import { parseConfig } from '../../../lib/config/parse';
import { configJson, type Json } from './builder';

describe('delegations in a configuration', () => {
  it('accept one repository in two regions, another API key, and other principals', () => {
    const delegations = [
      { repository: 'team/my-app', name: 'prod' },
      { repository: 'team/my-app', region: 'us-west-2', runpodApiKeySecretName: 'runpod/team-b' },
    ];
    const runpod = { delegationPrincipalArns: ['arn:aws:iam::210987654321:role/pull'] };

    const config = parseConfig(JSON.stringify(configJson({ delegations, runpod })), 'test.json');

    expect(config.delegations).toEqual(delegations);
    expect(config.runpod).toMatchObject({ api: 'auto', ...runpod });
  });

  it.each<[string, Json, string]>([
    [
      'a repository that another delegation names',
      { delegations: [{ repository: 'my-app' }, { repository: 'my-app', runpodApiKeySecretName: 'other' }] },
      'delegations[1].repository: expected a repository that no other delegation names; found "my-app", as in delegations[0]',
    ],
    [
      'the ARN of a repository',
      { delegations: [{ repository: 'arn:aws:ecr:us-east-1:123456789012:repository/my-app' }] },
      'delegations[0].repository: expected the name of an ECR repository, such as team/worker, without registry host, tag or ARN; found "arn:aws:ecr:us-east-1:123456789012:repository/my-app"',
    ],
    [
      'an unknown key',
      { delegations: [{ repository: 'my-app', regoin: 'us-east-1' }] },
      'delegations[0].regoin: expected a known key, perhaps "region"; found an unknown key',
    ],
    [
      'more delegations than a role can hold',
      { delegations: Array.from({ length: 21 }, (_, index) => ({ repository: `app-${index}` })) },
      'delegations: expected at most 20 delegations; found a list of 21',
    ],
    [
      'no principal',
      { runpod: { delegationPrincipalArns: [] } },
      'runpod.delegationPrincipalArns: expected at least one role ARN; found a list of 0',
    ],
    [
      'a wildcard as principal',
      { runpod: { delegationPrincipalArns: ['*'] } },
      'runpod.delegationPrincipalArns[0]: expected a role\'s ARN, such as arn:aws:iam::210987654321:role/pull; found "*"',
    ],
  ])('are refused with %s', (_, overrides, line) => {
    const parse = () => parseConfig(JSON.stringify(configJson(overrides)), 'test.json');

    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(line);
  });
});
