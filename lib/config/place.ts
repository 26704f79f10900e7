/** What can be checked once it is known where the stack goes. */

import { Token } from 'aws-cdk-lib';
import { type Mistake, mistakesError } from './mistakes';
import type { RefresherConfig } from './schema';

type Path = readonly PropertyKey[];

/**
 * Refuses what AWS would refuse late in a deployment, or what would break one that stands.
 *
 * @param stackRegion - may be a token, where the stack may go anywhere
 * @throws ConfigError naming every place
 */
export function refuseWrongPlaces(config: RefresherConfig, stackRegion: string): void {
  const region = Token.isUnresolved(stackRegion) ? undefined : stackRegion;
  const mistakes = [
    ...arnsOf(config).flatMap(({ path, arn }) => elsewhere(path, arn, region)),
    ...delegationMistakes(config, region),
  ];
  if (mistakes.length > 0) throw mistakesError('The configuration', mistakes);
}

/** An alarm publishes to topics of its own region, and the function reads secrets of its own. */
function arnsOf({ alarms, runpodApiKeySecretName, targets, delegations }: RefresherConfig) {
  const texts: { readonly path: Path; readonly arn: string | undefined }[] = [
    ...(['topicArns', 'warningTopicArns'] as const).flatMap((key) =>
      alarms[key].map((arn, index) => ({ path: ['alarms', key, index], arn })),
    ),
    { path: ['runpodApiKeySecretName'], arn: runpodApiKeySecretName },
    ...targets.flatMap((target, index) => [
      { path: ['targets', index, 'runpodApiKeySecretName'], arn: target.runpodApiKeySecretName },
      {
        path: ['targets', index, 'registry', 'credentialSecretName'],
        arn: 'credentialSecretName' in target.registry ? target.registry.credentialSecretName : undefined,
      },
    ]),
    ...delegations.map((delegation, index) => ({
      path: ['delegations', index, 'runpodApiKeySecretName'],
      arn: delegation.runpodApiKeySecretName,
    })),
  ];
  return texts.flatMap(({ path, arn }) => (arn?.startsWith('arn:') ? [{ path, arn }] : []));
}

function elsewhere(path: Path, arn: string, region: string | undefined): Mistake[] {
  const found = arn.split(':')[3];
  if (region === undefined || found === region) return [];
  return [{ path, expected: `an ARN of ${region}, the region of the stack`, found: `one of ${found}` }];
}

/**
 * A delegation's resource is known by its region. Were it named only when the region is known, the next deployment
 * would make it anew and then take back what both stand for; so would the removal of one of two for one repository.
 */
function delegationMistakes({ delegations }: RefresherConfig, stackRegion: string | undefined): Mistake[] {
  const firstAt = new Map<string, number>();
  return delegations.flatMap(({ repository, region = stackRegion }, index) => {
    if (region === undefined) {
      const expected =
        'a region, since without AWS credentials nothing says where the stack goes: write it here, or sign in';
      return [{ path: ['delegations', index, 'region'], expected, found: 'none' }];
    }
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
