import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileSystem, Names, Stage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { SETTINGS_FILE } from '../lambda/core/contract';
import type { Target } from '../lambda/core/model';
import { DELEGATION_FOLDER, folderFor, WATCH_FOLDER } from './function-bundles';

/** The functions as `npm run build:functions` makes them: in the package beside this file, in a clone in `dist`. */
const PREBUILT = [join(__dirname, '../functions'), join(__dirname, '../dist/functions')];

/** The code of a function. */
export interface FunctionCode {
  /** The code as an asset. */
  readonly code: Code;
  /** Hash of the files, the same on every machine and for every account. */
  readonly hash: string;
}

/**
 * Returns the refresher's code with its settings. Both are written into the cloud assembly that is being synthesised.
 *
 * @param settingsFile - content of the settings file
 * @throws Error when the functions have not been built
 */
export function refresherCode(
  scope: Construct,
  targets: readonly Target[],
  settingsFile: unknown,
): FunctionCode {
  return codeIn(scope, (directory) => writeRefresher(directory, targets, settingsFile));
}

/** Returns the watch's code with its settings. @throws Error when the functions have not been built */
export function watchCode(scope: Construct, settingsFile: unknown): FunctionCode {
  return codeIn(scope, (directory) => writeWatch(directory, settingsFile));
}

/** Returns the delegation function's code. It has no settings: each request carries its own. */
export function delegationCode(scope: Construct): FunctionCode {
  return codeIn(scope, (directory) => copyBundle(DELEGATION_FOLDER, directory));
}

function codeIn(scope: Construct, write: (directory: string) => void): FunctionCode {
  const directory = join(Stage.of(scope)?.outdir ?? 'cdk.out', 'bundles', Names.uniqueId(scope));
  write(directory);
  return { code: Code.fromAsset(directory), hash: FileSystem.fingerprint(directory) };
}

/**
 * Writes the refresher's function into a directory: `index.mjs`, `index.mjs.map` and the settings file.
 *
 * @param directory - created when it does not exist
 * @param targets - decide which clients the bundle has
 * @throws Error when the functions have not been built
 */
export function writeRefresher(directory: string, targets: readonly Target[], settingsFile: unknown): void {
  copyBundle(folderFor(targets), directory);
  writeSettings(directory, settingsFile);
}

/**
 * Writes the watch's function into a directory, as `writeRefresher` does.
 *
 * @param directory - created when it does not exist
 * @throws Error when the functions have not been built
 */
export function writeWatch(directory: string, settingsFile: unknown): void {
  copyBundle(WATCH_FOLDER, directory);
  writeSettings(directory, settingsFile);
}

function writeSettings(directory: string, settingsFile: unknown): void {
  writeFileSync(join(directory, SETTINGS_FILE), `${JSON.stringify(settingsFile, null, 1)}\n`);
}

function copyBundle(folder: string, directory: string): void {
  const from = PREBUILT.map((prebuilt) => join(prebuilt, folder)).find(existsSync);
  if (from === undefined) {
    throw new Error('The functions have not been built. Build them with: npm run build:functions');
  }
  mkdirSync(directory, { recursive: true });
  for (const file of ['index.mjs', 'index.mjs.map']) copyFileSync(join(from, file), join(directory, file));
}
