import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Faults, misbehave } from './faults';

/** A request as a stand-in received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** What an AWS or GraphQL request asks for; absent for plain HTTP. */
  readonly operation?: string | undefined;
}

/** What a stand-in answers. An object becomes JSON. */
export interface StandInAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_REQUESTS_KEPT = 20_000;

/** A loopback server that plays a part, can be made slow or faulty, and remembers what it was asked. */
export abstract class StandInServer {
  readonly faults = new Faults();
  readonly requests: ReceivedRequest[] = [];
  /** Added to every answer. */
  latencyMs = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((incoming, response) => void this.#serve(incoming, response));
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Decides the answer. */
  protected abstract answer(request: ReceivedRequest): StandInAnswer;

  /** Names what a request asks for, so that a fault can be aimed at it. */
  protected operationOf(_request: ReceivedRequest): string | undefined {
    return undefined;
  }

  /** Listens on the loopback interface. @param port - a free one by default */
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  /** Such as `http://127.0.0.1:34567`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes the server and every connection to it. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    const url = new URL(incoming.url ?? '/', 'http://loopback');
    const plain: ReceivedRequest = {
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body,
    };
    const request = { ...plain, operation: this.operationOf(plain) };
    if (this.requests.length < MAX_REQUESTS_KEPT) this.requests.push(request);
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
    const fault = this.faults.take(request);
    if (fault && 'applyThen' in fault) this.answer(request);
    if (fault) misbehave(fault, response);
    else send(this.answer(request), response);
  }
}

function send({ status, headers, body }: StandInAnswer, response: ServerResponse): void {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, {
    ...(text !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
    }),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
