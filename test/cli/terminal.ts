import type { ChildProcess } from 'node:child_process';
import { screenAfter } from '../support/screen';
import type { CommandOptions, CommandRun, CommandWorld } from './command-world';

/** A Python program that runs a command in a pseudo-terminal and passes input and output through. */
const PTY = 'import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** How long a text may take to appear, in milliseconds. Less than the limit of a test, so that the message says which one. */
const APPEARS_WITHIN_MS = 20_000;

/** A text to wait for, and what to type, or to do, when it has appeared. */
export type Step = readonly [appears: string, action: string | (() => void)];

/** How a terminal session runs. */
export interface TerminalOptions {
  /** A redirection for the shell, such as `< key.txt`. */
  readonly redirect?: string;
  readonly env?: Record<string, string>;
  /** Width of the terminal. @default 100 */
  readonly columns?: number;
  /** Starts `bin/runpod-ecr.mjs`, as a person does. */
  readonly launcher?: boolean;
  /** How long each text may take to appear. */
  readonly appearsWithinMs?: number;
}

/** Starts processes in a folder with an environment. */
export interface ProcessStarter {
  start(
    file: string,
    args: readonly string[],
    options: Pick<CommandOptions, 'env' | 'onStart'>,
  ): Promise<CommandRun>;
}

/** The result of a terminal session: the text on the screen at the end, and every byte of the output. */
export type TerminalRun = CommandRun & { readonly raw: string };

/** Runs the command line in a terminal and answers as a person would. */
export function atTerminal(
  world: CommandWorld,
  args: readonly string[],
  steps: readonly Step[],
  { redirect = '', launcher, ...options }: TerminalOptions = {},
): Promise<TerminalRun> {
  const command = world.commandLine(args, launcher).map((word) => `'${word}'`);
  return typeAtTerminal(world, `${command.join(' ')} ${redirect}`, steps, options);
}

/**
 * Runs a command of the shell in a terminal and answers as a person would.
 *
 * @throws Error with the screen when a text does not appear in time
 */
export async function typeAtTerminal(
  starter: ProcessStarter,
  command: string,
  steps: readonly Step[],
  { env = {}, columns = 100, appearsWithinMs = APPEARS_WITHIN_MS }: TerminalOptions = {},
): Promise<TerminalRun> {
  const left = [...steps];
  let seen = '';
  let gaveUp = '';
  const whenLate = (child: ChildProcess) => {
    gaveUp = `"${left[0]?.[0]}" did not appear within ${appearsWithinMs} ms. The screen shows:\n${screenAfter(seen)}`;
    child.kill('SIGKILL');
  };
  let timer: NodeJS.Timeout | undefined;
  const watch = (child: ChildProcess) => {
    clearTimeout(timer);
    timer = left.length > 0 ? setTimeout(whenLate, appearsWithinMs, child) : undefined;
  };
  const act = (child: ChildProcess, [appears, action]: Step) => {
    if (typeof action === 'function') return action();
    // After an answer, only new output counts. A text that needs no answer may come together with the next one.
    seen = action === '' ? seen.slice(seen.indexOf(appears) + appears.length) : '';
    // Keys that arrive before the question is drawn would be lost.
    if (action !== '') setTimeout(() => child.stdin?.write(action), 120);
  };
  const answer = (child: ChildProcess) => (chunk: string) => {
    seen += chunk;
    for (let next = left[0]; next && seen.includes(next[0]); next = left[0]) {
      left.shift();
      watch(child);
      act(child, next);
    }
  };
  const shell = `stty cols ${columns} rows 40; exec ${command}`;
  const run = await starter.start('python3', ['-c', PTY, 'sh', '-c', shell], {
    env: { TERM: 'xterm-256color', ...env },
    onStart: (child) => {
      watch(child);
      child.stdout?.on('data', answer(child));
    },
  });
  clearTimeout(timer);
  if (gaveUp !== '') throw new Error(gaveUp);
  expect(left).toEqual([]);
  return { ...run, raw: run.stdout, stdout: screenAfter(run.stdout) };
}
