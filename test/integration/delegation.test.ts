import { RUNPOD_PRINCIPAL_ARNS } from '../../lambda/delegate-repository/model';
import { pullStatement } from '../../lambda/delegate-repository/policy-text';
import { LambdaRuntime } from '../../local/lambda-runtime';
import { built } from '../support/built-once';
import { DelegationWorld, KEY_SECRET, repositoryArn } from './delegation-world';

const ARN = repositoryArn('my-app');
const THEIRS = { Sid: 'Theirs', Effect: 'Deny', Principal: '*', Action: ['ecr:PutImage'] };
const statement = pullStatement(RUNPOD_PRINCIPAL_ARNS);
const DELEGATIONS = '/v2/registries/delegations';

describe('the delegation function', () => {
  let world: DelegationWorld;

  beforeEach(async () => {
    world = await DelegationWorld.start();
    world.cloud.aws.policies.put(ARN);
  });

  afterEach(async () => {
    try {
      expect(world.leaks()).toEqual([]);
    } finally {
      await world.stop();
    }
  });

  describe('at a create', () => {
    it('lets Runpod pull and registers the repository', async () => {
      const answer = await world.request('Create', { properties: { name: 'mine' } });

      expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: ARN });
      expect(world.policyOf(ARN)).toEqual({ Version: '2012-10-17', Statement: [statement] });
      expect(world.user.delegations).toMatchObject([
        { id: answer.Data?.delegationId, name: 'mine', repository: 'my-app', awsRegion: 'us-east-1' },
      ]);
      expect(RUNPOD_PRINCIPAL_ARNS.map((role) => world.cloud.aws.policies.mayPull(ARN, role))).toEqual([
        true,
        true,
      ]);
      expect(world.cloud.aws.policies.mayPull(ARN, 'arn:aws:iam::550005742258:role/another')).toBe(false);
      expect(world.cloud.aws.policies.mayPull(ARN, 'arn:aws:iam::210987654321:role/another')).toBe(false);
    });

    it('answers CloudFormation without a content type, as the signed address requires', async () => {
      await world.request('Create');

      const [put] = world.bucket.requests;
      expect(put).toMatchObject({ method: 'PUT', path: '/response' });
      expect(put?.headers['content-type']).toBe('');
      expect(JSON.parse(put?.body ?? '')).toMatchObject({
        StackId: 'arn:aws:cloudformation:us-east-1:123456789012:stack/Refresher/1',
        RequestId: 'a-request',
        LogicalResourceId: 'DelegationResource',
      });
    });

    it('works in the region of the repository', async () => {
      const arn = repositoryArn('team/batch', 'eu-west-1');
      world.cloud.aws.policies.put(arn);

      await expect(world.request('Create', { properties: { repositoryArn: arn } })).resolves.toMatchObject({
        Status: 'SUCCESS',
        PhysicalResourceId: arn,
      });

      expect(world.cloud.aws.policies.mayPull(arn, RUNPOD_PRINCIPAL_ARNS[0])).toBe(true);
    });

    it('succeeds twice for a request that is delivered twice', async () => {
      const first = await world.request('Create');
      const second = await world.request('Create');

      expect(second).toEqual(first);
      expect(world.user.delegations).toHaveLength(1);
      expect(world.cloud.aws.countOf('SetRepositoryPolicy')).toBe(1);
    });

    it('registers the repository once when the answer is lost', async () => {
      world.cloud.runpod.faults.add({ method: 'POST', path: DELEGATIONS }, { applyThen: { reset: true } }, 1);

      const answer = await world.request('Create');

      expect(answer.Status).toBe('SUCCESS');
      expect(world.user.delegations.map(({ id }) => id)).toEqual([answer.Data?.delegationId]);
      expect(world.cloud.runpod.requestsOf('POST', 'rest-v2')).toHaveLength(1);
    });

    it('retries until AWS applies the new policy', async () => {
      const refused = { status: 400, body: { title: 'Bad Request', status: 400, detail: 'cannot pull' } };
      world.cloud.runpod.faults.add({ method: 'POST', path: DELEGATIONS }, refused, 2);

      await expect(world.request('Create')).resolves.toMatchObject({ Status: 'SUCCESS' });
    });

    it('registers the address of an image when Runpod refuses the ARN', async () => {
      world.cloud.runpod.delegationRules.takes = 'image';

      await expect(world.request('Create')).resolves.toMatchObject({ Status: 'SUCCESS' });

      expect(world.user.delegations).toMatchObject([{ repository: 'my-app', tag: 'latest' }]);
    });

    it('succeeds for two deliveries at the same time', async () => {
      const secondProcess = new LambdaRuntime({
        assetDirectory: built('delegationAsset'),
        environment: world.cloud.environment(),
      });
      world.cloud.runpod.latencyMs = 100;

      await Promise.all([
        world.deliver(world.event('Create', {})),
        secondProcess.invoke(world.event('Create', {}), 180_000),
      ]);
      await secondProcess.stop();

      const answers = world.bucket.requests.map(({ body }) => JSON.parse(body));
      expect(answers.map(({ Status }) => Status)).toEqual(['SUCCESS', 'SUCCESS']);
      expect(answers[0].Data).toEqual(answers[1].Data);
      expect(world.user.delegations).toHaveLength(1);
      expect(world.policyOf(ARN)).toEqual({ Version: '2012-10-17', Statement: [statement] });
    });

    it('reads the API key again when Runpod refuses it', async () => {
      world.cloud.runpod.faults.add({ method: 'GET', path: DELEGATIONS }, { status: 401 }, 1);

      await expect(world.request('Create')).resolves.toMatchObject({ Status: 'SUCCESS' });

      expect(world.cloud.aws.countOf('GetSecretValue')).toBe(2);
    });

    it('keeps a statement that another writer adds in between', async () => {
      world.cloud.aws.policies.rival = () => {
        world.cloud.aws.policies.rival = undefined;
        return JSON.stringify({ Statement: [THEIRS] });
      };

      await expect(world.request('Create')).resolves.toMatchObject({ Status: 'SUCCESS' });

      expect(world.policyOf(ARN)).toEqual({ Statement: [THEIRS, statement] });
    });
  });

  describe('at a create that fails', () => {
    const before = { Version: '2008-10-17', Id: 'x', Statement: THEIRS };

    it.each<[string, (one: DelegationWorld) => void, string]>([
      [
        'Runpod refuses it',
        ({ cloud }) =>
          cloud.runpod.faults.add({ method: 'POST', path: DELEGATIONS }, { status: 422, body: {} }),
        'Runpod did not register repository my-app in us-east-1: rest-v2 answered 422',
      ],
      [
        'Runpod refuses the key',
        ({ cloud, apiKey }) => cloud.runpod.revoke(apiKey),
        'Runpod refused the API key (rest-v2); put a valid key into the secret',
      ],
      [
        'the secret is missing',
        ({ cloud }) => cloud.aws.secrets.remove(KEY_SECRET),
        `secretsmanager:GetSecretValue ${KEY_SECRET}: ResourceNotFoundException`,
      ],
      [
        'the API has no delegations',
        ({ cloud }) => cloud.runpod.faults.add({ path: DELEGATIONS }, { status: 404, body: {} }),
        "rest-v2 answered 404 to /registries/delegations, and Runpod's other APIs have no delegations",
      ],
      [
        'the API is retired',
        ({ cloud }) => cloud.runpod.retired.add('rest-v2'),
        'rest-v2 answered 410 to /registries/delegations',
      ],
    ])(
      'restores the policy, gives the reason and needs no Runpod to roll back when %s',
      async (_, breakWorld, reason) => {
        world.cloud.aws.policies.put(ARN, JSON.stringify(before));
        breakWorld(world);

        const answer = await world.request('Create');
        const asked = world.cloud.runpod.requests.length;
        const rolledBack = await world.request('Delete', { physicalResourceId: answer.PhysicalResourceId });

        expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: `${ARN}#nothing-left` });
        expect(answer.Reason).toContain(reason);
        expect(world.policyOf(ARN)).toEqual(before);
        expect(rolledBack).toMatchObject({
          Status: 'SUCCESS',
          PhysicalResourceId: answer.PhysicalResourceId,
        });
        expect(world.cloud.runpod.requests).toHaveLength(asked);
      },
    );

    it.each<[string, (one: DelegationWorld) => unknown]>([
      ['Runpod refuses the key', ({ cloud, apiKey }) => cloud.runpod.revoke(apiKey)],
      [
        'Runpod refuses it',
        ({ cloud, user }) => {
          user.delegations.splice(0);
          cloud.runpod.faults.add({ method: 'POST', path: DELEGATIONS }, { status: 422, body: {} });
        },
      ],
    ])(
      'leaves another stack’s delegation as it was, also after the rollback, when %s',
      async (_, breakWorld) => {
        await world.request('Create');
        breakWorld(world);
        const policy = world.cloud.aws.policies.textOf(ARN);
        const delegations = [...world.user.delegations];

        const properties = { principalArns: [RUNPOD_PRINCIPAL_ARNS[0]] };
        const answer = await world.request('Create', { properties });
        await world.request('Delete', { properties, physicalResourceId: answer.PhysicalResourceId });

        expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: `${ARN}#nothing-left` });
        expect(JSON.parse(world.cloud.aws.policies.textOf(ARN) ?? '')).toEqual(JSON.parse(policy ?? ''));
        expect(world.user.delegations).toEqual(delegations);
      },
    );

    it('deletes the policy when there was none before', async () => {
      world.cloud.runpod.revoke(world.apiKey);

      await expect(world.request('Create')).resolves.toMatchObject({ Status: 'FAILED' });

      expect(world.cloud.aws.countOf('SetRepositoryPolicy')).toBe(1);
      expect(world.policyOf(ARN)).toBeUndefined();
    });

    it('revokes in the rollback a registration whose outcome is unknown', async () => {
      const lost = world.cloud.runpod.faults.add({ method: 'POST' }, { applyThen: { reset: true } });
      const down = world.cloud.runpod.faults.add(({ method }) => method === 'GET' && lost.hits > 0, {
        status: 500,
        body: {},
      });

      const answer = await world.request('Create');
      const registered = [...world.user.delegations];
      down.remove();
      const rolledBack = await world.request('Delete', { physicalResourceId: answer.PhysicalResourceId });

      expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: ARN });
      expect(registered).toHaveLength(1);
      expect(world.policyOf(ARN)).toBeUndefined();
      expect(rolledBack).toMatchObject({ Status: 'SUCCESS' });
      expect(world.user.delegations).toEqual([]);
    });

    it('changes nothing when the policy is not JSON', async () => {
      const text = '{"Statement": [';
      world.cloud.aws.policies.put(ARN, text);

      const answer = await world.request('Create');
      const rolledBack = await world.request('Delete', { physicalResourceId: answer.PhysicalResourceId });

      expect(answer).toMatchObject({
        Status: 'FAILED',
        Reason:
          'the policy of repository my-app in us-east-1 is not understood: its text is not a JSON object; nothing was changed, correct the policy first',
      });
      expect(world.cloud.aws.policies.textOf(ARN)).toBe(text);
      expect(world.cloud.runpod.requests).toEqual([]);
      expect(rolledBack.Status).toBe('SUCCESS');
    });

    it('changes nothing when the policy would become too large', async () => {
      const text = JSON.stringify({ Statement: [{ ...THEIRS, Condition: { x: 'y'.repeat(9_900) } }] });
      world.cloud.aws.policies.put(ARN, text);

      const answer = await world.request('Create');

      expect(answer.Status).toBe('FAILED');
      expect(answer.Reason).toMatch(
        /^the policy of repository my-app in us-east-1 would have 10\d{3} bytes and ECR allows 10240; nothing was changed/,
      );
      expect(world.cloud.aws.policies.textOf(ARN)).toBe(text);
      expect(world.cloud.aws.countOf('SetRepositoryPolicy')).toBe(0);
      expect(world.cloud.runpod.requests).toEqual([]);
    });

    it('names a repository that does not exist', async () => {
      world.cloud.aws.policies.remove(ARN);

      await expect(world.request('Create')).resolves.toMatchObject({
        Status: 'FAILED',
        PhysicalResourceId: `${ARN}#nothing-left`,
        Reason: 'there is no repository my-app in us-east-1; create it first',
      });
    });

    it('names a wrong property', async () => {
      const answer = await world.request('Create', { properties: { principalArns: [] } });

      expect(answer).toMatchObject({
        Status: 'FAILED',
        PhysicalResourceId: 'DelegationResource#nothing-left',
        Reason: "the resource's property principalArns must be a list of role ARNs",
      });
    });

    it('fails when somebody else keeps changing the policy', async () => {
      world.cloud.aws.policies.rival = () => JSON.stringify({ Statement: [THEIRS] });

      const answer = await world.request('Create');

      expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: ARN });
      expect(answer.Reason).toContain('does not read back as it was written');
      expect(world.cloud.runpod.requests).toEqual([]);
    });
  });

  describe('at an update', () => {
    const OTHER = repositoryArn('other');

    it('changes the principals in place', async () => {
      world.cloud.aws.policies.put(ARN, JSON.stringify({ Statement: [THEIRS] }));
      const { Data } = await world.request('Create');
      const principalArns = ['arn:aws:iam::550005742258:role/prod-us-west-2-deployment-role'];

      const answer = await world.request('Update', {
        properties: { principalArns },
        old: {},
        physicalResourceId: ARN,
      });

      expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: ARN, Data });
      expect(world.policyOf(ARN)).toEqual({ Statement: [THEIRS, pullStatement(principalArns)] });
      expect(world.cloud.runpod.requestsOf('POST', 'rest-v2')).toHaveLength(1);
    });

    it('moves to another repository and leaves the old one to the delete', async () => {
      world.cloud.aws.policies.put(OTHER);
      await world.request('Create');

      const answer = await world.request('Update', {
        properties: { repositoryArn: OTHER },
        old: {},
        physicalResourceId: ARN,
      });
      expect(world.user.delegations.map(({ repository }) => repository)).toEqual(['my-app', 'other']);
      await world.request('Delete', { physicalResourceId: ARN });

      expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: OTHER });
      expect(world.user.delegations.map(({ repository }) => repository)).toEqual(['other']);
      expect(world.policyOf(ARN)).toBeUndefined();
      expect(world.policyOf(OTHER)).toEqual({ Version: '2012-10-17', Statement: [statement] });
    });

    it('keeps the delegation and its physical id when the update fails', async () => {
      await world.request('Create');
      world.cloud.runpod.revoke(world.apiKey);
      const principalArns = ['arn:aws:iam::210987654321:role/pull'];

      const answer = await world.request('Update', {
        properties: { principalArns },
        old: {},
        physicalResourceId: ARN,
      });

      expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: ARN });
      expect(world.policyOf(ARN)).toEqual({ Version: '2012-10-17', Statement: [statement] });
      expect(world.user.delegations).toHaveLength(1);
    });

    it('moves to another Runpod account and revokes in the old one', async () => {
      const other = world.cloud.runpod.addUser('rpa_another_key_of_another_user');
      world.cloud.aws.secrets.put('runpod/other', 'rpa_another_key_of_another_user');
      await world.request('Create');

      const answer = await world.request('Update', {
        properties: { runpodApiKeySecretName: 'runpod/other' },
        old: {},
        physicalResourceId: ARN,
      });

      expect(answer.Status).toBe('SUCCESS');
      expect(world.user.delegations).toEqual([]);
      expect(other.delegations.map(({ id }) => id)).toEqual([answer.Data?.delegationId]);
      expect(world.policyOf(ARN)).toEqual({ Version: '2012-10-17', Statement: [statement] });
    });

    it.each<[string, (one: DelegationWorld) => void]>([
      ['holds a key of the same account', () => undefined],
      ['replaces a secret that is gone', ({ cloud }) => cloud.aws.secrets.remove(KEY_SECRET)],
    ])('keeps the delegation when another secret %s', async (_, breakWorld) => {
      const { Data } = await world.request('Create');
      world.cloud.aws.secrets.put('runpod/renamed', world.apiKey);
      breakWorld(world);

      const answer = await world.request('Update', {
        properties: { runpodApiKeySecretName: 'runpod/renamed' },
        old: {},
        physicalResourceId: ARN,
      });

      expect(answer).toMatchObject({ Status: 'SUCCESS', Data });
      expect(world.user.delegations).toHaveLength(1);
    });
  });

  describe('at a delete', () => {
    it.each<[string, object | undefined]>([
      ['no policy', undefined],
      ['a list of one', { Version: '2008-10-17', Statement: [THEIRS] }],
      ['one statement outside a list', { Version: '2012-10-17', Id: 'mine', Statement: THEIRS }],
      ['several statements', { Statement: [THEIRS, { ...THEIRS, Sid: 'Second' }, { Effect: 'Allow' }] }],
    ])('leaves a repository with %s as it was before the create', async (_, before) => {
      world.cloud.aws.policies.put(ARN, before && JSON.stringify(before));
      await world.request('Create');
      const principalArns = [RUNPOD_PRINCIPAL_ARNS[0]];
      await world.request('Update', { properties: { principalArns }, old: {}, physicalResourceId: ARN });

      const answer = await world.request('Delete', {
        properties: { principalArns },
        physicalResourceId: ARN,
      });

      expect(answer).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: ARN });
      expect(world.policyOf(ARN)).toEqual(before);
      expect(world.user.delegations).toEqual([]);
    });

    it('succeeds twice for a delete that is delivered twice', async () => {
      await world.request('Create');
      await world.request('Delete', { physicalResourceId: ARN });

      const again = await world.request('Delete', { physicalResourceId: ARN });

      expect(again).toMatchObject({ Status: 'SUCCESS' });
    });

    it.each<[string, (one: DelegationWorld) => void]>([
      ['its repository', ({ cloud }) => cloud.aws.policies.remove(ARN)],
      ['its delegation', ({ user }) => user.delegations.splice(0)],
      ['the whole API', ({ cloud }) => cloud.runpod.retired.add('rest-v2')],
      [
        'the delegation between the list and the revocation',
        ({ cloud }) => cloud.runpod.faults.add({ method: 'DELETE' }, { applyThen: { status: 404 } }),
      ],
    ])('succeeds when %s is gone', async (_, breakWorld) => {
      await world.request('Create');
      breakWorld(world);

      const answer = await world.request('Delete', { physicalResourceId: ARN });

      expect(answer).toMatchObject({ Status: 'SUCCESS' });
      expect(world.policyOf(ARN) ?? null).toBeNull();
    });

    it('removes the statement and fails when Runpod cannot be reached', async () => {
      await world.request('Create');
      world.cloud.runpod.faults.add({ path: DELEGATIONS }, { status: 500, body: {} });

      const answer = await world.request('Delete', { physicalResourceId: ARN });

      expect(answer).toMatchObject({ Status: 'FAILED', PhysicalResourceId: ARN });
      expect(answer.Reason).toContain('answered 500');
      expect(world.policyOf(ARN)).toBeUndefined();
    });

    it('revokes the delegation and keeps the policy when the policy is not understood', async () => {
      await world.request('Create');
      world.cloud.aws.policies.put(ARN, 'no policy');

      const answer = await world.request('Delete', { physicalResourceId: ARN });

      expect(answer.Status).toBe('FAILED');
      expect(answer.Reason).toContain('the policy of repository my-app in us-east-1 is not understood');
      expect(world.cloud.aws.policies.textOf(ARN)).toBe('no policy');
      expect(world.user.delegations).toEqual([]);
    });
  });

  it('throws when CloudFormation refuses the answer, so that Lambda delivers the request again', async () => {
    const placed = world.bucket.faults.add({ method: 'PUT' }, { status: 403 }, 1);

    const { error } = await world.deliver(world.event('Create', {}));
    const again = await world.request('Create');

    expect(placed.hits).toBe(1);
    expect(error?.errorMessage).toContain('CloudFormation did not accept the answer (403)');
    expect(again).toMatchObject({ Status: 'SUCCESS' });
    expect(world.user.delegations).toHaveLength(1);
  });

  it('refuses an event that is not from CloudFormation', async () => {
    const { error } = await world.deliver({ RequestType: 'Create' });

    expect(error?.errorType).toBe('InvalidEventError');
    expect(world.cloud.aws.requests).toEqual([]);
  });
});
