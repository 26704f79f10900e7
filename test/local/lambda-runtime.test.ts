import { LambdaRuntime, type LambdaRuntimeOptions } from '../../local/lambda-runtime';
import { StandInClock } from '../../local/stand-in-clock';
import { SCRIPTED_SOURCE, type TinyAsset, writeTinyAsset } from './tiny-asset';

const ENVIRONMENT = { AWS_REGION: 'eu-west-1', MINE: 'yes' };

const DAY_MS = 24 * 60 * 60_000;

/** What the function says about the time. */
interface Time {
  readonly nowMs: number;
  readonly constructedMs: number;
  readonly fixed: string;
  readonly isDate: boolean;
  readonly remainingMs: number;
}

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

describe('LambdaRuntime', () => {
  it('starts cold once, stays warm, and handles one event at a time', async () => {
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
  ])('returns the result of %j after a round trip through JSON', async (event, result) => {
    const invocation = await lambda.invoke(event);

    expect(invocation).toMatchObject({ ok: true, result });
    expect(invocation.result).toEqual(result);
    expect(invocation.error).toBeUndefined();
  });

  it("gives the function the time of the cloud's clock, anew for each event", async () => {
    const clock = new StandInClock();
    clock.advance(-DAY_MS);
    const yesterday = runtimeOf({ clock });

    const first = await yesterday.invoke<Time>({ act: 'time' });
    clock.advance(DAY_MS);
    const second = await yesterday.invoke<Time>({ act: 'time' });
    await yesterday.stop();

    const agoMs = [first, second].map(({ result }) => Date.now() - (result?.nowMs ?? 0));
    expect(agoMs[0]).toBeGreaterThanOrEqual(DAY_MS);
    expect(agoMs[0]).toBeLessThan(DAY_MS + 60_000);
    expect(agoMs[1]).toBeLessThan(60_000);
    expect(first.result).toMatchObject({ fixed: '1970-01-01T00:00:00.000Z', isDate: true });
    expect(first.result?.constructedMs).toBeGreaterThanOrEqual(first.result?.nowMs ?? 0);
    expect(first.result?.constructedMs).toBeLessThan((first.result?.nowMs ?? 0) + 60_000);
    expect(first.result?.remainingMs).toBeLessThanOrEqual(300_000);
    expect(first.result?.remainingMs).toBeGreaterThan(240_000);
  });

  it('gives the function its own environment, and of its parent only PATH', async () => {
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

  it('gives the handler the context that Lambda gives it', async () => {
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

  it('separates the output of each invocation, by stream', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'x'.repeat(100)}`);

    const first = await lambda.invoke({ act: 'print', lines });
    const second = await lambda.invoke({ act: 'print', lines: ['one'] });

    expect(first.stdout.slice(-2_001)).toEqual([...lines, 'no line feed']);
    expect(second.stdout).toEqual(['one', 'no line feed']);
    expect(second.stderr).toEqual(['to stderr']);
    expect(second.output.split('\n').sort()).toEqual(['no line feed', 'one', 'to stderr']);
  });

  it('separates log entries from metrics', async () => {
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
});

function runtimeOf(differences: Partial<LambdaRuntimeOptions> = {}): LambdaRuntime {
  return new LambdaRuntime({ assetDirectory: asset.directory, environment: ENVIRONMENT, ...differences });
}
