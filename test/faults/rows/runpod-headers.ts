import type { RefreshReport } from '../../../lambda/core/model';
import type { Invocation } from '../../../local/lambda-runtime';
import type { World } from '../../integration/world';
import { type FaultGroup, type FaultRow, REFRESHED, runpod, UPDATE } from '../fault-row';

const longerThan =
  (ms: number) =>
  (_: World, { durationMs }: Invocation<RefreshReport>) =>
    durationMs > ms ? undefined : `expected to wait for ${ms} ms, took ${Math.round(durationMs)}`;
const shorterThan =
  (ms: number) =>
  (_: World, { durationMs }: Invocation<RefreshReport>) =>
    durationMs < ms ? undefined : `expected to end within ${ms} ms, took ${Math.round(durationMs)}`;

const limited = (retryAfter: string) => ({ status: 429, headers: { 'retry-after': retryAfter } });

/** One answer with `Retry-After` to REST v2's update. */
const retryAfter: readonly FaultRow[] = [
  {
    what: '1',
    expected: REFRESHED['rest-v2'],
    arrange: runpod(UPDATE['rest-v2'], limited('1'), 1),
    check: longerThan(1_000),
  },
  {
    what: '0',
    expected: REFRESHED['rest-v2'],
    arrange: runpod(UPDATE['rest-v2'], limited('0'), 1),
    check: shorterThan(3_000),
  },
  {
    what: 'a date two seconds ahead',
    expected: REFRESHED['rest-v2'],
    arrange: (world: World) =>
      runpod(UPDATE['rest-v2'], limited(new Date(Date.now() + 2_500).toUTCString()), 1)(world),
    check: longerThan(1_000),
  },
  {
    what: 'a date in the past',
    expected: REFRESHED['rest-v2'],
    arrange: runpod(UPDATE['rest-v2'], limited('Wed, 21 Oct 2015 07:28:00 GMT'), 1),
    check: shorterThan(3_000),
  },
  ...['soon', '-5', '1.5', '1e3', '', '0x10', '١'].map((text) => ({
    what: JSON.stringify(text),
    expected: REFRESHED['rest-v2'],
    arrange: runpod(UPDATE['rest-v2'], limited(encodeURI(text)), 1),
    check: shorterThan(3_000),
  })),
  ...['3600', '999999999', '9'.repeat(40), 'Fri, 31 Dec 9999 23:59:59 GMT'].map((text) => ({
    what: `${text}, longer than the run`,
    // Forty nines are too large for a number of seconds, so they are ignored like any other text.
    expected: text.length === 40 ? REFRESHED['rest-v2'] : REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v2'], limited(text), 1),
    check: shorterThan(5_000),
  })),
].map((row) => ({ ...row, what: `429, Retry-After: ${row.what}` }));

const rateLimit: readonly FaultRow[] = [
  '"minute";r=0;t=1',
  '"minute";r=59;t=12, "hour";r=0;t=1',
  'minute;r=0;t=3600',
  '"minute";r=none;t=never',
  '"minute"',
  ';;;===,,,"',
  `"minute";r=${'9'.repeat(30)};t=1`,
].map((text) => ({
  what: `RateLimit: ${text.slice(0, 40)}, on the list and before the update`,
  expected: REFRESHED['rest-v2'],
  targets: [{ name: 'prod', registryAuthName: 'ecr-prod' }],
  arrange: (world: World) => {
    world.addAuth('ecr-prod');
    const { auths } = world.user;
    const body = { registries: auths.map(({ id, name }) => ({ id, name })) };
    runpod({ method: 'GET' }, { status: 200, headers: { ratelimit: text }, body })(world);
  },
  check: shorterThan(6_000),
}));

/** Faults in Runpod's headers. */
export const RUNPOD_HEADERS: FaultGroup = {
  about: "Runpod's headers",
  rows: [
    ...retryAfter,
    ...rateLimit,
    {
      what: '429 with Retry-After 3600 on every request',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, limited('3600')),
      check: shorterThan(5_000),
      short: true,
    },
    {
      what: '503 with Retry-After 1, once',
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], { status: 503, headers: { 'retry-after': '1' } }, 1),
      check: longerThan(1_000),
      short: true,
    },
    {
      what: 'a quota of 5 a second for 12 targets',
      expected: REFRESHED['rest-v2'],
      targets: Array.from({ length: 12 }, (_, index) => ({ name: `t${index}` })),
      arrange: ({ cloud, user }) => cloud.runpod.limit(user, { limit: 5, windowSeconds: 1 }),
    },
    {
      what: 'the right answer with the wrong content type',
      expected: REFRESHED['rest-v2'],
      targets: [{ name: 'prod', registryAuthId: 'reg-prod' }],
      arrange: (world) => {
        world.user.create({ id: 'reg-prod', name: 'prod', username: 'AWS', password: 'old' });
        const headers = { 'content-type': 'application/octet-stream' };
        runpod(UPDATE['rest-v2'], { applyThen: { status: 200, headers, body: { id: 'reg-prod' } } })(world);
      },
      check: wroteOnce,
    },
  ],
};

function wroteOnce({ user }: World): string | undefined {
  const writes = user.auths[0]?.updates;
  return writes === 1 ? undefined : `expected one write, found ${writes}`;
}
