/** Whether the output is plain: words in place of symbols, no colour, no spinner, and lists in place of tables. */

/** The environment variable that stands for `--plain`. A command passes it on to what it starts. */
export const PLAIN_VARIABLE = 'RUNPOD_ECR_PLAIN';

type Env = Readonly<Record<string, string | undefined>>;

/** Where the output goes. */
export interface PlainOptions {
  readonly env: Env;
  readonly isTTY: boolean;
  /** @default - this computer's */
  readonly platform?: NodeJS.Platform;
}

/**
 * Whether to write plain output: when it is wanted, and on a terminal that shows no symbols.
 *
 * A file or a pipe gets symbols, because UTF-8 is what its reader expects.
 */
export function isPlain({ env, isTTY, platform = process.platform }: PlainOptions): boolean {
  if (env[PLAIN_VARIABLE]) return true;
  return isTTY && (env.TERM === 'dumb' || !showsSymbols(env, platform));
}

/** Whether a terminal shows characters beyond ASCII. A Unix terminal whose locale is not known is expected to. */
function showsSymbols(env: Env, platform: NodeJS.Platform): boolean {
  if (platform === 'win32') {
    // The old console has no font with the symbols. Windows Terminal and the terminals of editors name themselves.
    const { WT_SESSION, TERM_PROGRAM, TERMINAL_EMULATOR, ConEmuTask, TERM } = env;
    return Boolean(
      WT_SESSION || TERM_PROGRAM || TERMINAL_EMULATOR || ConEmuTask || TERM?.startsWith('xterm'),
    );
  }
  // The first one that is set counts (POSIX, "Internationalization Variables").
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return !locale || /utf-?8/i.test(locale);
}
