import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Faults, misbehave, textOf } from './faults';

/** A request as a stand-in received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** When its last byte was there, by the machine's clock; absent where it came over no socket. */
  readonly at?: Date;
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
  /** The newest 20,000 requests, the oldest first. */
  readonly requests: ReceivedRequest[] = [];
  /** Waited before every answer, for each request by itself. */
  latencyMs = 0;
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch((error) => send(internalError(error), response));
    });
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
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Such as `http://127.0.0.1:34567`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Closes the server and every connection to it, whatever they wait for. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    if (body === undefined) return send({ status: 413, body: { error: 'body too large' } }, response);
    const request = this.#received(incoming, body);
    this.requests.push(request);
    if (this.requests.length > MAX_REQUESTS_KEPT) this.requests.shift();
    if (this.latencyMs > 0 && !(await this.#pause(this.latencyMs))) return;
    const fault = this.faults.take(request);
    if (!fault) return send(this.answer(request), response);
    const trueAnswer = once(() => this.answer(request));
    const pause = (ms: number) => this.#pause(ms);
    await misbehave(fault, { response, trueAnswer, send: (answer) => send(answer, response), pause });
  }

  #received(incoming: IncomingMessage, body: string): ReceivedRequest {
    const [path = '/', query] = (incoming.url ?? '/').split('?', 2);
    const plain: ReceivedRequest = {
      method: incoming.method ?? 'GET',
      path,
      query: new URLSearchParams(query),
      headers: incoming.headers,
      body,
      at: new Date(),
    };
    return { ...plain, operation: this.operationOf(plain) };
  }

  /** Keeps neither the process nor a closed server alive. @returns whether the server still listens */
  async #pause(ms: number): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, ms).unref());
    return this.#server.listening;
  }
}

function send({ status, headers, body }: StandInAnswer, response: ServerResponse): void {
  const text = textOf(body);
  response.writeHead(status, {
    ...(text !== undefined && {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
    }),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

/** A mistake in a stand-in shows in the answer instead of ending the process that holds it. */
function internalError(error: unknown): StandInAnswer {
  return { status: 500, body: { error: `stand-in failed: ${error}` } };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The body, or undefined where it is larger than any that is meant. It is read to its end all the same. */
async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : undefined;
}
