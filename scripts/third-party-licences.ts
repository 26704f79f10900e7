/** The licences of the packages that are bundled into what we publish. They ask that their text goes with the copy. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

const SEPARATOR = `\n${'-'.repeat(80)}\n\n`;

/** Name of the file with the licences, beside the bundles. */
export const LICENCES_FILE = 'THIRD_PARTY_LICENSES.txt';

/**
 * Returns the licences of the packages from which files were bundled, each text once.
 *
 * @param inputs - paths of the bundled files, relative to the project's root
 * @throws Error when a package names no licence
 */
export function licencesOf(inputs: readonly string[]): string {
  const folders = inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  const headings = new Map<string, string[]>();
  for (const folder of [...new Set(folders)].sort()) {
    const { heading, text } = licenceOf(folder);
    headings.set(text, [...(headings.get(text) ?? []), heading]);
  }
  return [...headings].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`).join(SEPARATOR);
}

function licenceOf(folder: string): { readonly heading: string; readonly text: string } {
  const directory = join(ROOT, folder);
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  if (license === undefined && files.length === 0) throw new Error(`${folder} names no licence`);
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return { heading: `${name} ${version} (${license})`, text: texts.join('\n\n') };
}
