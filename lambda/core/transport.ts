import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { OperatorMustActError, TransientError, UntrustedCertificateError } from './errors';
import { describeNetworkError } from './network-errors';

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Name of the other side in messages. Set it when a server chose the address. @default - the host of the URL */
  readonly peer?: string;
}

/** A complete answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty when `ignoreBody` was set. */
  readonly body: string;
  /** Why a stream was not read to its end. @default - the body is complete, or the stream had fallen silent */
  readonly cut?: 'bytes' | 'time' | 'broken';
}

/**
 * Reads an answer that may stay open, such as server-sent events. What has arrived is the answer once the stream is
 * silent, once a limit is reached, or when the connection breaks. The connection is then closed.
 */
export interface StreamLimits {
  /** How long the first bytes may take after the headers, in milliseconds. */
  readonly firstByteMs: number;
  /** The stream counts as silent when nothing has arrived for this long, in milliseconds. */
  readonly quietMs: number;
}

/** Limits of one attempt. */
export interface TransportLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Resolve at the headers and close the connection. @default false */
  readonly ignoreBody?: boolean;
  /** A successful answer is read as a stream. @default - it is read to its end, and an incomplete answer is an error */
  readonly stream?: StreamLimits;
}

/** Sends one request once. Injected, so that the code above it is tested without sockets. */
export type Transport = (request: HttpRequest, limits: TransportLimits) => Promise<HttpAnswer>;

/** Sends the requests of one protocol over a pool of connections. */
interface Sender {
  readonly request: typeof requestHttps;
  readonly agent: Agent;
}

/** `NODE_TLS_REJECT_UNAUTHORIZED` would switch verification off. This option overrides it. */
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
 * Connections are reused. A connection that was idle for a minute may be dead, because Lambda may have frozen the
 * process. It is closed before the request. When a reused connection fails, all idle connections are closed, so that
 * the next attempt opens a new one.
 *
 * @throws TransientError on a network failure, a timeout, or an answer larger than `maxBytes`
 * @throws UntrustedCertificateError when the certificate of the other side is not trusted
 * @throws OperatorMustActError when the address is neither https nor loopback
 */
export const sendOverNetwork: Transport = async (
  request,
  { timeoutMs, maxBytes, ignoreBody = false, stream },
) => {
  const url = assertConfidential(request.url);
  const sender = await senderOf(url);
  closeIdleConnections(sender.agent, MAX_IDLE_MS);
  return new Promise((resolve, reject) => {
    const outgoing = sender.request(url, {
      method: request.method,
      headers: { 'accept-encoding': 'identity', ...bodyHeaders(request.body), ...request.headers },
      agent: sender.agent,
    });
    const fail = (what: string) => {
      clearTimeout(timer);
      const message = `${request.method} ${request.peer ?? url.host}: ${describeNetworkError(what)}`;
      const untrusted = isCertificateError(what);
      reject(untrusted ? new UntrustedCertificateError(notTrusted(message)) : new TransientError(message));
      outgoing.destroy();
      if (outgoing.reusedSocket) closeIdleConnections(sender.agent, 0);
    };
    let onTimeout = () => fail(`no complete answer within ${timeoutMs} ms`);
    const timer = setTimeout(() => onTimeout(), timeoutMs);
    const succeed = (incoming: IncomingMessage, body: string, cut?: HttpAnswer['cut']) => {
      clearTimeout(timer);
      noteLastUse(outgoing.socket);
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body, ...(cut && { cut }) });
    };
    outgoing.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'network error'));
    // Without this listener Node drops an answer with status 101, and the request ends only at the timeout.
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      fail('the answer switches protocols (101)');
    });
    outgoing.once('response', (incoming) => {
      if (stream && incoming.statusCode === 200) {
        // An error after the end of the stream is of a connection that was closed here.
        outgoing.on('error', () => undefined);
        onTimeout = readStream(incoming, maxBytes, stream, (body, cut) => {
          succeed(incoming, body, cut);
          incoming.destroy();
        });
        return;
      }
      if (!ignoreBody) return readBody(incoming, maxBytes, fail, (body) => succeed(incoming, body));
      succeed(incoming, '');
      incoming.destroy();
    });
    outgoing.end(request.body);
  });
};

/**
 * Error codes of Node and OpenSSL for an untrusted certificate (Node.js documentation, "X509 certificate error codes").
 * `UNSPECIFIED` stands for the codes for which Node has no name, such as a key that is too weak for OpenSSL 3.5.
 */
const CERTIFICATE_ERRORS =
  /^(ERR_TLS_CERT_\w+|CERT_\w+|ERROR_IN_CERT_\w+|HOSTNAME_MISMATCH|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_(GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE|DECODE_ISSUER_PUBLIC_KEY|DECRYPT_CERT_SIGNATURE)\w*|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|UNSPECIFIED)$/;

/** Whether the code of a network error means that the certificate of the other side is not trusted. */
export function isCertificateError(code: string): boolean {
  return CERTIFICATE_ERRORS.test(code);
}

function notTrusted(message: string): string {
  return `${message}: its certificate is not trusted; use a certificate of a public authority for this host name`;
}

/** A connection that was idle for longer is not reused. Load balancers close idle connections after about a minute. */
const MAX_IDLE_MS = 55_000;

/** When each connection was last used, by two clocks. During a freeze, only one of the clocks may advance. */
const lastUse = new WeakMap<Socket, { readonly wallMs: number; readonly monotonicMs: number }>();

function noteLastUse(socket: Socket | null): void {
  if (socket) lastUse.set(socket, { wallMs: Date.now(), monotonicMs: performance.now() });
}

function idleMsOf(socket: Socket): number {
  const used = lastUse.get(socket);
  return used ? Math.max(Date.now() - used.wallMs, performance.now() - used.monotonicMs) : 0;
}

/** Closes the pooled connections that have been idle for at least this long. */
function closeIdleConnections(agent: Agent, minIdleMs: number): void {
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
    if (idleMsOf(socket) >= minIdleMs) socket.destroy();
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

/** Reads a stream until it ends, falls silent or breaks. @returns ends it because the time is up */
function readStream(
  incoming: IncomingMessage,
  maxBytes: number,
  { firstByteMs, quietMs }: StreamLimits,
  done: (body: string, cut?: HttpAnswer['cut']) => void,
): () => void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  const end = (cut?: HttpAnswer['cut']) => {
    if (ended) return;
    ended = true;
    clearTimeout(silence);
    // A cut may be inside a character. The reader of the lines ignores an unfinished line.
    done(Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'), cut);
  };
  let silence = setTimeout(end, firstByteMs);
  incoming.on('data', (chunk: Buffer) => {
    if (ended) return;
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > maxBytes) return end('bytes');
    clearTimeout(silence);
    silence = setTimeout(end, quietMs);
  });
  incoming.once('error', () => end('broken'));
  incoming.once('end', () => end(incoming.complete ? undefined : 'broken'));
  return () => end('time');
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
    `the address ${url.host ? `of ${url.host} ` : ''}uses ${url.protocol.replace(':', '')}; credentials are sent only over https`,
  );
}

/** Whether an address is on the loopback interface, so that requests to it never leave this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
