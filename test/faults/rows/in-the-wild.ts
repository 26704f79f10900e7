import type { Socket } from 'node:net';
import { IMAGE, type World } from '../../integration/world';
import { type FaultGroup, type FaultRow, REFRESHED, registry, runpod, UPDATE } from '../fault-row';

const byName = [{ name: 'prod', registryAuthName: 'ecr-prod' }];
const requiring = [{ name: 'prod', verify: 'required', verifyImage: IMAGE }] as const;
const REJECTED = 'failed as credential-rejected, nothing sent';

/** Registries that say no, or answer, in a form of their own. */
const registries: readonly FaultRow[] = [
  {
    what: 'ECR says no to the password with 400',
    expected: REJECTED,
    arrange: registry({ path: '/v2/' }, { status: 400 }),
    short: true,
  },
  ...[404, 405].map(
    (status): FaultRow => ({
      what: `the registry answers HEAD on a manifest with ${status} and GET with 200`,
      expected: REFRESHED['rest-v2'],
      targets: requiring,
      arrange: registry({ method: 'HEAD' }, { status }),
    }),
  ),
  {
    what: 'the image is missing by HEAD and by GET',
    expected: 'failed as image-unproved, nothing sent',
    targets: [{ name: 'prod', verify: 'required', verifyImage: 'my-worker:missing' }],
  },
  {
    what: 'the login is good, the image is refused',
    expected: REJECTED,
    targets: requiring,
    arrange: ({ cloud }) => void cloud.registry.denied.add('my-worker'),
    check: (_, { error }) =>
      error?.errorMessage.includes('either the login is wrong, or it may not pull this image')
        ? undefined
        : 'the message names only one cause',
  },
];

/** Lists of registry auths as servers may send them. */
function listing(body: (id: string) => object): (world: World) => void {
  return (world) => {
    const id = world.addAuth('ecr-prod');
    runpod({ method: 'GET', path: '/v2/registries' }, { status: 200, body: body(id) })(world);
  };
}

const lists: readonly FaultRow[] = [
  {
    what: 'a list has entries without an id, with a number, dots, and a key as the id',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: (world) =>
      listing((id) => ({
        registries: [
          { id: null, name: 'a' },
          { id: 7, name: 'b' },
          { id: '..', name: 'c' },
          { id: world.apiKey, name: 'd' },
          'nonsense',
          { id, name: 'ecr-prod' },
        ],
      }))(world),
    short: true,
  },
  {
    what: 'the name stands on the second page of the list',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: (world) => {
      const id = world.addAuth('ecr-prod');
      const second = { registries: [{ id, name: 'ecr-prod' }], pagination: { nextCursor: null } };
      const first = { registries: [{ id: 'other', name: 'other' }], pagination: { nextCursor: 'page2' } };
      runpod(({ query }) => query.get('cursor') === 'page2', { status: 200, body: second })(world);
      runpod({ method: 'GET', path: '/v2/registries' }, { status: 200, body: first })(world);
    },
    check: ({ user }) => (user.creates === 0 ? undefined : 'it was created once more'),
  },
  {
    what: 'the registry auth was made anew after the list was read',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: (world) => {
      world.addAuth('ecr-prod');
      const body = { registries: [{ id: 'stale', name: 'ecr-prod' }] };
      runpod({ method: 'GET', path: '/v2/registries' }, { status: 200, body }, 1)(world);
    },
  },
  {
    what: 'a policy allows zero requests',
    expected: REFRESHED['rest-v2'],
    targets: byName,
    arrange: (world) => {
      const id = world.addAuth('ecr-prod');
      const headers = { ratelimit: '"minute";r=0;t=1', 'ratelimit-policy': '"minute";q=0;w=60' };
      const body = { registries: [{ id, name: 'ecr-prod' }] };
      runpod({ method: 'GET', path: '/v2/registries' }, { status: 200, headers, body })(world);
    },
  },
];

function switchProtocols(socket: Socket): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n');
}

/** What registries, Runpod and networks were seen to answer. */
export const IN_THE_WILD: FaultGroup = {
  about: 'answers as they were seen',
  rows: [
    ...registries,
    ...lists,
    ...[400, 409, 422].map(
      (status): FaultRow => ({
        what: `every API refuses the value with ${status}`,
        expected: 'failed as value-refused, old one kept',
        arrange: (world) => {
          for (const when of Object.values(UPDATE)) runpod(when, { status, body: {} })(world);
        },
      }),
    ),
    {
      what: 'REST v2 switches protocols',
      expected: REFRESHED.graphql,
      restV2: switchProtocols,
      check: (_, { durationMs }) => (durationMs < 8_000 ? undefined : 'it waited for the timeout'),
    },
    {
      what: 'ECR gives a credential with 20 minutes left',
      expected: REFRESHED['rest-v2'],
      arrange: ({ cloud }) => {
        cloud.aws.ecr.override = { expiresAt: new Date(Date.now() + 20 * 60_000) };
      },
      check: ({ cloud }, { metrics }) =>
        cloud.aws.ecr.issued.length === 3 && (metrics.CredentialMinutesLeft ?? 999) <= 20
          ? undefined
          : 'it did not ask again, or no metric tells of it',
    },
  ],
};
