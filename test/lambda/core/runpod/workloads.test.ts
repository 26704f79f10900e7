import { Secret } from '../../../../lambda/core/model';
import { RateLimiter } from '../../../../lambda/core/rate-limit';
import { parseLog, RunpodWorkloads, watchAllowance } from '../../../../lambda/core/runpod/workloads';
import { anAnswer } from '../../../support/builders';
import { NOON } from '../../../support/fake-clock';
import { type Step, scriptedHttp } from '../../../support/scripted-transport';

const CALL = { apiKey: new Secret('key'), deadlineMs: NOON + 60_000 };
const TS = '2026-11-21T11:30:00.5Z';

function reading(...steps: readonly Step[]) {
  const { http, sent, clock } = scriptedHttp(...steps);
  return { client: new RunpodWorkloads(http, 'https://api.runpod.io/v2'), sent, clock };
}

describe('RunpodWorkloads', () => {
  it.each([
    ['endpoint', { workers: { min: 0, max: 3 } }, true],
    ['endpoint', { workers: { min: 0, max: 0 } }, false],
    ['endpoint', {}, true],
    ['pod', { status: 'RUNNING' }, true],
    ['pod', { status: 'PROVISIONING' }, true],
    ['pod', { status: 'ERROR' }, true],
    ['pod', {}, true],
    ['pod', { status: 'EXITED' }, false],
    ['pod', { status: 'TERMINATED' }, false],
    ['template', {}, false],
  ] as const)('takes %s with %j as active: %s', async (kind, fields, active) => {
    const item = { id: 'x1', name: 'n', image: 'i', registry: null, env: { KEY: 'secret' }, ...fields };
    const field = { endpoint: 'endpoints', pod: 'pods', template: 'templates' }[kind];
    const { client } = reading(anAnswer(200, { [field]: [item] }));

    expect(await client.workloads(CALL, kind)).toEqual([{ kind, id: 'x1', name: 'n', image: 'i', active }]);
  });

  it('follows pages, and keeps each workload once', async () => {
    const page = (ids: string[], nextCursor: string | null) =>
      anAnswer(200, {
        pods: ids.map((id) => ({ id, image: 'i', registry: 'r' })),
        pagination: { nextCursor },
      });
    const { client, sent } = reading(page(['a', 'b'], 'c1'), page(['b', 'c'], null));

    const pods = await client.workloads(CALL, 'pod');

    expect(pods.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(sent.map(({ url }) => url)).toEqual([
      'https://api.runpod.io/v2/pods',
      'https://api.runpod.io/v2/pods?cursor=c1',
    ]);
  });

  it('reads a system log from a moment on, and leaves what came later', async () => {
    const line = (ts: string, text: string) =>
      `id: ${ts}/1\ndata: ${JSON.stringify({ ts, source: 'system', line: text })}\n\n`;
    const body =
      line('2026-11-21T10:59:59Z', 'old') + line(TS, 'in time') + line('2026-11-21T12:00:00Z', 'later');
    const { client, sent } = reading(anAnswer(200, body, { 'content-type': 'text/event-stream' }));

    const log = await client.systemLog(
      CALL,
      { endpointId: 'e', workerId: 'w' },
      { sinceMs: NOON - 3_600_000, endMs: NOON },
    );

    expect(log).toEqual({ lines: [{ text: 'in time', atMs: Date.parse(TS) }], cut: false });
    expect(sent[0]?.url).toBe(
      'https://api.runpod.io/v2/serverless/e/workers/w/logs?source=system&since=2026-11-21T11%3A00%3A00.000Z',
    );
  });

  it('has no lines of a worker that is gone', async () => {
    const { client } = reading(anAnswer(404, { title: 'Not Found', status: 404 }));

    const log = await client.systemLog(CALL, { podId: 'p' }, { sinceMs: 0, endMs: NOON });

    expect(log).toEqual({ lines: [], cut: false });
  });
});

describe('parseLog', () => {
  it.each([
    ['an event', `id: ${TS}\ndata: {"ts":"${TS}","source":"system","line":"x"}\n\n`, 1],
    ['an event without a blank line behind it', `data: {"ts":"${TS}","line":"x"}`, 1],
    ['an event with its time in the id', `id: ${TS}/000042\ndata: {"line":"x"}\n\n`, 1],
    ['a line with a line separator in it', `data: {"ts":"${TS}","line":"x\u2028y"}\n\n`, 1],
    ['an event of the container', `data: {"ts":"${TS}","source":"container","line":"x"}\n\n`, 0],
    ['an event without a time', 'data: {"line":"x"}\n\n', 0],
    ['an event with a time that is none', 'data: {"ts":"yesterday","line":"x"}\n\n', 0],
    ['an event that was cut off', `data: {"ts":"${TS}","line":"x`, 0],
    ['comments and other fields', ': ping\nevent: log\nretry: 5\n\n', 0],
    ['a line that is no text', `data: {"ts":"${TS}","line":7}\n\n`, 0],
  ])('reads %s', (_, body, lines) => {
    expect(parseLog(body)).toHaveLength(lines);
  });
});

describe('watchAllowance', () => {
  it.each([
    [60, 60, 3_600, 20],
    [3_000, 3_600, 3_600, 1_000],
    [3_000, 3_600, 900, 250],
    [1, 60, 3_600, 1],
  ])('allows of %i requests in %i s at an interval of %i s %i', (quota, windowSeconds, interval, allowed) => {
    expect(watchAllowance(interval)({ name: 'any', quota, windowSeconds })).toBe(allowed);
  });

  it('holds back the request after a third of the quota, until the window resets', () => {
    const limiter = new RateLimiter(watchAllowance(3_600));
    const answer = (remaining: number) => ({
      ratelimit: `"minute";r=${remaining};t=30`,
      'ratelimit-policy': '"minute";q=9;w=60',
    });

    const waits = [8, 7, 6].map((remaining) => {
      const waitMs = limiter.tryBegin(NOON);
      limiter.end(NOON, answer(remaining));
      return waitMs;
    });

    expect(waits).toEqual([0, 0, 0]);
    expect(limiter.tryBegin(NOON)).toBe(31_000);
    expect(limiter.tryBegin(NOON + 31_000)).toBe(0);
  });

  it('leaves what the other tools of the user have used up', () => {
    const limiter = new RateLimiter(watchAllowance(3_600));
    limiter.tryBegin(NOON);
    limiter.end(NOON, { ratelimit: '"minute";r=0;t=30', 'ratelimit-policy': '"minute";q=60;w=60' });

    expect(limiter.tryBegin(NOON)).toBe(31_000);
  });
});
