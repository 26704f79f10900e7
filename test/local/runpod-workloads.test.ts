import type { RunpodUser, StoredLogLine } from '../../local/runpod/accounts';
import { RunpodStandIn } from '../../local/runpod/runpod';
import { StandInClock } from '../../local/stand-in-clock';

const KEY = 'rpa_workloads';

let runpod: RunpodStandIn;
let user: RunpodUser;

beforeEach(async () => {
  runpod = new RunpodStandIn(new StandInClock());
  user = runpod.addUser(KEY);
  await runpod.listen();
});

afterEach(() => runpod.close());

function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${KEY}`, 'user-agent': 'test/1', ...options.headers };
  return fetch(`${runpod.url}/v2/${path}`, { ...options, headers });
}

async function json(path: string, options?: RequestInit): Promise<Record<string, unknown>> {
  return (await request(path, options)).json() as Promise<Record<string, unknown>>;
}

const line = (text: string, minute: number, source: StoredLogLine['source'] = 'system'): StoredLogLine => ({
  source,
  line: text,
  ts: new Date(Date.UTC(2026, 10, 21, 12, minute)),
});

/** Reads an open stream until it has this many events. */
async function linesOf(path: string, count: number, headers: Record<string, string> = {}): Promise<string[]> {
  const stopped = new AbortController();
  const response = await request(path, { headers, signal: stopped.signal });
  const lines: string[] = [];
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8');
    const events = text.split('\n\n').slice(0, -1);
    lines.splice(0, lines.length, ...events.map((event) => JSON.parse(event.split('data: ')[1] ?? '').line));
    if (lines.length >= count) break;
  }
  stopped.abort();
  return lines;
}

describe('endpoints of the stand-in', () => {
  const endpoint = (running: { id: string }[] = []) =>
    user.workloads.serverless.push({
      id: 'ep',
      name: 'my endpoint',
      image: 'host/worker:1',
      registry: null,
      workers: { min: 1, max: 3, running },
    });

  it('have the fields of the specification', async () => {
    endpoint();

    expect(await json('serverless')).toMatchObject({
      endpoints: [
        { id: 'ep', image: 'host/worker:1', registry: null, workers: { min: 1, max: 3 }, type: 'QUEUE' },
      ],
      pagination: { nextCursor: null },
    });
  });

  it('list their workers with a summary', async () => {
    endpoint([{ id: 'w1' }]);

    expect(await json('serverless/ep/workers')).toEqual({
      endpointVersion: 1,
      summary: { running: 1, idle: 0, initializing: 0, throttled: 0, unhealthy: 0, total: 1 },
      workers: [
        {
          id: 'w1',
          status: 'RUNNING',
          isStale: false,
          version: 1,
          gpuCount: 1,
          image: 'host/worker:1',
          uptimeSeconds: 3_600,
        },
      ],
    });
  });

  it('make a release when the image changes, and their workers become stale', async () => {
    endpoint([{ id: 'w1' }]);

    const changed = await json('serverless/ep', { method: 'PATCH', body: '{"image":"host/worker:2"}' });
    const releases = await json('serverless/ep/releases');

    expect(changed).toMatchObject({ image: 'host/worker:2' });
    expect(releases).toMatchObject({
      endpointVersion: 2,
      rollout: { inProgress: true, workersOnLatest: 0, workersTotal: 1, percentOnLatest: 0 },
      releases: [
        {
          version: 2,
          source: 'MANUAL',
          workerCount: 0,
          diff: [{ field: 'template.imageName', old: 'host/worker:1', new: 'host/worker:2' }],
        },
      ],
    });
    expect(await json('serverless/ep/workers')).toMatchObject({ workers: [{ isStale: true, version: 1 }] });
  });

  it('make no release when nothing changes, and refuse unknown fields', async () => {
    endpoint();

    const same = await request('serverless/ep', { method: 'PATCH', body: '{"image":"host/worker:1"}' });
    const unknown = await request('serverless/ep', { method: 'PATCH', body: '{"imageName":"x"}' });
    const noAuth = await request('serverless/ep', { method: 'PATCH', body: '{"registry":"none-such"}' });

    expect([same.status, unknown.status, noAuth.status]).toEqual([200, 422, 422]);
    expect(await json('serverless/ep/releases')).toMatchObject({ endpointVersion: 1, releases: [] });
  });

  it('cannot be changed with a key that may only read', async () => {
    endpoint();
    runpod.addUser(KEY, { user, scope: 'read-only' });

    const { status } = await request('serverless/ep', { method: 'PATCH', body: '{"image":"x"}' });

    expect(status).toBe(403);
  });
});

describe('workloads of the stand-in', () => {
  it.each(['serverless', 'pods', 'templates', 'serverless/ep/workers'])(
    'are denied as a problem document to a key without the right: %s',
    async (path) => {
      runpod.addUser(KEY, { user, scope: 'registries-only' });

      const response = await request(path);

      expect([response.status, response.headers.get('content-type')]).toEqual([
        403,
        'application/problem+json',
      ]);
      expect((await request('registries')).status).toBe(200);
    },
  );

  it('are unknown where they do not exist', async () => {
    const paths = ['serverless/x', 'serverless/x/workers', 'pods/x/logs', 'serverless/x/workers/y/logs'];

    expect(await Promise.all(paths.map(async (path) => (await request(path)).status))).toEqual([
      404, 404, 404, 404,
    ]);
  });
});

describe('logs of the stand-in', () => {
  const logs: StoredLogLine[] = [];

  beforeEach(() => {
    logs.splice(0, logs.length, line('a', 1), line('b', 2, 'container'), line('c', 3));
    user.workloads.pods.push({ id: 'p', name: 'p', image: 'i', registry: null, logs });
  });

  it.each([
    ['pods/p/logs', ['a', 'b', 'c'], {}],
    ['pods/p/logs?source=system', ['a', 'c'], {}],
    ['pods/p/logs?tail=1', ['c'], {}],
    ['pods/p/logs?since=2026-11-21T12:02:00Z', ['b', 'c'], {}],
    ['pods/p/logs?since=2026-11-21T12:01:00Z', ['c'], { 'last-event-id': '2026-11-21T12:03:00.000Z/7' }],
  ])('are sent from %s: %j', async (path, lines, headers) => {
    expect(await linesOf(path, lines.length, headers)).toEqual(lines);
  });

  it('stay open and send what is new', async () => {
    setTimeout(() => logs.push(line('d', 4)), 100);

    expect(await linesOf('pods/p/logs?tail=1', 2)).toEqual(['c', 'd']);
  });
});
