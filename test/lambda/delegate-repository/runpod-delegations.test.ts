import {
  ApiKeyRefusedError,
  OperatorMustActError,
  TransientError,
  UnconfirmedError,
} from '../../../lambda/core/errors';
import { createHttp } from '../../../lambda/core/http';
import { Secret } from '../../../lambda/core/model';
import type { HttpAnswer } from '../../../lambda/core/transport';
import { parseRepositoryArn } from '../../../lambda/delegate-repository/repository';
import {
  createRunpodDelegations,
  DelegationsUnavailableError,
} from '../../../lambda/delegate-repository/runpod-delegations';
import { FakeClock, NOON } from '../../support/fake-clock';
import { type Step, scriptedTransport } from '../../support/scripted-transport';

const ARN = 'arn:aws:ecr:us-east-1:123456789012:repository/team/my-app';
const repository = parseRepositoryArn(ARN);
const ours = {
  id: 'deleg_1',
  repository: 'team/my-app',
  awsRegion: 'us-east-1',
  awsUser: '123456789012',
  dockerRegistryUri: '123456789012.dkr.ecr.us-east-1.amazonaws.com',
};
const NONE = answer(200, { delegations: [] });
const LOST = new TransientError('api.runpod.io: ECONNRESET');

describe('createRunpodDelegations', () => {
  it('registers a repository by its ARN and name, as the specification says', async () => {
    const { ensure, sent } = delegations(NONE, answer(201, ours));

    await expect(ensure('mine')).resolves.toBe('deleg_1');

    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET https://api.runpod.io/v2/registries/delegations',
      'POST https://api.runpod.io/v2/registries/delegations',
    ]);
    expect(JSON.parse(sent[1]?.body ?? '')).toEqual({ resource: ARN, name: 'mine' });
  });

  it.each([400, 409, 422])(
    'registers it by an image’s address when Runpod refuses the ARN (%i)',
    async (status) => {
      const { ensure, sent } = delegations(NONE, answer(status, {}), answer(201, ours));

      await expect(ensure()).resolves.toBe('deleg_1');

      expect(JSON.parse(sent[2]?.body ?? '')).toEqual({
        resource: '123456789012.dkr.ecr.us-east-1.amazonaws.com/team/my-app:latest',
      });
    },
  );

  it.each([404, 405, 501])(
    'does not try another form when the refusal is not of the value (%i)',
    async (status) => {
      const { ensure, sent } = delegations(NONE, answer(status, {}));

      await failureOf(ensure(undefined, 500));

      expect(
        sent.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body ?? '')),
      ).toEqual([{ resource: ARN }]);
    },
  );

  it('finds it on the second page of the list', async () => {
    const first = {
      delegations: [{ ...ours, id: 'other', repository: 'x' }],
      pagination: { nextCursor: 'a/b' },
    };
    const { ensure, sent } = delegations(answer(200, first), answer(200, { delegations: [ours] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent.map(({ url }) => url)).toEqual([
      'https://api.runpod.io/v2/registries/delegations',
      'https://api.runpod.io/v2/registries/delegations?cursor=a%2Fb',
    ]);
  });

  it.each<[string, object]>([
    ['by the address of its registry', ours],
    ['by the account', { ...ours, dockerRegistryUri: undefined }],
    [
      'by a role of the account',
      { ...ours, dockerRegistryUri: undefined, awsUser: 'arn:aws:iam::123456789012:role/x' },
    ],
  ])('finds it %s, and registers nothing twice', async (_, listed) => {
    const { ensure, sent } = delegations(answer(200, { delegations: [{ id: 'other' }, listed] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent).toHaveLength(1);
  });

  it.each<[string, object]>([
    ['in another account', { ...ours, dockerRegistryUri: '999999999999.dkr.ecr.us-east-1.amazonaws.com' }],
    ['in another region', { ...ours, awsRegion: 'us-west-2' }],
    ['of another name', { ...ours, repository: 'my-app' }],
    ['whose account is part of a longer number', { ...ours, dockerRegistryUri: '1234567890123.dkr.ecr' }],
  ])('does not take a repository %s for it', async (_, listed) => {
    const { ensure, revoke } = delegations(
      answer(200, { delegations: [{ ...listed, id: 'other' }] }),
      answer(201, ours),
      answer(200, { delegations: [{ ...listed, id: 'other' }] }),
    );

    await expect(ensure()).resolves.toBe('deleg_1');
    await expect(revoke()).resolves.toBeUndefined();
  });

  it('looks again before it repeats a registration whose answer was lost', async () => {
    const { ensure, sent, clock } = delegations(NONE, LOST, answer(200, { delegations: [ours] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET']);
    expect(clock.sleeps).toContain(1_000);
  });

  it('looks again where an answer does not name the delegation', async () => {
    const { ensure } = delegations(NONE, answer(200, { ok: true }), answer(200, { delegations: [ours] }));

    await expect(ensure()).resolves.toBe('deleg_1');
  });

  it('is patient with a refusal, because AWS may not heed the new policy yet', async () => {
    const refusal = [NONE, answer(400, {}), answer(400, {})];
    const { ensure } = delegations(...refusal, ...refusal, NONE, answer(201, ours));

    await expect(ensure()).resolves.toBe('deleg_1');
  });

  it('gives up after four refusals, sure that nothing is registered', async () => {
    const refusal = [NONE, answer(400, {}), answer(400, {})];
    const { ensure, sent } = delegations(...refusal, ...refusal, ...refusal, ...refusal);

    const error = await failureOf(ensure());

    expect(error).toBeInstanceOf(OperatorMustActError);
    expect(error.message).toBe(
      'Runpod did not register repository team/my-app in us-east-1: rest-v2 answered 400',
    );
    expect(sent).toHaveLength(12);
  });

  it.each<[string, Step[]]>([
    ['every answer is lost', [NONE, LOST, NONE, LOST, NONE, LOST, NONE, LOST]],
    ['the key is refused when it looks again', [NONE, LOST, answer(401, {})]],
    ['the edge answers with a page', [NONE, ...[1, 2, 3].flatMap(() => [page(), NONE]), page()]],
  ])('says that nobody knows when %s', async (_, steps) => {
    expect(await failureOf(delegations(...steps).ensure())).toBeInstanceOf(UnconfirmedError);
  });

  it('is sure again when it looked after a lost answer and Runpod then refused', async () => {
    const refusal = [NONE, answer(400, {}), answer(400, {})];
    const { ensure } = delegations(NONE, LOST, ...refusal, ...refusal, ...refusal);

    expect(await failureOf(ensure())).not.toBeInstanceOf(UnconfirmedError);
  });

  it('stops when the time is over', async () => {
    const { ensure, sent } = delegations(NONE, answer(400, {}), answer(400, {}));

    expect(await failureOf(ensure(undefined, 500))).toBeInstanceOf(OperatorMustActError);
    expect(sent).toHaveLength(3);
  });

  it.each([404, 405, 410, 501])('says what %i means: only REST v2 knows delegations', async (status) => {
    const { ensure } = delegations(answer(status, {}));

    const error = await failureOf(ensure());

    expect(error).toBeInstanceOf(DelegationsUnavailableError);
    expect(error.message).toContain(
      `rest-v2 answered ${status} to /registries/delegations, and no other of Runpod's APIs knows delegations`,
    );
  });

  it.each<[string, Step[], new (...args: never[]) => Error]>([
    ['a refused key', [answer(401, {})], ApiKeyRefusedError],
    ['a key without the permission', [NONE, answer(403, {})], OperatorMustActError],
    ['a list that is none', [answer(200, { items: [] })], TransientError],
  ])('stops at once at %s', async (_, steps, kind) => {
    expect(await failureOf(delegations(...steps).ensure())).toBeInstanceOf(kind);
  });

  it('revokes what is registered for the repository, and what is gone already is fine', async () => {
    const listed = [
      ours,
      { ...ours, id: 'deleg_2' },
      { ...ours, id: 'keep' },
      { ...ours, id: 'x', awsRegion: 'y' },
    ];
    const { revoke, sent } = delegations(
      answer(200, { delegations: listed }),
      noContent(),
      answer(404, {}),
      answer(200, { delegations: listed.slice(2) }),
    );

    await revoke('keep');

    expect(sent.slice(1).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE https://api.runpod.io/v2/registries/delegations/deleg_1',
      'DELETE https://api.runpod.io/v2/registries/delegations/deleg_2',
      'GET https://api.runpod.io/v2/registries/delegations',
    ]);
  });

  it.each(['deleg/2', '..', '', 7, null, 'rpa_abc'])('skips a delegation whose id is %j', async (id) => {
    const { revoke, sent } = delegations(answer(200, { delegations: [{ ...ours, id }] }));

    await revoke();

    expect(sent).toHaveLength(1);
  });

  it('asks again when a delegation that it lists answers 404 once', async () => {
    const listed = answer(200, { delegations: [ours] });
    const { revoke, sent } = delegations(listed, answer(404, {}), listed, noContent());

    await revoke();

    expect(sent.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'GET', 'DELETE']);
  });

  it('does not believe 404 from an API that goes on listing the delegation', async () => {
    const listed = answer(200, { delegations: [ours] });
    const gone = answer(404, {});
    const { revoke } = delegations(listed, gone, listed, gone, listed, gone, listed);

    const error = await failureOf(revoke());

    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toBe(
      'Runpod did not revoke the delegation of repository team/my-app in us-east-1: rest-v2 answered 404, and lists it all the same',
    );
  });

  it.each([400, 403])('does not take %i for a revocation', async (status) => {
    const { revoke } = delegations(answer(200, { delegations: [ours] }), answer(status, {}));

    expect(await failureOf(revoke())).toBeInstanceOf(OperatorMustActError);
  });
});

function delegations(...steps: readonly Step[]) {
  const clock = new FakeClock();
  const { transport, sent } = scriptedTransport(...steps);
  const policy = { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1, attemptTimeoutMs: 1_000 };
  const { ensure, revoke } = createRunpodDelegations(createHttp({ transport, clock, policy }), clock);
  const access = (timeMs: number) => ({
    apiKey: new Secret('rpa_key'),
    restV2Url: 'https://api.runpod.io/v2/',
    deadlineMs: NOON + timeMs,
  });
  return {
    sent,
    clock,
    ensure: (name?: string, timeMs = 60_000) => ensure(access(timeMs), repository, name),
    revoke: (except?: string) => revoke(access(60_000), repository, except),
  };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const thrown = await promise.then(
    () => new Error('nothing was thrown'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof Error)) throw new Error('no error was thrown');
  return thrown;
}

function answer(status: number, body: object): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function noContent(): HttpAnswer {
  return { status: 204, headers: {}, body: '' };
}

function page(): HttpAnswer {
  return { status: 403, headers: { 'content-type': 'text/html' }, body: '<html>error code: 1010</html>' };
}
