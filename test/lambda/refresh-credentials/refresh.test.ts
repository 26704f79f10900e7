import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  OperatorMustActError,
  TransientError,
} from '../../../lambda/core/errors';
import { Secret, type Target } from '../../../lambda/core/model';
import type { Proof } from '../../../lambda/core/registries/proof';
import {
  isSuccess,
  Refresher,
  type RefreshServices,
  type TargetOutcome,
} from '../../../lambda/refresh-credentials/refresh';
import { aCredential, anEcrRegistry, aTarget } from '../../support/builders';
import { NOON } from '../../support/fake-clock';
import { aWorld, type FakeWorld } from '../../support/fake-world';
import { unhandledRejectionsDuring } from '../../support/thrown';

const DEADLINE = NOON + 295_000;

async function run(
  world: FakeWorld,
  targets: readonly Target[],
  { dryRun = false } = {},
): Promise<readonly TargetOutcome[]> {
  const request = { targets, dryRun, deadlineMs: DEADLINE };
  return (await new Refresher(world.services).run(request)).outcomes;
}

/** The name of each target with the id that was written, or with the message of its error. */
function summary(outcomes: readonly TargetOutcome[]): [string, string][] {
  return outcomes.map((outcome) => [
    outcome.target,
    isSuccess(outcome) ? outcome.registryAuthId : outcome.error.message,
  ]);
}

/** Thirty targets with ids of their own. */
function manyTargets(differences: (index: number) => Partial<Target> = () => ({})): Target[] {
  return Array.from({ length: 30 }, (_, index) =>
    aTarget({ name: `t${index}`, registryAuthId: `auth-${index}`, ...differences(index) }),
  );
}

describe('Refresher', () => {
  it('issues, proves and writes a credential in this order', async () => {
    const world = aWorld();

    const outcomes = await run(world, [aTarget({ verifyImage: 'worker:1' })]);

    expect(world.calls).toEqual([
      'read runpod/api-key',
      'issue us-east-1',
      'prove worker:1',
      'rest-v2 update auth-prod',
    ]);
    expect(outcomes).toEqual([
      {
        target: 'prod',
        registryAuthId: 'auth-prod',
        route: 'rest-v2',
        expiresAt: '2026-11-22T00:00:00.000Z',
        verified: true,
        fallback: false,
        durationMs: 0,
      },
    ]);
  });

  it('writes the issued credential with the API key from the secret', async () => {
    const written: unknown[] = [];
    const credential = aCredential({ password: new Secret('from ECR') });
    const world = aWorld({
      issue: async () => credential,
      readApiKey: async () => new Secret('from-the-secret'),
      routes: {
        'rest-v2': {
          update: async ({ apiKey, deadlineMs }, id, sent) => {
            written.push([apiKey.reveal(), deadlineMs, id, sent]);
          },
        },
      },
    });

    await run(world, [aTarget()]);

    expect(written).toEqual([['from-the-secret', DEADLINE, 'auth-prod', credential]]);
  });

  it('issues, proves and reads once for targets that share everything', async () => {
    const world = aWorld();

    await run(world, manyTargets());

    expect(world.callsTo('read')).toHaveLength(1);
    expect(world.callsTo('issue')).toHaveLength(1);
    expect(world.callsTo('prove')).toHaveLength(1);
    expect(world.callsTo('rest-v2 update')).toHaveLength(30);
  });

  it('lists the account once for many targets by name', async () => {
    const auths = Array.from({ length: 30 }, (_, index) => ({ id: `auth-${index}`, name: `n${index}` }));
    const world = aWorld({ routes: { 'rest-v2': { list: async () => auths } } });

    await run(
      world,
      manyTargets((index) => ({ registryAuthId: undefined, registryAuthName: `n${index}` })),
    );

    expect(world.callsTo('rest-v2 list')).toHaveLength(1);
    expect(world.callsTo('rest-v2 update')).toHaveLength(30);
    expect(world.callsTo('rest-v2 create')).toEqual([]);
  });

  it('issues, proves and reads separately for targets that share nothing', async () => {
    const world = aWorld();

    await run(world, [
      aTarget({ name: 'a' }),
      aTarget({ name: 'b', registry: anEcrRegistry({ region: 'eu-central-1' }) }),
      aTarget({ name: 'c', runpodApiKeySecretName: 'runpod/team-b' }),
      aTarget({ name: 'd', verifyImage: 'worker:1' }),
    ]);

    expect(world.callsTo('read').sort()).toEqual(['read runpod/api-key', 'read runpod/team-b']);
    expect(world.callsTo('issue').sort()).toEqual(['issue eu-central-1', 'issue us-east-1']);
    expect(world.callsTo('prove').sort()).toEqual(['prove login', 'prove login', 'prove worker:1']);
  });

  it('reads the key and issues the credential at the same time', async () => {
    const world: FakeWorld = aWorld({
      readApiKey: async () => {
        await world.clock.pass(400);
        return new Secret('key');
      },
      issue: async () => {
        await world.clock.pass(300);
        return aCredential();
      },
    });

    const [outcome] = await run(world, [aTarget()]);

    expect(outcome?.durationMs).toBe(400);
  });

  it('writes at most ten targets at a time', async () => {
    let running = 0;
    let most = 0;
    const world: FakeWorld = aWorld({
      routes: {
        'rest-v2': {
          update: async () => {
            running += 1;
            most = Math.max(most, running);
            await world.clock.pass(100);
            running -= 1;
          },
        },
      },
    });

    await run(world, manyTargets());

    expect(most).toBe(10);
  });

  it.each<[string, Error]>([
    ['an outage', new TransientError('it is down')],
    ['an error that a person must fix', new OperatorMustActError('permission-missing', 'not allowed')],
    ['a defect', new TypeError('x is undefined')],
  ])('refreshes the other targets after %s', async (_, error) => {
    const update = (_call: unknown, id: string) =>
      id === 'auth-1' ? Promise.reject(error) : Promise.resolve();
    const world = aWorld({ routes: { 'rest-v2': { update } } });

    const outcomes = await run(world, manyTargets());

    expect(outcomes.filter((outcome) => !isSuccess(outcome)).map(({ target }) => target)).toEqual(['t1']);
    expect(outcomes).toHaveLength(30);
  });

  it('refreshes targets whose registry and key work when others fail', async () => {
    const world = aWorld({
      readApiKey: async (name) => {
        if (name === 'gone') throw new OperatorMustActError('secret-unusable', 'no such secret');
        return new Secret('key');
      },
      issue: async (registry) => {
        if ('region' in registry && registry.region === 'eu-central-1')
          throw new TransientError('ECR is down');
        return aCredential();
      },
    });

    const outcomes = await run(world, [
      aTarget({ name: 'a', runpodApiKeySecretName: 'gone' }),
      aTarget({ name: 'b', registry: anEcrRegistry({ region: 'eu-central-1' }) }),
      aTarget({ name: 'c' }),
    ]);

    expect(summary(outcomes)).toEqual([
      ['a', 'no such secret'],
      ['b', 'ECR is down'],
      ['c', 'auth-prod'],
    ]);
  });

  it('keeps only the class name of a defect', async () => {
    const world = aWorld({ issue: () => Promise.reject(new TypeError('a message that may quote anything')) });

    const outcomes = await run(world, [aTarget()]);

    expect(summary(outcomes)).toEqual([['prod', 'unexpected TypeError; the stack trace is in the log']]);
  });

  it('calls neither the registry nor Runpod when the key cannot be read', async () => {
    const world = aWorld({ readApiKey: () => Promise.reject(new TransientError('no answer')) });

    await run(world, manyTargets());

    expect(world.callsTo('read')).toHaveLength(1);
    expect(world.callsTo('prove')).toEqual([]);
    expect(world.callsTo('rest')).toEqual([]);
  });

  it('leaves no rejection unhandled when key and credential both fail', async () => {
    const world: FakeWorld = aWorld({
      readApiKey: () => Promise.reject(new TransientError('no key')),
      issue: async () => {
        await world.clock.pass(50);
        throw new TransientError('no token');
      },
    });

    const unhandled = await unhandledRejectionsDuring(async () => {
      await run(world, manyTargets());
      await world.clock.pass(1_000);
    });

    expect(unhandled).toEqual([]);
  });

  const rejected = () =>
    Promise.reject(new OperatorMustActError('credential-rejected', 'the registry said no'));
  const down: Proof = { accepted: false, because: 'the registry answered 503', lasting: false };
  const notThere: Proof = { accepted: false, because: 'the image is not there', lasting: true };

  it.each<[Target['verify'], string, () => Promise<Proof>, object]>([
    ['required', 'accepts', async () => ({ accepted: true }), { verified: true }],
    ['best-effort', 'accepts', async () => ({ accepted: true }), { verified: true }],
    ['off', 'accepts', async () => ({ accepted: true }), { verified: false }],
    ['required', 'rejects', rejected, { reason: 'credential-rejected' }],
    ['best-effort', 'rejects', rejected, { reason: 'credential-rejected' }],
    ['off', 'would reject', rejected, { verified: false }],
    ['required', 'cannot be asked', async () => down, { name: 'TransientError' }],
    [
      'best-effort',
      'cannot be asked',
      async () => down,
      { verified: false, unverifiedBecause: down.because },
    ],
    ['off', 'could not be asked', async () => down, { verified: false }],
    ['required', 'has no such image', async () => notThere, { reason: 'image-unproved' }],
    [
      'best-effort',
      'has no such image',
      async () => notThere,
      { verified: false, unverifiedBecause: notThere.because },
    ],
  ])('obeys verify "%s" when the registry %s', async (verify, _, prove, expected) => {
    const world = aWorld({ prove });

    const [outcome] = await run(world, [aTarget({ verify })]);

    const succeeds = 'verified' in expected;
    expect(outcome && !isSuccess(outcome) ? outcome.error : outcome).toMatchObject(expected);
    expect(outcome).toHaveProperty(succeeds ? 'route' : 'error');
    expect(world.callsTo('rest-v2')).toHaveLength(succeeds ? 1 : 0);
    expect(world.callsTo('prove')).toHaveLength(verify === 'off' ? 0 : 1);
  });

  it('asks a silent registry about no other image, except for targets that require proof', async () => {
    const asked: (string | undefined)[] = [];
    const world = aWorld({
      prove: async (image) => {
        asked.push(image);
        return down;
      },
    });
    const target = (index: number, verify: Target['verify']) =>
      aTarget({ name: `t${index}`, verify, verifyImage: `worker:${index}` });
    const many = Array.from({ length: 40 }, (_, index) => target(index, 'best-effort'));

    const outcomes = await run(world, [...many, target(40, 'required')]);

    // The ten that are asked at the same time, before the first answer.
    expect(asked).toEqual([...many.slice(0, 10).map(({ verifyImage }) => verifyImage), 'worker:40']);
    expect(outcomes.filter(isSuccess)).toHaveLength(40);
    expect(outcomes[20]).toMatchObject({ verified: false, unverifiedBecause: down.because });
  });

  it.each<[string, () => Promise<Proof>, number, number]>([
    ['a rejection', rejected, 1, 0],
    ['a proof', async () => ({ accepted: true }), 30, 29],
  ])('uses %s that it has although the registry gave no answer about another image', async (...row) => {
    const [, prove, sent, verified] = row;
    const world = aWorld({ prove: (image) => (image === 'worker:a' ? prove() : Promise.resolve(down)) });
    const targets = manyTargets((index) => ({ verifyImage: index === 1 ? 'worker:b' : 'worker:a' }));

    const outcomes = await run(world, targets);

    const successes = outcomes.filter(isSuccess);
    expect(successes).toHaveLength(sent);
    expect(successes.filter((success) => success.verified)).toHaveLength(verified);
  });

  it('limits a proof to one minute and to the deadline of the run', async () => {
    const deadlines: number[] = [];
    const world = aWorld();
    const services: RefreshServices = {
      ...world.services,
      prove: async (_credential, _image, deadlineMs) => {
        deadlines.push(deadlineMs);
        return { accepted: true };
      },
    };

    for (const deadlineMs of [NOON + 300_000, NOON + 20_000]) {
      await new Refresher(services).run({ targets: [aTarget()], dryRun: false, deadlineMs });
    }

    expect(deadlines).toEqual([NOON + 60_000, NOON + 20_000]);
  });

  it('gives no reason for an unverified target when verify is off', async () => {
    const world = aWorld({ prove: async () => down });

    const [outcome] = await run(world, [aTarget({ verify: 'off' })]);

    expect(outcome).not.toHaveProperty('unverifiedBecause');
  });

  it('marks a target that was written over a fallback route', async () => {
    const cannot = () => Promise.reject(new ApiUnsupportedError('it answered 404', 'final'));
    const world = aWorld({ routes: { 'rest-v2': { update: cannot }, 'rest-v1': {} } });

    const [outcome] = await run(world, [aTarget()]);

    expect(outcome).toMatchObject({ route: 'rest-v1', fallback: true });
  });

  it('returns no expiry time for a credential that does not expire', async () => {
    const { expiresAt: _, ...lasting } = aCredential();
    const world = aWorld({ issue: async () => lasting });

    const [outcome] = await run(world, [aTarget()]);

    expect(outcome).toMatchObject({ registryAuthId: 'auth-prod' });
    expect(outcome).not.toHaveProperty('expiresAt');
  });

  it('reads a refused key again once for all targets', async () => {
    const keys = ['old', 'new'];
    const world = aWorld({
      readApiKey: async () => new Secret(keys.shift() ?? 'too many reads'),
      routes: {
        'rest-v2': {
          update: async ({ apiKey }) => {
            if (apiKey.reveal() !== 'new') throw new ApiKeyRefusedError('refused');
          },
        },
      },
    });

    const outcomes = await run(world, manyTargets());

    expect(outcomes.filter(isSuccess)).toHaveLength(30);
    expect(world.callsTo('read')).toHaveLength(2);
    expect(world.callsTo('issue')).toHaveLength(1);
  });

  it('lists the account again with the new key', async () => {
    const keys = ['old', 'new'];
    const world = aWorld({
      readApiKey: async () => new Secret(keys.shift() ?? 'too many reads'),
      routes: {
        'rest-v2': {
          list: async ({ apiKey }) => {
            if (apiKey.reveal() !== 'new') throw new ApiKeyRefusedError('refused');
            return [{ id: 'auth-1', name: 'ecr-prod' }];
          },
        },
      },
    });

    const outcomes = await run(world, [aTarget({ registryAuthName: 'ecr-prod' })]);

    expect(summary(outcomes)).toEqual([['prod', 'auth-1']]);
  });

  it('creates one registry auth for two targets of one name', async () => {
    const auths: { id: string; name: string }[] = [];
    const world = aWorld({
      routes: {
        'rest-v2': {
          list: async () => [...auths],
          create: async (_call, name) => {
            if (auths.length > 0) throw new ApiUnsupportedError('it answered 409', 'final');
            const auth = { id: 'auth-new', name };
            auths.push(auth);
            return auth;
          },
        },
      },
    });

    const outcomes = await run(world, [
      aTarget({ name: 'a', registryAuthName: 'ecr-prod' }),
      aTarget({ name: 'b', registryAuthName: 'ecr-prod' }),
    ]);

    expect(summary(outcomes)).toEqual([
      ['a', 'auth-new'],
      ['b', 'auth-new'],
    ]);
    expect(auths).toHaveLength(1);
  });
});

describe('Refresher in a dry run', () => {
  const list = async () => [{ id: 'auth-prod', name: 'ecr-prod' }];

  it('issues, proves and lists, and writes nothing', async () => {
    const world = aWorld({ routes: { 'rest-v2': { list } } });

    const outcomes = await run(
      world,
      [
        aTarget({ name: 'by-id' }),
        aTarget({ name: 'by-name', registryAuthName: 'ecr-prod' }),
        aTarget({ name: 'new', registryAuthName: 'ecr-new' }),
      ],
      { dryRun: true },
    );

    expect(summary(outcomes)).toEqual([
      ['by-id', 'auth-prod'],
      ['by-name', 'auth-prod'],
      ['new', 'to be created'],
    ]);
    expect(world.calls.sort()).toEqual([
      'issue us-east-1',
      'prove login',
      'read runpod/api-key',
      'rest-v2 list',
    ]);
  });

  it('reports a missing id', async () => {
    const world = aWorld({ routes: { 'rest-v2': { list } } });

    const [outcome] = await run(world, [aTarget({ registryAuthId: 'gone' })], { dryRun: true });

    expect(outcome).toMatchObject({ error: { reason: 'registry-auth-missing' } });
  });

  it('refuses a name that two registry auths have', async () => {
    const twice = async () => [...(await list()), { id: 'auth-2', name: 'ecr-prod' }];
    const world = aWorld({ routes: { 'rest-v2': { list: twice } } });

    const [outcome] = await run(world, [aTarget({ registryAuthName: 'ecr-prod' })], { dryRun: true });

    expect(outcome).toMatchObject({ error: { reason: 'configuration-wrong' } });
  });

  it('fails when Runpod refuses the key', async () => {
    const refused = () => Promise.reject(new ApiKeyRefusedError('refused'));
    const world = aWorld({ routes: { 'rest-v2': { list: refused } } });

    const [outcome] = await run(world, [aTarget()], { dryRun: true });

    expect(outcome).toMatchObject({ error: { reason: 'api-key-refused' } });
    expect(world.callsTo('read')).toHaveLength(2);
  });
});
