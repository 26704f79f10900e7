/** A CDK app that keeps one Runpod registry auth fresh with ECR credentials, and pages a person when it cannot. */

import { App, Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { RunpodEcrRefresher, RunpodRegistry } from 'runpod-ecr-credential-refresher';

const app = new App();
const stack = new Stack(app, 'RunpodPulls');

// The images of the workers. Repository.fromRepositoryName imports a repository that exists.
const repository = new Repository(stack, 'Workers');

// The Runpod API key. Store it in Secrets Manager under this name before you deploy.
const runpodApiKey = Secret.fromSecretNameV2(stack, 'RunpodApiKey', 'runpod/api-key');

const pages = new Topic(stack, 'Pages');
pages.addSubscription(new EmailSubscription('oncall@example.com'));

new RunpodEcrRefresher(stack, 'Refresher', {
  runpodApiKey,
  targets: [
    {
      name: 'prod',
      // The registry auth at Runpod. It is created when it does not exist.
      registryAuthName: 'ecr-prod',
      registry: RunpodRegistry.ecr({ repositories: [repository] }),
    },
  ],
  pageTopics: [pages],
});

app.synth();
