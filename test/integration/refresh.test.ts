import { randomBytes } from 'node:crypto';
import { LOG_MESSAGES } from '../../lambda/core/contract';
import { aQueuedEvent, aScheduledEvent } from '../support/lambda-events';
import { eachTestIn, type World } from './world';

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

describe('the refresh function', () => {
  it('writes exactly the bytes that ECR issued to targets by id and by name', async () => {
    const password = `${randomBytes(2_000).toString('base64')}:with:colons`.slice(-3_072);
    world.cloud.aws.ecr.override = { password };
    await world.deploy([
      { name: 'one', verifyImage: 'my-worker:1.0.0' },
      { name: 'two' },
      { name: 'three', registryAuthName: 'created' },
    ]);

    const { result } = await world.invoke();

    expect(result?.failed).toEqual([]);
    expect(result?.refreshed.map(({ target, route, verified }) => ({ target, route, verified }))).toEqual([
      { target: 'one', route: 'rest-v2', verified: true },
      { target: 'two', route: 'rest-v2', verified: true },
      { target: 'three', route: 'rest-v2', verified: true },
    ]);
    for (const name of ['one', 'two', 'created']) {
      expect(world.auth(name)).toMatchObject({ username: 'AWS', password });
      expect(await world.canPull(name)).toBe(true);
    }
  });

  it('returns the id and the expiry time of each target', async () => {
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    const [issued] = world.cloud.aws.ecr.issued;
    expect(result).toEqual({
      refreshed: [
        {
          target: 'prod',
          registryAuthId: world.user.auths[0]?.id,
          route: 'rest-v2',
          expiresAt: issued?.expiresAt.toISOString(),
          verified: true,
        },
      ],
      failed: [],
    });
  });

  it('reads the key, the token and the proof once for many targets', async () => {
    await world.deploy(Array.from({ length: 40 }, (_, index) => ({ name: `t${index}` })));

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(40);
    expect(world.cloud.aws.countOf('GetAuthorizationToken')).toBe(1);
    expect(world.cloud.aws.countOf('GetSecretValue')).toBe(1);
    expect(world.cloud.registry.requests).toHaveLength(1);
  });

  it('gets one token for each role and region, with the external id', async () => {
    const roleArn = 'arn:aws:iam::210987654321:role/pull';
    world.cloud.aws.sts.addRole(roleArn, { externalId: 'agreed' });
    const shared = { type: 'ecr' as const, repositories: ['my-worker'], roleArn, externalId: 'agreed' };
    await world.deploy([
      { name: 'own' },
      { name: 'europe', registry: { type: 'ecr', repositories: ['my-worker'], region: 'eu-west-1' } },
      { name: 'theirs', registry: shared },
      { name: 'theirs-again', registry: shared },
    ]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(4);
    const issued = world.cloud.aws.ecr.issued.map(({ principal, region }) => `${principal} ${region}`).sort();
    expect(issued).toEqual([
      'AKIAEMBEDDEDCLOUD eu-west-1',
      'AKIAEMBEDDEDCLOUD us-east-1',
      `${roleArn} us-east-1`,
    ]);
  });

  it('reads the API key from a JSON secret', async () => {
    world.cloud.aws.secrets.put('runpod/api-key', JSON.stringify({ apiKey: world.apiKey }));
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1);
  });

  it('serves several Runpod accounts with a key each', async () => {
    const otherUser = world.cloud.runpod.addUser('rpa_other');
    const other = otherUser.create({ name: 'theirs', username: 'AWS', password: 'old' });
    world.cloud.aws.secrets.put('runpod/team-b', 'rpa_other\n');
    await world.deploy([
      { name: 'ours' },
      { name: 'theirs', registryAuthId: other?.id ?? '', runpodApiKeySecretName: 'runpod/team-b' },
    ]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(2);
    expect(other?.password).toBe(world.auth('ours')?.password);
  });

  it('writes nothing in a dry run and returns what it would write', async () => {
    await world.deploy([{ name: 'prod' }, { name: 'new', registryAuthName: 'not-there-yet' }]);

    const { result, metrics } = await world.invoke({ dryRun: true });

    expect(result).toMatchObject({
      dryRun: true,
      refreshed: [
        { target: 'prod', verified: true },
        { target: 'new', registryAuthId: 'to be created' },
      ],
    });
    expect(world.auth('prod')?.password).toBe('old');
    expect(world.auth('not-there-yet')).toBeUndefined();
    expect(metrics).toEqual({});
  });

  it('refreshes only the targets that the event names', async () => {
    await world.deploy([{ name: 'prod' }, { name: 'staging' }]);

    const { result, metrics } = await world.invoke({ targets: ['staging'] });

    expect(result?.refreshed.map(({ target }) => target)).toEqual(['staging']);
    expect(world.auth('prod')?.password).toBe('old');
    expect(metrics).toMatchObject({ TargetsRefreshed: 1 });
    expect(metrics).not.toHaveProperty('RunSucceeded');
  });

  it.each([
    [
      'names an unknown target',
      { targets: ['prod', 'prdo'] },
      /no target is named "prdo"; the targets are prod/,
    ],
    ['has a misspelt field', { target: 'prod' }, /unknown field "target"/],
    ['is a list', ['prod'], /expected an object/],
  ])('does nothing for an event that %s', async (_, event, message) => {
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke(event);

    expect(error).toMatchObject({
      errorType: 'InvalidEventError',
      errorMessage: expect.stringMatching(message),
    });
    expect(world.cloud.aws.requests).toEqual([]);
    expect(world.cloud.runpod.requests).toEqual([]);
  });

  it('publishes metrics in one dimension and logs one line for each target and the run', async () => {
    await world.deploy([{ name: 'prod' }, { name: 'staging' }]);

    const { metrics, logs, output } = await world.invoke();

    expect(metrics).toMatchObject({
      RunSucceeded: 1,
      TargetsRefreshed: 2,
      TargetsFailed: 0,
      OperatorActionNeeded: 0,
      FallbackRoute: 0,
      ApiKeyAgeDays: 0,
    });
    expect(metrics.CredentialMinutesLeft).toBeGreaterThan(12 * 60 - 3);
    expect(output).toContain('"Namespace":"RunpodEcrRefresher","Dimensions":[["service"]]');
    expect(logs.map(({ message, target }) => [message, target])).toEqual([
      [LOG_MESSAGES.targetRefreshed, 'prod'],
      [LOG_MESSAGES.targetRefreshed, 'staging'],
      [LOG_MESSAGES.runFinished, undefined],
    ]);
  });

  it('refreshes for a scheduled event and for a queued one', async () => {
    await world.deploy([{ name: 'prod' }]);
    const scheduled = aScheduledEvent('e-1');

    const first = await world.invoke(scheduled);
    const second = await world.invoke(aQueuedEvent({ requestPayload: scheduled }));

    expect(first.result?.refreshed).toHaveLength(1);
    expect(second.result?.refreshed).toHaveLength(1);
  });

  it('writes a thousand targets with one ECR call, one secret read and one proof', async () => {
    await world.deploy(Array.from({ length: 1_000 }, (_, index) => ({ name: `target-${index}` })));

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1_000);
    expect(new Set(world.user.auths.map(({ password }) => password)).size).toBe(1);
    expect(world.cloud.aws.requests).toHaveLength(2);
  });
});
