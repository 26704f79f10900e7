/** Runs a command in a pseudo-terminal and records what the terminal shows at the end. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROWS, type Run, screenOf, textOf, toBytes } from './screen';
import { COLUMNS, runnable, type Show, stablePart } from './shows';

const ROOT = join(__dirname, '../../..');

/** Folder of the recordings, from the root. */
export const RECORDINGS = 'scripts/pictures/recordings';

/** A Python program that runs a command in a pseudo-terminal. Node has no pseudo-terminal of its own. */
const PTY = 'import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Variables that could lead to a real account, or change how a command prints. */
const NOT_INHERITED = /^(AWS|CDK|RUNPOD|npm)_|^(CI|NO_COLOR|FORCE_COLOR|COLUMNS|LINES)$/;

/** A screen as it is kept. */
export interface Recording {
  readonly bytes: string;
  readonly rows: readonly (readonly Run[])[];
}

/**
 * Records a command.
 *
 * @throws Error when the command ends with another exit code than the one that belongs to the picture
 */
export async function record(show: Show): Promise<Recording> {
  const command = `stty cols ${COLUMNS} rows ${ROWS}; ${runnable(show.command)}`;
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
  const child = spawn('python3', ['-c', PTY, 'sh', '-c', command], {
    cwd: ROOT,
    env: { ...Object.fromEntries(inherited), TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  const rows = await screenOf(printed);
  if (exitCode !== show.exitCode) {
    throw new Error(`${show.command} ended with ${exitCode}, expected ${show.exitCode}:\n${printed}`);
  }
  return { bytes: toBytes(rows), rows };
}

/** Returns the recording that was kept, if there is one. */
export async function kept({ name }: Show): Promise<Recording | undefined> {
  try {
    const bytes = readFileSync(join(ROOT, RECORDINGS, `${name}.ansi`), 'utf8');
    return { bytes, rows: await screenOf(bytes) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Compares two recordings without times and the like. Line breaks and colours count.
 *
 * @returns the first line that differs, before and after; or undefined when the recordings are the same
 */
export function firstDifference(before: Recording, after: Recording): readonly [string, string] | undefined {
  const [old, now] = [stableLines(before.rows), stableLines(after.rows)];
  const at = Array.from({ length: Math.max(old.length, now.length) }, (_, line) => line).find(
    (line) => old[line] !== now[line],
  );
  return at === undefined ? undefined : [old[at] ?? '', now[at] ?? ''];
}

/** The lines of the screen, and after them each styled text with its style. */
function stableLines(rows: Recording['rows']): string[] {
  const styled = rows
    .flat()
    .filter(({ colour, isBold, isDim }) => colour !== undefined || isBold || isDim)
    .map(({ text, colour, isBold, isDim }) => [colour, isBold, isDim, stablePart(text)].join());
  return [...stablePart(textOf(rows).join('\n')).split('\n'), ...styled];
}
