import { STANDBY_SUFFIX } from '../../lambda/core/contract';
import { delegationAddressMistakes, targetAddressMistakes } from './image-addresses';
import { MAX_DEPTH } from './json-text';
import { type Entry, entry, isEntry, list, type Path, text } from './json-values';
import { describeFound, looksLikeRunpodKey, type Mistake } from './mistakes';
import { unknownRegions } from './unknown-regions';

/**
 * Returns every violation of the rules between values, which the schema of a single value cannot express.
 *
 * @param config - parsed JSON of any shape: the rules are checked even when the schema finds mistakes too
 */
export function brokenRules(config: unknown): Mistake[] {
  const listed = list(entry(config).targets);
  const targets = listed.map(entry);
  const delegations = list(entry(config).delegations).map(entry);
  return [
    ...pastedKeys(config, []),
    ...(isEntry(config) ? nothingToDo(config) : []),
    ...unknownRegions(entry(config)),
    ...nameTooLong(entry(config)),
    ...targets.flatMap((target, index) => [
      ...(isEntry(listed[index]) ? exactlyOneAuth(target, ['targets', index]) : []),
      ...externalIdNeedsRole(entry(target.registry), ['targets', index, 'registry']),
      ...targetAddressMistakes(target, ['targets', index]),
    ]),
    ...duplicates(targets, 'name', (target) => text(target.name), 'a name that no other target has'),
    ...sameAuth(targets, 'registryAuthId', entry(config).runpodApiKeySecretName),
    ...sameAuth(targets, 'registryAuthName', entry(config).runpodApiKeySecretName),
    ...delegationAddressMistakes(delegations),
    ...sameRepository(delegations),
  ];
}

function nothingToDo({ targets, delegations }: Entry): Mistake[] {
  const isEmpty = [targets, delegations].every(
    (value) => value === undefined || (Array.isArray(value) && value.length === 0),
  );
  if (!isEmpty) return [];
  const expected = 'at least one target, or a delegation';
  return [{ path: ['targets'], expected, found: describeFound(targets, []) }];
}

/** Maximum length of a CloudFormation stack's name. */
const MAX_STACK_NAME = 128;

/** The stack of the standby has a longer name. */
function nameTooLong({ stackName, standby }: Entry): Mistake[] {
  const { length } = text(stackName) ?? '';
  const maximum = MAX_STACK_NAME - STANDBY_SUFFIX.length;
  if (standby === undefined || length <= maximum) return [];
  const expected = `at most ${maximum} characters, because the name of the standby's stack ends in ${STANDBY_SUFFIX}`;
  return [{ path: ['stackName'], expected, found: `${length} characters` }];
}

/** Finds Runpod API keys in any value. A key in this file would get into version control and into the function's code. */
export function pastedKeys(value: unknown, path: Path): Mistake[] {
  if (path.length > MAX_DEPTH) return [];
  if (typeof value === 'string' && looksLikeRunpodKey(value)) {
    const expected =
      'no API key in this file: keep it in Secrets Manager and write the name of the secret here';
    return [{ path, expected, found: `what looks like a Runpod API key of ${value.length} characters` }];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => pastedKeys(item, [...path, index]));
  return Object.entries(entry(value)).flatMap(([key, item]) => pastedKeys(item, [...path, key]));
}

function exactlyOneAuth(target: Entry, path: Path): Mistake[] {
  const given = ['registryAuthId', 'registryAuthName'].filter((key) => target[key] !== undefined);
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'neither' : 'both';
  return [{ path, expected: 'either registryAuthId or registryAuthName', found }];
}

function externalIdNeedsRole(registry: Entry, path: Path): Mistake[] {
  if (registry.externalId === undefined || registry.roleArn !== undefined) return [];
  const expected = 'externalId only together with roleArn, the role that requires it';
  return [{ path: [...path, 'externalId'], expected, found: 'no roleArn' }];
}

function sameAuth(targets: readonly Entry[], key: string, defaultSecret: unknown): Mistake[] {
  const identify = (target: Entry) => {
    const auth = text(target[key]);
    const secret = text(target.runpodApiKeySecretName ?? defaultSecret) ?? '';
    return auth === undefined ? undefined : JSON.stringify([secret, auth]);
  };
  return duplicates(
    targets,
    key,
    identify,
    'a registry auth that no other target with the same API key writes',
  );
}

/** Two delegations of one repository share one policy statement. The removal of one would break the other. */
function sameRepository(delegations: readonly Entry[]): Mistake[] {
  const identify = ({ region, repository }: Entry) =>
    text(repository) === undefined ? undefined : JSON.stringify([region ?? '', repository]);
  const expected = 'a repository that no other delegation names';
  return duplicates(delegations, 'repository', identify, expected, 'delegations');
}

function duplicates(
  targets: readonly Entry[],
  key: string,
  identify: (target: Entry) => string | undefined,
  expected: string,
  listName = 'targets',
): Mistake[] {
  const firstAt = new Map<string, number>();
  return targets.flatMap((target, index) => {
    const id = identify(target);
    if (id === undefined) return [];
    const first = firstAt.get(id);
    if (first === undefined) {
      firstAt.set(id, index);
      return [];
    }
    const path = [listName, index, key];
    return [{ path, expected, found: `${describeFound(target[key], path)}, as in ${listName}[${first}]` }];
  });
}
