import { type Duration, Stack, Token } from 'aws-cdk-lib';
import type { IRepository } from 'aws-cdk-lib/aws-ecr';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { STANDBY_SUFFIX } from '../lambda/core/contract';
import type { OtherRegion, RefresherSettings } from '../lambda/core/model';
import type { Path } from './config/json-values';
import { describeFound, type Mistake, mistakesError } from './config/mistakes';
import { checkConfig } from './config/parse';
import { arnMistakes, checkRegions } from './config/regions';
import type { RefresherConfig } from './config/schema';
import { toSettings } from './config/settings';
import { type Peer, standbyAsPeer } from './peer';
import type { RunpodEcrRefresherProps } from './runpod-ecr-refresher-props';
import type { RunpodTarget } from './runpod-target';
import { differs, regionMistakes, secretId, secretPlaceMistakes } from './secrets';
import { StandIns } from './stand-ins';
import { standbyMistakes } from './standby';
import { isKnownLater } from './tokens';

/** What the function needs in AWS. */
export interface NeededResources {
  readonly apiKeys: readonly ISecret[];
  /** The secrets with the logins of registries. */
  readonly credentials: readonly ISecret[];
  /** ARNs of the repositories that the function's own role must be able to pull. */
  readonly repositoryArns: readonly string[];
  /** ARNs of the roles to assume. */
  readonly roleArns: readonly string[];
  readonly ecrPublic: boolean;
}

/** Checked properties, with every default filled in. Texts may contain tokens. */
export interface CheckedProps {
  readonly config: RefresherConfig;
  readonly settings: RefresherSettings;
  readonly resources: NeededResources;
  /** The refresher of another region for the same targets. @default - there is none */
  readonly peer: Peer | undefined;
}

/** Maximum length of a refresher's name. It is the same as for a stack's (CloudFormation quotas). */
export const MAX_SERVICE_NAME = 128;

/** An alarm can have five actions (CloudWatch API reference, PutMetricAlarm). */
const MAX_TOPICS = 5;

/** The tag of an image (OCI distribution specification). */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** The properties that have another name in the configuration file. */
const PROPERTY_NAMES: Readonly<Record<string, string>> = {
  stackName: 'serviceName',
  runpodApiKeySecretName: 'runpodApiKey',
  credentialSecretName: 'credential',
  refreshIntervalHours: 'interval',
  intervalMinutes: 'interval',
  apiKeyMaxAgeDays: 'apiKeyMaxAge',
  roleArn: 'role',
  api: 'runpodApi',
};

/** The groups of the configuration file that the properties do not have. */
const GROUPS = ['alarms', 'runpod'];

const HELP = 'Every property is described in RunpodEcrRefresherProps.';

/**
 * Checks the properties of a refresher by the rules of the configuration file. For that they are written as one, in
 * which valid texts stand in for tokens.
 *
 * @param service - the refresher's name when the properties give none
 * @throws ConfigError that names every mistake: its path, what was expected, and what was found
 */
export function checkProps(scope: Construct, props: RunpodEcrRefresherProps, service: string): CheckedProps {
  const subject = `RunpodEcrRefresher ${scope.node.path}`;
  const stack = Stack.of(scope);
  const written = configurationOf(props, stack, service);
  const standIns = new StandIns(stack.region);
  const wording = { help: HELP, rename: propertyPath };
  const own = [...ownMistakes(props, stack), ...mistakesOfStandby(props, scope)];
  if (own.length > 0) throw mistakesError(subject, own, { help: HELP });
  const checked = checkConfig(standIns.replaceIn(written), subject, wording);
  checkRegions(checked, stack.region, subject, wording);
  const config = standIns.putBack(checked);
  const peer = props._peer ?? (props.standby && standbyAsPeer(props.standby.stack, config.stackName));
  return {
    config,
    settings: {
      ...withAccounts(toSettings(config), props, stack),
      ...(peer && { otherRegion: receiverOf(peer) }),
    },
    peer,
    resources: resourcesOf(props, stack),
  };
}

function receiverOf({ side, region, service, metricsUrl }: Peer): OtherRegion {
  return { region, service, metricsUrl, ...(side === 'standby' && { hasOriginalSecrets: true }) };
}

/** Returns the properties as the configuration file has them. */
function configurationOf(props: RunpodEcrRefresherProps, stack: Stack, service: string) {
  return {
    stackName: props.serviceName ?? service,
    runpodApiKeySecretName: secretId(props.runpodApiKey, stack),
    refreshIntervalHours: props.interval?.toHours({ integral: false }),
    firstRefresh: props.firstRefresh,
    targets: props.targets.map((target) => targetOf(target, stack)),
    additionalRegions: props.additionalRegions,
    architecture: props.architecture?.name,
    alarms: {
      runbookUrl: props.runbookUrl,
      apiKeyMaxAgeDays: props.apiKeyMaxAge?.toDays({ integral: false }),
    },
    pullWatch: {
      mode: props.pullWatch?.enabled === false ? 'off' : 'auto',
      intervalMinutes: props.pullWatch?.interval?.toMinutes({ integral: false }),
      ignore: props.pullWatch?.ignore,
    },
    runpod: {
      api: props.runpodApi,
      restV2Url: props.restV2Url,
      restV1Url: props.restV1Url,
      graphqlUrl: props.graphqlUrl,
    },
  };
}

function targetOf(target: RunpodTarget, stack: Stack) {
  const { registry, runpodApiKey, verifyImageTag, verifyImage, ...rest } = target;
  const { repositories, role, credential } = registry._resources;
  const [repository] = repositories ?? [];
  return {
    ...rest,
    runpodApiKeySecretName: runpodApiKey && secretId(runpodApiKey, stack),
    registry: {
      ...registry._settings,
      ...(credential && { credentialSecretName: secretId(credential, stack) }),
      ...(repositories && {
        repositories: repositories.map(({ repositoryName }) => repositoryName),
        region: regionOf(target, stack),
        roleArn: role?.roleArn,
      }),
    },
    verifyImage: verifyImage ?? (verifyImageTag && `${repository?.repositoryName}:${verifyImageTag}`),
  };
}

/** Returns the region of a target's repositories; undefined when it is the stack's. */
function regionOf({ registry }: RunpodTarget, stack: Stack): string | undefined {
  const [repository] = registry._resources.repositories ?? [];
  return registry._settings.region ?? unlessOwn(repository?.env.region, stack.region);
}

/** Returns the account of a target's repositories; undefined when it is the stack's, or when a role is assumed. */
function accountOf({ registry }: RunpodTarget, stack: Stack): string | undefined {
  const { repositories: [repository] = [], role } = registry._resources;
  return role === undefined ? unlessOwn(repository?.env.account, stack.account) : undefined;
}

/**
 * Returns an account or region that is known; undefined when it is the stack's. Where the stack's is a token, any
 * that is known may be another one.
 */
function unlessOwn(found: string | undefined, own: string): string | undefined {
  return Token.isUnresolved(found) || found === own ? undefined : found;
}

/** Adds to each target the account of its repositories, which the configuration file cannot name. */
function withAccounts(
  settings: RefresherSettings,
  { targets }: RunpodEcrRefresherProps,
  stack: Stack,
): RefresherSettings {
  return {
    ...settings,
    targets: settings.targets.map((target, index) => {
      const given = targets[index];
      const registryId = given && accountOf(given, stack);
      if (target.registry.type !== 'ecr' || registryId === undefined) return target;
      return { ...target, registry: { ...target.registry, registryId } };
    }),
  };
}

function resourcesOf({ runpodApiKey, targets }: RunpodEcrRefresherProps, stack: Stack): NeededResources {
  const registries = targets.map(({ registry }) => registry);
  return {
    apiKeys: targets.map((target) => target.runpodApiKey ?? runpodApiKey),
    credentials: registries.flatMap(({ _resources: { credential } }) => credential ?? []),
    repositoryArns: targets.flatMap((target) => repositoryArnsOf(target, stack)),
    roleArns: registries.flatMap(({ _resources: { role } }) => role?.roleArn ?? []),
    ecrPublic: registries.some(({ _settings: { type } }) => type === 'ecr-public'),
  };
}

function repositoryArnsOf(target: RunpodTarget, stack: Stack): string[] {
  const { repositories = [], role } = target.registry._resources;
  const { region } = target.registry._settings;
  if (role !== undefined) return [];
  if (region === undefined) return repositories.map(({ repositoryArn }) => repositoryArn);
  const account = accountOf(target, stack);
  return repositories.map(({ repositoryName: resourceName }) =>
    stack.formatArn({ service: 'ecr', region, account, resource: 'repository', resourceName }),
  );
}

/** Finds the mistakes that a configuration file cannot have. */
function ownMistakes(props: RunpodEcrRefresherProps, stack: Stack): Mistake[] {
  return [
    ...durationMistakes(props.interval, 'interval'),
    ...durationMistakes(props.apiKeyMaxAge, 'apiKeyMaxAge'),
    ...durationMistakes(props.pullWatch?.interval, 'pullWatch', 'interval'),
    ...topicMistakes(props.pageTopics, ['pageTopics'], stack),
    ...topicMistakes(props.warningTopics, ['warningTopics'], stack),
    ...secretPlaceMistakes(props.runpodApiKey, ['runpodApiKey'], stack),
    ...(props.targets.length === 0
      ? [{ path: ['targets'], expected: 'at least one target', found: 'a list of 0' }]
      : []),
    ...props.targets.flatMap((target, index) => [
      ...targetSecretMistakes(target, ['targets', index], stack),
      ...imageTagMistakes(target, ['targets', index, 'verifyImageTag']),
      ...placeMistakes(target.registry._resources.repositories ?? [], [
        'targets',
        index,
        'registry',
        'repositories',
      ]),
    ]),
  ];
}

/**
 * Finds the mistakes of the standby's properties and name. The standby would find them too, but would report them for a
 * construct and for properties that nobody wrote.
 */
function mistakesOfStandby(props: RunpodEcrRefresherProps, scope: Construct): Mistake[] {
  const { standby, serviceName = '' } = props;
  if (standby === undefined) return [];
  const place = standbyMistakes(standby, scope);
  if (place.length > 0) return place;
  const { stack, runpodApiKey, pageTopics, warningTopics } = standby;
  const keyPath = ['standby', 'runpodApiKey'];
  const longest = MAX_SERVICE_NAME - STANDBY_SUFFIX.length;
  return [
    ...namesFor(props).flatMap(({ path, name }) => unknownNameMistakes(name, path, stack)),
    ...topicMistakes(pageTopics, ['standby', 'pageTopics'], stack),
    ...topicMistakes(warningTopics, ['standby', 'warningTopics'], stack),
    ...(runpodApiKey ? secretMistakes(runpodApiKey, keyPath, stack) : []),
    ...(serviceName.length > longest && !isKnownLater(serviceName)
      ? [
          {
            path: ['serviceName'],
            expected: `at most ${longest} characters, because the standby adds "${STANDBY_SUFFIX}"`,
            found: `a text of ${serviceName.length} characters`,
          },
        ]
      : []),
  ];
}

/** Returns the names that the standby takes over from the first refresher. */
function namesFor({ runpodApiKey, targets, standby }: RunpodEcrRefresherProps) {
  const isGiven = (key: ISecret) => key === runpodApiKey && standby?.runpodApiKey !== undefined;
  const keyAt = (path: Path, key: ISecret) => (isGiven(key) ? [] : [{ path, name: key.secretName }]);
  return [
    ...keyAt(['runpodApiKey'], runpodApiKey),
    ...targets.flatMap(({ runpodApiKey: key, registry }, index) => {
      const { repositories = [], role, credential } = registry._resources;
      const path = ['targets', index, 'registry'];
      return [
        ...(key ? keyAt(['targets', index, 'runpodApiKey'], key) : []),
        ...(credential ? keyAt([...path, 'credential'], credential) : []),
        ...(role ? [{ path: [...path, 'role'], name: role.roleArn }] : []),
        ...repositories.map(({ repositoryName: name }, at) => ({
          path: [...path, 'repositories', at],
          name,
        })),
      ];
    }),
  ];
}

/**
 * Finds the name of a resource that CloudFormation makes up. The CDK refuses it in another region too, but only at the
 * end of synthesis, and without the property.
 */
function unknownNameMistakes(name: string, path: Path, stack: Stack): Mistake[] {
  try {
    stack.resolve(name);
    return [];
  } catch {
    const expected = `a resource with a name of its own, or crossRegionReferences: true in both stacks, because the standby in ${stack.region} refers to it`;
    return [{ path, expected, found: 'a resource of this app whose name CloudFormation makes up' }];
  }
}

/** Finds a secret that is not of the stack's region, whether its ARN is known or a token. */
function secretMistakes(secret: ISecret, path: Path, stack: Stack): Mistake[] {
  const id = secretId(secret, stack);
  if (Token.isUnresolved(id) || !id.startsWith('arn:')) return secretPlaceMistakes(secret, path, stack);
  return arnMistakes(path, id, Token.isUnresolved(stack.region) ? undefined : stack.region);
}

function durationMistakes(duration: Duration | undefined, ...path: readonly string[]): Mistake[] {
  if (!duration?.isUnresolved()) return [];
  return [{ path, expected: 'a duration that is known at synth', found: 'a token' }];
}

function topicMistakes(topics: readonly ITopic[] | undefined, of: Path, stack: Stack): Mistake[] {
  if (topics === undefined) return [];
  if (topics.length > MAX_TOPICS) {
    return [{ path: of, expected: `at most ${MAX_TOPICS} SNS topics`, found: `a list of ${topics.length}` }];
  }
  const region = Token.isUnresolved(stack.region) ? undefined : stack.region;
  return topics.flatMap((topic, index) => {
    const path = [...of, index];
    const { topicArn, fifo } = topic;
    if (fifo) return [{ path, expected: 'a standard SNS topic', found: 'a FIFO topic' }];
    return Token.isUnresolved(topicArn)
      ? regionMistakes('a topic', topic, path, stack)
      : arnMistakes(path, topicArn, region);
  });
}

function targetSecretMistakes({ runpodApiKey, registry }: RunpodTarget, path: Path, stack: Stack): Mistake[] {
  const { credential } = registry._resources;
  return [
    ...(runpodApiKey ? secretPlaceMistakes(runpodApiKey, [...path, 'runpodApiKey'], stack) : []),
    ...(credential ? secretPlaceMistakes(credential, [...path, 'registry', 'credential'], stack) : []),
  ];
}

function imageTagMistakes({ registry, verifyImage, verifyImageTag }: RunpodTarget, path: Path): Mistake[] {
  if (verifyImageTag === undefined) return [];
  const found = 'a tag';
  if (verifyImage !== undefined)
    return [{ path, expected: 'either verifyImage or verifyImageTag', found: 'both' }];
  const { repositories } = registry._resources;
  if (repositories?.length === 1) {
    return isKnownLater(verifyImageTag) || TAG.test(verifyImageTag)
      ? []
      : [{ path, expected: 'a tag, such as 1.4.2', found: describeFound(verifyImageTag, path) }];
  }
  const expected = `verifyImage, because ${repositories ? 'this target has several repositories' : 'only an ECR registry has repositories'}`;
  return [{ path, expected, found }];
}

/** One credential is of one region, and its proof asks one registry. */
function placeMistakes([first, ...others]: readonly IRepository[], path: Path): Mistake[] {
  return others.flatMap((repository, index) =>
    (['account', 'region'] as const).flatMap((key) =>
      first && differs(first.env[key], repository.env[key])
        ? [
            {
              path: [...path, index + 1],
              expected: `a repository of ${first.env[key]}, as the first one is: others need a target of their own`,
              found: `one of ${repository.env[key]}`,
            },
          ]
        : [],
    ),
  );
}

/** Returns the path of a property for the path of a key in the configuration file. */
function propertyPath(path: Path): Path {
  const [first, ...rest] = path;
  const relevant = GROUPS.includes(String(first)) ? rest : path;
  return relevant.map((step) => PROPERTY_NAMES[String(step)] ?? step);
}
