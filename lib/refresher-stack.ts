import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { type IRepository, Repository } from 'aws-cdk-lib/aws-ecr';
import { Role } from 'aws-cdk-lib/aws-iam';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { OutputName } from '../lambda/core/contract';
import { readConfigFile } from './config/load';
import { checkConfig } from './config/parse';
import { checkRegions } from './config/regions';
import type { RegistryConfig } from './config/registries';
import type { RefresherConfig, TargetConfig } from './config/schema';
import { RunpodEcrDelegation } from './ecr-delegation';
import { Notifications } from './notifications';
import { standbyName } from './peer';
import { RunpodEcrRefresher } from './runpod-ecr-refresher';
import { FirstRefreshMode, RunpodApi, type StandbyOptions } from './runpod-ecr-refresher-props';
import { RunpodRegistry } from './runpod-registry';
import { type RunpodTarget, VerifyMode } from './runpod-target';

const ARCHITECTURES = { arm64: Architecture.ARM_64, x86_64: Architecture.X86_64 } as const;

const FIRST_REFRESH = {
  require: FirstRefreshMode.REQUIRE,
  attempt: FirstRefreshMode.ATTEMPT,
  off: FirstRefreshMode.OFF,
} as const;

const VERIFY = {
  required: VerifyMode.REQUIRED,
  'best-effort': VerifyMode.BEST_EFFORT,
  off: VerifyMode.OFF,
} as const;

const APIS = {
  auto: RunpodApi.AUTO,
  'rest-v2': RunpodApi.REST_V2,
  'rest-v1': RunpodApi.REST_V1,
  graphql: RunpodApi.GRAPHQL,
} as const;

const DESCRIPTION = "Keeps Runpod's container registry auths fresh with Amazon ECR credentials";

const TAGS = { application: 'runpod-ecr-credential-refresher' };

/** Properties of `RefresherStack`. */
export interface RefresherStackProps extends StackProps {
  /** The content of a configuration file, as `JSON.parse` returns it. docs/configuration.md describes every key. */
  readonly config: { [key: string]: unknown };
}

/**
 * The stack of a configuration file: one `RunpodEcrRefresher` for its targets, one `RunpodEcrDelegation` for each of its
 * delegations, and topics for the recipients of its alarms. With a standby it creates the standby's stack too.
 *
 * @example
 * RefresherStack.fromFile(app, 'refresher.config.json');
 */
export class RefresherStack extends Stack {
  /**
   * Creates the stack of a configuration file. The file names the stack.
   *
   * @param path - relative to the working directory
   * @param props - for example the account and the region (`env`)
   * @throws ConfigError when the file cannot be read or has mistakes
   */
  static fromFile(scope: Construct, path: string, props?: StackProps): RefresherStack {
    const config = readConfigFile(path);
    return new RefresherStack(scope, config.stackName, { ...props, config });
  }

  /**
   * @throws ConfigError when the configuration has mistakes, when one IAM role cannot hold the permissions for all
   *   targets, when an ARN is of another region than the stack, or when the region of a delegation is unknown
   */
  constructor(scope: Construct, id: string, props: RefresherStackProps) {
    const { config: input, ...stackProps } = props;
    const config = checkConfig(input, 'The configuration');
    super(scope, id, {
      stackName: config.stackName,
      description: DESCRIPTION,
      tags: TAGS,
      ...stackProps,
    });
    checkRegions(config, this.region);
    const imports = new Imports(this);
    if (config.targets.length > 0) {
      const standby = config.standby && this.#addStandby(scope, id, { ...stackProps, config });
      const refresher = addRefresher(this, config, imports, standby);
      declareRefresherOutputs(this, refresher);
      if (refresher.standby) declareRefresherOutputs(Stack.of(refresher.standby), refresher.standby);
    }
    for (const delegation of config.delegations) addDelegation(this, config, delegation, imports);
  }

  /**
   * Creates the standby's stack, and the topics that its alarms notify. It has the properties of this stack, except
   * `notificationArns`, because CloudFormation refuses topics of another region.
   */
  #addStandby(
    scope: Construct,
    id: string,
    { config, notificationArns: _, ...shared }: StackProps & { readonly config: RefresherConfig },
  ): StandbyOptions {
    const { region, topicArns, warningTopicArns } = config.standby ?? {};
    const stack = new Stack(scope, standbyName(id), {
      tags: TAGS,
      ...shared,
      stackName: standbyName(this.stackName),
      description: `${DESCRIPTION}, as the standby of ${this.region}`,
      env: { account: this.account, region },
    });
    // On the first deployment each stack creates registry auths by name, so one stack waits for the other.
    stack.node.addDependency(this);
    const recipients = {
      ...config.alarms,
      topicArns: topicArns ?? [],
      warningTopicArns: warningTopicArns ?? [],
    };
    return { stack, ...topicsOf(new Notifications(stack, 'Notifications', { recipients })) };
  }
}

function topicsOf({ pageTopics, warningTopics }: Notifications) {
  return { pageTopics, warningTopics };
}

/** The id `Default` is not part of logical ids, so they are those of a stack without this construct. */
function addRefresher(
  stack: Stack,
  config: RefresherConfig,
  imports: Imports,
  standby: StandbyOptions | undefined,
): RunpodEcrRefresher {
  const { pageTopics, warningTopics } = new Notifications(stack, 'Notifications', {
    recipients: config.alarms,
  });
  return new RunpodEcrRefresher(stack, 'Default', {
    runpodApiKey: imports.secret(config.runpodApiKeySecretName),
    targets: config.targets.map((target) => targetOf(target, imports)),
    interval: Duration.hours(config.refreshIntervalHours),
    firstRefresh: FIRST_REFRESH[config.firstRefresh],
    pageTopics,
    warningTopics,
    runbookUrl: config.alarms.runbookUrl,
    pullWatch: {
      enabled: config.pullWatch.mode === 'auto',
      interval: Duration.minutes(config.pullWatch.intervalMinutes),
      ignore: config.pullWatch.ignore,
    },
    apiKeyMaxAge: Duration.days(config.alarms.apiKeyMaxAgeDays),
    architecture: ARCHITECTURES[config.architecture],
    additionalRegions: config.additionalRegions,
    runpodApi: APIS[config.runpod.api],
    restV2Url: config.runpod.restV2Url,
    restV1Url: config.runpod.restV1Url,
    graphqlUrl: config.runpod.graphqlUrl,
    ...(standby && { standby }),
  });
}

function declareRefresherOutputs(stack: Stack, refresher: RunpodEcrRefresher): void {
  declareOutputs(stack, {
    FunctionName: [refresher.function.functionName, 'The function; invoke it to refresh by hand'],
    LogGroupName: [refresher.logGroup.logGroupName, 'The log of every run, as JSON lines'],
    RuleName: [refresher.rule.ruleName, 'The rule that invokes the function on a schedule'],
    RetryQueueUrl: [refresher.retryQueue.queueUrl, 'Failed runs that will be retried'],
    DeadLetterQueueUrl: [refresher.deadLetterQueue.queueUrl, 'Failed runs that are no longer retried'],
    UndeliveredQueueUrl: [refresher.undeliveredQueue.queueUrl, 'Events that never reached the function'],
    ...(refresher.dashboardUrl && {
      DashboardUrl: [refresher.dashboardUrl, 'The dashboard for the person on call'],
    }),
    ...(refresher.watchFunction && {
      WatchFunctionName: [refresher.watchFunction.functionName, 'The function that looks at pulls'],
    }),
    ...(refresher.watchLogGroup && {
      WatchLogGroupName: [refresher.watchLogGroup.logGroupName, 'What the watch found, as JSON lines'],
    }),
  });
}

/** Declares the stack's outputs: value and description of each. The runbook's commands read them. */
function declareOutputs(
  stack: Stack,
  outputs: Readonly<Partial<Record<OutputName, readonly [value: string, description: string]>>>,
): void {
  for (const [name, [value, description]] of Object.entries(outputs)) {
    new CfnOutput(stack, name, { value, description });
  }
}

function targetOf(target: TargetConfig, imports: Imports): RunpodTarget {
  const { runpodApiKeySecretName: key, registry, verify, ...rest } = target;
  return {
    ...rest,
    registry: registryOf(target.name, registry, imports),
    verify: VERIFY[verify],
    ...(key !== undefined && { runpodApiKey: imports.secret(key) }),
  };
}

function registryOf(target: string, config: RegistryConfig, imports: Imports): RunpodRegistry {
  switch (config.type) {
    case 'ecr': {
      const { repositories, region, roleArn, externalId } = config;
      return RunpodRegistry.ecr({
        repositories: repositories.map((name) => imports.repository(name, region)),
        region,
        role: roleArn === undefined ? undefined : imports.role(roleArn, target),
        externalId,
      });
    }
    case 'ecr-public':
      return RunpodRegistry.ecrPublic(config);
    case 'google-artifact-registry':
      return RunpodRegistry.googleArtifactRegistry({
        ...config,
        credential: imports.secret(config.credentialSecretName),
      });
    case 'docker-hub':
      return RunpodRegistry.dockerHub(loginOf(config, imports));
    case 'ghcr':
      return RunpodRegistry.ghcr(loginOf(config, imports));
    case 'self-hosted':
      return RunpodRegistry.selfHosted(loginOf(config, imports));
  }
}

function loginOf(
  { credentialSecretName, url }: { readonly credentialSecretName: string; readonly url: string },
  imports: Imports,
) {
  return { credential: imports.secret(credentialSecretName), url };
}

function addDelegation(
  stack: Stack,
  { runpod, runpodApiKeySecretName: defaultKey, additionalRegions, architecture }: RefresherConfig,
  delegation: RefresherConfig['delegations'][number],
  imports: Imports,
): void {
  const { region = stack.region, repository, name, runpodApiKeySecretName: key = defaultKey } = delegation;
  new RunpodEcrDelegation(stack, `Delegation:${region}:${repository}`, {
    repository: imports.repository(repository, delegation.region),
    region: delegation.region,
    name,
    runpodApiKey: imports.secret(key),
    principalArns: runpod.delegationPrincipalArns,
    restV2Url: runpod.restV2Url,
    architecture: ARCHITECTURES[architecture],
    additionalRegions,
  });
}

/** Existing resources that a configuration names. Each is imported once. */
class Imports {
  readonly #stack: Stack;
  readonly #secrets = new Map<string, ISecret>();
  readonly #repositories = new Map<string, IRepository>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Returns the secret with a name or a complete ARN. */
  secret(nameOrArn: string): ISecret {
    const known = this.#secrets.get(nameOrArn);
    if (known) return known;
    const id = `Secret:${nameOrArn}`;
    const secret = nameOrArn.startsWith('arn:')
      ? Secret.fromSecretCompleteArn(this.#stack, id, nameOrArn)
      : Secret.fromSecretNameV2(this.#stack, id, nameOrArn);
    this.#secrets.set(nameOrArn, secret);
    return secret;
  }

  /** Returns a repository of the stack's account. */
  repository(name: string, region = ''): IRepository {
    const id = `Repository:${region}:${name}`;
    const repository = this.#repositories.get(id) ?? Repository.fromRepositoryName(this.#stack, id, name);
    this.#repositories.set(id, repository);
    return repository;
  }

  role(arn: string, target: string) {
    return Role.fromRoleArn(this.#stack, `Role:${target}`, arn, { mutable: false });
  }
}
