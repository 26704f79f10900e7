import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { OperatorMustActError, TransientError, UntrustedCertificateError } from './errors';

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How messages name the other side. For an address that a server chose. @default - the host of the URL */
  readonly peer?: string;
}

/** A complete answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty where the body was to be ignored. */
  readonly body: string;
}

/** Limits of one attempt. */
export interface TransportLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Resolve at the headers and close the connection. @default false */
  readonly ignoreBody?: boolean;
}

/** Sends one request once. Injected, so that the code above it is tested without sockets. */
export type Transport = (request: HttpRequest, limits: TransportLimits) => Promise<HttpAnswer>;

/** Sends the requests of one protocol over a pool of connections. */
interface Sender {
  readonly request: typeof requestHttps;
  readonly agent: Agent;
}

/** `NODE_TLS_REJECT_UNAUTHORIZED` would switch verification off; this option goes before it. */
const VERIFY = { rejectUnauthorized: true } as const;

const overHttps: Sender = { request: requestHttps, agent: new HttpsAgent({ keepAlive: true, ...VERIFY }) };
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
 * Connections are reused. One that rested for a minute may be dead, because Lambda froze the process meanwhile. It is
 * closed before the request. When a reused connection fails, all resting ones are closed, so that the next attempt
 * opens a new one.
 *
 * @throws TransientError on a network failure, a timeout, or an answer larger than `maxBytes`
 * @throws UntrustedCertificateError when the certificate of the other side is not trusted
 * @throws OperatorMustActError when the address is neither https nor loopback
 */
export const sendOverNetwork: Transport = async (request, { timeoutMs, maxBytes, ignoreBody = false }) => {
  const url = assertConfidential(request.url);
  const sender = await senderOf(url);
  closeRestingConnections(sender.agent, MAX_REST_MS);
  return new Promise((resolve, reject) => {
    const outgoing = sender.request(url, {
      method: request.method,
      headers: { 'accept-encoding': 'identity', ...bodyHeaders(request.body), ...request.headers },
      agent: sender.agent,
    });
    const fail = (what: string) => {
      clearTimeout(timer);
      const message = `${request.method} ${request.peer ?? url.host}: ${what}`;
      const untrusted = isCertificateError(what);
      reject(untrusted ? new UntrustedCertificateError(notTrusted(message)) : new TransientError(message));
      outgoing.destroy();
      if (outgoing.reusedSocket) closeRestingConnections(sender.agent, 0);
    };
    const timer = setTimeout(() => fail(`no complete answer within ${timeoutMs} ms`), timeoutMs);
    const succeed = (incoming: IncomingMessage, body: string) => {
      clearTimeout(timer);
      noteRest(outgoing.socket);
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
    };
    outgoing.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'network error'));
    // Without this listener a 101 would be waited for until the timeout.
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      fail('the answer switches protocols (101)');
    });
    outgoing.once('response', (incoming) => {
      if (!ignoreBody) return readBody(incoming, maxBytes, fail, (body) => succeed(incoming, body));
      succeed(incoming, '');
      incoming.destroy();
    });
    outgoing.end(request.body);
  });
};

/** What Node and OpenSSL call a certificate that cannot be trusted (Node.js documentation, "X509 certificate error codes"). */
const CERTIFICATE_ERRORS =
  /^(ERR_TLS_CERT_\w+|CERT_\w+|ERROR_IN_CERT_\w+|HOSTNAME_MISMATCH|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE|DECODE_ISSUER_PUBLIC_KEY)\w*|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/;

/** Whether the code of a network error means that the certificate of the other side is not trusted. */
export function isCertificateError(code: string): boolean {
  return CERTIFICATE_ERRORS.test(code);
}

function notTrusted(message: string): string {
  return `${message}: its certificate is not trusted; use a certificate of a public authority for this host name`;
}

/** A connection that rested longer is not reused. Load balancers close idle connections after about a minute. */
const MAX_REST_MS = 55_000;

/** When each connection was used last, by two clocks: a frozen process may see time pass by only one of them. */
const lastUse = new WeakMap<Socket, { readonly wallMs: number; readonly monotonicMs: number }>();

function noteRest(socket: Socket | null): void {
  if (socket) lastUse.set(socket, { wallMs: Date.now(), monotonicMs: performance.now() });
}

function restedMsOf(socket: Socket): number {
  const used = lastUse.get(socket);
  return used ? Math.max(Date.now() - used.wallMs, performance.now() - used.monotonicMs) : 0;
}

/** Closes the pooled connections that are not in use and rested for at least this long. */
function closeRestingConnections(agent: Agent, leastRestMs: number): void {
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
    if (restedMsOf(socket) >= leastRestMs) socket.destroy();
  }
}

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
