import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { RefresherSettings } from '../lambda/core/model';
import type { EnvironmentReference } from '../lambda/core/settings';
import { ConfigError } from './config/mistakes';
import { estimatedLength } from './tokens';

/** Settings, divided between a file and the environment of the function. */
export interface DividedSettings {
  /** What is known at synth. `parseSettings` puts it together with the environment again. */
  readonly file: object;
  /** What CloudFormation knows only at deployment. */
  readonly environment: Record<string, string>;
}

/** Options of `dividedSettings`. */
export interface DivisionOptions {
  /**
   * Whether the function reads the names of repositories. Otherwise those that are tokens are left out.
   * @default false
   */
  readonly withRepositories?: boolean;
}

/** Maximum size of a function's environment in bytes (Lambda quotas). */
const MAX_ENVIRONMENT = 4_096;

/** Bytes that are kept free for variables that others add to the function. */
const RESERVED_ENVIRONMENT = 512;

/**
 * Divides settings: texts with tokens go to the environment, each text once, and the rest goes to the file.
 *
 *
 * @throws ConfigError when the texts may be more than an environment holds
 */
export function dividedSettings(
  scope: Construct,
  settings: RefresherSettings,
  { withRepositories = false }: DivisionOptions = {},
): DividedSettings {
  const names = new Map<string, string>();
  const reference = (text: string): EnvironmentReference => {
    const name = names.get(text) ?? `SETTING_${names.size + 1}`;
    names.set(text, name);
    return { env: name };
  };
  const file = withReferences(settings, reference, withRepositories);
  const environment = Object.fromEntries([...names].map(([text, name]) => [name, text]));
  checkSize(scope, environment);
  return { file: Object(file), environment };
}

function withReferences(
  value: unknown,
  reference: (text: string) => EnvironmentReference,
  withRepositories: boolean,
): unknown {
  if (typeof value === 'string') return Token.isUnresolved(value) ? reference(value) : value;
  if (Array.isArray(value)) return value.map((item) => withReferences(item, reference, withRepositories));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === 'repositories' && !withRepositories
      ? knownOf(item)
      : withReferences(item, reference, withRepositories),
  ]);
  return Object.fromEntries(entries);
}

function knownOf(names: readonly string[]): string[] {
  return names.filter((name) => !Token.isUnresolved(name));
}

function checkSize(scope: Construct, environment: Readonly<Record<string, string>>): void {
  const entries = Object.entries(environment);
  const size = entries.reduce((sum, [name, text]) => sum + name.length + estimatedLength(scope, text), 0);
  if (size <= MAX_ENVIRONMENT - RESERVED_ENVIRONMENT) return;
  throw new ConfigError(
    `${scope.node.path}: ${entries.length} names or ARNs of secrets, roles and repositories are known only at deployment. They need about ${size} bytes, and the environment of a Lambda function holds ${MAX_ENVIRONMENT}. Import secrets and repositories by their names and roles by their ARNs, share secrets among targets, leave the watch out (pullWatch: { enabled: false }), or divide the targets among several refreshers.`,
  );
}
