import { randomBytes } from 'node:crypto';
import { eachTestIn, type World } from './world';

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

describe('a registry that is asked for proof', () => {
  it.each(['required', 'best-effort'] as const)(
    'stops the sending when it says no, under %s',
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

  it('stops the sending when the image may not be pulled', async () => {
    world.cloud.registry.denied.add('my-worker');
    await world.deploy([{ name: 'prod', verifyImage: 'my-worker:1.0.0' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/my-worker\/manifests\/1\.0\.0 rejected the new credential \(403\)/);
    expect(world.auth('prod')?.password).toBe('old');
  });

  it('that cannot be asked fails a target that requires it, and nothing is sent', async () => {
    world.cloud.registry.faults.add({}, { reset: true });
    await world.deploy([{ name: 'prod', verify: 'required' }]);

    const { error, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(/verify is "required" and GET 127\.0\.0\.1:\d+: ECONNRESET/);
    expect(world.cloud.runpod.requests).toEqual([]);
    expect(metrics).not.toHaveProperty('OperatorActionNeeded');
  });

  it('that cannot be asked does not stop a best effort, which says so', async () => {
    world.cloud.registry.faults.add({}, { status: 503 });
    await world.deploy([{ name: 'prod' }]);

    const { result, logs } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ target: 'prod', verified: false }]);
    expect(logs).toContainEqual(
      expect.objectContaining({ level: 'WARN', unverifiedBecause: expect.stringMatching(/answered 503/) }),
    );
  });

  it('without the image asks for a person where proof is required, and is no reason to stop a best effort', async () => {
    await world.deploy([
      { name: 'strict', verify: 'required', verifyImage: 'my-worker:gone' },
      { name: 'lenient', verifyImage: 'my-worker:gone' },
    ]);

    const { error, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(/^1 of 2 targets failed\. strict: verify is "required"/);
    expect(logs).toContainEqual(expect.objectContaining({ target: 'strict', reason: 'image-unproved' }));
    expect(await world.canPull('lenient')).toBe(true);
  });

  it('is not asked when the target says so', async () => {
    await world.deploy([{ name: 'prod', verify: 'off' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ verified: false }]);
    expect(world.cloud.registry.requests).toEqual([]);
  });
});

describe('a malformed token', () => {
  it.each([
    ['no base64', { authorizationToken: '***' }, /not base64/],
    ['no colon', { authorizationToken: Buffer.from('AWSsomething').toString('base64') }, /without a colon/],
    ['no password', { authorizationToken: Buffer.from('AWS:').toString('base64') }, /without a password/],
    [
      'no user',
      { authorizationToken: Buffer.from(':secretpassword').toString('base64') },
      /without a user name/,
    ],
    ['expired', { expiresAt: new Date('2020-01-01') }, /expired at 2020-01-01/],
  ])('with %s is refused and nothing is sent', async (_, override, message) => {
    world.cloud.aws.ecr.override = override;
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(message);
    expect(world.cloud.runpod.requests).toEqual([]);
  });
});

describe('a Runpod key', () => {
  it('that is refused is read afresh once, and the write tried once more', async () => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, { status: 401 }, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1);
    expect(world.cloud.aws.countOf('GetSecretValue')).toBe(2);
  });

  it('that stays refused asks for a person, with two tries for a hundred targets', async () => {
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

  it('without the permission to write asks for a person', async () => {
    world.cloud.runpod.addUser(world.apiKey, { user: world.user, scope: 'read-only' });
    world.cloud.runpod.retired.add('rest-v1');
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/may not write registry auths .*secrets:write/);
  });

  it.each([
    ['has spaces', 'my key', /spaces or line breaks/],
    ['is JSON without the field', '{"key":"rpa_0123456789"}', /without a text field apiKey/],
    ['is broken JSON', '{"apiKey": "rpa_0123', /begins like JSON but is not/],
  ])('whose secret %s asks for a person and is not quoted', async (_, value, message) => {
    world.cloud.aws.secrets.put('runpod/api-key', value);
    await world.deploy([{ name: 'prod' }]);

    const { error, output, metrics } = await world.invoke();

    expect(error?.errorMessage).toMatch(message);
    expect(output).not.toMatch(/my key|rpa_0123/);
    expect(metrics.OperatorActionNeeded).toBe(1);
  });

  it('whose secret is missing comes with the command that makes it', async () => {
    world.cloud.aws.secrets.remove('runpod/api-key');
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /ResourceNotFoundException.*aws secretsmanager create-secret --name runpod\/api-key --secret-string file:\/\/\/dev\/stdin/,
    );
  });
});

describe('AWS', () => {
  it('that denies the token asks for a person, in its own words', async () => {
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

  it('that is down for a moment is asked again', async () => {
    world.cloud.aws.faults.add({ operation: 'GetAuthorizationToken' }, { status: 500 }, 2);
    world.cloud.aws.faults.add({ operation: 'GetSecretValue' }, { reset: true }, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toHaveLength(1);
  });

  it('whose answer is not JSON is an outage, and the answer is not quoted', async () => {
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

describe('a failing target', () => {
  it('does not stop the others, and the run then throws with its name and a stack of our own sources', async () => {
    await world.deploy([{ name: 'bad', registryAuthId: 'gone' }, { name: 'good' }]);

    const { error, metrics } = await world.invoke();

    expect(error).toMatchObject({ errorType: 'RefreshFailedError' });
    expect(error?.errorMessage).toMatch(/^1 of 2 targets failed\. bad: /);
    expect(error?.trace.join('\n')).toMatch(/lambda\/refresh-credentials\/handler\.ts:\d+:\d+/);
    expect(await world.canPull('good')).toBe(true);
    expect(metrics).toMatchObject({ TargetsRefreshed: 1, TargetsFailed: 1, RunSucceeded: 0 });
  });
});

describe('Runpod', () => {
  it.each([
    ['resets the connection', { reset: true }],
    ['breaks off its answer', { truncate: true }],
    ['says 500', { status: 500 }],
    ['says 429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
  ] as const)('that once %s is asked again', async (_, fault) => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, fault, 1);
    await world.deploy([{ name: 'prod' }]);

    const { result, durationMs } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'rest-v2' }]);
    if ('headers' in fault) expect(durationMs).toBeGreaterThan(1_000);
  });

  it('that sends more than it should is not read to the end', async () => {
    world.cloud.runpod.faults.add({ method: 'PATCH' }, { status: 200, body: 'x'.repeat(2_000_000) });
    await world.deploy([{ name: 'prod' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ route: 'graphql' }]);
  });

  it('that echoes the password in an error does not get it into the log', async () => {
    const password = randomBytes(40).toString('base64');
    world.cloud.aws.ecr.override = { password };
    world.cloud.runpod.faults.add(
      {},
      { status: 422, body: { detail: `invalid ${password} ${world.apiKey}` } },
    );
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/refused the request \(422\)/);
  });

  it('that never answers leaves time to report before the invocation ends', async () => {
    world.cloud.runpod.faults.add({}, { hang: true });
    await world.deploy([{ name: 'prod' }]);

    const { error } = await world.invoke({}, 7_000);

    // Lambda's own time-out would have another name.
    expect(error?.errorType).toBe('RefreshFailedError');
  });

  it('that limits the rate is not provoked, and the retry goes on where the run stopped', async () => {
    world.cloud.runpod.limit(world.user, { limit: 30, windowSeconds: 2 });
    await world.deploy(Array.from({ length: 70 }, (_, index) => ({ name: `t${index}` })));
    const event = { id: 'the-event', source: 'aws.events', 'detail-type': 'Scheduled Event' };

    const first = await world.invoke(event, 6_800);
    const retry = await world.invoke(event, 60_000);

    expect(first.error?.errorMessage).toMatch(/40 of 70 targets failed\..*rate limit/);
    expect(retry.result?.refreshed).toHaveLength(70);
    expect(world.user.auths.map(({ updates }) => updates)).toEqual(Array.from({ length: 70 }, () => 1));
    expect(retry.metrics).toMatchObject({ RunSucceeded: 1, TargetsRefreshed: 40 });
  });
});
