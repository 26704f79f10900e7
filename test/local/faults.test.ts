import type { Fault } from '../../local/faults';
import { EchoStandIn } from './echo-stand-in';
import { jsonOf, sendRequest } from './send-request';

let standIn: EchoStandIn;

beforeEach(async () => {
  standIn = new EchoStandIn();
  await standIn.listen();
});

afterEach(() => standIn.close());

describe('Fault', () => {
  it('answers with its status, headers and body, and the request has no effect', async () => {
    standIn.faults.add({}, { status: 503, headers: { 'retry-after': '7' }, body: { error: 'busy' } }, 1);
    standIn.faults.add({}, { status: 403, headers: { 'content-type': 'text/html' }, body: '<html>' }, 1);
    standIn.faults.add({}, { status: 500 }, 1);

    const [json, html, empty] = [await get(), await get(), await get()];

    expect(json).toMatchObject({ status: 503, text: '{"error":"busy"}', headers: { 'retry-after': '7' } });
    expect(html).toMatchObject({ status: 403, text: '<html>', headers: { 'content-type': 'text/html' } });
    expect(empty).toMatchObject({ status: 500, text: '{}' });
    expect(standIn.effects).toBe(0);
  });

  it.each<[string, Fault]>([
    ['resets the connection', { reset: true }],
    ['resets the connection after a delay', { reset: true, delayMs: 20 }],
    ['truncates the answer', { truncate: true }],
  ])('%s', async (_, fault) => {
    standIn.faults.add({}, fault);

    await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(standIn.effects).toBe(0);
  });

  it('does not answer before the client gives up', async () => {
    standIn.faults.add({}, { hang: true });

    await expect(sendRequest(standIn.url, { timeoutMs: 50 })).rejects.toThrow('no answer in time');
    expect(standIn.effects).toBe(0);
  });

  it('hangs no longer than until the stand-in is closed', async () => {
    standIn.faults.add({}, { hang: true });
    const hanging = get().catch((error: NodeJS.ErrnoException) => error.code);
    while (standIn.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    await standIn.close();

    expect(await hanging).toBe('ECONNRESET');
  });

  it.each<[string, Fault, number]>([
    ['the true answer', { delayMs: 60 }, 200],
    ['a faulty answer', { delayMs: 60, status: 500 }, 500],
  ])('delays %s', async (_, fault, status) => {
    standIn.faults.add({}, fault);
    const startedMs = performance.now();

    const answer = await get();

    expect(answer.status).toBe(status);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(59);
  });

  it('sends the true answer in small pieces', async () => {
    standIn.faults.add({}, { drip: { bytes: 10, everyMs: 10 } });
    const startedMs = performance.now();

    const answer = await get('/drip');

    expect(jsonOf(answer)).toMatchObject({ path: '/drip' });
    expect(answer.pieces).toBeGreaterThan(2);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29);
    expect(standIn.effects).toBe(1);
  });

  it.each<[string, Fault]>([
    ['resets the connection', { reset: true }],
    ['truncates the answer', { truncate: true }],
    ['hangs', { hang: true }],
    ['answers 500', { status: 500 }],
    ['sends small pieces', { drip: { bytes: 50, everyMs: 1 } }],
  ])('takes effect once and then %s', async (_, fault) => {
    standIn.faults.add({}, { applyThen: fault });

    await sendRequest(standIn.url, { timeoutMs: 100 }).catch(() => undefined);

    expect(standIn.effects).toBe(1);
  });
});

describe('Faults', () => {
  it.each([
    [{ method: 'POST' }, 'POST /a', 'GET /a'],
    [{ path: '/a' }, 'GET /a', 'GET /a/b'],
    [{ path: /^\/a\/./g }, 'GET /a/b', 'GET /a'],
    [{ operation: 'Do' }, 'GET /Do', 'GET /Undo'],
    [{ method: 'GET', path: '/a' }, 'GET /a', 'POST /a'],
    [(request: { path: string }) => request.path.length > 3, 'GET /long', 'GET /s'],
  ])('with %p apply to %s and not to %s', async (when, met, spared) => {
    standIn.faults.add(when, { status: 500 });
    const ask = (words: string) => {
      const [method = '', path = ''] = words.split(' ');
      return sendRequest(standIn.url + path, { method, headers: { 'x-operation': path.slice(1) } });
    };

    const statuses = [await ask(met), await ask(met), await ask(spared)].map(({ status }) => status);

    expect(statuses).toEqual([500, 500, 200]);
  });

  it('apply as often as they may, count their hits, and then leave requests to the next match', async () => {
    const first = standIn.faults.add({}, { status: 500 }, 2);
    const second = standIn.faults.add({}, { status: 502 });

    const statuses = [await get(), await get(), await get(), await get()].map(({ status }) => status);

    expect(statuses).toEqual([500, 500, 502, 502]);
    expect([first.hits, second.hits]).toEqual([2, 2]);
  });

  it('do not apply after they are removed or cleared', async () => {
    const removed = standIn.faults.add({}, { status: 500 });
    removed.remove();
    const afterRemoval = await get();
    standIn.faults.add({}, { status: 500 });
    standIn.faults.clear();
    const afterClear = await get();

    expect([afterRemoval.status, afterClear.status]).toEqual([200, 200]);
  });

  it('take the stand-in down while an action runs, before all other faults', async () => {
    standIn.faults.add({}, { status: 500 });

    await standIn.faults.whileDown(async () => {
      await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' });
    });

    expect((await get()).status).toBe(500);
  });
});

function get(path = '/') {
  return sendRequest(standIn.url + path);
}
