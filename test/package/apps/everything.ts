/**
 * A user's app that uses the whole public surface. The tests compile it as CommonJS and as an ES module.
 *
 * @param argv - the directory of the cloud assembly, and a configuration file
 */

import { App, Duration, Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { Role } from 'aws-cdk-lib/aws-iam';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import {
  FirstRefreshMode,
  RefresherStack,
  RunpodApi,
  RunpodEcrDelegation,
  RunpodEcrRefresher,
  type RunpodEcrRefresherProps,
  RunpodRegistry,
  type RunpodTarget,
  VerifyMode,
} from 'runpod-ecr-credential-refresher';

const [outdir = 'cdk.out', configFile = 'refresher.config.json'] = process.argv.slice(2);
const env = { account: '123456789012', region: 'us-east-1' };
const app = new App({ outdir });

const stack = new Stack(app, 'Everything', { env });
const repository = new Repository(stack, 'Repository');
const key = new Secret(stack, 'Key');
const login = Secret.fromSecretNameV2(stack, 'Login', 'registry/login');
const topic = new Topic(stack, 'Topic');

// Names that CloudFormation makes up: tokens at synth.
const prod: RunpodTarget = {
  name: 'prod',
  registryAuthName: 'ecr-prod',
  registry: RunpodRegistry.ecr({ repositories: [repository] }),
  verifyImageTag: 'v1',
};
const props: RunpodEcrRefresherProps = { runpodApiKey: key, targets: [prod], pageTopics: [topic] };
const refresher = new RunpodEcrRefresher(stack, 'Tokens', props);
refresher.metricRunSucceeded({ period: Duration.hours(6) }).createAlarm(stack, 'OwnAlarm', {
  threshold: 1,
  evaluationPeriods: refresher.pages.length > 0 ? 1 : 2,
});

new RunpodEcrRefresher(stack, 'AllRegistries', {
  runpodApiKey: key,
  targets: [
    {
      name: 'other-account',
      registryAuthId: 'clzdaifot0001l90809257ynb',
      registry: RunpodRegistry.ecr({
        repositories: [Repository.fromRepositoryName(stack, 'Imported', 'my-worker')],
        region: 'eu-west-1',
        role: Role.fromRoleArn(stack, 'Role', 'arn:aws:iam::210987654321:role/pull'),
        externalId: 'example',
      }),
      verify: VerifyMode.REQUIRED,
    },
    { name: 'ecr-public', registryAuthName: 'a', registry: RunpodRegistry.ecrPublic() },
    { name: 'hub', registryAuthName: 'b', registry: RunpodRegistry.dockerHub({ credential: login }) },
    { name: 'ghcr', registryAuthName: 'c', registry: RunpodRegistry.ghcr({ credential: login }) },
    {
      name: 'google',
      registryAuthName: 'd',
      registry: RunpodRegistry.googleArtifactRegistry({ location: 'europe-west3', credential: login }),
      verify: VerifyMode.OFF,
    },
    {
      name: 'harbor',
      registryAuthName: 'e',
      registry: RunpodRegistry.selfHosted({ url: 'https://registry.example.com:5000', credential: login }),
    },
  ],
  interval: Duration.hours(3),
  firstRefresh: FirstRefreshMode.ATTEMPT,
  runpodApi: RunpodApi.REST_V2,
  architecture: Architecture.X86_64,
  warningTopics: [topic],
  dashboard: false,
  pullWatch: { interval: Duration.minutes(30), ignore: ['ep_abc123'] },
});

new RunpodEcrDelegation(stack, 'Delegation', { repository, runpodApiKey: key });

RefresherStack.fromFile(app, configFile, { env });

app.synth();
