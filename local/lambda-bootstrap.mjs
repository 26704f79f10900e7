// Plays Lambda's runtime inside the child process: imports the handler once, then takes one event after the other.
import { pathToFileURL } from 'node:url';

const startedAt = performance.now();
const describe = (error) => ({
  errorType: error?.name ?? typeof error,
  errorMessage: error?.message ?? String(error),
  trace: String(error?.stack ?? '').split('\n'),
});

let handler;
try {
  ({ handler } = await import(pathToFileURL(process.argv[2]).href));
  process.send({ kind: 'ready', importMs: performance.now() - startedAt });
} catch (error) {
  process.send({ kind: 'init-error', error: describe(error) }, () => process.exit(1));
}

process.on('message', async ({ event, requestId, deadlineMs }) => {
  const context = {
    awsRequestId: requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '$LATEST',
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${process.env.AWS_LAMBDA_FUNCTION_NAME}`,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
  let outcome;
  try {
    outcome = { result: (await handler(event, context)) ?? null };
  } catch (error) {
    outcome = { error: describe(error) };
  }
  // Output goes through pipes, the outcome through another channel: an end mark keeps them together.
  process.stdout.write(`\n${requestId}\n`, () =>
    process.stderr.write(`\n${requestId}\n`, () => process.send({ kind: 'done', requestId, ...outcome })),
  );
});
