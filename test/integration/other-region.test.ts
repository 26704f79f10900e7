import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_MESSAGES, METRIC_NAMESPACE } from '../../lambda/core/contract';
import type { RefresherSettings } from '../../lambda/core/model';
import type { ReceivedRequest } from '../../local/exchange';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { putFunction } from '../support/put-function';
import { eachTestIn, type World } from './world';

const OTHER = { region: 'us-west-2', service: 'Test-standby', metricsUrl: 'https://monitoring.invalid' };

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

/** Deploys the function as one of two regions. */
const deployBesideAnother = () =>
  world.deploy([{ name: 'prod' }, { name: 'other' }], {}, (directory, settings) =>
    putFunction(directory, { ...settings, otherRegion: OTHER }),
  );

describe('the refresh function with another region', () => {
  it('counts a success in the CloudWatch of both regions', async () => {
    await deployBesideAnother();

    const { metrics } = await world.invoke();

    expect(metrics).toMatchObject({ RunSucceeded: 1, RegionSucceeded: 1 });
    expect(world.cloud.aws.metrics.sent).toEqual([
      {
        region: 'us-west-2',
        namespace: METRIC_NAMESPACE,
        name: 'RunSucceeded',
        service: 'Test-standby',
        value: 1,
      },
    ]);
  });

  it.each([
    ['a dry run', { dryRun: true }],
    ['a run of some targets', { targets: ['prod'] }],
  ])('counts no success for %s', async (_, event) => {
    await deployBesideAnother();

    const { metrics } = await world.invoke(event);

    expect(metrics).not.toHaveProperty('RegionSucceeded');
    expect(world.cloud.aws.metrics.sent).toEqual([]);
  });

  it('counts no success for a run that failed', async () => {
    await deployBesideAnother();
    world.cloud.aws.deny('ecr:GetAuthorizationToken');

    const { ok, metrics } = await world.invoke();

    expect(ok).toBe(false);
    expect(metrics).not.toHaveProperty('RegionSucceeded');
    expect(world.cloud.aws.metrics.sent).toEqual([]);
  });

  it('succeeds when it may not report to the other region, and says why in the log', async () => {
    await deployBesideAnother();
    world.cloud.aws.deny('cloudwatch:PutMetricData');

    const { ok, metrics, logs } = await world.invoke();

    expect(ok).toBe(true);
    expect(metrics).toMatchObject({ RunSucceeded: 1, RegionSucceeded: 1 });
    expect(logs.filter(({ message }) => message === LOG_MESSAGES.otherRegionNotTold)).toMatchObject([
      {
        level: 'WARN',
        why: 'cloudwatch:PutMetricData in us-west-2 answered 403 AccessDenied; the role of this function needs the permission for that region',
      },
    ]);
  });

  it('succeeds within seconds when the other region does not answer', async () => {
    await deployBesideAnother();
    world.cloud.aws.faults.add({ operation: 'PutMetricData' }, { hang: true });

    const { ok, durationMs, logs } = await world.invoke();

    expect(ok).toBe(true);
    expect(durationMs).toBeLessThan(8_000);
    expect(logs.map(({ message }) => message)).toContain(LOG_MESSAGES.otherRegionNotTold);
  }, 20_000);

  it('reports to nobody without another region', async () => {
    await world.deploy([{ name: 'prod' }]);

    const { metrics } = await world.invoke();

    expect(metrics).not.toHaveProperty('RegionSucceeded');
    expect(world.cloud.aws.metrics.sent).toEqual([]);
  });
});

describe('two first refreshes at once', () => {
  it.each(['rest-v2', 'graphql', 'auto'] as const)(
    'make one registry auth of a name over %s, and both succeed',
    async (api) => {
      const second = mkdtempSync(join(tmpdir(), 'standby-'));
      await world.deploy([{ name: 'prod', registryAuthName: 'ecr-prod' }], { api }, (directory, settings) => {
        putFunction(directory, { ...settings, otherRegion: OTHER });
        putFunction(second, asStandby(settings));
      });
      const standby = new LambdaRuntime({ assetDirectory: second, environment: world.cloud.environment() });
      // Both have listed the registry auths, and found none, before either creates one.
      world.cloud.runpod.faults.add(isCreate, { delayMs: 1_000 });

      const [one, other] = await Promise.all([world.invoke(), standby.invoke({})]);

      await standby.stop();
      rmSync(second, { recursive: true });
      expect([one.error, other.error]).toEqual([undefined, undefined]);
      expect(world.user.auths.filter(({ name }) => name === 'ecr-prod')).toHaveLength(1);
      expect(world.cloud.runpod.requests.filter(isCreate).length).toBeGreaterThanOrEqual(2);
      expect(await world.canPull('ecr-prod')).toBe(true);
    },
    20_000,
  );
});

function asStandby(settings: RefresherSettings): RefresherSettings {
  return { ...settings, service: 'Test-standby', otherRegion: { ...OTHER, service: 'Test' } };
}

function isCreate({ method, operation, path }: ReceivedRequest): boolean {
  return operation === 'saveRegistryAuth' || (method === 'POST' && path === '/v2/registries');
}
