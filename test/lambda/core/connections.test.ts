import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { UntrustedCertificateError } from '../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../lambda/core/http';
import { type HttpRequest, sendOverNetwork, type TransportLimits } from '../../../lambda/core/transport';
import { FakeClock, NOON } from '../../support/fake-clock';
import { selfSignedCertificate } from '../../support/self-signed';
import { rejectionOf } from '../../support/thrown';

const LIMITS: TransportLimits = { timeoutMs: 5_000, maxBytes: 100_000 };

const servers: Server[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server on the loopback interface, and the connections that were opened to it. */
async function aServer(
  answer: (request: IncomingMessage, response: ServerResponse, connection: number) => void,
  server = createServer(),
) {
  const connections: Socket[] = [];
  server.on('connection', (socket: Socket) => connections.push(socket));
  server.on('request', (request: IncomingMessage, response: ServerResponse) =>
    answer(request, response, connections.indexOf(request.socket)),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const get = (limits: Partial<TransportLimits> = {}, differences: Partial<HttpRequest> = {}) =>
    sendOverNetwork(
      { method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, ...differences },
      { ...LIMITS, ...limits },
    );
  return { port, connections, get };
}

describe('sendOverNetwork, over its pool of connections', () => {
  it('reuses a connection', async () => {
    const { get, connections } = await aServer((_, response) => response.end('ok'));

    await get();
    await get();

    expect(connections).toHaveLength(1);
  });

  it('reuses a connection after a HEAD', async () => {
    const { get, connections } = await aServer((request, response) => {
      response.setHeader('content-length', 2);
      response.end(request.method === 'HEAD' ? undefined : 'ok');
    });

    await get({}, { method: 'HEAD' });
    await get();

    expect(connections).toHaveLength(1);
  });

  it('opens a new connection when the pooled one was idle for more than a minute', async () => {
    const { get, connections } = await aServer((_, response) => response.end('ok'));
    await get();
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);

    await get();

    expect(connections).toHaveLength(2);
  });

  it('opens a new connection for the attempt after a reused one failed, however many were dead', async () => {
    const dead = new Set<number>();
    const { port, connections } = await aServer((request, response, connection) => {
      if (dead.has(connection)) request.socket.resetAndDestroy();
      else setTimeout(() => response.end('ok'), 20);
    });
    const http = createHttp({
      transport: sendOverNetwork,
      clock: new FakeClock(),
      policy: DEFAULT_RETRY_POLICY,
    });
    const request: HttpRequest = { method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {} };
    const send = () => http(request, { deadlineMs: NOON + 60_000 });
    await Promise.all(Array.from({ length: 10 }, send));
    for (const index of connections.keys()) dead.add(index);

    const answer = await send();

    expect(answer.status).toBe(200);
    expect(connections).toHaveLength(11);
  });

  it('reads no body when the body is ignored', async () => {
    let written = 0;
    const { get } = await aServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const write = () => {
        written += 65_536;
        if (response.writable && written < 50_000_000) response.write(Buffer.alloc(65_536), write);
      };
      write();
    });

    const answer = await get({ ignoreBody: true });

    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(written).toBeLessThan(10_000_000);
  });

  it('asks for no compression', async () => {
    const { get } = await aServer((request, response) => response.end(request.headers['accept-encoding']));

    expect((await get()).body).toBe('identity');
  });

  it('fails at once when the server switches protocols', async () => {
    const { get } = await aServer((request) => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
    });
    const startedMs = Date.now();

    const failure = await rejectionOf(get());

    expect(String(failure)).toContain('switches protocols (101)');
    expect(Date.now() - startedMs).toBeLessThan(4_000);
  });
});

describe('sendOverNetwork, over TLS', () => {
  const certificate = selfSignedCertificate();
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;

  afterEach(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });

  it.each([
    ['by default', undefined],
    ['although the environment switches verification off', '0'],
  ])('rejects a self-signed certificate %s', async (_, setting) => {
    if (setting !== undefined) process.env.NODE_TLS_REJECT_UNAUTHORIZED = setting;
    let requests = 0;
    const { port } = await aServer((_request, response) => {
      requests += 1;
      response.end('ok');
    }, createTlsServer(certificate));
    const request: HttpRequest = { method: 'GET', url: `https://localhost:${port}/`, headers: {} };

    const failure = await rejectionOf(sendOverNetwork(request, LIMITS));

    expect(failure).toBeInstanceOf(UntrustedCertificateError);
    expect(failure).toMatchObject({ reason: 'certificate-untrusted' });
    expect(String(failure)).toMatch(
      /localhost:\d+: DEPTH_ZERO_SELF_SIGNED_CERT: its certificate is not trusted/,
    );
    expect(requests).toBe(0);
  });
});
