/** Whether the output is plain: words instead of symbols, no colour, no spinner, and lists instead of tables. */

/** The environment variable with the effect of `--plain`. A command passes it on to the commands that it starts. */
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
 * Whether to write plain output: when it was asked for, and on a terminal that shows no symbols.
 *
 * A file or a pipe gets symbols, because UTF-8 is what its reader expects.
 */
export function isPlain({ env, isTTY, platform = process.platform }: PlainOptions): boolean {
  if (env[PLAIN_VARIABLE]) return true;
  return isTTY && (env.TERM === 'dumb' || !showsSymbols(env, platform));
}

/** Whether a terminal shows characters beyond ASCII. A Unix terminal without a locale is assumed to show them. */
function showsSymbols(env: Env, platform: NodeJS.Platform): boolean {
  if (platform === 'win32') {
    // The old console has no font with the symbols. Windows Terminal and editors set one of these variables.
    const { WT_SESSION, TERM_PROGRAM, TERMINAL_EMULATOR, ConEmuTask, TERM } = env;
    return Boolean(
      WT_SESSION || TERM_PROGRAM || TERMINAL_EMULATOR || ConEmuTask || TERM?.startsWith('xterm'),
    );
  }
  // The first one that is set counts (POSIX, "Internationalization Variables").
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return !locale || /utf-?8/i.test(locale);
}
