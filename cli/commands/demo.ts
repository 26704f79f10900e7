/** `demo`: the command line against an embedded cloud with a deployed and settled world. */

import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { nearest } from '../../lib/config/nearest';
import { askDemo, type ControlWord, isControlWord } from '../../local/demo/ask';
import { CliError, isMissingCdk, isOwnError, usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { CLONE_ROOT, DEMO_VARIABLES } from '../installation';
import type { Operator } from '../operator';
import { DEFAULT_CONFIG, type GlobalOptions } from '../options';
import type { Output } from '../output';

/** The flags of `demo`. */
export interface DemoFlags {
  /** What is broken at the start. `list` names everything that can be broken. */
  readonly break?: string;
}

/**
 * Starts a demo with a sub-shell or one command, or asks the demo in whose sub-shell it runs.
 *
 * @param words - a command after `--`, or a request to the running demo
 * @returns the exit code, which is that of the command
 * @throws CliError (usage error)
 */
export async function demo(
  operator: Operator,
  output: Output,
  words: readonly string[],
  flags: DemoFlags,
): Promise<number> {
  const [first] = words;
  if (flags.break === 'list' || (first === 'break' && words[1] === 'list')) return listBreaks(output);
  refuseOptions(operator.options);
  const address = process.env[DEMO_VARIABLES.address];
  if (isControlWord(first)) return ask(output, address, first, words);
  if (address !== undefined && first === undefined && flags.break === undefined) {
    await showBanner(output, process.env[DEMO_VARIABLES.folder] ?? '');
    return EXIT.ok;
  }
  if (address !== undefined) {
    throw usageError(
      'A demo is running in this shell.',
      'Type commands without demo, such as: npx runpod-ecr doctor',
    );
  }
  return startDemo(output, words, flags);
}

async function listBreaks(output: Output): Promise<number> {
  const { BREAKS, describeBreaks } = await import('../../local/demo/breaks');
  output.data({ breaks: Object.entries(BREAKS).map(([name, { what }]) => ({ name, what })) });
  for (const line of describeBreaks()) output.line(line);
  return EXIT.ok;
}

/** Options before `--` are for the demo itself, which knows none of these. */
function refuseOptions({ json, profile, region, config, stack }: GlobalOptions): void {
  const given = Object.entries({ json, profile, region, config, stack }).find(
    ([, value]) => value !== undefined,
  );
  if (!given) return;
  throw usageError(
    `demo itself has no --${given[0]}.`,
    'Put the command and its options after --, such as: npx runpod-ecr demo -- status --json',
  );
}

async function ask(
  output: Output,
  address: string | undefined,
  word: ControlWord,
  words: readonly string[],
): Promise<number> {
  if (address === undefined) {
    const start = word === 'break' ? `demo --break ${words[1] ?? 'list'}` : 'demo';
    throw usageError(`demo ${word} works in the shell of a demo.`, `Start one: npx runpod-ecr ${start}`);
  }
  const asked = output.withSpinner('asking the demo', () => askDemo(address, words));
  const { exitCode, lines } = await asked.catch((cause: unknown) => {
    throw new CliError('The demo of this shell has ended.', { fix: 'Leave the shell with exit.', cause });
  });
  for (const line of lines) exitCode === EXIT.ok ? output.line(line) : output.error(line);
  return exitCode;
}

async function startDemo(output: Output, words: readonly string[], flags: DemoFlags): Promise<number> {
  const [{ BREAKS }, { startDemoSession }] = await Promise.all([
    import('../../local/demo/breaks'),
    import('../../local/demo/session'),
  ]);
  if (flags.break !== undefined && !Object.hasOwn(BREAKS, flags.break)) {
    const similar = nearest(flags.break, Object.keys(BREAKS));
    const guess = similar === undefined ? '' : `Did you mean ${similar}? `;
    throw usageError(
      `There is no break "${flags.break}".`,
      `${guess}To list them: npx runpod-ecr demo --break list`,
    );
  }
  // The demo ends what it started before it ends itself.
  process.removeAllListeners('SIGINT');
  let interrupted: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted = 128 + constants.signals[signal];
    });
  }
  const options = { launcher: launcher(), names: DEMO_VARIABLES, broken: flags.break };
  const label = 'starting the embedded cloud, with a stack and the history of a day';
  try {
    const session = await output.withSpinner(label, () => startDemoSession(options));
    try {
      if (interrupted !== undefined) return interrupted;
      if (words.length > 0) return await session.runCommand(commandIn(words));
      await showBanner(output, session.directory);
      for (const line of session.lines) output.line(line);
      return await session.runShell();
    } finally {
      await session.stop();
    }
  } catch (error) {
    if (interrupted !== undefined) return interrupted;
    if (isOwnError(error) || isMissingCdk(error) || !(error instanceof Error)) throw error;
    throw new CliError(`The demo could not start: ${error.message}`, { cause: error });
  }
}

async function showBanner(output: Output, directory: string): Promise<void> {
  const { banner } = await import('../../local/demo/banner');
  for (const line of banner(directory, DEFAULT_CONFIG, output.columns)) output.line(line);
}

/** Returns a command without the words that a person may put in front of it. */
function commandIn(words: readonly string[]): readonly string[] {
  const withoutNpx = words[0] === 'npx' ? words.slice(1) : words;
  return withoutNpx[0] === 'runpod-ecr' ? withoutNpx.slice(1) : withoutNpx;
}

/** Returns the command line as Node starts it, for the commands in the demo. */
function launcher(): string {
  const started = realpathSync(process.argv[1] ?? '');
  const isProgram = /\.[cm]?js$/.test(started);
  return isProgram || CLONE_ROOT === undefined ? started : join(CLONE_ROOT, 'bin/runpod-ecr.mjs');
}
