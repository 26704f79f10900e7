import { OperatorMustActError, TransientError, UnconfirmedError } from '../../../lambda/core/errors';
import { Secret } from '../../../lambda/core/model';
import {
  type DelegationPorts,
  dissolve,
  establish,
  NotEstablishedError,
} from '../../../lambda/delegate-repository/delegation';
import { type DelegationProperties, RUNPOD_PRINCIPAL_ARNS } from '../../../lambda/delegate-repository/model';
import { ownStatement } from '../../../lambda/delegate-repository/policy-text';
import type { PolicyEdit } from '../../../lambda/delegate-repository/repository-policy';
import { FakeClock, NOON } from '../../support/fake-clock';
import { rejectionOf } from '../../support/thrown';

const DENIED = new OperatorMustActError('permission-missing', 'not allowed');
const REFUSED = new OperatorMustActError('configuration-wrong', 'Runpod said no');
const DOWN = new TransientError('no answer');
const HOUR_MS = 3_600_000;

const properties: DelegationProperties = {
  repositoryArn: 'arn:aws:ecr:us-east-1:123456789012:repository/my-app',
  principalArns: RUNPOD_PRINCIPAL_ARNS,
  runpodApiKeySecretName: 'runpod/api-key',
  restV2Url: 'https://api.runpod.io/v2',
};

describe('establish', () => {
  it.each(['policy', 'key'] as const)('waits until AWS applies the permission for the %s', async (what) => {
    const world = aWorld({ [what]: [DENIED, DENIED, DENIED] });

    await expect(establish(properties, world.ports, NOON + HOUR_MS)).resolves.toBe('deleg_1');

    expect(world.clock.sleeps).toEqual([5_000, 5_000, 5_000]);
  });

  it.each(['policy', 'key'] as const)(
    'fails when the permission for the %s is denied four times',
    async (what) => {
      const world = aWorld({ [what]: [DENIED, DENIED, DENIED, DENIED] });

      const error = await failureOf(establish(properties, world.ports, NOON + HOUR_MS));

      expect(error).toMatchObject({ reason: DENIED, remains: 'nothing' });
      expect(world.text()).toBeUndefined();
    },
  );

  it('does not wait for a permission when the deadline is near', async () => {
    const world = aWorld({ policy: [DENIED] });

    const error = await failureOf(establish(properties, world.ports, NOON + 4_000));

    expect(error).toMatchObject({ reason: DENIED });
    expect(world.clock.sleeps).toEqual([]);
  });

  it.each([
    ['Runpod refused', { runpod: [REFUSED] }, 'nothing'],
    ['the registration may or may not have happened', { runpod: [new UnconfirmedError('lost')] }, 'all'],
    ['Runpod was down before the registration', { runpod: [DOWN] }, 'nothing'],
    ['the write of the policy was lost', { policy: [DOWN] }, 'all'],
    ['the policy was refused', { policy: [REFUSED] }, 'nothing'],
  ])('reports what is left when %s', async (_, failures, remains) => {
    const world = aWorld(failures);

    const error = await failureOf(establish(properties, world.ports, NOON + HOUR_MS));

    expect(error).toMatchObject({ remains });
    expect(world.text()).toBeUndefined();
  });

  it.each([
    ['Runpod refused', REFUSED, 'nothing'],
    ['the registration may or may not have happened', new UnconfirmedError('lost'), 'registration'],
  ])(
    'restores the statement that somebody had set up, and leaves it to them, when %s',
    async (_, failure, remains) => {
      const world = aWorld({});
      await establish(properties, world.ports, NOON + HOUR_MS);
      const before = world.text();

      const other = { ...properties, principalArns: ['arn:aws:iam::210987654321:role/pull'] };
      world.fail({ runpod: [failure] });
      const error = await failureOf(establish(other, world.ports, NOON + HOUR_MS));

      expect(error).toMatchObject({ remains });
      expect(ownStatement(world.text(), '')).toEqual(ownStatement(before, ''));
    },
  );

  it('reports both failures when the policy cannot be restored', async () => {
    const world = aWorld({ runpod: [REFUSED] });
    world.failPolicyAfterwards(DOWN);

    const error = await failureOf(establish(properties, world.ports, NOON + HOUR_MS));

    expect(error.remains).toBe('all');
    expect(error.message).toBe('Runpod said no; in addition, the policy could not be restored: no answer');
  });

  it.each([
    ['the ARN', { repositoryArn: 'my-app' }, 'expected the ARN of an ECR repository'],
    ['a principal', { principalArns: ['*'] }, 'expected the ARN of a role as each principal'],
  ])('changes nothing when %s is wrong', async (_, differences, message) => {
    const world = aWorld({});

    const error = await failureOf(establish({ ...properties, ...differences }, world.ports, NOON + HOUR_MS));

    expect(error).toMatchObject({ message, remains: 'nothing' });
    expect(world.text()).toBeUndefined();
  });
});

describe('dissolve', () => {
  it('reports both failures', async () => {
    const world = aWorld({ policy: [REFUSED], revoke: [DOWN] });

    await expect(dissolve(properties, world.ports, NOON + HOUR_MS)).rejects.toThrow(
      'no answer; Runpod said no',
    );
  });
});

interface Failures {
  policy?: Error[];
  key?: Error[];
  runpod?: Error[];
  revoke?: Error[];
}

/** A repository and a Runpod in memory. Each call fails with the next of its failures until none is left. */
function aWorld(initial: Failures) {
  const clock = new FakeClock();
  let failures = initial;
  let text: string | undefined;
  let afterwards: Error | undefined;
  const failIfDue = (errors: Error[] | undefined) => {
    const error = errors?.shift();
    if (error) throw error;
  };
  const ports: DelegationPorts = {
    clock,
    policies: {
      async change(_, edit: PolicyEdit) {
        failIfDue(failures.policy);
        const before = text;
        text = edit(text);
        if (afterwards) failures = { ...failures, policy: [afterwards] };
        return before;
      },
    },
    delegations: {
      async ensure() {
        failIfDue(failures.runpod);
        return 'deleg_1';
      },
      async revoke() {
        failIfDue(failures.revoke);
      },
    },
    async readApiKey() {
      failIfDue(failures.key);
      return { key: new Secret('rpa_key') };
    },
  };
  return {
    clock,
    ports,
    text: () => text,
    fail: (next: Failures) => {
      failures = next;
    },
    failPolicyAfterwards: (error: Error) => {
      afterwards = error;
    },
  };
}

async function failureOf(promise: Promise<unknown>): Promise<NotEstablishedError> {
  const thrown = await rejectionOf(promise);
  if (!(thrown instanceof NotEstablishedError)) throw new Error('expected a NotEstablishedError');
  return thrown;
}
