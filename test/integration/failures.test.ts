import { randomBytes } from 'node:crypto';
import { aScheduledEvent } from '../support/lambda-events';
import { eachTestIn, type World } from './world';

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

describe('the refresh function at the proof', () => {
  it.each(['required', 'best-effort'] as const)(
    'sends nothing when the registry rejects the credential and verify is %s',
    async (verify) => {
      world.cloud.registry.faults.add({ path: '/v2/' }, { status: 401 });
      await world.deploy([{ name: 'prod', verify }]);

      const { error, metrics } = await world.invoke();

      expect(error?.errorMessage).toMatch(
        /prod: .*rejected the new credential \(401\); nothing was sent to Runpod/,
      );
      expect(world.cloud.runpod.requests).toEqual([]);
      expect(world.auth('prod')?.password).toBe('old');
      expect(metrics.OperatorActionNeeded).toBe(1);
    },
  );

  it('sends nothing when the registry denies the image', async () => {
    world.cloud.registry.denied.add('my-worker');
    await world.deploy([{ name: 'prod', verifyImage: 'my-worker:1.0.0' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/my-worker\/manifests\/1\.0\.0 rejected the new credential \(403\)/);
    expect(world.auth('prod')?.password).toBe('old');
  });

  it('sends nothing when the registry cannot be asked and verify is required', async () => {
    world.cloud.registry.faults.add({}, { reset: true });
    await world.deploy([{ name: 'prod', verify: 'required' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /verify is "required" and GET 127\.0\.0\.1:\d+: the connection was cut \(ECONNRESET\)/,
    );
    expect(world.cloud.runpod.requests).toEqual([]);
    expect(metrics).not.toHaveProperty('OperatorActionNeeded');
  });

  it('sends and warns when the registry cannot be asked and verify is best-effort', async () => {
    world.cloud.registry.faults.add({}, { status: 503 });
    await world.deploy([{ name: 'prod' }]);

    const { result, logs } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ target: 'prod', verified: false }]);
    expect(logs).toContainEqual(
      expect.objectContaining({ level: 'WARN', unverifiedBecause: expect.stringMatching(/answered 503/) }),
    );
  });

  it('fails only the target with verify required when the image is missing', async () => {
    await world.deploy([
      { name: 'strict', verify: 'required', verifyImage: 'my-worker:gone' },
      { name: 'lenient', verifyImage: 'my-worker:gone' },
    ]);

    const { error, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(/^1 of 2 targets failed\. strict: verify is "required"/);
    expect(logs).toContainEqual(expect.objectContaining({ target: 'strict', reason: 'image-unproved' }));
    expect(await world.canPull('lenient')).toBe(true);
  });

  it('does not ask the registry when verify is off', async () => {
    await world.deploy([{ name: 'prod', verify: 'off' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ verified: false }]);
    expect(world.cloud.registry.requests).toEqual([]);
  });
});

describe('the refresh function with a malformed token', () => {
  it.each([
    ['is not base64', { authorizationToken: '***' }, /not base64/],
    [
      'has no colon',
      { authorizationToken: Buffer.from('AWSsomething').toString('base64') },
      /without a colon/,
    ],
    ['has no password', { authorizationToken: Buffer.from('AWS:').toString('base64') }, /without a password/],
    [
      'has no user name',
      { authorizationToken: Buffer.from(':secretpassword').toString('base64') },
      /without a user name/,
    ],
    ['has expired', { expiresAt: new Date('2020-01-01') }, /expired at 2020-01-01/],
  ])('sends nothing when the token %s', async (_, override, message) => {
    world.cloud.aws.ecr.override = override;
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(message);
    expect(world.cloud.runpod.requests).toEqual([]);
  });
});

describe('the refresh function with a bad API key', () => {
  it('reads a refused key again and repeats the write', async () => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, { status: 401 }, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1);
    expect(world.cloud.aws.countOf('GetSecretValue')).toBe(2);
  });

  it('reports a key that stays refused after two reads for a hundred targets', async () => {
    world.cloud.runpod.revoke(world.apiKey);
    await world.deploy(Array.from({ length: 100 }, (_, index) => ({ name: `t${index}` })));

    const { error, metrics, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /^100 of 100 targets failed\. t0, t1, .*: Runpod refused the API key/,
    );
    expect(metrics.OperatorActionNeeded).toBe(100);
    expect(logs).toContainEqual(expect.objectContaining({ reason: 'api-key-refused' }));
    expect(world.cloud.aws.countOf('GetSecretValue')).toBe(2);
    expect(world.cloud.runpod.requests.length).toBeLessThanOrEqual(20);
  });

  it('names the permission that the key lacks', async () => {
    world.cloud.runpod.addUser(world.apiKey, { user: world.user, scope: 'read-only' });
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/denies this request to the API key .*secrets:write/);
  });

  it.each([
    ['has spaces', 'my key', /spaces or line breaks/],
    ['is JSON without the field', '{"key":"rpa_0123456789"}', /without a text field apiKey/],
    ['is broken JSON', '{"apiKey": "rpa_0123', /begins like JSON but is not/],
  ])('reports a secret that %s without quoting it', async (_, value, message) => {
    world.cloud.aws.secrets.put('runpod/api-key', value);
    await world.deploy([{ name: 'prod' }]);

    const { error, output, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(message);
    expect(output).not.toMatch(/my key|rpa_0123/);
    expect(metrics.OperatorActionNeeded).toBe(1);
  });

  it('names the command that creates a missing secret', async () => {
    world.cloud.aws.secrets.remove('runpod/api-key');
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /ResourceNotFoundException.*aws secretsmanager create-secret --name runpod\/api-key --secret-string file:\/\/\/dev\/stdin/,
    );
  });
});

describe('the refresh function during a failure of AWS', () => {
  it('reports a denied token with the message of AWS', async () => {
    const body = {
      __type: 'AccessDeniedException',
      message: 'not authorized to perform: ecr:GetAuthorizationToken',
    };
    world.cloud.aws.faults.add({ operation: 'GetAuthorizationToken' }, { status: 400, body });
    await world.deploy([{ name: 'prod' }]);

    const { error, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(/AccessDeniedException: not authorized to perform/);
    expect(logs).toContainEqual(expect.objectContaining({ reason: 'permission-missing' }));
  });

  it('retries a short outage', async () => {
    world.cloud.aws.faults.add({ operation: 'GetAuthorizationToken' }, { status: 500 }, 2);
    world.cloud.aws.faults.add({ operation: 'GetSecretValue' }, { reset: true }, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1);
  });

  it('counts an answer that is not JSON as an outage without quoting it', async () => {
    world.cloud.aws.faults.add(
      { operation: 'GetSecretValue' },
      { status: 200, body: `{"SecretString":"${world.apiKey}` },
    );
    await world.deploy([{ name: 'prod' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(/prod: secretsmanager:GetSecretValue runpod\/api-key: \w+/);
    expect(metrics).not.toHaveProperty('OperatorActionNeeded');
  });
});

describe('the refresh function with a failing target', () => {
  it('refreshes the other targets and throws with the name of the failed one and our own stack', async () => {
    await world.deploy([{ name: 'bad', registryAuthId: 'gone' }, { name: 'good' }]);

    const { error, metrics } = await world.invoke();

    expect(error).toMatchObject({ errorType: 'RefreshFailedError' });
    expect(error?.errorMessage).toMatch(/^1 of 2 targets failed\. bad: /);
    expect(error?.trace.join('\n')).toMatch(/lambda\/refresh-credentials\/handler\.ts:\d+:\d+/);
    expect(await world.canPull('good')).toBe(true);
    expect(metrics).toMatchObject({ TargetsRefreshed: 1, TargetsFailed: 1, RunSucceeded: 0 });
  });
});

describe('the refresh function during a failure of Runpod', () => {
  it.each([
    ['resets the connection', { reset: true }],
    ['breaks off its answer', { truncate: true }],
    ['answers 500', { status: 500 }],
    ['answers 429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
  ] as const)('retries when Runpod %s once', async (_, fault) => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, fault, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result, durationMs } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'rest-v2' }]);
    if ('headers' in fault) expect(durationMs).toBeGreaterThan(1_000);
  });

  it('tries the next API when an answer is too large', async () => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, { status: 200, body: 'x'.repeat(2_000_000) });
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
  });

  it('logs no password that Runpod echoes', async () => {
    const password = randomBytes(40).toString('base64');
    world.cloud.aws.ecr.override = { password };
    world.cloud.runpod.faults.add(
      {},
      { status: 422, body: { detail: `invalid ${password} ${world.apiKey}` } },
    );
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toContain('rest-v2 answered 422');
  });

  it('reports before the invocation ends when Runpod never answers', async () => {
    world.cloud.runpod.faults.add({}, { hang: true });
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke({}, 7_000);

    // A timeout of Lambda would have another name.
    expect(error?.errorType).toBe('RefreshFailedError');
  });

  it('obeys the rate limit and continues in the retry where the run stopped', async () => {
    world.cloud.runpod.limit(world.user, { limit: 30, windowSeconds: 2 });
    await world.deploy(Array.from({ length: 70 }, (_, index) => ({ name: `t${index}` })));
    const event = aScheduledEvent();

    const first = await world.invoke(event, 6_800);
    const retry = await world.invoke(event, 60_000);

    expect(first.error?.errorMessage).toMatch(/40 of 70 targets failed\..*rate limit/);
    expect(retry.result?.refreshed).toHaveLength(70);
    expect(world.user.auths.map(({ updates }) => updates)).toEqual(Array.from({ length: 70 }, () => 1));
    expect(retry.metrics).toMatchObject({ RunSucceeded: 1, TargetsRefreshed: 40 });
  });
});
