import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';

/** A request to a stand-in. An object as body is sent as JSON. */
export interface TestRequest {
  /** @default 'GET' */
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  /** @default - as long as it takes */
  readonly timeoutMs?: number;
}

/** What came back over the socket. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** How many pieces the body came in. */
  readonly pieces: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a request over a real socket. @throws Error - the socket's own, when no whole answer came */
export function sendRequest(
  url: string,
  { method = 'GET', headers = {}, body, timeoutMs }: TestRequest = {},
): Promise<TestAnswer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const sent = { ...(typeof body === 'object' && { 'content-type': 'application/json' }), ...headers };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: sent, agent }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString('utf8'),
          pieces: chunks.length,
        }),
      );
    });
    if (timeoutMs) outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error('no answer in time')));
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}

/** A body as JSON. */
export function jsonOf({ text }: TestAnswer): unknown {
  return JSON.parse(text);
}
