import type { RefresherSettings } from './model';

/**
 * Stands in the settings file for a text that CloudFormation knows only at deployment, such as the ARN of a new secret.
 * The text itself is in the function's environment.
 */
export interface EnvironmentReference {
  /** Name of the environment variable. */
  readonly env: string;
}

/**
 * Parses the settings file of a function, and puts the texts from its environment in their places.
 *
 * @param text - content of the settings file
 * @param environment - the function's environment variables
 * @throws Error when a variable is not set
 *
 * @example
 * parseSettings(readFileSync(SETTINGS_FILE, 'utf8'), process.env);
 */
export function parseSettings(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): RefresherSettings {
  return JSON.parse(text, (_key, value) => {
    if (!isEnvironmentReference(value)) return value;
    const found = environment[value.env];
    if (found === undefined) throw new Error(`The environment variable ${value.env} is not set.`);
    return found;
  }) as RefresherSettings;
}

function isEnvironmentReference(value: unknown): value is EnvironmentReference {
  return typeof value === 'object' && value !== null && 'env' in value && typeof value.env === 'string';
}
