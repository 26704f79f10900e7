import {
  ApiKeyRefusedError,
  OperatorMustActError,
  TransientError,
  UnconfirmedError,
} from '../../../lambda/core/errors';
import { createHttp } from '../../../lambda/core/http';
import { Secret } from '../../../lambda/core/model';
import { parseRepositoryArn } from '../../../lambda/delegate-repository/repository';
import {
  createRunpodDelegations,
  DelegationsUnavailableError,
} from '../../../lambda/delegate-repository/runpod-delegations';
import { anAnswer } from '../../support/builders';
import { FakeClock, NOON } from '../../support/fake-clock';
import { type Step, scriptedTransport } from '../../support/scripted-transport';
import { rejectionOf } from '../../support/thrown';

const ARN = 'arn:aws:ecr:us-east-1:123456789012:repository/team/my-app';
const repository = parseRepositoryArn(ARN);
const PAGE = anAnswer(403, '<html>error code: 1010</html>', { 'content-type': 'text/html' });
const OURS = {
  id: 'deleg_1',
  repository: 'team/my-app',
  awsRegion: 'us-east-1',
  awsUser: '123456789012',
  dockerRegistryUri: '123456789012.dkr.ecr.us-east-1.amazonaws.com',
};
const NONE = anAnswer(200, { delegations: [] });
const LOST = new TransientError('api.runpod.io: ECONNRESET');

describe('createRunpodDelegations', () => {
  it('registers a repository with its ARN and name', async () => {
    const { ensure, sent } = delegations(NONE, anAnswer(201, OURS));

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
      const { ensure, sent } = delegations(NONE, anAnswer(status, {}), anAnswer(201, OURS));

      await expect(ensure()).resolves.toBe('deleg_1');

      expect(JSON.parse(sent[2]?.body ?? '')).toEqual({
        resource: '123456789012.dkr.ecr.us-east-1.amazonaws.com/team/my-app:latest',
      });
    },
  );

  it.each([404, 405, 501])(
    'does not try another form when the refusal is not of the value (%i)',
    async (status) => {
      const { ensure, sent } = delegations(NONE, anAnswer(status, {}));

      await rejectionOf(ensure(undefined, 500));

      expect(
        sent.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body ?? '')),
      ).toEqual([{ resource: ARN }]);
    },
  );

  it('finds it on the second page of the list', async () => {
    const first = {
      delegations: [{ ...OURS, id: 'other', repository: 'x' }],
      pagination: { nextCursor: 'a/b' },
    };
    const { ensure, sent } = delegations(anAnswer(200, first), anAnswer(200, { delegations: [OURS] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent.map(({ url }) => url)).toEqual([
      'https://api.runpod.io/v2/registries/delegations',
      'https://api.runpod.io/v2/registries/delegations?cursor=a%2Fb',
    ]);
  });

  it.each<[string, object]>([
    ['by the address of its registry', OURS],
    ['by the account', { ...OURS, dockerRegistryUri: undefined }],
    [
      'by a role of the account',
      { ...OURS, dockerRegistryUri: undefined, awsUser: 'arn:aws:iam::123456789012:role/x' },
    ],
  ])('finds a registered repository %s and does not register it again', async (_, listed) => {
    const { ensure, sent } = delegations(anAnswer(200, { delegations: [{ id: 'other' }, listed] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent).toHaveLength(1);
  });

  it.each<[string, object]>([
    ['in another account', { ...OURS, dockerRegistryUri: '999999999999.dkr.ecr.us-east-1.amazonaws.com' }],
    ['in another region', { ...OURS, awsRegion: 'us-west-2' }],
    ['of another name', { ...OURS, repository: 'my-app' }],
    ['whose account is part of a longer number', { ...OURS, dockerRegistryUri: '1234567890123.dkr.ecr' }],
  ])('ignores a delegation for a repository %s', async (_, listed) => {
    const { ensure, revoke } = delegations(
      anAnswer(200, { delegations: [{ ...listed, id: 'other' }] }),
      anAnswer(201, OURS),
      anAnswer(200, { delegations: [{ ...listed, id: 'other' }] }),
    );

    await expect(ensure()).resolves.toBe('deleg_1');
    await expect(revoke()).resolves.toBeUndefined();
  });

  it('lists the delegations again after a registration whose answer was lost', async () => {
    const { ensure, sent, clock } = delegations(NONE, LOST, anAnswer(200, { delegations: [OURS] }));

    await expect(ensure()).resolves.toBe('deleg_1');

    expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET']);
    expect(clock.sleeps).toContain(1_000);
  });

  it('lists the delegations again when an answer does not name one', async () => {
    const { ensure } = delegations(NONE, anAnswer(200, { ok: true }), anAnswer(200, { delegations: [OURS] }));

    await expect(ensure()).resolves.toBe('deleg_1');
  });

  it('retries a refusal, because AWS may not have applied the new policy yet', async () => {
    const refusal = [NONE, anAnswer(400, {}), anAnswer(400, {})];
    const { ensure } = delegations(...refusal, ...refusal, NONE, anAnswer(201, OURS));

    await expect(ensure()).resolves.toBe('deleg_1');
  });

  it('fails after four refusals and is certain that nothing is registered', async () => {
    const refusal = [NONE, anAnswer(400, {}), anAnswer(400, {})];
    const { ensure, sent } = delegations(...refusal, ...refusal, ...refusal, ...refusal);

    const error = await rejectionOf(ensure());

    expect(error).toBeInstanceOf(OperatorMustActError);
    expect(error).toHaveProperty(
      'message',
      'Runpod did not register repository team/my-app in us-east-1: rest-v2 answered 400',
    );
    expect(sent).toHaveLength(12);
  });

  it.each<[string, Step[]]>([
    ['every answer is lost', [NONE, LOST, NONE, LOST, NONE, LOST, NONE, LOST]],
    ['the key is refused at the next list', [NONE, LOST, anAnswer(401, {})]],
    [
      'the edge answers every registration with a web page',
      [NONE, ...[1, 2, 3].flatMap(() => [PAGE, NONE]), PAGE],
    ],
  ])('throws UnconfirmedError when %s', async (_, steps) => {
    expect(await rejectionOf(delegations(...steps).ensure())).toBeInstanceOf(UnconfirmedError);
  });

  it('does not throw UnconfirmedError when Runpod refuses after a lost answer', async () => {
    const refusal = [NONE, anAnswer(400, {}), anAnswer(400, {})];
    const { ensure } = delegations(NONE, LOST, ...refusal, ...refusal, ...refusal);

    expect(await rejectionOf(ensure())).not.toBeInstanceOf(UnconfirmedError);
  });

  it('stops at the deadline', async () => {
    const { ensure, sent } = delegations(NONE, anAnswer(400, {}), anAnswer(400, {}));

    expect(await rejectionOf(ensure(undefined, 500))).toBeInstanceOf(OperatorMustActError);
    expect(sent).toHaveLength(3);
  });

  it.each([404, 405, 410, 501])('throws DelegationsUnavailableError for the status %i', async (status) => {
    const { ensure } = delegations(anAnswer(status, {}));

    const error = await rejectionOf(ensure());

    expect(error).toBeInstanceOf(DelegationsUnavailableError);
    expect(String(error)).toContain(
      `rest-v2 answered ${status} to /registries/delegations, and Runpod's other APIs have no delegations`,
    );
  });

  it.each<[string, Step[], new (...args: never[]) => Error]>([
    ['a refused key', [anAnswer(401, {})], ApiKeyRefusedError],
    ['a key without the permission', [NONE, anAnswer(403, {})], OperatorMustActError],
    ['an answer without a list', [anAnswer(200, { items: [] })], TransientError],
  ])('does not retry after %s', async (_, steps, kind) => {
    expect(await rejectionOf(delegations(...steps).ensure())).toBeInstanceOf(kind);
  });

  it('revokes every delegation of the repository and ignores one that is gone', async () => {
    const listed = [
      OURS,
      { ...OURS, id: 'deleg_2' },
      { ...OURS, id: 'keep' },
      { ...OURS, id: 'x', awsRegion: 'y' },
    ];
    const { revoke, sent } = delegations(
      anAnswer(200, { delegations: listed }),
      anAnswer(204),
      anAnswer(404, {}),
      anAnswer(200, { delegations: listed.slice(2) }),
    );

    await revoke('keep');

    expect(sent.slice(1).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE https://api.runpod.io/v2/registries/delegations/deleg_1',
      'DELETE https://api.runpod.io/v2/registries/delegations/deleg_2',
      'GET https://api.runpod.io/v2/registries/delegations',
    ]);
  });

  it.each(['deleg/2', '..', '', 7, null, 'rpa_abc'])('skips a delegation whose id is %j', async (id) => {
    const { revoke, sent } = delegations(anAnswer(200, { delegations: [{ ...OURS, id }] }));

    await revoke();

    expect(sent).toHaveLength(1);
  });

  it('asks again when a delegation that it lists answers 404 once', async () => {
    const listed = anAnswer(200, { delegations: [OURS] });
    const { revoke, sent } = delegations(listed, anAnswer(404, {}), listed, anAnswer(204));

    await revoke();

    expect(sent.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'GET', 'DELETE']);
  });

  it('does not trust a 404 while the API still lists the delegation', async () => {
    const listed = anAnswer(200, { delegations: [OURS] });
    const gone = anAnswer(404, {});
    const { revoke } = delegations(listed, gone, listed, gone, listed, gone, listed);

    const error = await rejectionOf(revoke());

    expect(error).toBeInstanceOf(TransientError);
    expect(error).toHaveProperty(
      'message',
      'Runpod did not revoke the delegation of repository team/my-app in us-east-1: rest-v2 answered 404, but still lists it',
    );
  });

  it.each([400, 403])('throws when the revocation is answered with %i', async (status) => {
    const { revoke } = delegations(anAnswer(200, { delegations: [OURS] }), anAnswer(status, {}));

    expect(await rejectionOf(revoke())).toBeInstanceOf(OperatorMustActError);
  });
});

/** Delegations over scripted answers, with one attempt for each request. */
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
