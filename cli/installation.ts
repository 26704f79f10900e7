/** Where the command line runs: in a clone of the project or in the package that somebody installed, and in a demo. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the clone. The installed package has no sources, so it is undefined there. */
export const CLONE_ROOT: string | undefined = existsSync(join(__dirname, 'main.ts'))
  ? join(__dirname, '..')
  : undefined;

/** The variables that `demo` sets for the commands that run in it. */
export const DEMO_VARIABLES = {
  /** The folder with the configuration. */
  folder: 'RUNPOD_ECR_DEMO_FOLDER',
  /** The address of the running demo. */
  address: 'RUNPOD_ECR_DEMO_ADDRESS',
} as const;
