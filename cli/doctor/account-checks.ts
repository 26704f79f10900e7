/** The checks that need no deployment: identity, configuration, template, secret, key, registry auths, images. */

import { existsSync } from 'node:fs';
import type { AlarmName } from '../../lambda/core/contract';
import { OperatorMustActError } from '../../lambda/core/errors';
import { parseImageName } from '../../lambda/core/images';
import type { Target } from '../../lambda/core/model';
import { WORKER_PLATFORM } from '../../lambda/core/registries/manifests';
import type { RegistryAuth } from '../../lambda/core/runpod/api';
import { ConfigError } from '../../lib/config/mistakes';
import { runbookSection } from '../deployment/alarms';
import { CliError, describeAwsError, explainAwsError, isAccessDenied, isMarkedForDeletion } from '../errors';
import { formatCount } from '../format';
import { inspectImage } from '../images';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import { type AskRoutes, listAuths, type RouteAccess, writableRoutes } from '../runpod/access';
import { isAuthOf } from '../runpod/usage';
import { visibleName } from '../visible';
import { brokenBy, type Check, FIX_AND_REPEAT, type Finding, fail, ok, together, warn } from './check';
import { keySecretFix, storeKeyCommand } from './failure-fixes';
import { type ExpectedTemplate, templateCheck } from './local-checks';

/** The runbook section of this alarm says what to do when the first route does not work. */
const FALLBACK_ALARM: AlarmName = 'FallbackRoute';

/** Makes the checks, each after those that it needs. With `--stack` no template is expected. */
export function accountChecks(
  operator: Operator,
  askRoutes: AskRoutes,
  expectedTemplate: ExpectedTemplate,
): Check[] {
  return [
    { id: 'identity', withoutTargets: true, title: 'AWS identity', run: () => checkIdentity(operator) },
    {
      id: 'configuration',
      withoutTargets: true,
      title: 'Configuration',
      // A deployed stack has its settings at AWS.
      needs: operator.options.stack === undefined ? [] : ['identity'],
      run: () => checkConfiguration(operator),
    },
    ...(operator.options.stack === undefined ? [templateCheck(expectedTemplate)] : []),
    {
      id: 'secret',
      withoutTargets: true,
      title: 'Secret',
      needs: ['identity', 'configuration'],
      run: () => checkSecrets(operator),
    },
    {
      id: 'runpod-key',
      title: 'Runpod API key',
      needs: ['secret'],
      run: () => checkKeys(operator, askRoutes),
    },
    {
      id: 'registry-auth',
      title: 'Registry auths',
      needs: ['runpod-key'],
      run: () => checkAuths(operator, askRoutes),
    },
    {
      id: 'images',
      title: 'Repositories, images',
      needs: ['identity', 'configuration'],
      run: () => checkImages(operator),
    },
  ];
}

async function checkIdentity(operator: Operator): Promise<Finding> {
  try {
    const region = await operator.region();
    const { arn } = await operator.identity();
    return ok(`${arn} in ${region}`);
  } catch (error) {
    if (error instanceof CliError) return fail([error.problem], error.fix ?? FIX_AND_REPEAT);
    const explained = explainAwsError(error);
    if (explained && !explained.needsSignIn) return brokenBy(explained);
    const { profile } = operator.options;
    const signIn = awsCommand('sso login', { ...(profile && { profile }) });
    return fail([describeAwsError(error)], `${signIn} (or aws configure)`);
  }
}

async function checkConfiguration(operator: Operator): Promise<Finding> {
  try {
    const { targets, service } = await operator.settings();
    const count = formatCount(targets.length, 'target');
    // This call throws when the first region is the region of the standby.
    await operator.other();
    if (operator.options.stack !== undefined) {
      return ok(`read from the stack ${operator.stackName()}: ${count}, service ${service}`);
    }
    const { delegations, stackName } = operator.config();
    const delegated = delegations.length > 0 ? `, ${formatCount(delegations.length, 'delegation')}` : '';
    return ok(`${operator.configLabel}: ${count}${delegated}, stack ${stackName}`);
  } catch (error) {
    if (error instanceof CliError) return fail([error.problem], error.fix ?? FIX_AND_REPEAT);
    if (!(error instanceof ConfigError)) throw error;
    if (existsSync(operator.configPath))
      return fail(error.message.split('\n'), `edit ${operator.configLabel}`);
    return fail([error.problem], error.fix ?? commandLine('init', operator.options));
  }
}

async function checkSecrets(operator: Operator): Promise<Finding> {
  const names = await operator.secretNames();
  for (const name of names) {
    try {
      await operator.apiKey(name);
    } catch (error) {
      if (error instanceof OperatorMustActError && error.reason === 'permission-missing') {
        return fail(
          [error.message],
          `allow your own identity to call secretsmanager:GetSecretValue on ${name}`,
        );
      }
      if (!(error instanceof OperatorMustActError)) throw error;
      const restore = awsCommand(`secretsmanager restore-secret --secret-id ${name}`, operator.options);
      // The message ends with a fix for the function. Here another one is better.
      return fail(
        [error.problem],
        isMarkedForDeletion(error) ? restore : keySecretFix(operator, name, error.problem),
      );
    }
  }
  return ok(`${names.join(', ')} ${names.length === 1 ? 'holds a key' : 'hold keys'}`);
}

async function checkKeys(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  const notWorking: string[] = [];
  const accepted: string[] = [];
  for (const name of await operator.secretNames()) {
    const routes = await askRoutes(name);
    if (writableRoutes(routes).length === 0) return explainBadKey(operator, name, routes);
    if (routes[0]?.state !== 'works') notWorking.push(`${routes[0]?.route}: ${routes[0]?.why}`);
    const working = routes.filter(({ state }) => state === 'works').map(({ route }) => route);
    const others = routes
      .filter(({ state }) => state !== 'works')
      .map(({ route, state }) => `${route} ${state}`);
    const rest = others.length > 0 ? ` (${others.join(', ')})` : '';
    accepted.push(`accepted on ${working.join(', ')}${rest}`);
  }
  const found = [...new Set([...accepted, ...notWorking])];
  return notWorking.length > 0 ? warn(found, runbookSection(FALLBACK_ALARM)) : ok(...found);
}

function explainBadKey(operator: Operator, secretName: string, routes: readonly RouteAccess[]): Finding {
  const refused = routes.find(({ state }) => state === 'refused');
  if (refused) {
    return fail(
      [`Runpod refuses the key in ${secretName} (401)`],
      `create a key at Runpod with secrets:write, then: ${storeKeyCommand(operator, secretName)}`,
    );
  }
  if (routes.some(({ state }) => state === 'forbidden')) {
    return fail(
      [`the key in ${secretName} may not write registry auths (403)`],
      `give it secrets:write at Runpod, or create another key and: ${storeKeyCommand(operator, secretName)}`,
    );
  }
  const reasons = [...new Set(routes.map(({ why }) => why))];
  return fail(reasons, 'see the status page of Runpod; if one of its APIs works, force it with runpod.api');
}

async function checkAuths(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  const { targets } = await operator.settings();
  const missing: string[] = [];
  const toCreate: string[] = [];
  const free = new Set<string>();
  const writers = new Map<string, { readonly auth: RegistryAuth; readonly names: string[] }>();
  for (const [index, target] of targets.entries()) {
    const auths = await listAuths(askRoutes, target.runpodApiKeySecretName);
    const own = auths.find((auth) => isAuthOf(target, auth));
    if (own) {
      writers.set(own.id, { auth: own, names: [...(writers.get(own.id)?.names ?? []), target.name] });
      continue;
    }
    if (target.registryAuthId === undefined) {
      toCreate.push(`${target.name}: the next refresh creates ${target.registryAuthName}`);
      continue;
    }
    missing.push(`${target.name}: Runpod has no registry auth ${target.registryAuthId} (targets[${index}])`);
    for (const label of freeAuths(auths, targets)) free.add(label);
  }
  const shared = sharedAuths(operator, [...writers.values()]);
  if (missing.length > 0) {
    const ids = [...free].slice(0, 10).join(', ');
    const orId = free.size > 0 ? `, or one of ${ids} as registryAuthId` : '';
    const fix = `in ${operator.configLabel}, give it a registryAuthName instead, which creates one${orId}; then ${operator.deployCommand()}`;
    return together([fail(missing, fix), ...shared]);
  }
  if (shared.length > 0) return together(shared);
  const existing = targets.length - toCreate.length;
  return toCreate.length > 0
    ? warn([`${existing} of ${targets.length} exist at Runpod`, ...toCreate])
    : ok(`${formatCount(existing, 'auth')} at Runpod`);
}

/** Returns the registry auths that no target names. With one that another target writes, two logins would alternate. */
function freeAuths(auths: readonly RegistryAuth[], targets: readonly Target[]): string[] {
  return auths
    .filter((auth) => !targets.some((target) => isAuthOf(target, auth)))
    .map(({ id, name }) => `${id} (${visibleName(name)})`);
}

/** Returns a finding for the registry auths that several targets write, by id or by name. */
function sharedAuths(
  operator: Operator,
  writers: readonly { readonly auth: RegistryAuth; readonly names: readonly string[] }[],
): Finding[] {
  const found = writers.flatMap(({ auth: { id, name }, names }) =>
    names.length > 1
      ? `${names.join(', ')}: these targets write the same registry auth ${id} (${visibleName(name)}), each over the login of the other`
      : [],
  );
  if (found.length === 0) return [];
  return [
    fail(
      found,
      `in ${operator.configLabel}, give all but one of them a registryAuthName of its own, which creates one; then ${operator.deployCommand()}`,
    ),
  ];
}

async function checkImages(operator: Operator): Promise<Finding> {
  const { targets } = await operator.settings();
  const [own, others] = [targets.filter(isOwnEcr), targets.filter((target) => !isOwnEcr(target))];
  for (const target of own) {
    const problem = await checkTargetImages(operator, target);
    if (problem) return problem;
  }
  const repositories = [...new Set(own.flatMap(repositoriesOf))].join(', ');
  const images = [...new Set(own.flatMap(({ verifyImage }) => verifyImage ?? []))].join(', ');
  return ok(
    ...(repositories ? [`${repositories}${images ? `; ${images} runs on ${WORKER_PLATFORM}` : ''}`] : []),
    ...others.map(
      ({ name }) => `${name}: not checked here, because only the function has the credential for it`,
    ),
  );
}

/** Whether the images are in ECR in the operator's own account. */
function isOwnEcr({ registry }: Target): boolean {
  return registry.type === 'ecr' && registry.roleArn === undefined;
}

function repositoriesOf({ registry }: Target): readonly string[] {
  return registry.type === 'ecr' ? registry.repositories : [];
}

async function checkTargetImages(operator: Operator, target: Target): Promise<Finding | undefined> {
  const { registry, verifyImage } = target;
  const region = registry.type === 'ecr' ? registry.region : undefined;
  const image = verifyImage === undefined ? undefined : parseImageName(verifyImage);
  // A deployed function names no repository whose name only CloudFormation knows, but it names the image.
  const repositories = new Set([...repositoriesOf(target), ...(image ? [image.repository] : [])]);
  for (const repository of repositories) {
    const reference = image?.repository === repository ? image.reference : undefined;
    try {
      const problem = await checkImage(operator, { region, repository, reference });
      if (problem) return problem;
    } catch (error) {
      // The function may have a permission that the operator lacks. A later check asks the function.
      if (!isAccessDenied(error)) throw error;
    }
  }
  return undefined;
}

/** Where an image should be. */
interface ImagePlace {
  readonly region: string | undefined;
  readonly repository: string;
  /** Tag or digest. @default - only the repository is checked */
  readonly reference: string | undefined;
}

async function checkImage(
  operator: Operator,
  { region, repository, reference }: ImagePlace,
): Promise<Finding | undefined> {
  const image = `${repository}${reference?.startsWith('sha256:') ? '@' : ':'}${reference}`;
  const state = await inspectImage(operator, { region, repository, reference: reference ?? 'latest' });
  if (state.found === 'no-repository') {
    const create = `ecr create-repository --repository-name ${repository}`;
    return fail(
      [`there is no repository ${repository} in ${region ?? (await operator.region())}`],
      `${awsCommand(create, { ...operator.options, ...(region && { region }) })}, then push the image`,
    );
  }
  if (reference === undefined) return undefined;
  const build = async () => {
    // An image is pushed under a tag, also where the configuration names a digest.
    const tag = reference.startsWith('sha256:') ? 'TAG' : reference;
    const host = await ecrHost(operator, region);
    return `docker buildx build --platform ${WORKER_PLATFORM} --push -t ${host}/${repository}:${tag} .`;
  };
  if (state.found === 'no-image') {
    return fail(
      [`${image} is not in its repository`],
      `${await build()} (or name another image in verifyImage)`,
    );
  }
  const { platforms } = state;
  const runs = platforms.length === 0 || platforms.includes(WORKER_PLATFORM);
  return runs
    ? undefined
    : fail([`${image} is for ${platforms.join(', ')}; workers run on ${WORKER_PLATFORM}`], await build());
}

/** Returns the host of ECR in the operator's own account. @param region - @default - the stack's region */
async function ecrHost(operator: Operator, region: string | undefined): Promise<string> {
  const place = region ?? (await operator.region());
  const suffix = place.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `${(await operator.identity()).account}.dkr.ecr.${place}.${suffix}`;
}
