// Lambda's runtime in the child process: imports the handler once, then handles one event after the other.
import { pathToFileURL } from 'node:url';

const startedAt = performance.now();

// The clock of the embedded cloud may be set back, so that a function writes the log of yesterday.
const MachineDate = Date;
let aheadMs = 0;
const now = () => MachineDate.now() + aheadMs;
const CloudDate = new Proxy(MachineDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length > 0 ? args : [now()], newTarget === CloudDate ? target : newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
const describe = (error, errorType = error?.name ?? typeof error) => ({
  errorType,
  errorMessage: error?.message ?? String(error),
  trace: String(error?.stack ?? '').split('\n'),
});

const load = async () => {
  const { handler } = await import(pathToFileURL(process.argv[2]).href);
  if (typeof handler === 'function') return handler;
  throw Object.assign(new Error('index.handler is undefined or not exported'), {
    name: 'Runtime.HandlerNotFound',
  });
};

const run = async (handler, event, context) => {
  let result;
  try {
    result = await handler(event, context);
  } catch (error) {
    return { error: describe(error) };
  }
  try {
    return { result: JSON.parse(JSON.stringify(result) ?? 'null') };
  } catch (error) {
    return { error: describe(error, 'Runtime.MarshalError') };
  }
};

const traceOf = (requestId) => {
  const id = requestId.replaceAll('-', '');
  return `Root=1-${id.slice(0, 8)}-${id.slice(8)};Parent=${id.slice(16)};Sampled=0`;
};

const contextOf = ({ requestId, deadlineMs }) => {
  const { AWS_LAMBDA_FUNCTION_NAME: functionName, AWS_REGION: region } = process.env;
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST',
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: `arn:aws:lambda:${region}:123456789012:function:${functionName}`,
    getRemainingTimeInMillis: () => deadlineMs - MachineDate.now(),
  };
};

process.on('disconnect', () => process.exit());
if (process.env.EMBEDDED_CLOCK === 'true') globalThis.Date = CloudDate;
try {
  if (process.env.EMBEDDED_REGISTRY) await import('./registry-host.mjs');
  const handler = await load();
  process.on('message', async (invocation) => {
    aheadMs = invocation.aheadMs ?? 0;
    process.env._X_AMZN_TRACE_ID = traceOf(invocation.requestId);
    const outcome = await run(handler, invocation.event, contextOf(invocation));
    // The output and the outcome use different channels. The end mark shows that all output of this event has arrived.
    const mark = `\n${invocation.endMark}\n`;
    process.stdout.write(mark, () =>
      process.stderr.write(mark, () =>
        process.send({ kind: 'done', requestId: invocation.requestId, ...outcome }),
      ),
    );
  });
  process.send({ kind: 'ready', importMs: performance.now() - startedAt });
} catch (error) {
  process.send({ kind: 'init-error', error: describe(error) }, () => process.exit(1));
}
