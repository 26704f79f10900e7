/** Where the command line runs: in a clone of the project, or in the package that somebody installed. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the clone. The installed package has no sources, so it is undefined there. */
export const CLONE_ROOT: string | undefined = existsSync(join(__dirname, 'main.ts'))
  ? join(__dirname, '..')
  : undefined;
