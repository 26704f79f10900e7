import { Token } from 'aws-cdk-lib';
import { partitionOf } from './aws-regions';
import { type Path, text } from './json-values';
import { type Mistake, mistakesError, type Wording } from './mistakes';
import { placesOfArns } from './places';
import type { RefresherConfig } from './schema';

/**
 * Checks what depends on the region of the stack. Without this check, AWS would refuse these mistakes late in a
 * deployment, or they would break a deployed stack.
 *
 * @param stackRegion - a token when the stack can be deployed to any region; then ARNs are not checked
 * @throws ConfigError that names every mistake
 */
export function checkRegions(
  config: RefresherConfig,
  stackRegion: string,
  subject = 'The configuration',
  wording?: Wording,
): void {
  const region = Token.isUnresolved(stackRegion) ? undefined : stackRegion;
  const mistakes = [
    ...arnsOf(config).flatMap(({ path, arn }) => arnMistakes(path, arn, region)),
    ...(region === undefined ? [] : registryMistakes(config, region)),
    ...delegationMistakes(config, region),
    ...standbyMistakes(config, region),
  ];
  if (mistakes.length > 0) throw mistakesError(subject, mistakes, wording);
}

/** Returns the ARNs of topics and secrets: an alarm and the function can use only those of their own region. */
function arnsOf(config: RefresherConfig): { readonly path: Path; readonly arn: string }[] {
  return placesOfArns(config).flatMap(({ path, value }) => {
    const arn = text(value);
    return arn?.startsWith('arn:') ? [{ path, arn }] : [];
  });
}

/**
 * Returns the mistakes of a topic's or a secret's ARN.
 *
 * @param stackRegion - undefined when it is not known; then only the ARN itself is checked
 */
export function arnMistakes(path: Path, arn: string, stackRegion: string | undefined): Mistake[] {
  const [, partition, , found = ''] = arn.split(':');
  if (stackRegion !== undefined && found !== stackRegion) {
    return [
      { path, expected: `an ARN of ${stackRegion}, the region of the stack`, found: `one of ${found}` },
    ];
  }
  const expected = `arn:${partitionOf(found)}:`;
  if (expected === `arn:${partition}:`) return [];
  return [
    {
      path,
      expected: `an ARN that begins with ${expected}, as those of ${found} do`,
      found: `arn:${partition}:`,
    },
  ];
}

/** Finds why the standby of a configuration file cannot be created. */
function standbyMistakes({ standby, targets }: RefresherConfig, region: string | undefined): Mistake[] {
  if (standby === undefined) return [];
  if (targets.length === 0) {
    const expected = 'targets, because a standby refreshes registry auths and makes no delegations';
    return [{ path: ['standby'], expected, found: 'none' }];
  }
  return [
    ...differentPlaceMistakes(['standby', 'region'], standby.region, region),
    ...(['topicArns', 'warningTopicArns'] as const).flatMap((key) =>
      standby[key].flatMap((arn, index) => arnMistakes(['standby', key, index], arn, standby.region)),
    ),
  ];
}

/**
 * Finds a standby that is in the first region or in another partition, and a region that is not known. Each refresher
 * reports its successes to the other region, so both regions must be known.
 */
export function differentPlaceMistakes(
  path: Path,
  standby: string | undefined,
  primary: string | undefined,
): Mistake[] {
  if (standby === undefined) return [{ path, expected: 'a stack whose region is known', found: 'a token' }];
  if (primary === undefined) {
    const expected =
      'a first stack whose region is known: sign in to AWS, or give the stack a region (env.region in code)';
    return [{ path, expected, found: 'none' }];
  }
  if (standby === primary) {
    return [
      { path, expected: `another region than ${primary}, the region of the first stack`, found: standby },
    ];
  }
  const [own, other] = [partitionOf(primary), partitionOf(standby)];
  if (own === other) return [];
  return [
    { path, expected: `a region of ${own}, the partition of the first stack`, found: `one of ${other}` },
  ];
}

/** Finds registries that the stack's partition lacks, or that are in another partition, which no role can reach. */
function registryMistakes({ targets }: RefresherConfig, stackRegion: string): Mistake[] {
  const own = partitionOf(stackRegion);
  return targets.flatMap(({ registry }, index) => {
    const path: Path = ['targets', index, 'registry'];
    if (registry.type === 'ecr-public' && own !== 'aws') {
      const expected =
        'another type of registry, because ECR Public has logins only for accounts of the partition aws';
      return [{ path: [...path, 'type'], expected, found: `"ecr-public" in a stack of ${own}` }];
    }
    if (registry.type !== 'ecr') return [];
    const { region = stackRegion, roleArn = `arn:${own}:` } = registry;
    const partitions = { region: partitionOf(region), roleArn: roleArn.split(':')[1] };
    return (['region', 'roleArn'] as const).flatMap((key) => {
      if (partitions[key] === own) return [];
      const expected = `a ${key === 'region' ? 'region' : 'role'} of ${own}, the partition of the stack`;
      return [{ path: [...path, key], expected, found: `one of ${partitions[key]}` }];
    });
  });
}

/**
 * Returns the mistake of a delegation whose region is in another partition than the roles with which Runpod pulls.
 * Permissions do not reach across partitions.
 *
 * @param key - name of the setting with the roles
 */
export function partitionMistakes(
  path: Path,
  region: string,
  { principalArns, key }: { readonly principalArns: readonly string[]; readonly key: string },
): Mistake[] {
  const partition = partitionOf(region);
  const other = principalArns.map((arn) => arn.split(':')[1]).find((found) => found !== partition);
  if (other === undefined) return [];
  const expected = `a region of the partition ${other}, because the roles of Runpod in "${key}" are in it`;
  return [{ path, expected, found: `${region} of ${partition}` }];
}

/**
 * Finds delegations without a known region, and two delegations of the same repository.
 *
 * The id of a delegation's resource contains its region. An id without the region would change once the region is
 * known: CloudFormation would create a new resource, then delete the old one, and so undo the delegation. Two
 * delegations of one repository have the same problem when one of them is removed.
 */
function delegationMistakes(
  { delegations, runpod }: RefresherConfig,
  stackRegion: string | undefined,
): Mistake[] {
  const roles = { principalArns: runpod.delegationPrincipalArns, key: 'delegationPrincipalArns' };
  const firstAt = new Map<string, number>();
  return delegations.flatMap(({ repository, region: written }, index) => {
    const region = written ?? stackRegion;
    if (region === undefined) {
      const expected =
        'a region, because without AWS credentials the region of the stack is unknown: write it here, or sign in';
      return [{ path: ['delegations', index, 'region'], expected, found: 'none' }];
    }
    const path: Path = ['delegations', index, written === undefined ? 'repository' : 'region'];
    const otherPartition = partitionMistakes(path, region, roles);
    if (otherPartition.length > 0) return otherPartition;
    const place = `${repository} in ${region}`;
    const first = firstAt.get(place);
    firstAt.set(place, first ?? index);
    if (first === undefined) return [];
    const expected = 'a repository that no other delegation names';
    return [
      {
        path: ['delegations', index, 'repository'],
        expected,
        found: `${place}, as in delegations[${first}]`,
      },
    ];
  });
}
