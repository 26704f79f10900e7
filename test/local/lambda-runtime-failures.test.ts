import { LambdaRuntime, type LambdaRuntimeOptions } from '../../local/lambda-runtime';
import { SCRIPTED_SOURCE, type TinyAsset, writeTinyAsset } from './tiny-asset';

let asset: TinyAsset;
let lambda: LambdaRuntime;

beforeAll(() => {
  asset = writeTinyAsset(SCRIPTED_SOURCE);
  lambda = runtimeOf();
});

afterAll(async () => {
  await lambda.stop();
  asset.remove();
});

describe('LambdaRuntime with a failing function', () => {
  it.each([
    ['fail', { errorType: 'PlannedError', errorMessage: 'as planned' }],
    ['failWithText', { errorType: 'string', errorMessage: 'just text' }],
    ['circle', { errorType: 'Runtime.MarshalError' }],
  ])('reports the error that the handler threw (%s), and stays warm', async (act, error) => {
    const failed = await lambda.invoke({ act });
    const next = await lambda.invoke({ act: 'count' });

    expect(failed).toMatchObject({ ok: false, error });
    expect(failed).not.toHaveProperty('result');
    expect(next.coldStartMs).toBeUndefined();
  });

  it('reports the stack of an error', async () => {
    const { error } = await lambda.invoke({ act: 'fail' });

    expect(error?.trace[0]).toBe('PlannedError: as planned');
    expect(error?.trace[1]).toMatch(/index\.mjs:\d+:\d+/);
  });

  it.each([
    ['exit', /^Runtime exited with code 7$/, []],
    ['crash', /^Runtime exited with code 1$/, ['before the crash']],
    ['reject', /^Runtime exited with code 1$/, []],
  ])(
    'reports a process that ends by itself (%s) with its output, and starts cold the next time',
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

  it('starts a new process when the old one ended between two events', async () => {
    const first = await lambda.invoke({ act: 'dieLater' });
    await new Promise((resolve) => setTimeout(resolve, 100));

    const next = await lambda.invoke({ act: 'count' });

    expect(first.result).toBe('done');
    expect(next).toMatchObject({ ok: true, result: { count: 1 } });
  });

  it('ends an invocation at its timeout, and starts cold the next time', async () => {
    const slow = await lambda.invoke({ act: 'sleep', ms: 10_000 }, 150);
    const next = await lambda.invoke({ act: 'count' });

    expect(slow.error).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'Task timed out after 0.15 seconds',
      trace: [],
    });
    expect(next).toMatchObject({ result: { count: 1 }, coldStartMs: expect.any(Number) });
  });

  it('does not count the import towards the timeout', async () => {
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

  it('reports a Node binary that does not exist', async () => {
    const nowhere = runtimeOf({ nodePath: '/nowhere/node' });

    const { error } = await nowhere.invoke({});
    await nowhere.stop();

    expect(error).toMatchObject({ errorType: 'Runtime.InvalidEntrypoint' });
  });

  it('ends a running invocation with an error when it is stopped', async () => {
    const running = runtimeOf();
    const invocation = running.invoke({ act: 'sleep', ms: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));

    await running.stop();

    expect((await invocation).error).toMatchObject({ errorMessage: 'Runtime exited with SIGKILL' });
  });
});

function runtimeOf(differences: Partial<LambdaRuntimeOptions> = {}): LambdaRuntime {
  return new LambdaRuntime({ assetDirectory: asset.directory, environment: {}, ...differences });
}
