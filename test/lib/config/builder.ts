import { parseConfig } from '../../../lib/config/parse';
import type { RefresherConfig } from '../../../lib/config/schema';

/** Plain JSON, as it stands in a configuration file. */
export type Json = Readonly<Record<string, unknown>>;

/** One target as a file has it: by id, one repository. */
export function targetJson(overrides: Json = {}): Json {
  return {
    name: 'prod',
    registryAuthId: 'clzdaifot0001l90809257ynb',
    registry: { type: 'ecr', repositories: ['worker'] },
    ...overrides,
  };
}

/** The least that a file needs. */
export function configJson(overrides: Json = {}): Json {
  return { targets: [targetJson()], ...overrides };
}

/** A configuration as the stack receives it: somebody is paged. */
export function config(overrides: Json = {}): RefresherConfig {
  const alarms = { emails: ['oncall@example.com'] };
  return parseConfig(JSON.stringify(configJson({ alarms, ...overrides })), 'test.json');
}

/** As many targets as asked for, each with its own name and registry auth. */
export function manyTargets(count: number, overrides: (index: number) => Json = () => ({})): Json[] {
  return Array.from({ length: count }, (_, index) =>
    targetJson({ name: `target-${index}`, registryAuthId: `auth${index}`, ...overrides(index) }),
  );
}
