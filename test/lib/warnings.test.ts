import { App, Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { RunpodEcrDelegation } from '../../lib/ecr-delegation';
import { config, type Json, targetJson } from './config/builder';
import { stackOf, warningsOf } from './synthesise';

const ENV = { account: '123456789012', region: 'us-east-1' };
const ARN = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:';

const warningsFor = (overrides: Json) => warningsOf(stackOf(config(overrides), ENV));

describe('warnOfPartialArns', () => {
  const message = (name: string, end: string) =>
    `${ARN}${name} may lack the six characters that Secrets Manager adds to a name, because it ends in "-${end}". In that case the function may not read the secret "${name}". Write the name "${name}", or the full ARN as this command prints it: aws secretsmanager describe-secret --secret-id ${name} --region us-east-1 --query ARN --output text [ack: runpod-ecr-credential-refresher:partialSecretArn]`;

  it('warns once of an ARN that ends in a word of six letters, wherever it is used', () => {
    const runpodApiKeySecretName = `${ARN}runpod/my-secret`;
    const targets = [targetJson({ runpodApiKeySecretName })];
    const delegations = [{ repository: 'my-app' }];

    expect(warningsFor({ runpodApiKeySecretName, targets, delegations })).toEqual([
      message('runpod/my-secret', 'secret'),
    ]);
  });

  it.each([
    ['key-prod01', 'prod01'],
    ['my-Docker', 'Docker'],
    ['MY-APIKEY', 'APIKEY'],
    ['key-202611', '202611'],
  ])("warns of a registry's secret %s", (name, end) => {
    const registry = { type: 'ghcr', credentialSecretName: `${ARN}${name}` };

    expect(warningsFor({ targets: [targetJson({ registry })] })).toEqual([message(name, end)]);
  });

  it.each([`${ARN}my-secret-AbCdEf`, `${ARN}key-a1B2c3`, `${ARN}key-x7kq2m`, 'my-secret'])(
    'does not warn of %s',
    (runpodApiKeySecretName) => {
      expect(warningsFor({ runpodApiKeySecretName })).toEqual([]);
    },
  );

  it('warns of the secret of a delegation', () => {
    const stack = new Stack(new App(), 'Stack', { env: ENV });

    new RunpodEcrDelegation(stack, 'A', {
      repository: Repository.fromRepositoryName(stack, 'Repository', 'my-app'),
      runpodApiKey: Secret.fromSecretCompleteArn(stack, 'Key', `${ARN}my-secret`),
    });

    expect(warningsOf(stack)).toEqual([message('my-secret', 'secret')]);
  });
});

describe('warnOfHostsInNames', () => {
  it('warns of a repository in ECR that begins with the host of another registry', () => {
    const registry = { type: 'ecr', repositories: ['worker', 'ghcr.io/acme/worker'] };

    expect(warningsFor({ targets: [targetJson({ registry })] })).toEqual([
      'The ECR repository "ghcr.io/acme/worker" begins with the host of another registry. If it is not a copy in ECR, it permits nothing: an image of ghcr.io needs a target of its own, with "type": "ghcr". [ack: runpod-ecr-credential-refresher:hostInRepositoryName]',
    ]);
  });
});
