import { readFileSync } from 'node:fs';

const VARIABLE = 'PACKED';

/** The tarball that the tests install. */
export interface Packed {
  readonly tarball: string;
  /** The tarball's content. */
  readonly folder: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  /** Paths within the package. */
  readonly files: readonly string[];
}

/** Tells the tests where the description of the tarball is. */
export function setPacked(file: string): void {
  process.env[VARIABLE] = file;
}

/** Returns the description of the tarball. @throws Error when the global setup did not run */
export function packed(): Packed {
  const file = process.env[VARIABLE];
  if (file === undefined) throw new Error(`${VARIABLE} is not set: jest runs test/package/pack.ts first`);
  return JSON.parse(readFileSync(file, 'utf8'));
}
