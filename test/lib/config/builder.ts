import { parseConfig } from '../../../lib/config/parse';
import type { RefresherConfig } from '../../../lib/config/schema';

/** A JSON object of a configuration file. */
export type Json = Readonly<Record<string, unknown>>;

/** Returns the JSON of a target with a registry auth id and one ECR repository. */
export function targetJson(overrides: Json = {}): Json {
  return {
    name: 'prod',
    registryAuthId: 'clzdaifot0001l90809257ynb',
    registry: { type: 'ecr', repositories: ['worker'] },
    ...overrides,
  };
}

/** Returns the JSON of a minimal configuration file. */
export function configJson(overrides: Json = {}): Json {
  return { targets: [targetJson()], ...overrides };
}

/**
 * Returns a parsed configuration. One e-mail address is paged unless `overrides` has alarm settings. There is no watch
 * unless `overrides` has one, so that a test of the refresher sees the refresher only.
 */
export function config(overrides: Json = {}): RefresherConfig {
  const alarms = { emails: ['oncall@example.com'] };
  const pullWatch = { mode: 'off' };
  return parseConfig(JSON.stringify(configJson({ alarms, pullWatch, ...overrides })), 'test.json');
}

/** Returns the JSON of `count` targets, each with its own name and registry auth. */
export function manyTargets(count: number, overrides: (index: number) => Json = () => ({})): Json[] {
  return Array.from({ length: count }, (_, index) =>
    targetJson({ name: `target-${index}`, registryAuthId: `auth${index}`, ...overrides(index) }),
  );
}
