import type { ServerResponse } from 'node:http';
import type { ReceivedRequest } from './stand-in-server';

/** How a stand-in misbehaves. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  /** Closes the connection without an answer. */
  | { readonly reset: true }
  /** Never answers. */
  | { readonly hang: true }
  /** Sends a body piece by piece. */
  | { readonly drip: { readonly pieces: number; readonly everyMs: number } }
  /** Promises a longer body than it sends. */
  | { readonly truncate: true }
  /** Does what was asked, and then gives a faulty answer: the effect is there, its confirmation is lost. */
  | { readonly applyThen: Fault };

/** Which requests a fault meets; every field given must fit. */
export interface FaultMatch {
  readonly method?: string;
  readonly path?: string | RegExp;
  /** The AWS action, or the field of the GraphQL operation. */
  readonly operation?: string;
}

/** A fault that was put in place. */
export interface PlacedFault {
  /** How many requests it has met. */
  readonly hits: number;
  remove(): void;
}

interface Placement {
  readonly match: FaultMatch;
  readonly fault: Fault;
  left: number;
  hits: number;
}

/** The faults of one stand-in; the first that fits a request is taken. */
export class Faults {
  readonly #placements: Placement[] = [];

  /** @param times - how many requests it meets before it is gone; for ever by default */
  add(match: FaultMatch, fault: Fault, times = Number.POSITIVE_INFINITY): PlacedFault {
    const placement: Placement = { match, fault, left: times, hits: 0 };
    this.#placements.push(placement);
    return {
      get hits() {
        return placement.hits;
      },
      remove: () => {
        placement.left = 0;
      },
    };
  }

  clear(): void {
    this.#placements.length = 0;
  }

  /** Takes the fault that meets this request, if any. */
  take(request: ReceivedRequest): Fault | undefined {
    const placement = this.#placements.find(({ match, left }) => left > 0 && fits(match, request));
    if (!placement) return undefined;
    placement.left -= 1;
    placement.hits += 1;
    return placement.fault;
  }
}

function fits({ method, path, operation }: FaultMatch, request: ReceivedRequest): boolean {
  return (
    (method === undefined || method === request.method) &&
    (operation === undefined || operation === request.operation) &&
    (path === undefined || (typeof path === 'string' ? request.path === path : path.test(request.path)))
  );
}

/** Misbehaves over a real socket. */
export function misbehave(fault: Fault, response: ServerResponse): void {
  if ('reset' in fault) response.socket?.destroy();
  else if ('truncate' in fault) truncate(response);
  else if ('drip' in fault) drip(fault.drip, response);
  else if ('applyThen' in fault) misbehave(fault.applyThen, response);
  else if ('status' in fault) answerWith(fault, response);
}

function answerWith(
  { status, headers, body }: Extract<Fault, { status: number }>,
  response: ServerResponse,
): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

function truncate(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"id":');
  setTimeout(() => response.socket?.destroy(), 5);
}

function drip({ pieces, everyMs }: { pieces: number; everyMs: number }, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    if (sent < pieces) response.write(' ');
    else response.end('{}');
    if (sent >= pieces || response.destroyed) clearInterval(timer);
  }, everyMs);
  response.on('close', () => clearInterval(timer));
}
