import { Token } from 'aws-cdk-lib';
import { type Path, text } from './json-values';
import { type Mistake, mistakesError } from './mistakes';
import { placesOfArns } from './places';
import type { RefresherConfig } from './schema';

/**
 * Checks what depends on the region of the stack. AWS would refuse these mistakes only late in a deployment, or they
 * would break a stack that is deployed.
 *
 * @param stackRegion - a token when the stack can be deployed to any region; then ARNs are not checked
 * @throws ConfigError that names every mistake
 */
export function checkRegions(config: RefresherConfig, stackRegion: string): void {
  const region = Token.isUnresolved(stackRegion) ? undefined : stackRegion;
  const mistakes = [
    ...arnsOf(config).flatMap(({ path, arn }) => otherRegion(path, arn, region)),
    ...delegationMistakes(config, region),
  ];
  if (mistakes.length > 0) throw mistakesError('The configuration', mistakes);
}

/** Returns the ARNs of topics and secrets: an alarm and the function can use only those of their own region. */
function arnsOf(config: RefresherConfig): { readonly path: Path; readonly arn: string }[] {
  return placesOfArns(config).flatMap(({ path, value }) => {
    const arn = text(value);
    return arn?.startsWith('arn:') ? [{ path, arn }] : [];
  });
}

function otherRegion(path: Path, arn: string, region: string | undefined): Mistake[] {
  const found = arn.split(':')[3];
  if (region === undefined || found === region) return [];
  return [{ path, expected: `an ARN of ${region}, the region of the stack`, found: `one of ${found}` }];
}

/**
 * Finds delegations without a known region, and two delegations of the same repository.
 *
 * The id of a delegation's resource contains its region. An id without the region would change once the region is
 * known: CloudFormation would create a new resource, then delete the old one, and so undo the delegation. Two
 * delegations of one repository have the same problem when one of them is removed.
 */
function delegationMistakes({ delegations }: RefresherConfig, stackRegion: string | undefined): Mistake[] {
  const firstAt = new Map<string, number>();
  return delegations.flatMap(({ repository, region = stackRegion }, index) => {
    if (region === undefined) {
      const expected =
        'a region, because without AWS credentials the region of the stack is unknown: write it here, or sign in';
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
