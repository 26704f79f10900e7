import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';

/** A request to a stand-in. A body that is an object is sent as JSON. */
export interface TestRequest {
  /** @default 'GET' */
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  /** @default - no timeout */
  readonly timeoutMs?: number;
}

/** An answer of a stand-in. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Number of pieces in which the body arrived. */
  readonly pieces: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a request over a real socket. @throws the socket's error, when the answer is not complete */
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

/** Parses an answer's body as JSON. */
export function jsonOf({ text }: TestAnswer): unknown {
  return JSON.parse(text);
}
