import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Node } from 'constructs';
import { ConfigError } from './mistakes';
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
  if (named === undefined) return readConfigFile(join(root, DEFAULT_FILE), DEFAULT_FILE);
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
    throw new ConfigError(
      label === DEFAULT_FILE
        ? `There is no ${DEFAULT_FILE} yet. Copy the example and edit it: cp refresher.config.example.json ${DEFAULT_FILE}`
        : `${label} does not exist. Check the path that was given.`,
    );
  }
}
