import { KEY_SECRET, type World } from '../../integration/world';
import { type FaultGroup, type FaultRow, REFRESHED, runpod, UPDATE } from '../fault-row';

const CREATED_ONCE = ({ user }: World) =>
  user.creates === 1 && user.auths.length === 1 ? undefined : `expected one creation, found ${user.creates}`;
const NOTHING_CREATED = ({ user }: World) =>
  user.creates === 0 ? undefined : `expected no creation, found ${user.creates}`;

const byName = [{ name: 'prod', registryAuthName: 'ecr-prod' }];
const CREATE = { method: 'POST', path: '/v2/registries' };

/** Requests that took effect although the answer was lost, and the other way round. */
const lostAnswers: readonly FaultRow[] = [
  {
    what: 'an update takes effect, its answer is lost once',
    expected: REFRESHED['rest-v2'],
    arrange: runpod(UPDATE['rest-v2'], { applyThen: { reset: true } }, 1),
    check: NOTHING_CREATED,
    short: true,
  },
  {
    what: 'an update takes effect, its answer is always lost',
    expected: REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v2'], { applyThen: { reset: true } }),
    check: NOTHING_CREATED,
  },
  {
    what: 'an update takes effect, the only route always answers 500',
    expected: 'failed as transient, written',
    runpod: { api: 'rest-v2' },
    arrange: runpod(UPDATE['rest-v2'], { applyThen: { status: 500 } }),
  },
  {
    what: 'a creation takes effect, its answer is lost',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: runpod(CREATE, { applyThen: { reset: true } }, 1),
    check: CREATED_ONCE,
    short: true,
  },
  {
    what: 'a creation takes effect and is answered 500',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: runpod(CREATE, { applyThen: { status: 500 } }, 1),
    check: CREATED_ONCE,
  },
  {
    what: 'a creation takes effect and is answered without an id',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: runpod(CREATE, { applyThen: { status: 201, body: {} } }, 1),
    check: CREATED_ONCE,
  },
  {
    what: 'a creation without effect is answered 503',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: runpod(CREATE, { status: 503 }, 1),
    check: CREATED_ONCE,
  },
  {
    what: 'a creation without effect, its connection is reset',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: runpod(CREATE, { reset: true }, 1),
    check: CREATED_ONCE,
  },
  {
    what: 'a creation is answered 404: the next route creates',
    expected: REFRESHED['rest-v1'],
    targets: byName,
    arrange: runpod(CREATE, { status: 404 }),
    check: CREATED_ONCE,
  },
  {
    what: 'the list is not available: nothing is created',
    expected: 'failed as transient, nothing sent',
    targets: byName,
    arrange: runpod((request) => request.method === 'GET' || request.operation === 'myself', { status: 503 }),
    check: NOTHING_CREATED,
  },
];

/** At the first request, stores a new key and revokes the old one. */
function rotateAtFirstRequest(world: World): void {
  let rotated = false;
  runpod(
    () => {
      if (rotated) return false;
      rotated = true;
      const key = 'rpa_the-key-that-was-stored-meanwhile';
      world.cloud.runpod.addUser(key, { user: world.user });
      world.cloud.runpod.revoke(world.apiKey);
      world.putSecret(KEY_SECRET, key);
      return false;
    },
    { reset: true },
  )(world);
}

const keys: readonly FaultRow[] = [
  {
    what: 'the key is rotated during the run',
    expected: REFRESHED['rest-v2'],
    arrange: rotateAtFirstRequest,
    short: true,
  },
  {
    what: 'the key is rotated between two runs of a warm process',
    expected: REFRESHED['rest-v2'],
    afterFirstRun: rotateAtFirstRequest,
  },
  {
    what: 'the key is rejected once',
    expected: REFRESHED['rest-v2'],
    arrange: runpod({}, { status: 401 }, 1),
  },
  {
    what: 'the key is revoked',
    expected: 'failed as api-key-refused, old one kept',
    arrange: ({ cloud, apiKey }) => cloud.runpod.revoke(apiKey),
    short: true,
  },
  {
    what: 'the key may only read',
    expected: 'failed as api-key-permission-missing, old one kept',
    arrange: ({ cloud, apiKey, user }) => void cloud.runpod.addUser(apiKey, { user, scope: 'read-only' }),
  },
];

const ids: readonly FaultRow[] = [
  {
    what: 'the id does not exist',
    expected: 'failed as registry-auth-missing, old one kept',
    targets: [{ name: 'prod', registryAuthId: 'gone' }],
    check: NOTHING_CREATED,
    short: true,
  },
  {
    what: 'an id that would change the path of the URL',
    expected: 'failed as registry-auth-missing, old one kept',
    targets: [{ name: 'prod', registryAuthId: '../../v2/registries?x=' }],
    check: NOTHING_CREATED,
  },
  {
    what: 'one of two ids does not exist',
    expected: 'failed as registry-auth-missing, written',
    targets: [{ name: 'bad', registryAuthId: 'gone' }, { name: 'good' }],
  },
];

const processes: readonly FaultRow[] = [
  {
    what: 'two runs update the same id at the same time',
    expected: REFRESHED['rest-v2'],
    twice: true,
    targets: [{ name: 'prod', registryAuthId: 'reg-prod' }],
    arrange: ({ user }) => {
      user.create({ id: 'reg-prod', name: 'prod', username: 'AWS', password: 'old' });
    },
    check: ({ user }) => (user.auths[0]?.updates === 2 ? undefined : 'expected two writes'),
  },
  {
    what: 'two runs create the same name at the same time',
    expected: REFRESHED['rest-v2'],
    twice: true,
    targets: byName,
    check: CREATED_ONCE,
    short: true,
  },
  {
    what: 'warm: rest-v2 cannot update since the last run',
    expected: REFRESHED.graphql,
    afterFirstRun: ({ cloud }) => {
      cloud.runpod.abilities['rest-v2'].update = false;
    },
  },
  {
    what: 'warm: a route that is not needed is down',
    expected: REFRESHED['rest-v2'],
    afterFirstRun: ({ cloud }) => void cloud.runpod.faults.add(UPDATE.graphql, { reset: true }),
  },
  {
    what: 'warm: a second run without a fault',
    expected: REFRESHED['rest-v2'],
    afterFirstRun: () => undefined,
  },
  {
    what: 'an event that is not valid',
    expected: 'InvalidEventError, nothing sent',
    event: { target: ['prod'] },
  },
  {
    what: 'an event that names an unknown target',
    expected: 'InvalidEventError, nothing sent',
    event: { targets: ['other'] },
  },
  {
    what: 'a queued event that is not JSON',
    expected: 'InvalidEventError, nothing sent',
    event: { Records: [{ body: '{' }] },
  },
];

/** Faults of stored data, of keys, and of runs that follow or overlap each other. */
export const STATE: FaultGroup = {
  about: 'state before the run, and changes during it',
  rows: [...lostAnswers, ...keys, ...ids, ...processes],
};
