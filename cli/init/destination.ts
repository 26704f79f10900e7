/** The configuration file that `init` writes. `init` overwrites a file only with the person's consent. */

import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CliError, usageError } from '../errors';
import type { Operator } from '../operator';
import { askYes, mayAsk } from '../prompts';
import type { InitFlags } from './options';

/** Where the configuration is written. */
export interface Destination {
  /** Path of the file. Where `--config` names a link, the file to which it leads. */
  readonly path: string;
  /** How messages name it. */
  readonly label: string;
  /** What may be overwritten: nothing, a file with this content, or whatever is there. */
  readonly overwrites: 'nothing' | { readonly content: Buffer } | 'anything';
}

/**
 * Finds out where to write, and asks whether an existing file may be overwritten. `--force` agrees to that. A link is
 * followed: the file to which it leads is overwritten, and the link stays.
 *
 * @throws CliError (usage error) when the path cannot be used, or the person did not agree
 */
export async function chooseDestination(operator: Operator, { force }: InitFlags): Promise<Destination> {
  const { configPath, configLabel: label } = operator;
  const directory = dirname(configPath);
  if (!existsSync(directory)) {
    throw usageError(
      `There is no folder ${directory}.`,
      'Create it first, or name another path with --config.',
    );
  }
  const link = linkAt(configPath);
  if (link !== undefined && !existsSync(configPath)) {
    throw usageError(
      `${label} is a link to ${link}, which does not exist.`,
      'Remove the link, or name a file with --config.',
    );
  }
  const exists = existsSync(configPath);
  if (exists && statSync(configPath).isDirectory()) {
    throw usageError(`${label} is a folder.`, 'Name a file with --config.');
  }
  if (!exists) return { path: configPath, label, overwrites: force ? 'anything' : 'nothing' };
  const path = realpathSync(configPath);
  if (force) return { path, label, overwrites: 'anything' };
  const what = link === undefined ? label : path;
  const there =
    link === undefined ? `${label} already exists.` : `${label} is a link to ${path}, which already exists.`;
  const content = readFileSync(path);
  if (mayAsk(operator.options) && (await askYes(`${there} Overwrite ${link === undefined ? 'it' : what}?`))) {
    return { path, label, overwrites: { content } };
  }
  throw usageError(there, `Add --force to overwrite ${what}, or --config to write another file.`);
}

/** The target of a symbolic link; undefined when there is none at this path. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Writes the file through a temporary file. It appears only if `between` succeeds, and never in part.
 *
 * @throws CliError when the file cannot be written, or when it changed since the person was asked, and what `between`
 * throws
 */
export async function writeTo(
  destination: Destination,
  text: string,
  between: () => Promise<void>,
): Promise<void> {
  const { path, label } = destination;
  const temporary = `${path}.${process.pid}.tmp`;
  explainWriteError(label, () => writeFileSync(temporary, text, { flag: 'wx' }));
  try {
    refuseChanged(destination, 'Nothing was stored or written.');
    await between();
    const stored = 'The key is stored, and the configuration is not written.';
    refuseChanged(destination, stored);
    if (destination.overwrites === 'nothing') placeNew(temporary, destination, stored);
    else explainWriteError(label, () => renameSync(temporary, path));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Checks that nothing has appeared or changed at the path since the person was asked. @throws CliError */
function refuseChanged({ path, label, overwrites }: Destination, outcome: string): void {
  if (overwrites === 'anything') return;
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (overwrites === 'nothing' && there === undefined) return;
  if (overwrites !== 'nothing' && there?.isFile() && readFileSync(path).equals(overwrites.content)) return;
  throw changed(label, outcome);
}

function changed(label: string, outcome: string): CliError {
  return new CliError(`${label} was changed by somebody else while init was running. ${outcome}`, {
    fix: 'Look at the file, then run init again.',
  });
}

/** A hard link never replaces a file, unlike a rename. File systems without hard links get a copy. */
function placeNew(temporary: string, { path, label }: Destination, outcome: string): void {
  try {
    linkSync(temporary, path);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw changed(label, outcome);
    explainWriteError(label, () => copyFileSync(temporary, path, constants.COPYFILE_EXCL));
  }
}

/** Runs a write. @param label - name of the file in the message @throws CliError when it fails */
export function explainWriteError(label: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new CliError(`${label} cannot be written (${codeOf(cause) ?? 'unknown error'}).`, { cause });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
