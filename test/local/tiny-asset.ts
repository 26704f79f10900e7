import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A function's asset that a test has written by hand. */
export interface TinyAsset {
  readonly directory: string;
  remove(): void;
}

/** Writes an asset to a directory of its own. @param source - of `index.mjs` */
export function writeTinyAsset(source: string): TinyAsset {
  const directory = mkdtempSync(join(tmpdir(), 'tiny-asset-'));
  writeFileSync(join(directory, 'index.mjs'), source);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
