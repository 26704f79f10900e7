import { isUtf8 } from 'node:buffer';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Node } from 'constructs';
import { ConfigError } from './mistakes';
import { nearest } from './nearest';
import { parseConfig } from './parse';
import type { RefresherConfig } from './schema';

const PROJECT_ROOT = join(__dirname, '../..');
const DEFAULT_FILE = 'refresher.config.json';

/**
 * Loads the configuration file that the CDK context names (`-c config=PATH`).
 *
 * @param node - a node of the CDK app; the path in its context is relative to the working directory
 * @param root - folder of the default file, `refresher.config.json`; by default the project's root
 * @throws ConfigError when there is no such file, or when it has mistakes
 */
export function loadConfig(node: Node, root = PROJECT_ROOT): RefresherConfig {
  const named: unknown = node.tryGetContext('config');
  if (named === undefined) {
    const path = join(root, DEFAULT_FILE);
    if (!existsSync(path)) throw noConfigError(root, 'name another with -c config=PATH');
    return readConfigFile(path, DEFAULT_FILE);
  }
  if (typeof named !== 'string' || named === '') {
    throw new ConfigError(
      'The CDK context "config" must be the path of a configuration file: -c config=PATH',
    );
  }
  return readConfigFile(resolve(named), named);
}

/**
 * Reads one configuration file.
 *
 * @param label - name of the file in messages; by default its path
 * @throws ConfigError when it cannot be read, or when it has mistakes
 */
export function readConfigFile(path: string, label = path): RefresherConfig {
  const bytes = readBytes(path, label);
  // UTF-16 without its mark is valid UTF-8 with zeros in it.
  if (!isUtf8(bytes) || bytes.includes(0)) {
    throw new ConfigError(`${label} is not UTF-8 text. Save it with the encoding UTF-8.`);
  }
  return parseConfig(bytes.toString('utf8'), label);
}

function readBytes(path: string, label: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code =
      typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'no reason';
    if (code !== 'ENOENT') throw new ConfigError(`${label} cannot be read (${code}).`);
    const similar = similarFile(path);
    throw new ConfigError(
      `${label} does not exist.`,
      `${similar ? `Did you mean ${join(dirname(label), similar)}?` : 'Check the path that was given.'} To write a new file: npx runpod-ecr init --config ${label}`,
    );
  }
}

/**
 * Makes the error for a folder without a configuration.
 *
 * @param others - other ways to name a configuration, as the end of the sentence "Write one …, or …"
 */
export function noConfigError(folder: string, others: string): ConfigError {
  return new ConfigError(
    `There is no ${DEFAULT_FILE} in ${folder}.`,
    `Write one with npx runpod-ecr init, or ${others}.`,
  );
}

/** Returns the name of a JSON file in the same folder that is similar to the one that does not exist. */
function similarFile(path: string): string | undefined {
  try {
    const files = readdirSync(dirname(path)).filter((name) => name.endsWith('.json'));
    return nearest(basename(path), files);
  } catch {
    return undefined;
  }
}
