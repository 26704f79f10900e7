import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import {
  assertConfidential,
  type HttpRequest,
  isCertificateError,
  sendOverNetwork,
} from '../../../lambda/core/transport';

const LIMITS = { timeoutMs: 2_000, maxBytes: 1_000 };

describe('sendOverNetwork', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  /** Starts a server on loopback. @returns a request that reaches it */
  async function serve(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    differences: Partial<HttpRequest> = {},
  ): Promise<HttpRequest> {
    const started = createServer(answer);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    const { port } = started.address() as AddressInfo;
    return { method: 'GET', url: `http://127.0.0.1:${port}/v2/`, headers: {}, ...differences };
  }

  it('returns the status, the headers and the whole body', async () => {
    const request = await serve((_, response) => {
      response.writeHead(418, { ratelimit: '"minute";r=1;t=2' });
      response.write('Grüße, ');
      response.end('Runpod');
    });

    const answer = await sendOverNetwork(request, LIMITS);

    expect(answer).toMatchObject({ status: 418, body: 'Grüße, Runpod' });
    expect(answer.headers.ratelimit).toBe('"minute";r=1;t=2');
  });

  it('sends the method, the headers and the body', async () => {
    let received = '';
    const request = await serve(
      async (incoming, response) => {
        const { method, headers } = incoming;
        const chunks = await incoming.toArray();
        received = `${method} ${headers.accept} ${headers['content-type']} ${headers['content-length']} ${chunks.join('')}`;
        response.end();
      },
      { method: 'PATCH', headers: { accept: 'a/b' }, body: '{"ü":1}' },
    );

    await sendOverNetwork(request, LIMITS);

    expect(received).toBe('PATCH a/b application/json 8 {"ü":1}');
  });

  describe('with a stream', () => {
    const STREAM = { ...LIMITS, stream: { firstByteMs: 300, quietMs: 100 } };

    /** Starts an answer that stays open. */
    const open = (...parts: readonly string[]) =>
      serve((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        for (const part of parts) response.write(part);
      });

    it('returns what has arrived once the stream is silent, and closes the connection', async () => {
      const request = await open('a', 'b');
      const closed = new Promise((resolve) =>
        server?.once('connection', (socket) => socket.once('close', resolve)),
      );

      const answer = await sendOverNetwork(request, STREAM);

      expect(answer).toMatchObject({ status: 200, body: 'ab' });
      expect(answer).not.toHaveProperty('cut');
      await closed;
    });

    it('waits longer for the first byte than for the next', async () => {
      const request = await serve((_, response) => {
        response.writeHead(200).flushHeaders();
        setTimeout(() => response.write('late'), 200);
      });

      expect(await sendOverNetwork(request, STREAM)).toMatchObject({ body: 'late' });
    });

    it('returns an empty body when nothing arrives after the headers', async () => {
      expect(await sendOverNetwork(await open(), STREAM)).toMatchObject({ body: '' });
    });

    it('says that it was cut at the byte limit, and keeps no more than that', async () => {
      const answer = await sendOverNetwork(await open('x'.repeat(50_000)), STREAM);

      expect(answer.cut).toBe('bytes');
      expect(answer.body).toHaveLength(LIMITS.maxBytes);
    });

    it('says that it was cut when the time is up', async () => {
      const request = await serve((_, response) => {
        response.writeHead(200).flushHeaders();
        const timer = setInterval(() => response.write('.'), 20);
        response.once('close', () => clearInterval(timer));
      });

      const answer = await sendOverNetwork(request, { ...STREAM, timeoutMs: 400 });

      expect(answer.cut).toBe('time');
      expect(answer.body).toMatch(/^\.{5,}$/);
    });

    it('says that it was cut when the connection breaks', async () => {
      const request = await serve((_, response) => {
        response.writeHead(200).flushHeaders();
        response.write('half');
        setTimeout(() => response.socket?.destroy(), 20);
      });

      expect(await sendOverNetwork(request, STREAM)).toMatchObject({ body: 'half', cut: 'broken' });
    });

    it('fails when no headers arrive, and reads a refusal to its end', async () => {
      const hanging = await serve(() => undefined);
      await expect(sendOverNetwork(hanging, { ...STREAM, timeoutMs: 200 })).rejects.toThrow(TransientError);
      server?.closeAllConnections();
      server?.close();
      const refusing = await serve((_, response) => {
        response.writeHead(403);
        response.write('no');
        setTimeout(() => response.end('!'), 250);
      });

      expect(await sendOverNetwork(refusing, STREAM)).toMatchObject({ status: 403, body: 'no!' });
    });
  });

  it('reads the answer to a HEAD, which has a content length and no body', async () => {
    const request = await serve(
      (_, response) => response.writeHead(200, { 'content-length': '5000' }).end(),
      { method: 'HEAD' },
    );

    await expect(sendOverNetwork(request, LIMITS)).resolves.toMatchObject({ status: 200, body: '' });
  });

  it('does not follow a redirect', async () => {
    const asked: (string | undefined)[] = [];
    const request = await serve((incoming, response) => {
      asked.push(incoming.url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });

    const answer = await sendOverNetwork(request, LIMITS);

    expect(answer.status).toBe(307);
    expect(asked).toEqual(['/v2/']);
  });

  it('sends consecutive requests over one connection', async () => {
    const ports = new Set<number | undefined>();
    const request = await serve((incoming, response) => {
      ports.add(incoming.socket.remotePort);
      response.end('{}');
    });

    for (let sent = 0; sent < 3; sent += 1) await sendOverNetwork(request, LIMITS);

    expect(ports.size).toBe(1);
  });

  it('accepts an answer of exactly the allowed size', async () => {
    const request = await serve((_, response) => response.end('x'.repeat(1_000)));

    const answer = await sendOverNetwork(request, LIMITS);

    expect(answer.body).toHaveLength(1_000);
  });

  it('rejects an answer that is too large', async () => {
    const request = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(900)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });

    const outcome = sendOverNetwork(request, LIMITS);

    await expect(outcome).rejects.toThrow('the answer is larger than 1000 bytes');
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['never begins', () => undefined],
    ['stops in the middle', (response) => response.write('{')],
    [
      'arrives byte by byte',
      (response) => {
        const timer = setInterval(() => response.write(' '), 10);
        response.once('close', () => clearInterval(timer));
      },
    ],
  ])('times out on an answer that %s', async (_, answer) => {
    const request = await serve((_incoming, response) => answer(response));

    const outcome = sendOverNetwork(request, { ...LIMITS, timeoutMs: 60 });

    await expect(outcome).rejects.toThrow(/^GET 127\.0\.0\.1:\d+: no complete answer within 60 ms$/);
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['breaks off before it begins', (request) => request.socket.resetAndDestroy()],
    ['breaks off before it begins, without a reset', (request) => request.socket.destroy()],
    [
      'breaks off in the middle',
      (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => request.socket.resetAndDestroy());
      },
    ],
    [
      'is shorter than its content length',
      (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => request.socket.end());
      },
    ],
    [
      'breaks off before the last chunk',
      (request, response) => {
        response.write('half', () => request.socket.end());
      },
    ],
    ['is not HTTP', (request) => request.socket.end('220 smtp.example.com\r\n\r\n')],
  ])('throws TransientError for an answer that %s', async (_, answer) => {
    const request = await serve(answer);

    const outcome = sendOverNetwork(request, LIMITS);

    await expect(outcome).rejects.toBeInstanceOf(TransientError);
    await expect(outcome).rejects.toThrow(/^GET 127\.0\.0\.1:\d+: /);
  });

  it('throws TransientError ECONNREFUSED for a closed port', async () => {
    const request = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));

    const outcome = sendOverNetwork(request, LIMITS);

    await expect(outcome).rejects.toThrow(/^GET 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)$/);
    await expect(outcome).rejects.toBeInstanceOf(TransientError);
  });

  it('leaves path, headers and body out of the error', async () => {
    const request = await serve((incoming) => incoming.socket.destroy(), {
      method: 'POST',
      headers: { authorization: 'Bearer rpa_Vq7Zt2LmXw' },
      body: '{"password":"k9QpB3sTyU"}',
    });
    const withQuery = { ...request, url: `${request.url}?id=hJ5nRc8eDf` };

    const failure = await sendOverNetwork(withQuery, LIMITS).catch((error: unknown) => error);

    expect(String(failure)).toMatch(/^TransientError: POST 127\.0\.0\.1:\d+: [A-Za-z ]+( \([A-Z]+\))?$/);
  });

  it('refuses plain http to a host that is not loopback', async () => {
    const request: HttpRequest = { method: 'GET', url: 'http://registry.example.com/v2/', headers: {} };

    const send = async () => sendOverNetwork(request, LIMITS);

    await expect(send()).rejects.toBeInstanceOf(OperatorMustActError);
  });
});

describe('isCertificateError', () => {
  it.each([
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
    'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_SIGNATURE_FAILURE',
    'CERT_NOT_YET_VALID',
    'CERT_HAS_EXPIRED',
    'ERROR_IN_CERT_NOT_BEFORE_FIELD',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_CHAIN_TOO_LONG',
    'CERT_REVOKED',
    'CERT_UNTRUSTED',
    'CERT_REJECTED',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'HOSTNAME_MISMATCH',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNSPECIFIED',
  ])('is true for %s', (code) => {
    expect(isCertificateError(code)).toBe(true);
  });

  it.each(['ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPROTO', 'OUT_OF_MEM', 'ERR_SSL_WRONG_VERSION_NUMBER'])(
    'is false for %s',
    (code) => {
      expect(isCertificateError(code)).toBe(false);
    },
  );
});

describe('assertConfidential', () => {
  it.each([
    'https://api.runpod.io/v2',
    'https://10.0.0.7:5000/v2/',
    'http://localhost:4566',
    'http://127.0.0.1:80',
    'http://127.3.2.1/',
    'http://[::1]:5000/',
  ])('accepts %s', (address) => {
    expect(assertConfidential(address).href).toBe(new URL(address).href);
  });

  it.each([
    'http://api.runpod.io/v2',
    'http://10.0.0.7/',
    'http://localhost.example.com/',
    'http://127.0.0.1.example.com/',
    'http://localhost@example.com/',
    'ftp://localhost/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'api.runpod.io',
    '',
  ])('refuses %p', (address) => {
    expect(() => assertConfidential(address)).toThrow(
      expect.objectContaining({ reason: 'configuration-wrong' }),
    );
  });

  it('names only the host in its error', () => {
    expect(() => assertConfidential('http://user:hJ5nRc8eDf@example.com/path?key=Vq7Zt2LmXw')).toThrow(
      'the address of example.com uses http; credentials are sent only over https',
    );
  });
});
