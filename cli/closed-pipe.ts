import { EXIT } from './exit-codes';

/** The exit code that a shell reports for a process that SIGPIPE ended: 128 plus the signal's number. */
const BROKEN_PIPE = 141;

/**
 * Ends this process without an error when the reader of its output has closed the pipe, as `head` does, and with one
 * sentence when the output cannot be written, as on a full disk.
 */
export function endWithClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
      if (stream === process.stdout) {
        process.stderr.write(`The output cannot be written (${error.code ?? error.name}).\n`);
      }
      process.exit(EXIT.broken);
    });
  }
}
