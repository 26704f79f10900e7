import { LambdaRuntime, type LambdaRuntimeOptions } from '../../local/lambda-runtime';
import { type TinyAsset, writeTinyAsset } from './tiny-asset';

/** One asset for all tests; the event says what it does. */
const SOURCE = `
console.log('imported');
let count = 0;
const acts = {
  count: () => ({ count: ++count }),
  echo: (event) => event.value,
  nothing: () => undefined,
  odd: () => ({ when: new Date(0), gone: undefined, nan: NaN }),
  circle: () => { const it = {}; it.it = it; return it; },
  environment: () => ({ ...process.env }),
  context: (_, context) => ({ ...context, remainingMs: context.getRemainingTimeInMillis() }),
  fail: () => { class PlannedError extends Error { name = 'PlannedError' } throw new PlannedError('as planned'); },
  failWithText: () => { throw 'just text'; },
  exit: () => process.exit(7),
  crash: async () => {
    console.log('before the crash');
    setTimeout(() => { throw new Error('out of nowhere'); }, 1);
    await new Promise(() => {});
  },
  reject: async () => { Promise.reject(new Error('nobody listens')); await new Promise(() => {}); },
  dieLater: () => { setTimeout(() => process.exit(3), 5); return 'done'; },
  sleep: ({ ms }) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)),
  print: ({ lines }) => {
    for (const line of lines) process.stdout.write(line + '\\n');
    process.stdout.write('no line feed');
    console.error('to stderr');
  },
  warn: async () => {
    process.emitWarning('NodeVersionSupportWarning: The SDK\\nwill need more.\\n\\nMore information can be found at: x');
    await new Promise((resolve) => setTimeout(resolve, 5));
    console.error('after the warning');
  },
};
export const handler = async (event, context) => acts[event.act](event, context);
`;

const ENVIRONMENT = { AWS_REGION: 'eu-west-1', MINE: 'yes' };

let asset: TinyAsset;
let lambda: LambdaRuntime;

beforeAll(() => {
  asset = writeTinyAsset(SOURCE);
  lambda = runtimeOf();
});

afterAll(async () => {
  await lambda.stop();
  asset.remove();
});

describe('LambdaRuntime', () => {
  it('is cold once and warm from then on, one event at a time', async () => {
    const cold = runtimeOf();

    const invocations = await Promise.all([1, 2, 3].map(() => cold.invoke({ act: 'count' })));
    await cold.stop();

    expect(invocations.map(({ result }) => result)).toEqual([{ count: 1 }, { count: 2 }, { count: 3 }]);
    expect(invocations.map(({ coldStartMs }) => coldStartMs !== undefined)).toEqual([true, false, false]);
    expect(invocations.map(({ stdout }) => stdout)).toEqual([['imported'], [], []]);
  });

  it.each([
    [{ act: 'echo', value: { a: [1, 'é', null] } }, { a: [1, 'é', null] }],
    [{ act: 'nothing' }, null],
    [{ act: 'odd' }, { when: '1970-01-01T00:00:00.000Z', nan: null }],
  ])('returns the result of %j as JSON carries it', async (event, result) => {
    const invocation = await lambda.invoke(event);

    expect(invocation).toMatchObject({ ok: true, result });
    expect(invocation.result).toEqual(result);
    expect(invocation.error).toBeUndefined();
  });

  it('gives the function its environment and nothing of its parent', async () => {
    const { result } = await lambda.invoke<Record<string, string>>({ act: 'environment' });

    expect(result).toMatchObject({
      ...ENVIRONMENT,
      TZ: ':UTC',
      LAMBDA_TASK_ROOT: asset.directory,
      AWS_LAMBDA_FUNCTION_NAME: 'refresher',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      _X_AMZN_TRACE_ID: expect.stringMatching(
        /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
      ),
    });
    expect(process.env).toHaveProperty('JEST_WORKER_ID');
    const strays = Object.keys(result ?? {}).filter((name) => !/^(AWS_|LAMBDA_|_|NODE_CHANNEL_)/.test(name));
    expect(strays.sort()).toEqual(['LANG', 'MINE', 'PATH', 'TZ']);
  });

  it('tells the handler what Lambda tells it', async () => {
    const { result } = await lambda.invoke<{ remainingMs: number }>({ act: 'context' }, 20_000);

    expect(result).toMatchObject({
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      functionName: 'refresher',
      memoryLimitInMB: '256',
      invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:refresher',
    });
    expect(result?.remainingMs).toBeGreaterThan(15_000);
    expect(result?.remainingMs).toBeLessThanOrEqual(20_000);
  });

  it.each([
    ['fail', { errorType: 'PlannedError', errorMessage: 'as planned' }],
    ['failWithText', { errorType: 'string', errorMessage: 'just text' }],
    ['circle', { errorType: 'Runtime.MarshalError' }],
  ])('reports what the handler threw (%s) and stays warm', async (act, error) => {
    const failed = await lambda.invoke({ act });
    const next = await lambda.invoke({ act: 'count' });

    expect(failed).toMatchObject({ ok: false, error });
    expect(failed).not.toHaveProperty('result');
    expect(next.coldStartMs).toBeUndefined();
  });

  it('reports a stack', async () => {
    const { error } = await lambda.invoke({ act: 'fail' });

    expect(error?.trace[0]).toBe('PlannedError: as planned');
    expect(error?.trace[1]).toMatch(/index\.mjs:\d+:\d+/);
  });

  it.each([
    ['exit', /^Runtime exited with code 7$/, []],
    ['crash', /^Runtime exited with code 1$/, ['before the crash']],
    ['reject', /^Runtime exited with code 1$/, []],
  ])(
    'reports a process that ends by itself (%s), with what it printed, and is cold again',
    async (act, message, printed) => {
      await lambda.invoke({ act: 'count' });

      const { error, stdout } = await lambda.invoke({ act });
      const next = await lambda.invoke({ act: 'count' });

      expect(error).toMatchObject({
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(message),
      });
      expect(stdout).toEqual(printed);
      expect(next).toMatchObject({ result: { count: 1 }, coldStartMs: expect.any(Number) });
    },
  );

  it('starts afresh when the process ended between two events', async () => {
    const first = await lambda.invoke({ act: 'dieLater' });
    await new Promise((resolve) => setTimeout(resolve, 100));

    const next = await lambda.invoke({ act: 'count' });

    expect(first.result).toBe('done');
    expect(next).toMatchObject({ ok: true, result: { count: 1 } });
  });

  it('ends what takes too long, and is cold again', async () => {
    const slow = await lambda.invoke({ act: 'sleep', ms: 10_000 }, 150);
    const next = await lambda.invoke({ act: 'count' });

    expect(slow.error).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'Task timed out after 0.15 seconds',
      trace: [],
    });
    expect(next).toMatchObject({ result: { count: 1 }, coldStartMs: expect.any(Number) });
  });

  it('does not count the import towards the time-out', async () => {
    const slow = writeTinyAsset(
      'await new Promise((resolve) => setTimeout(resolve, 200)); export const handler = async (_, c) => c.getRemainingTimeInMillis();',
    );
    const cold = runtimeOf({ assetDirectory: slow.directory });

    const { result, coldStartMs } = await cold.invoke<number>({}, 1_000);
    await cold.stop();
    slow.remove();

    expect(coldStartMs).toBeGreaterThanOrEqual(199);
    expect(result).toBeGreaterThan(900);
  });

  it.each([
    [
      'cannot be imported',
      'throw new TypeError("at import");',
      { errorType: 'TypeError', errorMessage: 'at import' },
    ],
    ['has no handler', 'export const other = 1;', { errorType: 'Runtime.HandlerNotFound' }],
    ['exits at import', 'process.exit(0);', { errorType: 'Runtime.ExitError' }],
  ])('reports an asset that %s, every time', async (_, source, error) => {
    const broken = writeTinyAsset(source);
    const cold = runtimeOf({ assetDirectory: broken.directory });

    const invocations = [await cold.invoke({}), await cold.invoke({})];
    await cold.stop();
    broken.remove();

    expect(invocations).toMatchObject([
      { ok: false, error },
      { ok: false, error },
    ]);
  });

  it('reports a node that is not there', async () => {
    const nowhere = runtimeOf({ nodePath: '/nowhere/node' });

    const { error } = await nowhere.invoke({});
    await nowhere.stop();

    expect(error).toMatchObject({ errorType: 'Runtime.InvalidEntrypoint' });
  });

  it('keeps apart what each invocation printed, by stream', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'x'.repeat(100)}`);

    const first = await lambda.invoke({ act: 'print', lines });
    const second = await lambda.invoke({ act: 'print', lines: ['one'] });

    expect(first.stdout.slice(-2_001)).toEqual([...lines, 'no line feed']);
    expect(second.stdout).toEqual(['one', 'no line feed']);
    expect(second.stderr).toEqual(['to stderr']);
    expect(second.output.split('\n').sort()).toEqual(['no line feed', 'one', 'to stderr']);
  });

  it('tells log lines from metrics', async () => {
    const metric = {
      _aws: {
        Timestamp: 1,
        CloudWatchMetrics: [
          {
            Namespace: 'Mine',
            Dimensions: [['service']],
            Metrics: [{ Name: 'Written', Unit: 'Count' }, { Name: 'Tried' }],
          },
        ],
      },
      service: 'stack',
      Written: 3,
      Tried: [1, 2],
      unrelated: 9,
    };
    const log = { level: 'INFO', message: 'hello' };

    const { logs, metrics, reportedMetrics } = await lambda.invoke({
      act: 'print',
      lines: [JSON.stringify(metric), JSON.stringify(log), '{ no JSON', 'text'],
    });

    expect(logs).toEqual([log]);
    expect(metrics).toEqual({ Written: 3, Tried: 2 });
    expect(reportedMetrics).toEqual([
      { namespace: 'Mine', name: 'Written', values: [3], dimensions: [{ service: 'stack' }] },
      { namespace: 'Mine', name: 'Tried', values: [1, 2], dimensions: [{ service: 'stack' }] },
    ]);
  });

  it("drops the AWS SDK's warning of old Nodes, and nothing else", async () => {
    const fresh = runtimeOf();

    const first = await fresh.invoke({ act: 'warn' });
    const second = await fresh.invoke({ act: 'warn' });
    await fresh.stop();

    expect(first.stderr).toEqual(['after the warning']);
    expect(second.stderr).toEqual(['after the warning']);
  });

  it('stops in the middle of an invocation, which hears of it', async () => {
    const running = runtimeOf();
    const invocation = running.invoke({ act: 'sleep', ms: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));

    await running.stop();

    expect((await invocation).error).toMatchObject({ errorMessage: 'Runtime exited with SIGKILL' });
  });
});

function runtimeOf(differences: Partial<LambdaRuntimeOptions> = {}): LambdaRuntime {
  return new LambdaRuntime({ assetDirectory: asset.directory, environment: ENVIRONMENT, ...differences });
}
