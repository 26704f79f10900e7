/** The links that hold before anything is deployed: identity, configuration, secret, key, registry auths, images. */

import { OperatorMustActError } from '../../lambda/core/errors';
import type { Target } from '../../lambda/core/model';
import { ConfigError } from '../../lib/config/mistakes';
import { describeAwsError, isAccessDenied, isMarkedForDeletion } from '../errors';
import { inspectImage, parseImageName, WORKER_PLATFORM } from '../images';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import { probeRoutes, type RouteAccess, writableRoutes } from '../runpod/access';
import { breaks, type Finding, holds, type Link, warns } from './chain';

/** What the routes said of each key, by secret name; asked once for all links. */
export type AskRoutes = (secretName: string) => Promise<RouteAccess[]>;

/** Asks the routes once per secret. */
export function routeAsker(operator: Operator): AskRoutes {
  const asked = new Map<string, Promise<RouteAccess[]>>();
  return (secretName) => {
    const ask = async () =>
      probeRoutes(operator, operator.settings().runpod, await operator.apiKey(secretName));
    const answer = asked.get(secretName) ?? ask();
    asked.set(secretName, answer);
    return answer;
  };
}

/** The links in their order. */
export function accountLinks(operator: Operator, askRoutes: AskRoutes): Link[] {
  return [
    { id: 'identity', title: 'AWS identity', check: () => checkIdentity(operator) },
    { id: 'configuration', title: 'Configuration', check: () => checkConfiguration(operator) },
    { id: 'secret', title: 'Secret', check: () => checkSecrets(operator) },
    { id: 'runpod-key', title: 'Runpod API key', check: () => checkKeys(operator, askRoutes) },
    { id: 'registry-auth', title: 'Registry auths', check: () => checkAuths(operator, askRoutes) },
    { id: 'images', title: 'Repositories, images', check: () => checkImages(operator) },
  ];
}

async function checkIdentity(operator: Operator): Promise<Finding> {
  try {
    const region = await operator.region();
    const { arn } = await operator.identity();
    return holds(`${arn} in ${region}`);
  } catch (error) {
    const { profile } = operator.options;
    const mend = `${awsCommand('sso login', { ...(profile && { profile }) })} (or aws configure), and name a region with --region`;
    return breaks([describeAwsError(error)], mend);
  }
}

async function checkConfiguration(operator: Operator): Promise<Finding> {
  try {
    const { targets, stackName } = operator.config();
    return holds(`${operator.configLabel}: ${count(targets.length, 'target')}, stack ${stackName}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const missing = / (does not exist|yet)\./.test(error.message);
    const mend = missing ? commandLine('init', operator.options) : `edit ${operator.configLabel}`;
    return breaks(error.message.split('\n'), mend);
  }
}

async function checkSecrets(operator: Operator): Promise<Finding> {
  const names = operator.secretNames();
  for (const name of names) {
    try {
      await operator.apiKey(name);
    } catch (error) {
      if (error instanceof OperatorMustActError && error.reason === 'permission-missing') {
        return breaks([error.message], `let your own identity call secretsmanager:GetSecretValue on ${name}`);
      }
      if (!(error instanceof OperatorMustActError)) throw error;
      // The function's message names another way to mend it; one is enough.
      const found = error.message.replace(/ Create it with: .*$/s, '').replace(/; store the key again$/, '');
      const restore = awsCommand(`secretsmanager restore-secret --secret-id ${name}`, operator.options);
      return breaks([found], isMarkedForDeletion(error) ? restore : storeKey(operator, name));
    }
  }
  return holds(`${names.join(', ')} ${names.length === 1 ? 'holds a key' : 'hold keys'}`);
}

async function checkKeys(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  const fallen: string[] = [];
  const stories: string[] = [];
  for (const name of operator.secretNames()) {
    const routes = await askRoutes(name);
    if (writableRoutes(routes).length === 0) return keyFails(operator, name, routes);
    if (routes[0]?.state !== 'works') fallen.push(`${routes[0]?.route}: ${routes[0]?.why}`);
    const works = routes.filter(({ state }) => state === 'works');
    const others = routes
      .filter(({ state }) => state !== 'works')
      .map(({ route, state }) => `${route} ${state}`);
    const also = others.length > 0 ? ` (${others.join(', ')})` : '';
    stories.push(`accepted on ${works.map(({ route }) => route).join(', ')}${also}`);
  }
  const found = [...new Set([...stories, ...fallen])];
  return fallen.length > 0 ? warns(found, 'docs/runbook.md, "FallbackRoute"') : holds(...found);
}

function keyFails(operator: Operator, secretName: string, routes: readonly RouteAccess[]): Finding {
  const told = [...new Set(routes.map(({ why }) => why))];
  const refused = routes.find(({ state }) => state === 'refused');
  if (refused) {
    return breaks(
      [`Runpod refuses the key in ${secretName} (401)`],
      `make a key at Runpod with secrets:write, then: ${storeKey(operator, secretName)}`,
    );
  }
  if (routes.some(({ state }) => state === 'forbidden')) {
    return breaks(
      [`the key in ${secretName} may not write registry auths (403)`],
      `give it secrets:write at Runpod, or make another and: ${storeKey(operator, secretName)}`,
    );
  }
  return breaks(told, 'see the status page of Runpod; if one of its APIs works, force it with runpod.api');
}

function storeKey(operator: Operator, secretName: string): string {
  const isDefault = secretName === operator.config().runpodApiKeySecretName;
  const secret = isDefault ? '' : ` --secret ${secretName}`;
  return commandLine(`init --store-key --replace-key${secret}`, operator.options);
}

async function checkAuths(operator: Operator, askRoutes: AskRoutes): Promise<Finding> {
  const { targets } = operator.settings();
  const missing: string[] = [];
  const created: string[] = [];
  const known = new Set<string>();
  for (const [index, target] of targets.entries()) {
    const auths = await authsOf(target, askRoutes);
    if (auths.some(({ id, name }) => id === target.registryAuthId || name === target.registryAuthName))
      continue;
    if (target.registryAuthId === undefined) {
      created.push(`${target.name}: the next refresh creates ${target.registryAuthName}`);
      continue;
    }
    missing.push(`${target.name}: Runpod has no registry auth ${target.registryAuthId} (targets[${index}])`);
    for (const { id, name } of auths) known.add(`${id} (${name})`);
  }
  if (missing.length > 0) {
    const choice = known.size > 0 ? `one of ${[...known].slice(0, 10).join(', ')}` : 'an id that exists';
    return breaks(
      missing,
      `put ${choice} into registryAuthId in ${operator.configLabel}, or a registryAuthName to have one created; then deploy`,
    );
  }
  const there = targets.length - created.length;
  return created.length > 0
    ? warns([`${there} of ${targets.length} are there`, ...created])
    : holds(`${count(there, 'auth')} at Runpod`);
}

async function authsOf(target: Target, askRoutes: AskRoutes): Promise<RouteAccess['auths']> {
  const routes = await askRoutes(target.runpodApiKeySecretName);
  return routes.find(({ state }) => state === 'works')?.auths ?? [];
}

async function checkImages(operator: Operator): Promise<Finding> {
  const { targets } = operator.settings();
  const [seen, unseen] = [targets.filter(isOwnEcr), targets.filter((target) => !isOwnEcr(target))];
  for (const target of seen) {
    const problem = await checkTargetImages(operator, target);
    if (problem) return problem;
  }
  const repositories = [...new Set(seen.flatMap(repositoriesOf))].join(', ');
  const images = [...new Set(seen.flatMap(({ verifyImage }) => verifyImage ?? []))].join(', ');
  return holds(
    ...(repositories ? [`${repositories}${images ? `; ${images} runs on ${WORKER_PLATFORM}` : ''}`] : []),
    ...unseen.map(({ name }) => `${name}: left to the function, whose credential is another than yours`),
  );
}

/** Whether the images are in an ECR registry of the operator's own account. */
function isOwnEcr({ registry }: Target): boolean {
  return registry.type === 'ecr' && registry.roleArn === undefined;
}

function repositoriesOf({ registry }: Target): readonly string[] {
  return registry.type === 'ecr' ? registry.repositories : [];
}

async function checkTargetImages(operator: Operator, target: Target): Promise<Finding | undefined> {
  const { registry, verifyImage } = target;
  const region = registry.type === 'ecr' ? registry.region : undefined;
  const proved = verifyImage === undefined ? undefined : parseImageName(verifyImage);
  for (const repository of repositoriesOf(target)) {
    const reference = proved?.repository === repository ? proved.reference : undefined;
    try {
      const problem = await checkImage(operator, { region, repository, reference });
      if (problem) return problem;
    } catch (error) {
      // That the operator may not look says nothing of the function, which is asked further on.
      if (!isAccessDenied(error)) throw error;
    }
  }
  return undefined;
}

interface ImagePlace {
  readonly region: string | undefined;
  readonly repository: string;
  /** Only whether the repository exists is looked at where it is absent. */
  readonly reference: string | undefined;
}

async function checkImage(
  operator: Operator,
  { region, repository, reference }: ImagePlace,
): Promise<Finding | undefined> {
  const image = `${repository}${reference?.startsWith('sha256:') ? '@' : ':'}${reference}`;
  const build = `docker buildx build --platform ${WORKER_PLATFORM} --push -t REGISTRY/${image} .`;
  const state = await inspectImage(operator, region, repository, reference ?? 'latest');
  if (state.found === 'no-repository') {
    const create = `ecr create-repository --repository-name ${repository}`;
    return breaks(
      [`there is no repository ${repository} in ${region ?? (await operator.region())}`],
      `${awsCommand(create, { ...operator.options, ...(region && { region }) })}, then push the image`,
    );
  }
  if (reference === undefined) return undefined;
  if (state.found === 'no-image') {
    return breaks([`${image} is not in its repository`], `${build} (or name another in verifyImage)`);
  }
  const { platforms } = state;
  const runs = platforms.length === 0 || platforms.includes(WORKER_PLATFORM);
  return runs
    ? undefined
    : breaks([`${image} is for ${platforms.join(', ')}; workers run on ${WORKER_PLATFORM}`], build);
}

/** A number with its noun. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
