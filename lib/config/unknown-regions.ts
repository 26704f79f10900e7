import { isKnownRegion, nearestRegion } from './aws-regions';
import { REGION } from './formats';
import { type Entry, list, type Path, text } from './json-values';
import { describeFound, type Mistake } from './mistakes';
import { placesOfArns, placesOfRegions } from './places';

/**
 * Finds regions that AWS does not have, also in ARNs. With such a region, a policy would permit nothing, or a host would
 * not exist.
 *
 * @param config - parsed JSON of any shape
 */
export function unknownRegions(config: Entry): Mistake[] {
  const allowed = list(config.additionalRegions);
  const named = placesOfRegions(config).flatMap(({ path, value }) => unknownRegion(value, path, allowed));
  const inArns = placesOfArns(config).flatMap(({ path, value }) => unknownRegionOfArn(value, path, allowed));
  return [...named, ...inArns];
}

/**
 * Returns the mistake of a text that is not a region of AWS.
 *
 * @param allowed - regions that are accepted although the CDK does not know them
 */
export function unknownRegion(value: unknown, path: Path, allowed: readonly unknown[]): Mistake[] {
  const region = text(value);
  if (region === undefined || allowed.includes(region)) return [];
  const isWellFormed = REGION.pattern.test(region);
  if (isWellFormed && isKnownRegion(region)) return [];
  const meant = nearestRegion(region);
  // The schema reports a text that resembles no region.
  if (!isWellFormed && meant === undefined) return [];
  const allow = meant
    ? 'or list a new region in "additionalRegions"'
    : 'If it is new, list it in "additionalRegions"';
  const fix = [meant && `Write "${meant}"`, isWellFormed && allow].filter(Boolean).join(', ');
  return [{ path, expected: REGION.expected, found: describeFound(region, []), fix: `${fix}.` }];
}

function unknownRegionOfArn(value: unknown, path: Path, allowed: readonly unknown[]): Mistake[] {
  const region = /^arn:[a-z-]+:(?:secretsmanager|sns):([^:]*):/.exec(text(value) ?? '')?.[1];
  return unknownRegion(region, path, allowed).map(({ found, ...mistake }) => ({
    ...mistake,
    expected: `an ARN of ${mistake.expected}`,
    found: `one of ${found}`,
  }));
}
