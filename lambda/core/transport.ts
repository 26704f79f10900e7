import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { OperatorMustActError, TransientError } from './errors';

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A complete answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends one request once. Injected, so that the code above it is tested without sockets. */
export type Transport = (
  request: HttpRequest,
  limits: { timeoutMs: number; maxBytes: number },
) => Promise<HttpAnswer>;

/** Sends the requests of one protocol over a pool of connections. */
interface Sender {
  readonly request: typeof requestHttps;
  readonly agent: Agent;
}

const overHttps: Sender = { request: requestHttps, agent: new HttpsAgent({ keepAlive: true }) };
let overHttp: Promise<Sender> | undefined;

/** node:http is loaded on first use. On Node 24 its import takes a third of a cold start, and only loopback needs it. */
function senderOf({ protocol }: URL): Sender | Promise<Sender> {
  if (protocol === 'https:') return overHttps;
  overHttp ??= import('node:http').then(({ Agent, request }) => ({
    request,
    agent: new Agent({ keepAlive: true }),
  }));
  return overHttp;
}

/**
 * Sends one request over node:https. A redirect is returned like any other answer, because following it would send
 * the credential to another address. fetch is not used, because loading it takes longer than the request itself
 * (docs/decisions/0003).
 *
 * @throws TransientError on a network failure, a timeout, or an answer larger than `maxBytes`
 * @throws OperatorMustActError when the address is neither https nor loopback
 */
export const sendOverNetwork: Transport = async (request, { timeoutMs, maxBytes }) => {
  const url = assertConfidential(request.url);
  const sender = await senderOf(url);
  return new Promise((resolve, reject) => {
    const outgoing = sender.request(url, {
      method: request.method,
      headers: { ...bodyHeaders(request.body), ...request.headers },
      agent: sender.agent,
    });
    const fail = (what: string) => {
      clearTimeout(timer);
      reject(new TransientError(`${request.method} ${url.host}: ${what}`));
      outgoing.destroy();
    };
    const timer = setTimeout(() => fail(`no complete answer within ${timeoutMs} ms`), timeoutMs);
    outgoing.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'network error'));
    outgoing.once('response', (incoming) => {
      readBody(incoming, maxBytes, fail, (body) => {
        clearTimeout(timer);
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      });
    });
    outgoing.end(request.body);
  });
};

function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  fail: (what: string) => void,
  done: (body: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) fail(`the answer is larger than ${maxBytes} bytes`);
    else chunks.push(chunk);
  });
  incoming.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'the answer broke off'));
  incoming.once('end', () => {
    if (incoming.complete) done(Buffer.concat(chunks).toString('utf8'));
    else fail('the answer broke off');
  });
}

function bodyHeaders(body: string | undefined): Record<string, string> {
  return body === undefined
    ? {}
    : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
}

/**
 * Parses an address, and refuses one over which a credential would be sent in clear text. Plain http is accepted only on
 * the loopback interface, where the embedded cloud listens.
 *
 * @throws OperatorMustActError that names the host, never the whole address
 */
export function assertConfidential(address: string): URL {
  if (!URL.canParse(address))
    throw new OperatorMustActError('configuration-wrong', 'an address is not a URL');
  const url = new URL(address);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return url;
  throw new OperatorMustActError(
    'configuration-wrong',
    `${url.host || 'an address'} would be asked over ${url.protocol.replace(':', '')}; only https may carry a credential`,
  );
}

/** Whether an address is on the loopback interface, so that requests to it never leave this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
