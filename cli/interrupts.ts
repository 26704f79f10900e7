/** What Ctrl-C does while a command changes something. Otherwise `cli/run.ts` ends the process. */

let handler: (() => void) | undefined;

/** Passes an interruption on to the running command. @returns false when the command has no handler */
export function interruptCommand(): boolean {
  handler?.();
  return handler !== undefined;
}

/**
 * Runs an action. Until it has ended, Ctrl-C and a polite request to end (SIGTERM) call `onInterrupt` and do not end the
 * process.
 */
export async function whileInterruptible<T>(onInterrupt: () => void, action: () => Promise<T>): Promise<T> {
  handler = onInterrupt;
  process.on('SIGTERM', onInterrupt);
  try {
    return await action();
  } finally {
    handler = undefined;
    process.off('SIGTERM', onInterrupt);
  }
}
