import { Annotations, CfnResource, Duration, Names, Stack } from 'aws-cdk-lib';
import { type Alarm, type Dashboard, Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IRule } from 'aws-cdk-lib/aws-events';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  METADATA_KEY,
  METRIC_NAMESPACE,
  type OtherRefresher,
  type RefresherMetadata,
  STANDBY_SUFFIX,
} from '../lambda/core/contract';
import type { PullWatchSettings, RefresherSettings } from '../lambda/core/model';
import { Alarms } from './alarms';
import type { RefresherConfig } from './config/schema';
import { RefresherDashboard } from './dashboard';
import { DashboardAddress } from './dashboard-address';
import { FirstRefresh } from './first-refresh';
import { LogQueries } from './log-queries';
import type { Peer } from './peer';
import { PullWatch } from './pull-watch';
import { RefreshRetries } from './refresh-retries';
import { RefreshSchedule } from './refresh-schedule';
import type { Runbook } from './refresher-alarm';
import { RefresherFunction } from './refresher-function';
import { checkProps, MAX_SERVICE_NAME } from './refresher-props';
import type { RunpodEcrRefresherProps } from './runpod-ecr-refresher-props';
import { SecretRotation } from './secret-rotation';
import { standbyId, standbyProps } from './standby';
import { warnOfHostsInNames, warnOfPartialArns } from './warnings';

/** CloudWatch's period for the metrics that this construct returns, unless another is asked for. */
const METRIC_PERIOD = Duration.hours(1);

/**
 * Keeps Runpod's registry auths fresh with the credentials of container registries, and notifies a person in time when
 * it cannot.
 *
 * It creates a rule, a function with a role that may pull the named repositories and nothing else, retries, a watch that
 * sees whether workers can pull, alarms, and a dashboard. A stack can have several.
 *
 * @example
 * const refresher = new RunpodEcrRefresher(this, 'RunpodPulls', {
 *   runpodApiKey: Secret.fromSecretNameV2(this, 'RunpodKey', 'runpod/api-key'),
 *   targets: [{
 *     name: 'prod',
 *     registryAuthName: 'ecr-prod',
 *     registry: RunpodRegistry.ecr({ repositories: [repository] }),
 *     verifyImageTag: 'v1',
 *   }],
 *   pageTopics: [topic],
 * });
 */
export class RunpodEcrRefresher extends Construct {
  /** The function that refreshes the credentials. Invoke it with `{}` to refresh by hand. */
  readonly function: IFunction;
  /**
   * Role of the function. For a registry with a `role`, the trust policy of that role must name this one
   * and `watchRole`.
   */
  readonly role: IRole;
  /** The function's log: JSON lines, kept for a month. */
  readonly logGroup: ILogGroup;
  /** The rule that invokes the function on schedule. */
  readonly rule: IRule;
  /** Failed runs that will be retried. */
  readonly retryQueue: IQueue;
  /** Runs that failed and are no longer retried. */
  readonly deadLetterQueue: IQueue;
  /** Events that no rule could deliver to the function. */
  readonly undeliveredQueue: IQueue;
  /** All alarms, pages first. */
  readonly alarms: Alarm[];
  /** The alarms that page a person. */
  readonly pages: Alarm[];
  /** The alarms that can wait until morning. */
  readonly warnings: Alarm[];
  /** The function that looks whether workers can pull, unless it was left out. */
  readonly watchFunction?: IFunction;
  /** Role of the watch, unless it was left out. It pulls what `role` pulls, so a trust policy must name both. */
  readonly watchRole?: IRole;
  /** The log of the watch, unless it was left out. */
  readonly watchLogGroup?: ILogGroup;
  /** The dashboard, unless it was left out. */
  readonly dashboard?: Dashboard;
  /** Address of the dashboard in the AWS console, unless it was left out. */
  readonly dashboardUrl?: string;
  /** The second refresher, in another region, if there is one. */
  readonly standby?: RunpodEcrRefresher;
  /** Name of the refresher: the value of the metrics' dimension `service`, and the beginning of the alarms' names. */
  readonly serviceName: string;

  /**
   * @throws ConfigError when a property has a mistake, when one IAM role cannot hold the permissions for all targets, or
   *   when more names are tokens than a function's environment holds
   */
  constructor(scope: Construct, id: string, props: RunpodEcrRefresherProps) {
    super(scope, id);
    const { config, settings, resources, peer } = checkProps(this, props, this.#nameFromPath(props));
    const secrets = [...resources.apiKeys, ...resources.credentials];
    warnOfPartialArns(this, secrets);
    warnOfHostsInNames(
      this,
      settings.targets.flatMap(({ registry }) => (registry.type === 'ecr' ? registry.repositories : [])),
    );
    const interval = Duration.hours(config.refreshIntervalHours);

    const { architecture = Architecture.ARM_64 } = props;
    const refresher = new RefresherFunction(this, 'Refresher', { settings, resources, architecture });
    const { function: fn, role, timeout } = refresher;
    const schedule = new RefreshSchedule(this, 'Schedule', { function: fn, interval, side: peer?.side });
    new SecretRotation(this, 'SecretRotation', {
      function: fn,
      secrets,
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
      after: [refresher, schedule, retries.destination, ...this.#ownRoles(props)],
    });
    const watch =
      config.pullWatch.mode === 'off'
        ? undefined
        : new PullWatch(this, 'PullWatch', {
            settings,
            pullWatch: pullWatchSettings(config),
            resources,
            architecture,
          });
    const address =
      props.dashboard === false
        ? undefined
        : new DashboardAddress(this, 'DashboardAddress', settings.service);
    const runbook = runbookPlace(config.alarms.runbookUrl, address);
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
      watchInterval: watch?.interval,
      other: peer,
      actions: { page: actionsOf(props.pageTopics), warning: actionsOf(props.warningTopics) },
      runbook,
    });
    const dashboard =
      address === undefined
        ? undefined
        : new RefresherDashboard(this, 'Overview', {
            address,
            hasRunbook: config.alarms.runbookUrl === undefined,
            service: settings.service,
            function: fn,
            rule: schedule.rule,
            logGroup: refresher.logGroup,
            retryQueue: retries.queue,
            deadLetterQueue: retries.deadLetterQueue,
            undeliveredQueue: schedule.undeliveredQueue,
            alarms,
            interval,
            watch,
          });
    new LogQueries(this, 'LogQueries', {
      service: settings.service,
      logGroup: refresher.logGroup,
      watchLogGroup: watch?.logGroup,
    });
    waitForFirstRefresh({ firstRefresh, retries, alarms });
    this.#warnOfNobody(props.pageTopics, peer);

    this.function = fn;
    this.role = role;
    this.logGroup = refresher.logGroup;
    this.rule = schedule.rule;
    this.retryQueue = retries.queue;
    this.deadLetterQueue = retries.deadLetterQueue;
    this.undeliveredQueue = schedule.undeliveredQueue;
    this.alarms = [...alarms.all];
    this.pages = [...alarms.pages];
    this.warnings = [...alarms.warnings];
    this.serviceName = settings.service;
    if (address && dashboard) {
      this.dashboard = dashboard.dashboard;
      this.dashboardUrl = address.url;
    }
    if (watch) {
      this.watchFunction = watch.function;
      this.watchRole = watch.role;
      this.watchLogGroup = watch.logGroup;
    }
    if (props.standby) {
      const options = standbyProps(this, props, props.standby, settings.service);
      this.standby = new RunpodEcrRefresher(props.standby.stack, standbyId(this), options);
    }
    this.#describe(
      { ...refresher.settingsFile, ...(watch && { pullWatch: pullWatchSettings(config) }) },
      peer,
    );
  }

  /** A metric of this refresher: for example `RunSucceeded`. By default its sum over an hour. */
  metric(metricName: string, options: MetricOptions = {}): Metric {
    const dimensionsMap = { service: this.serviceName };
    return new Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap,
      statistic: 'Sum',
      period: METRIC_PERIOD,
      ...options,
    });
  }

  /** Full runs that refreshed every target. By default the sum over an hour. */
  metricRunSucceeded(options?: MetricOptions): Metric {
    return this.metric('RunSucceeded', options);
  }

  /** Targets that were refreshed. By default the sum over an hour. */
  metricTargetsRefreshed(options?: MetricOptions): Metric {
    return this.metric('TargetsRefreshed', options);
  }

  /** Targets that failed. By default the sum over an hour. */
  metricTargetsFailed(options?: MetricOptions): Metric {
    return this.metric('TargetsFailed', options);
  }

  /** Failures that no retry can fix. By default the sum over an hour. */
  metricOperatorActionNeeded(options?: MetricOptions): Metric {
    return this.metric('OperatorActionNeeded', options);
  }

  /** Targets that were written over another API than the preferred one. By default the sum over an hour. */
  metricFallbackRoute(options?: MetricOptions): Metric {
    return this.metric('FallbackRoute', options);
  }

  /** Least remaining life of a credential when it was written, in minutes. By default the minimum over an hour. */
  metricCredentialMinutesLeft(options?: MetricOptions): Metric {
    return this.metric('CredentialMinutesLeft', { statistic: 'Minimum', ...options });
  }

  /** Age of the oldest Runpod API key in days. By default the maximum over an hour. */
  metricApiKeyAgeDays(options?: MetricOptions): Metric {
    return this.metric('ApiKeyAgeDays', { statistic: 'Maximum', ...options });
  }

  /** Workloads whose own log says that a pull failed, in two looks in a row. By default the maximum over an hour. */
  metricPullsFailing(options?: MetricOptions): Metric {
    return this.metric('PullsFailing', { statistic: 'Maximum', ...options });
  }

  /** Workloads whose image cannot be pulled, in two looks in a row. By default the maximum over an hour. */
  metricImagesUnpullable(options?: MetricOptions): Metric {
    return this.metric('ImagesUnpullable', { statistic: 'Maximum', ...options });
  }

  #nameFromPath({ standby }: RunpodEcrRefresherProps): string {
    return Names.uniqueResourceName(this, {
      maxLength: standby ? MAX_SERVICE_NAME - STANDBY_SUFFIX.length : MAX_SERVICE_NAME,
      separator: '-',
      allowedSpecialCharacters: '-',
    });
  }

  /**
   * Returns the roles to assume that are constructs of this stack. Each includes its policies, such as those that
   * `grantPull` adds, and without these the first refresh cannot pull.
   */
  #ownRoles({ targets }: RunpodEcrRefresherProps): Construct[] {
    const roles = targets.flatMap(({ registry }) => registry._resources.role ?? []);
    return [...new Set<unknown>(roles)]
      .filter((role) => Construct.isConstruct(role))
      .filter((role) => Stack.of(role) === Stack.of(this));
  }

  #warnOfNobody(pageTopics: readonly ITopic[] | undefined, peer: Peer | undefined): void {
    if (pageTopics && pageTopics.length > 0) return;
    // An alarm can notify only topics of its own region.
    const [property, topicArns] =
      peer?.side === 'standby'
        ? ['standby.pageTopics', 'standby.topicArns']
        : ['pageTopics', 'alarms.topicArns'];
    Annotations.of(this).addWarningV2(
      'runpod-ecr-credential-refresher:nobodyIsPaged',
      `Nobody is paged when credentials are about to expire: give ${property}, or alarms.emails, alarms.httpsEndpoints or ${topicArns} in a configuration file.`,
    );
  }

  /** Writes into the template where the command line finds this refresher. */
  #describe(settings: object, peer: Peer | undefined): void {
    const resources = {
      FunctionName: logicalId(this.function),
      LogGroupName: logicalId(this.logGroup),
      RuleName: logicalId(this.rule),
      RetryQueueUrl: logicalId(this.retryQueue),
      DeadLetterQueueUrl: logicalId(this.deadLetterQueue),
      UndeliveredQueueUrl: logicalId(this.undeliveredQueue),
      ...(this.dashboard && { DashboardUrl: logicalId(this.dashboard) }),
      ...(this.watchFunction && { WatchFunctionName: logicalId(this.watchFunction) }),
      ...(this.watchLogGroup && { WatchLogGroupName: logicalId(this.watchLogGroup) }),
    };
    const metadata: RefresherMetadata = { settings, resources, ...(peer && { other: otherOf(peer) }) };
    resourceOf(this.function).addMetadata(METADATA_KEY, metadata);
  }
}

function otherOf({ side, region, stackName, service }: Peer): OtherRefresher {
  return { side, region, stackName, service };
}

function pullWatchSettings({ pullWatch: { ignore, intervalMinutes } }: RefresherConfig): PullWatchSettings {
  return { ignore, intervalMinutes };
}

function logicalId(construct: Construct | IFunction | ILogGroup | IRule | IQueue): string {
  return resourceOf(construct).logicalId;
}

function resourceOf({ node }: Pick<Construct, 'node'>): CfnResource {
  const resource = node.defaultChild;
  if (CfnResource.isCfnResource(resource)) return resource;
  throw new Error(`${node.path} is expected to be a CloudFormation resource.`);
}

/**
 * Returns where the alarms say that the runbook is. By default it is on the dashboard. Without a dashboard the alarms
 * name the file, because the package has no published address.
 */
function runbookPlace(url: string | undefined, dashboard: DashboardAddress | undefined): Runbook {
  if (url !== undefined) return { page: url };
  return { place: dashboard?.url ?? 'docs/runbook.md in the package runpod-ecr-credential-refresher' };
}

/** Returns one action for each topic. */
function actionsOf(topics: readonly ITopic[] = []): SnsAction[] {
  const byArn = new Map(topics.map((topic) => [topic.topicArn, topic]));
  return [...byArn.values()].map((topic) => new SnsAction(topic));
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
  for (const alarm of [parts.alarms.refreshSilent, parts.alarms.regionSilent]) {
    alarm?.node.addDependency(parts.retries.eventSource);
  }
}

/** Returns the largest number of targets with the same API key. Each key is one Runpod account with one rate limit. */
function maxTargetsPerKey({ targets }: RefresherSettings): number {
  const counts = new Map<string, number>();
  for (const { runpodApiKeySecretName: key } of targets) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Math.max(...counts.values());
}
