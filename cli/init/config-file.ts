/** The text of the configuration file that `init` writes. */

import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { RunpodSettings } from '../../lambda/core/model';
import { name as PACKAGE_NAME } from '../../package.json';
import { CLONE_ROOT } from '../installation';
import { RUNPOD_DEFAULTS, type TargetAnswers } from './answers';

/** Name of the schema's file, in a clone and in the package. */
const SCHEMA_FILE = 'refresher.schema.json';

/** The settings in the file. */
export interface ConfigParts {
  /** Where an editor finds the schema. @default - nowhere */
  readonly schema: string | undefined;
  readonly answers: TargetAnswers;
  readonly secretName: string;
  readonly runpod: RunpodSettings;
  /** Region of the standby. @default - there is none */
  readonly standby: string | undefined;
}

/** Returns the text of the file. */
export function configText({ answers, secretName, runpod, schema, standby }: ConfigParts): string {
  const { name, registry, auth, verifyImage, emails, runbookUrl } = answers;
  const defaults = new Map<string, string>(Object.entries(RUNPOD_DEFAULTS));
  const changed = Object.entries(runpod).filter(([key, value]) => defaults.get(key) !== value);
  const config = {
    ...(schema !== undefined && { $schema: schema }),
    runpodApiKeySecretName: secretName,
    targets: [{ name, ...auth, registry, ...(verifyImage !== undefined && { verifyImage }) }],
    ...(standby !== undefined && { standby: { region: standby } }),
    alarms: { emails, ...(runbookUrl !== undefined && { runbookUrl }) },
    ...(changed.length > 0 && { runpod: Object.fromEntries(changed) }),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * Returns where an editor finds the schema, from the folder of the configuration file. There is a file at this place, or
 * `npm install` puts it there.
 *
 * @param configPath - real path of the configuration file
 * @param willInstall - the folder gets an app, and `npm install` of that app brings the package
 * @returns undefined when no copy of the schema stays where it is
 */
export function schemaFor(configPath: string, willInstall: boolean): string | undefined {
  const folder = dirname(configPath);
  if (CLONE_ROOT !== undefined) return asUrl(folder, join(CLONE_ROOT, SCHEMA_FILE));
  const inPackage = join('node_modules', PACKAGE_NAME, SCHEMA_FILE);
  // A workspace installs packages in a folder above.
  for (let above = folder; ; above = dirname(above)) {
    const path = join(above, inPackage);
    if (existsSync(path)) return asUrl(folder, path);
    if (above === dirname(above)) break;
  }
  if (willInstall) return asUrl(folder, join(folder, inPackage));
  // The command line is in dist/cli of the package. The cache of npx is emptied now and then.
  const own = join(__dirname, '../..', SCHEMA_FILE);
  return existsSync(own) && !own.split(sep).includes('_npx') ? asUrl(folder, own) : undefined;
}

/** Returns a relative path with slashes. On Windows a path to another drive becomes a `file:` address. */
function asUrl(folder: string, path: string): string {
  const way = relative(folder, path);
  if (/^[A-Za-z]:/.test(way)) return pathToFileURL(path).href;
  const text = way.replaceAll('\\', '/');
  return text.startsWith('.') ? text : `./${text}`;
}
