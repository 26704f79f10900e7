import { once } from 'node:events';
import { connect } from 'node:net';
import { EchoStandIn } from './echo-stand-in';
import { jsonOf, sendRequest } from './send-request';

let standIn: EchoStandIn;

beforeEach(async () => {
  standIn = new EchoStandIn();
  await standIn.listen();
});

afterEach(() => standIn.close());

describe('StandInServer', () => {
  it('listens on the loopback interface only, and records its requests', async () => {
    const before = Date.now();

    const answer = await sendRequest(`${standIn.url}/a/b?c=d`, {
      method: 'POST',
      headers: { 'x-thing': 'x', 'x-operation': 'Do' },
      body: { e: 'é' },
    });

    expect(standIn.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(jsonOf(answer)).toEqual({ method: 'POST', path: '/a/b', query: 'c=d', body: '{"e":"é"}' });
    const [request] = standIn.requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/a/b',
      body: '{"e":"é"}',
      operation: 'Do',
      headers: { 'x-thing': 'x' },
    });
    expect(request?.query.get('c')).toBe('d');
    expect(request?.at?.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('answers 413 to a body over a megabyte, and the request has no effect', async () => {
    const answer = await sendRequest(standIn.url, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) });

    expect(answer.status).toBe(413);
    expect(standIn.effects).toBe(0);
  });

  it('answers HEAD without a body', async () => {
    const answer = await sendRequest(standIn.url, { method: 'HEAD' });

    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(10);
  });

  it('survives a bug of its own, and a client that disconnects during a request', async () => {
    const port = Number(new URL(standIn.url).port);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');

    const broken = await sendRequest(`${standIn.url}/broken`);
    socket.destroy();
    const after = await sendRequest(`${standIn.url}/after`);

    expect(broken).toMatchObject({ status: 500, text: expect.stringContaining('a bug in a stand-in') });
    expect(after.status).toBe(200);
  });

  it('delays each request on its own', async () => {
    standIn.latencyMs = 100;
    const startedMs = performance.now();

    await Promise.all(Array.from({ length: 50 }, () => sendRequest(standIn.url)));

    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(99);
    // Fifty requests one after the other would take five seconds.
    expect(tookMs).toBeLessThan(4_900);
  });

  it('closes at once, and the waiting client gets a connection error', async () => {
    standIn.latencyMs = 60_000;
    const late = sendRequest(standIn.url).catch((error: NodeJS.ErrnoException) => error.code);
    while (standIn.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const startedMs = performance.now();

    await standIn.close();

    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(await late).toBe('ECONNRESET');
    expect(standIn.effects).toBe(0);
  });

  it('runs no delayed request after it is closed', async () => {
    standIn.latencyMs = 20;
    const late = sendRequest(standIn.url).catch(() => undefined);
    while (standIn.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    await standIn.close();
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(await late).toBeUndefined();
    expect(standIn.effects).toBe(0);
  });

  it('can listen again at the same address', async () => {
    const { url } = standIn;
    await standIn.close();
    const down = await sendRequest(url).catch((error: NodeJS.ErrnoException) => error.code);

    await standIn.listen(Number(new URL(url).port));
    const up = await sendRequest(url);

    expect(down).toMatch(/ECONNREFUSED|ECONNRESET/);
    expect(up.status).toBe(200);
  });

  it('throws when the port is taken', async () => {
    const other = new EchoStandIn();

    await expect(other.listen(Number(new URL(standIn.url).port))).rejects.toThrow(/EADDRINUSE/);
  });
});
