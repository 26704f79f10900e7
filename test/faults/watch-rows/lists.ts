import { aLine, FAILED_PULL, type WatchWorld } from '../../integration/watch-world';
import { runpod, type WatchGroup } from '../watch-row';

const ENDPOINTS = { path: '/v2/serverless' };
const PODS = { path: '/v2/pods' };
const HTML = { headers: { 'content-type': 'text/html' }, body: '<html>maintenance</html>' };

function gone(watch: WatchWorld): { image: string } {
  return { image: watch.image('my-worker:gone') };
}

/** Lists that page, shrink, lie and are refused. */
export const LISTS: WatchGroup = {
  about: 'Lists of workloads and workers',
  rows: [
    {
      what: 'nine endpoints are on five pages',
      expected: 'image-missing',
      arrange: (watch) => {
        for (let count = 0; count < 9; count += 1) watch.addEndpoint(gone(watch));
      },
      check: (_, { result }) => (result?.findings.length === 9 ? undefined : 'not all nine were found'),
    },
    {
      what: 'a list shrinks between two pages',
      expected: 'image-missing',
      arrange: (watch) => {
        for (let count = 0; count < 3; count += 1) watch.addEndpoint(gone(watch));
        const isSecondPage = ({ path, query }: { path: string; query: URLSearchParams }) =>
          path === ENDPOINTS.path && query.has('cursor');
        runpod(isSecondPage, { status: 200, body: { endpoints: [], pagination: { nextCursor: null } } })(
          watch,
        );
      },
    },
    {
      what: 'two pages have the same endpoint',
      expected: 'image-missing',
      arrange: (watch) => {
        watch.addEndpoint(gone(watch));
        watch.addEndpoint();
        const [first] = watch.world.user.workloads.serverless;
        if (first) watch.world.user.workloads.serverless.push(first);
      },
      check: (_, { result }) => (result?.findings.length === 1 ? undefined : 'it was found twice'),
    },
    {
      what: 'the next page is always the same one',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) =>
        runpod(ENDPOINTS, { status: 200, body: { endpoints: [], pagination: { nextCursor: 'again' } } })(
          watch,
        ),
    },
    {
      what: 'there is always another page',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => {
        let page = 0;
        runpod(ENDPOINTS, {
          serve: (response) => {
            page += 1;
            response.writeHead(200, { 'content-type': 'application/json' });
            response.end(JSON.stringify({ endpoints: [], pagination: { nextCursor: `page-${page}` } }));
          },
        })(watch);
      },
      check: ({ cloud }) => (cloud.runpod.requests.length > 60 ? 'it asked for too many pages' : undefined),
    },
    {
      what: 'a list is a web page',
      expected: 'pull-failed; not looked at: list',
      arrange: (watch) => {
        watch.addPod({ logs: [aLine(FAILED_PULL)] });
        runpod(ENDPOINTS, { status: 200, ...HTML })(watch);
      },
    },
    {
      what: 'a list is JSON without a list',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => runpod(ENDPOINTS, { status: 200, body: { endpoints: 'none' } })(watch),
    },
    {
      what: 'a list is cut off',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => runpod(PODS, { truncate: true })(watch),
    },
    {
      what: 'a list has 9 MB',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) =>
        runpod(ENDPOINTS, {
          status: 200,
          body: { endpoints: [{ id: 'ep', env: 'x'.repeat(9 * 1024 * 1024) }] },
        })(watch),
    },
    {
      what: 'a list has items that are none',
      expected: 'nothing',
      arrange: (watch) =>
        runpod(ENDPOINTS, {
          status: 200,
          body: {
            endpoints: [null, 1, 'x', [], {}, { id: 5 }, { id: '../registries' }, { id: 'ok', image: 7 }],
          },
        })(watch),
    },
    {
      what: 'an image is no name of an image',
      expected: 'nothing',
      arrange: (watch) => {
        const host = new URL(watch.cloud.registry.url).host;
        const images = [
          `${host}/../../v1:x`,
          `${host}/a b:c`,
          `${host}/UPPER:1`,
          `${host}/a:b?x=1`,
          '',
          '\u0000',
        ];
        for (const image of images) watch.addEndpoint({ image });
      },
      check: ({ cloud }) => (cloud.registry.requests.length > 0 ? 'it was sent to the registry' : undefined),
    },
    {
      what: 'the key may not list endpoints',
      expected: 'pull-failed; blind',
      arrange: (watch) => {
        watch.addPod({ logs: [aLine(FAILED_PULL)] });
        runpod(ENDPOINTS, { status: 403, body: { title: 'Forbidden', status: 403 } })(watch);
      },
    },
    {
      what: 'the key may not list anything but registry auths',
      expected: 'nothing; blind',
      arrange: (watch) => {
        watch.addPod({ logs: [aLine(FAILED_PULL)] });
        const { apiKey, user } = watch.world;
        watch.cloud.runpod.addUser(apiKey, { user, scope: 'registries-only' });
      },
    },
    {
      what: 'the key is refused',
      expected: 'nothing; blind',
      arrange: (watch) => watch.cloud.runpod.revoke(watch.world.apiKey),
    },
    {
      what: 'the list is refused by the edge in front of Runpod',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => runpod(ENDPOINTS, { status: 403, ...HTML })(watch),
    },
    {
      what: 'the list of registry auths is missing, and the target has an id',
      expected: 'image-missing; not looked at: list',
      arrange: (watch) => {
        watch.addEndpoint(gone(watch));
        runpod({ path: '/v2/registries' }, { status: 404, body: {} })(watch);
      },
    },
    {
      what: 'every list is down',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: runpod({}, { status: 503 }),
    },
    {
      what: 'every connection breaks',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: runpod({}, { reset: true }),
    },
    {
      what: 'a list never answers',
      slow: true,
      expected: 'nothing; not looked at: list; no metrics',
      timeoutMs: 20_000,
      arrange: runpod(ENDPOINTS, { hang: true }),
    },
    {
      what: 'a list drips',
      slow: true,
      expected: 'nothing; not looked at: list; no metrics',
      timeoutMs: 20_000,
      arrange: (watch) => {
        watch.addEndpoint();
        runpod(ENDPOINTS, { drip: { bytes: 1, everyMs: 200 } })(watch);
      },
    },
    {
      what: 'the quota is used up for an hour',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => {
        const windows = [{ name: 'hour', limit: 1, windowSeconds: 3_600 }];
        watch.cloud.runpod.limit(watch.world.user, ...windows);
      },
    },
    {
      what: 'the list of workers is missing',
      expected: 'nothing; not looked at: log',
      arrange: (watch) => {
        watch.addEndpoint();
        runpod({ path: /\/workers$/ }, { status: 404, body: {} })(watch);
      },
    },
    {
      what: 'an endpoint has eighty workers',
      expected: 'pull-failed',
      arrange: (watch) => {
        const running = Array.from({ length: 80 }, (_, index) => ({
          id: `w${index}`,
          status: index === 79 ? ('INITIALIZING' as const) : ('IDLE' as const),
          logs: [index === 79 ? aLine(FAILED_PULL) : aLine('start')],
        }));
        watch.addEndpoint({ running });
      },
      check: ({ cloud }) => {
        const logs = cloud.runpod.requests.filter(({ path }) => path.endsWith('/logs')).length;
        return logs <= 5 ? undefined : `it read ${logs} logs`;
      },
    },
    {
      what: 'the delegations cannot be listed',
      expected: 'nothing; not looked at: list + wiring',
      arrange: (watch) => {
        watch.addEndpoint({ registry: null });
        runpod({ path: /delegations/ }, { status: 500 })(watch);
      },
    },
    {
      what: 'the API has no delegations',
      expected: 'not-attached',
      arrange: (watch) => {
        watch.addEndpoint({ registry: null });
        runpod({ path: /delegations/ }, { status: 404, body: {} })(watch);
      },
    },
  ],
};
