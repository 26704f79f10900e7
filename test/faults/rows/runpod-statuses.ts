import type { Fault } from '../../../local/faults';
import { both, type FaultGroup, type FaultRow, REFRESHED, runpod, UPDATE } from '../fault-row';

const HTML = { 'content-type': 'text/html; charset=UTF-8' };
const PROBLEM = { 'content-type': 'application/problem+json' };
const problem = (status: number): Fault => ({ status, headers: PROBLEM, body: { title: 'No', status } });
const page = (status: number): Fault => ({ status, headers: HTML, body: '<html>error code: 1010</html>' });

/** Answers to every update over REST v2. The credential must then be written over GraphQL. */
const movesOn: readonly (readonly [string, Fault])[] = [
  ['200 without an id', { status: 200, body: {} }],
  ['200 with another id', { status: 200, body: { id: 'somebody-else', name: 'x' } }],
  ['200 with a number as id', { status: 200, body: { id: 7 } }],
  ['200 with a list', { status: 200, body: [] }],
  ['200 with null', { status: 200, body: 'null' }],
  ['200 with malformed JSON', { status: 200, body: '{"id": ' }],
  ['200 with plain text', { status: 200, headers: { 'content-type': 'text/plain' }, body: 'OK' }],
  ['200 with a web page', page(200)],
  ['202 without a body', { status: 202, body: '' }],
  ['204', { status: 204, body: '' }],
  ['301 to elsewhere', { status: 301, headers: { location: 'http://127.0.0.1:1/v2/' } }],
  ['302 to elsewhere', { status: 302, headers: { location: 'http://127.0.0.1:1/v2/' } }],
  ['307 to elsewhere', { status: 307, headers: { location: 'http://127.0.0.1:1/v2/' } }],
  ['308 to elsewhere', { status: 308, headers: { location: 'http://127.0.0.1:1/v2/' } }],
  ['400', problem(400)],
  ['401 with a web page', page(401)],
  ['403 of the API', problem(403)],
  ['403 of the edge', page(403)],
  [
    '403 of the edge without HTML',
    { status: 403, headers: { 'content-type': 'text/plain' }, body: 'blocked' },
  ],
  ['404', problem(404)],
  ['405', problem(405)],
  ['409', problem(409)],
  ['410', problem(410)],
  ['413', problem(413)],
  ['415', problem(415)],
  ['422', problem(422)],
  ['451', problem(451)],
  ['501', problem(501)],
  ['408, always', { status: 408 }],
  ['425, always', { status: 425 }],
  ['429, always', { status: 429 }],
  ['500, always', problem(500)],
  ['502 with a web page, always', page(502)],
  ['503, always', { status: 503, body: '' }],
  ['504, always', page(504)],
  ['520 of the edge, always', page(520)],
  ['599, always', { status: 599 }],
];

const SHORT = new Set(['200 with another id', '307 to elsewhere', '403 of the edge', '404']);

/** The same fault on all three routes. */
const everywhere = (fault: Fault) =>
  both(...Object.values(UPDATE).map((when) => runpod(when, fault)), ({ cloud }) => {
    cloud.runpod.abilities['rest-v1'].update = true;
  });

const once: readonly (readonly [string, Fault])[] = [
  ['408', { status: 408 }],
  ['429', { status: 429 }],
  ['500', problem(500)],
  ['503', { status: 503 }],
];

const onRestV1: readonly FaultRow[] = [
  { what: 'rest-v2 404, rest-v1 updates', expected: REFRESHED['rest-v1'] },
  {
    what: 'rest-v2 404, rest-v1 410',
    expected: REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v1'], { status: 410 }),
  },
  {
    what: 'rest-v2 404, rest-v1 500',
    expected: REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v1'], { status: 500 }),
  },
  {
    what: 'rest-v2 404, rest-v1 a web page',
    expected: REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v1'], page(200)),
  },
  {
    what: 'rest-v2 404, rest-v1 another id',
    expected: REFRESHED.graphql,
    arrange: runpod(UPDATE['rest-v1'], { status: 200, body: { id: 'other' } }),
  },
].map((row) => ({
  ...row,
  arrange: both(row.arrange ?? (() => undefined), ({ cloud }) => {
    cloud.runpod.abilities['rest-v2'].update = false;
    cloud.runpod.abilities['rest-v1'].update = true;
  }),
}));

const graphqlError = (code: string): Fault => ({
  status: 200,
  body: { errors: [{ message: 'no', extensions: { code } }], data: null },
});

/** Faults of GraphQL as the only route. GraphQL answers most errors with status 200. */
const onGraphql: readonly FaultRow[] = (
  [
    ['UNAUTHENTICATED', graphqlError('UNAUTHENTICATED'), 'failed as api-key-refused, old one kept'],
    ['FORBIDDEN', graphqlError('FORBIDDEN'), 'failed as api-key-permission-missing, old one kept'],
    [
      'an unknown operation',
      graphqlError('GRAPHQL_VALIDATION_FAILED'),
      'failed as no-route-left, old one kept',
    ],
    ['an internal error', graphqlError('INTERNAL_SERVER_ERROR'), 'failed as transient, old one kept'],
    ['an error without a code', { status: 200, body: { errors: [{}] } }, 'failed as transient, old one kept'],
    ['no data', { status: 200, body: { data: null } }, 'failed as transient, old one kept'],
    [
      'another id',
      { status: 200, body: { data: { updateRegistryAuth: { id: 'x' } } } },
      'failed as transient, old one kept',
    ],
    ['a web page', page(200), 'failed as transient, old one kept'],
    [
      '400 for a wrong schema',
      { ...graphqlError('GRAPHQL_VALIDATION_FAILED'), status: 400 },
      'failed as no-route-left, old one kept',
    ],
    ['410', { status: 410 }, 'failed as no-route-left, old one kept'],
    ['500, always', { status: 500 }, 'failed as transient, old one kept'],
  ] satisfies [string, Fault, string][]
).map(([what, fault, expected]) => ({
  what: `graphql only: ${what}`,
  expected,
  runpod: { api: 'graphql' as const },
  arrange: runpod(UPDATE.graphql, fault),
}));

/** Statuses and bodies on each route. */
export const RUNPOD_STATUSES: FaultGroup = {
  about: "Runpod's answers",
  rows: [
    ...movesOn.map(([what, fault]) => ({
      what: `rest-v2 ${what}`,
      expected: REFRESHED.graphql,
      arrange: runpod(UPDATE['rest-v2'], fault),
      ...(SHORT.has(what) && { short: true as const }),
    })),
    ...once.map(([what, fault]) => ({
      what: `rest-v2 ${what}, once`,
      expected: REFRESHED['rest-v2'],
      arrange: runpod(UPDATE['rest-v2'], fault, 1),
    })),
    ...onRestV1,
    ...onGraphql,
    {
      what: 'every route 500, always',
      expected: 'failed as transient, old one kept',
      arrange: everywhere(problem(500)),
    },
    {
      what: 'every route 404, but the id is in the list',
      expected: 'failed as no-route-left, old one kept',
      arrange: everywhere(problem(404)),
      short: true,
    },
    {
      what: 'every route 410 to every request',
      expected: 'failed as no-route-left, old one kept',
      arrange: ({ cloud }) => {
        for (const route of ['rest-v2', 'rest-v1', 'graphql'] as const) cloud.runpod.retired.add(route);
      },
    },
    {
      what: 'a web page to every request',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, page(200)),
      short: true,
    },
    {
      what: '403 of the edge to every request',
      expected: 'failed as transient, old one kept',
      arrange: runpod({}, page(403)),
    },
    {
      what: 'every route 403 of the API',
      expected: 'failed as api-key-permission-missing, old one kept',
      arrange: everywhere(problem(403)),
    },
    {
      what: 'an answer that contains the key and the password',
      expected: REFRESHED.graphql,
      arrange: (world) => {
        const password = 'Zm9yIHRoZSB0YWJsZSBvZiBmYXVsdHM6IG5vdCBhIHNlY3JldA';
        world.cloud.aws.ecr.override = { password };
        runpod(UPDATE['rest-v2'], { status: 422, body: { detail: `no ${password} ${world.apiKey}` } })(world);
      },
      short: true,
    },
  ],
};
