/** The stack: composes the constructs and has no threshold, schedule or policy of its own. */

import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { RefresherSettings } from '../lambda/core/model';
import { Alarms } from './alarms';
import { checkRegions } from './config/regions';
import type { RefresherConfig } from './config/schema';
import { toSettings } from './config/settings';
import { RefresherDashboard } from './dashboard';
import { RunpodEcrDelegation } from './ecr-delegation';
import { FirstRefresh } from './first-refresh';
import { LogQueries } from './log-queries';
import { Notifications } from './notifications';
import { declareOutputs } from './outputs';
import { RefreshRetries } from './refresh-retries';
import { RefreshSchedule } from './refresh-schedule';
import { RefresherFunction } from './refresher-function';
import { SecretRotation, secretsOf } from './secret-rotation';

/** Properties of `RefresherStack`. */
export interface RefresherStackProps extends StackProps {
  readonly config: RefresherConfig;
}

/** Keeps Runpod's registry auths fresh with credentials of Amazon ECR. */
export class RefresherStack extends Stack {
  /** @throws ConfigError when the configuration needs more than one stack can hold, or another place */
  constructor(scope: Construct, id: string, { config, ...props }: RefresherStackProps) {
    super(scope, id, {
      stackName: config.stackName,
      description: "Keeps Runpod's container registry auths fresh with Amazon ECR credentials",
      tags: { application: 'runpod-ecr-credential-refresher' },
      ...props,
    });
    checkRegions(config, this.region);
    const settings = toSettings(config);
    const interval = Duration.hours(config.refreshIntervalHours);

    const refresher = new RefresherFunction(this, 'Refresher', { settings });
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
      mostTargetsOfOneKey: mostTargetsOfOneKey(settings),
      function: fn,
      timeout,
      retries,
      after: [refresher, schedule, retries.destination],
    });
    const alarms = new Alarms(this, 'Alarms', {
      service: settings.service,
      function: fn,
      timeout,
      rule: schedule.rule,
      interval,
      retryPause: retries.pause,
      deadLetterQueue: retries.deadLetterQueue,
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
    delegateRepositories(this, config);
    waitForFirstRefresh({ firstRefresh, retries, alarms });
    declareOutputs(this, { refresher, schedule, retries, dashboard });
  }
}

/**
 * A deployment must not ring. The silent alarm looks for the metric of the first refresh, which reaches CloudWatch
 * a minute or so after it: that long at least it takes Lambda to connect the retry queue, so the alarm waits for that.
 */
function waitForFirstRefresh(parts: {
  firstRefresh: FirstRefresh;
  retries: RefreshRetries;
  alarms: Alarms;
}): void {
  parts.retries.source.node.addDependency(parts.firstRefresh);
  parts.alarms.node.addDependency(parts.firstRefresh);
  parts.alarms.refreshSilent.node.addDependency(parts.retries.source);
}

function delegateRepositories(stack: Stack, config: RefresherConfig): void {
  const { restV2Url, delegationPrincipalArns: principalArns } = config.runpod;
  for (const {
    runpodApiKeySecretName = config.runpodApiKeySecretName,
    ...delegation
  } of config.delegations) {
    const { region = stack.region, repository } = delegation;
    const id = `Delegation:${region}:${repository}`;
    new RunpodEcrDelegation(stack, id, { ...delegation, runpodApiKeySecretName, principalArns, restV2Url });
  }
}

/** A key is an account at Runpod, and an account has one quota. */
function mostTargetsOfOneKey({ targets }: RefresherSettings): number {
  const counts = new Map<string, number>();
  for (const { runpodApiKeySecretName: key } of targets) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Math.max(...counts.values());
}
