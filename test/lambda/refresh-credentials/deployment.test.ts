import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { createHandler } from '../../../lambda/refresh-credentials/handler';
import { aCredential, aLambdaContext, aTarget, someSettings } from '../../support/builders';
import { captureTelemetry } from '../../support/captured-telemetry';
import { NOON } from '../../support/fake-clock';
import { aWorld, type WorldDifferences } from '../../support/fake-world';
import { rejectionOf } from '../../support/thrown';

const DENIED = new OperatorMustActError('permission-missing', 'AccessDenied: secretsmanager:GetSecretValue');
const REJECTED = new OperatorMustActError('credential-rejected', 'the registry rejected it (403)');

/** The function as a deployment invokes it: by the version that was just published. */
function aDeployment(
  differences: WorldDifferences,
  functionVersion = '7',
  targets = [aTarget(), aTarget({ name: 'b', registryAuthId: 'auth-b' })],
) {
  const world = aWorld(differences);
  const telemetry = captureTelemetry();
  const handler = createHandler({
    settings: someSettings({ targets }),
    services: world.services,
    ...telemetry,
  });
  return { world, ...telemetry, invoke: () => handler({}, { ...aLambdaContext(), functionVersion }) };
}

/** Fails so many times, then works. */
function failing<T>(times: number, error: Error, value: T): () => Promise<T> {
  let left = times;
  return async () => {
    left -= 1;
    if (left >= 0) throw error;
    return value;
  };
}

describe('createHandler, invoked by a deployment', () => {
  it.each([
    ['issuing the credential', { issue: failing(2, DENIED, aCredential()) }],
    ['the registry', { prove: failing(2, REJECTED, { accepted: true as const }) }],
  ])('waits until the new permissions of %s are applied', async (_, differences) => {
    const { invoke, world, published } = aDeployment(differences);

    const report = await invoke();

    expect(report.refreshed.map(({ target }) => target).sort()).toEqual(['b', 'prod']);
    expect(world.clock.sleeps).toEqual([5_000, 5_000]);
    expect(published()).toMatchObject({ RunSucceeded: 1, TargetsFailed: 0 });
  });

  it('fails the deployment after half a minute, and sends no metrics', async () => {
    const { invoke, world, published, logLines } = aDeployment({ issue: failing(99, DENIED, aCredential()) });

    const failure = await rejectionOf(invoke());

    expect(String(failure)).toContain('AccessDenied: secretsmanager:GetSecretValue');
    expect(world.clock.now() - NOON).toBeLessThan(31_000);
    expect(published()).toBeUndefined();
    expect(logLines().at(-1)).toMatchObject({ message: 'run finished', deployment: true, failed: 2 });
  });

  it('repeats only the targets that were denied something', async () => {
    const update = async (_call: unknown, id: string) => {
      if (id === 'auth-b' && world.clock.now() < NOON + 4_000) throw DENIED;
    };
    const { invoke, world } = aDeployment({ routes: { 'rest-v2': { update } } });

    await invoke();

    expect(world.callsTo('rest-v2 update')).toEqual([
      'rest-v2 update auth-prod',
      'rest-v2 update auth-b',
      'rest-v2 update auth-b',
    ]);
  });

  it.each([
    ['an outage', new TransientError('it is down')],
    ['a missing registry auth', new OperatorMustActError('registry-auth-missing', 'there is none')],
  ])('does not wait for %s', async (_, error) => {
    const { invoke, world } = aDeployment({ issue: failing(99, error, aCredential()) });

    await rejectionOf(invoke());

    expect(world.clock.sleeps).toEqual([]);
  });

  it('asks a registry once about a stored login that it rejects, so that it locks no account', async () => {
    const registry = {
      type: 'self-hosted',
      url: 'https://registry.example.com',
      credentialSecretName: 'registry/self',
    } as const;
    const { invoke, world } = aDeployment({ prove: failing(99, REJECTED, { accepted: true }) }, '7', [
      aTarget({ registry }),
    ]);

    await rejectionOf(invoke());

    expect(world.clock.sleeps).toEqual([]);
  });

  it('does not wait when the schedule invokes it, and sends the metrics', async () => {
    const { invoke, world, published } = aDeployment(
      { issue: failing(99, DENIED, aCredential()) },
      '$LATEST',
    );

    await rejectionOf(invoke());

    expect(world.clock.sleeps).toEqual([]);
    expect(published()).toMatchObject({ OperatorActionNeeded: 2 });
  });
});
