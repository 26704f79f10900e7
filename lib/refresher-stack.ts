/** The stack: composes the constructs and has no threshold, schedule or policy of its own. */

import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { RefresherConfig } from './config/schema';
import { toSettings } from './config/settings';
import { RefreshSchedule } from './refresh-schedule';
import { RefresherFunction } from './refresher-function';

/** Properties of `RefresherStack`. */
export interface RefresherStackProps extends StackProps {
  readonly config: RefresherConfig;
}

/** Keeps Runpod's registry auths fresh with credentials of Amazon ECR. */
export class RefresherStack extends Stack {
  /** @throws ConfigError when the configuration needs more than one stack can hold */
  constructor(scope: Construct, id: string, { config, ...props }: RefresherStackProps) {
    super(scope, id, {
      stackName: config.stackName,
      description: "Keeps Runpod's container registry auths fresh with Amazon ECR credentials",
      tags: { application: 'runpod-ecr-credential-refresher' },
      ...props,
    });
    const refresher = new RefresherFunction(this, 'Refresher', { settings: toSettings(config) });
    new RefreshSchedule(this, 'Schedule', {
      function: refresher.function,
      interval: Duration.hours(config.refreshIntervalHours),
    });

    new CfnOutput(this, 'FunctionName', {
      description: 'Invoke it to refresh by hand',
      value: refresher.function.functionName,
    });
    new CfnOutput(this, 'LogGroupName', {
      description: 'What every run did, as JSON',
      value: refresher.logGroup.logGroupName,
    });
  }
}
