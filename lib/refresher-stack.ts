import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { OutputName } from '../lambda/core/contract';
import type { RefresherSettings } from '../lambda/core/model';
import { Alarms } from './alarms';
import { checkConfig } from './config/parse';
import { checkRegions } from './config/regions';
import type { RefresherConfig } from './config/schema';
import { toSettings } from './config/settings';
import { RefresherDashboard } from './dashboard';
import { RunpodEcrDelegation } from './ecr-delegation';
import { FirstRefresh } from './first-refresh';
import { LogQueries } from './log-queries';
import { Notifications } from './notifications';
import { RefreshRetries } from './refresh-retries';
import { RefreshSchedule } from './refresh-schedule';
import { RefresherFunction } from './refresher-function';
import { SecretRotation, secretsOf } from './secret-rotation';
import { warnOfHostsInNames, warnOfPartialArns } from './warnings';

const ARCHITECTURES = { arm64: Architecture.ARM_64, x86_64: Architecture.X86_64 } as const;

/** Properties of `RefresherStack`. `stackName` comes from the configuration. */
export interface RefresherStackProps extends StackProps {
  /** The configuration with every default filled in, as `loadConfig` returns it. */
  readonly config: RefresherConfig;
}

/**
 * Keeps Runpod's registry auths fresh with the credentials of container registries.
 *
 * @example
 * const config = loadConfig(app.node);
 * new RefresherStack(app, config.stackName, { config });
 */
export class RefresherStack extends Stack {
  /**
   * @throws ConfigError when the configuration has mistakes, when one IAM role cannot hold the permissions for all
   *   targets, when an ARN is of another region than the stack, or when the region of a delegation is unknown
   */
  constructor(scope: Construct, id: string, { config, ...props }: RefresherStackProps) {
    super(scope, id, {
      stackName: config.stackName,
      description: "Keeps Runpod's container registry auths fresh with Amazon ECR credentials",
      tags: { application: 'runpod-ecr-credential-refresher' },
      ...props,
    });
    checkConfig(config, 'The configuration');
    checkRegions(config, this.region);
    const settings = toSettings(config);
    warnOfPartialArns(this, secretsOf(settings));
    warnOfHostsInNames(
      this,
      settings.targets.flatMap(({ registry }) => (registry.type === 'ecr' ? registry.repositories : [])),
    );
    const architecture = ARCHITECTURES[config.architecture];
    const interval = Duration.hours(config.refreshIntervalHours);

    const refresher = new RefresherFunction(this, 'Refresher', { settings, architecture });
    const { function: fn, role, timeout } = refresher;
    const schedule = new RefreshSchedule(this, 'Schedule', { function: fn, interval });
    new SecretRotation(this, 'SecretRotation', {
      function: fn,
      secrets: secretsOf(settings),
      undeliveredQueue: schedule.undeliveredQueue,
    });
    const retries = new RefreshRetries(this, 'Retries', { function: fn, role, timeout, interval });
    const firstRefresh = new FirstRefresh(this, 'FirstRefresh', {
      mode: config.firstRefresh,
      maxTargetsPerKey: maxTargetsPerKey(settings),
      function: fn,
      codeHash: refresher.codeHash,
      interval,
      timeout,
      retries,
      after: [refresher, schedule, retries.destination],
    });
    const alarms = new Alarms(this, 'Alarms', {
      service: settings.service,
      function: fn,
      timeout,
      interval,
      retryInterval: retries.retryInterval,
      successWithin: firstRefresh.successWithin,
      deadLetterQueue: retries.deadLetterQueue,
      undeliveredQueue: schedule.undeliveredQueue,
      minCredentialMinutes: settings.minCredentialMinutes,
      apiKeyMaxAgeDays: config.alarms.apiKeyMaxAgeDays,
      notifications: new Notifications(this, 'Notifications', { recipients: config.alarms }),
      runbook: config.alarms.runbookUrl,
    });
    const dashboard = new RefresherDashboard(this, 'Overview', {
      service: settings.service,
      function: fn,
      logGroup: refresher.logGroup,
      retryQueue: retries.queue,
      deadLetterQueue: retries.deadLetterQueue,
      undeliveredQueue: schedule.undeliveredQueue,
      alarms,
      interval,
    });
    new LogQueries(this, 'LogQueries', { logGroup: refresher.logGroup });
    delegateRepositories(this, config, architecture);
    waitForFirstRefresh({ firstRefresh, retries, alarms });
    declareOutputs(this, {
      FunctionName: [fn.functionName, 'The function; invoke it to refresh by hand'],
      LogGroupName: [refresher.logGroup.logGroupName, 'The log of every run, as JSON lines'],
      RuleName: [schedule.rule.ruleName, 'The rule that invokes the function on a schedule'],
      RetryQueueUrl: [retries.queue.queueUrl, 'Failed runs that will be retried'],
      DeadLetterQueueUrl: [retries.deadLetterQueue.queueUrl, 'Failed runs that are no longer retried'],
      UndeliveredQueueUrl: [schedule.undeliveredQueue.queueUrl, 'Events that never reached the function'],
      DashboardUrl: [dashboard.url, 'The dashboard for the person on call'],
    });
  }
}

/** Declares the stack's outputs: value and description of each. The runbook's commands read them. */
function declareOutputs(
  stack: Stack,
  outputs: Readonly<Record<OutputName, readonly [value: string, description: string]>>,
): void {
  for (const [name, [value, description]] of Object.entries(outputs)) {
    new CfnOutput(stack, name, { value, description });
  }
}

/**
 * Creates and changes the alarms after the first refresh, so that a deployment sets no alarm off.
 *
 * `RefreshSilent` is the last of them, so that the metric of the first refresh has some time to reach CloudWatch. In a
 * new stack the alarm's warm-up gives it the rest of the time.
 */
function waitForFirstRefresh(parts: {
  firstRefresh: FirstRefresh;
  retries: RefreshRetries;
  alarms: Alarms;
}): void {
  parts.retries.eventSource.node.addDependency(parts.firstRefresh);
  parts.alarms.node.addDependency(parts.firstRefresh);
  parts.alarms.refreshSilent.node.addDependency(parts.retries.eventSource);
}

function delegateRepositories(stack: Stack, config: RefresherConfig, architecture: Architecture): void {
  const { restV2Url, delegationPrincipalArns: principalArns } = config.runpod;
  const { additionalRegions } = config;
  const shared = { principalArns, restV2Url, architecture, additionalRegions };
  for (const {
    runpodApiKeySecretName = config.runpodApiKeySecretName,
    ...delegation
  } of config.delegations) {
    const { region = stack.region, repository } = delegation;
    const id = `Delegation:${region}:${repository}`;
    new RunpodEcrDelegation(stack, id, { ...delegation, ...shared, runpodApiKeySecretName });
  }
}

/** Returns the largest number of targets with the same API key. Each key is one Runpod account with one rate limit. */
function maxTargetsPerKey({ targets }: RefresherSettings): number {
  const counts = new Map<string, number>();
  for (const { runpodApiKeySecretName: key } of targets) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Math.max(...counts.values());
}
