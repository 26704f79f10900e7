import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ReceivedRequest, type StandInAnswer, textOf } from './exchange';
import { Faults, misbehave } from './faults';

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_REQUESTS_KEPT = 20_000;

/** A loopback HTTP server in place of a real service. It records its requests and can be made slow or faulty. */
export abstract class StandInServer {
  readonly faults = new Faults();
  /** The latest 20,000 requests, oldest first. */
  readonly requests: ReceivedRequest[] = [];
  /** Delay before every answer, in milliseconds. Requests do not wait for each other. */
  latencyMs = 0;
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch((error) => send(internalError(error), response));
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Decides the answer to a request and has its effect. */
  protected abstract answer(request: ReceivedRequest): StandInAnswer | Promise<StandInAnswer>;

  /** Names the operation that a request asks for, so that a fault can select it. */
  protected operationOf(_request: ReceivedRequest): string | undefined {
    return undefined;
  }

  /**
   * Listens on the loopback interface.
   *
   * @param port - a free port by default
   * @throws the socket's own error, such as EADDRINUSE
   */
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

  /** The address, such as `http://127.0.0.1:34567`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Closes the server and every connection to it at once. */
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
    if (!fault) return this.#deliver(await this.answer(request), response);
    const trueAnswer = once(async () => this.answer(request));
    const pause = (ms: number) => this.#pause(ms);
    await misbehave(fault, { response, trueAnswer, send: (answer) => send(answer, response), pause });
  }

  async #deliver(answer: StandInAnswer, response: ServerResponse): Promise<void> {
    if (!answer.stream) return send(answer, response);
    response.writeHead(answer.status, { ...answer.headers });
    response.flushHeaders();
    for await (const part of answer.stream()) {
      if (response.destroyed || !this.#server.listening) break;
      response.write(part);
    }
    response.end();
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

  /** Waits without keeping the process alive. Returns whether the server is still listening. */
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

/** A bug in a stand-in becomes a 500 answer, so that it does not end the process. */
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

/** Returns the body, or undefined when it is over the limit. Reads to the end in both cases. */
async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : undefined;
}
