import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Invocation, LambdaRuntime } from '../lambda-runtime';

/** The tail of the log that Lambda sends back with an answer. */
const TAIL_BYTES = 4_096;

/** A function that can be invoked by its name. */
export interface InvocableFunction {
  readonly runtime: LambdaRuntime;
  /** Told of every invocation. */
  readonly onInvoked: (invocation: Invocation<unknown>) => void;
}

/** Lambda's API: invokes a function's real bundle and waits for its answer. */
export class FunctionApi {
  readonly functions = new Map<string, InvocableFunction>();
  /** Answers every invocation with "access denied". */
  forbidden = false;
  /** Set before the event is handed to the function. */
  readonly received: unknown[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((incoming, response) => void this.#serve(incoming, response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every function and the server. */
  async close(): Promise<void> {
    await Promise.all([...this.functions.values()].map(({ runtime }) => runtime.stop()));
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const [, name = ''] = /\/functions\/([^/]+)\/invocations$/.exec(incoming.url ?? '') ?? [];
    const invocable = this.functions.get(decodeURIComponent(name));
    if (this.forbidden) return refuse(response, 403, 'AccessDeniedException', NOT_ALLOWED);
    if (!invocable) {
      return refuse(response, 404, 'ResourceNotFoundException', `Function not found: ${name}`);
    }
    const event: unknown = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    this.received.push(event);
    const invocation = await invocable.runtime.invoke(event);
    invocable.onInvoked(invocation);
    response.writeHead(200, {
      'content-type': 'application/json',
      'x-amz-log-result': tail(invocation.output),
      ...(invocation.error && { 'x-amz-function-error': 'Unhandled' }),
    });
    response.end(JSON.stringify(invocation.error ?? invocation.result ?? null));
  }
}

const NOT_ALLOWED = 'User: arn:aws:iam::123456789012:user/operator is not authorized: lambda:InvokeFunction';

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': code });
  response.end(JSON.stringify({ Type: 'User', Message: message }));
}

function tail(output: string): string {
  return Buffer.from(output).subarray(-TAIL_BYTES).toString('base64');
}
