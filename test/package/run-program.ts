import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The project's root. */
export const ROOT = join(__dirname, '../..');

/** The programs besides Node. */
export const NPM = 'npm';
export const PYTHON = 'python3';

/** The outcome of a program. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. @returns its outcome, whatever the exit code */
export function outcomeOf(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Outcome {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...ENVIRONMENT, ...env },
    maxBuffer: 100_000_000,
  });
  if (error) throw error;
  return { status: status ?? 1, stdout, stderr };
}

/** Runs a program. @returns its standard output. @throws Error with its output when the exit code is not 0 */
export function run(
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr } = outcomeOf(file, args, cwd, env);
  if (status === 0) return stdout;
  throw new Error(`${file} ${args.join(' ')} in ${cwd} ended with ${status}:\n${stdout}\n${stderr}`);
}

const ENVIRONMENT = {
  // Node 20 is at its end of life, and jsii prints a banner about it.
  JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: 'true',
  // The CDK's own check of a template takes most of the time of a synth. The tests of the examples switch it on.
  CDK_VALIDATION: 'false',
};
