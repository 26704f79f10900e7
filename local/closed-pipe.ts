/** What the shell says of a tool that writes to a pipe which nobody reads any more: 128 and SIGPIPE's number. */
const BROKEN_PIPE = 141;

/** Ends this process quietly when whoever reads its output has left, as `head` does. */
export function endWithClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(BROKEN_PIPE);
    });
  }
}
