import type { ServerResponse } from 'node:http';
import { type ReceivedRequest, type StandInAnswer, textOf } from './exchange';

/** How a stand-in misbehaves. `delayMs` waits first; `delayMs` alone gives the true answer late. */
export type Fault =
  | { readonly delayMs: number }
  | ({ readonly delayMs?: number } & (
      | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
      /** Closes the connection without an answer. */
      | { readonly reset: true }
      /** Never answers. */
      | { readonly hang: true }
      /** Sends the true answer in small pieces. */
      | { readonly drip: { readonly bytes: number; readonly everyMs: number } }
      /** Announces a longer body than it sends. */
      | { readonly truncate: true }
      /** Answers as the function says, for behaviour that no other fault has. */
      | { readonly serve: (response: ServerResponse) => void }
      /** Does what the request asks for, then answers with a fault: the effect is there, its confirmation is lost. */
      | { readonly applyThen: Fault }
    ));

/** Selects requests by their fields. A request must match every field that is given. */
export interface FaultMatch {
  readonly method?: string;
  /** A string matches the whole path, a pattern any part of it. */
  readonly path?: string | RegExp;
  /** The AWS action, or the field of the GraphQL operation. */
  readonly operation?: string;
}

/** Selects the requests that a fault applies to. */
export type FaultWhen = FaultMatch | ((request: ReceivedRequest) => boolean);

/** A fault that has been added. */
export interface PlacedFault {
  /** Number of requests that it has applied to. */
  readonly hits: number;
  remove(): void;
}

interface Placement {
  readonly when: FaultWhen;
  readonly fault: Fault;
  left: number;
  hits: number;
}

/** The faults of one stand-in. The first one that matches a request applies to it. */
export class Faults {
  #placements: Placement[] = [];

  /**
   * Adds a fault.
   *
   * @param times - number of requests it applies to before it is removed; unlimited by default
   */
  add(when: FaultWhen, fault: Fault, times = Number.POSITIVE_INFINITY): PlacedFault {
    const placement: Placement = { when, fault, left: times, hits: 0 };
    if (times > 0) this.#placements.push(placement);
    return {
      get hits() {
        return placement.hits;
      },
      remove: () => this.#remove(placement),
    };
  }

  /** Closes every connection without an answer while `action` runs. This fault comes before all others. */
  async whileDown<Result>(action: () => Promise<Result>): Promise<Result> {
    const placement: Placement = {
      when: {},
      fault: { reset: true },
      left: Number.POSITIVE_INFINITY,
      hits: 0,
    };
    this.#placements.unshift(placement);
    try {
      return await action();
    } finally {
      this.#remove(placement);
    }
  }

  /** Removes every fault. */
  clear(): void {
    this.#placements = [];
  }

  /** Returns the fault that applies to this request, if any, and counts it. */
  take(request: ReceivedRequest): Fault | undefined {
    const placement = this.#placements.find(({ when }) => matches(when, request));
    if (!placement) return undefined;
    placement.left -= 1;
    placement.hits += 1;
    if (placement.left <= 0) this.#remove(placement);
    return placement.fault;
  }

  #remove(placement: Placement): void {
    this.#placements = this.#placements.filter((other) => other !== placement);
  }
}

function matches(when: FaultWhen, request: ReceivedRequest): boolean {
  if (typeof when === 'function') return when(request);
  const { method, path, operation } = when;
  return (
    (method === undefined || method === request.method) &&
    (operation === undefined || operation === request.operation) &&
    (path === undefined ||
      (typeof path === 'string' ? request.path === path : request.path.search(path) >= 0))
  );
}

/** What a fault acts with: one request's open response. */
export interface FaultContext {
  readonly response: ServerResponse;
  /** Produces the true answer with its effect. The effect happens once, however often this is called. */
  readonly trueAnswer: () => Promise<StandInAnswer>;
  /** Sends an answer normally. */
  readonly send: (answer: StandInAnswer) => void;
  /** Waits. Returns whether the server is still listening. */
  readonly pause: (ms: number) => Promise<boolean>;
}

/** Answers one request over its socket as the fault says. */
export async function misbehave(fault: Fault, context: FaultContext): Promise<void> {
  const { response, trueAnswer, send, pause } = context;
  if ('applyThen' in fault) await trueAnswer();
  if (fault.delayMs !== undefined && !(await pause(fault.delayMs))) return;
  if ('hang' in fault) return;
  if ('applyThen' in fault) await misbehave(fault.applyThen, context);
  else if ('serve' in fault) fault.serve(response);
  else if ('reset' in fault) response.socket?.destroy();
  else if ('truncate' in fault) await truncate(context);
  else if ('drip' in fault) await drip(fault.drip, context);
  else if ('status' in fault) send({ ...fault, body: fault.body ?? {} });
  else send(await trueAnswer());
}

async function truncate({ response, pause }: FaultContext): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"id":');
  await pause(5);
  response.socket?.destroy();
}

async function drip(
  { bytes, everyMs }: { bytes: number; everyMs: number },
  { response, trueAnswer, pause }: FaultContext,
): Promise<void> {
  const { status, headers, body } = await trueAnswer();
  const all = Buffer.from(textOf(body) ?? '');
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(all.length),
    ...headers,
  });
  for (let sent = 0; sent < all.length && !response.destroyed; sent += bytes) {
    response.write(all.subarray(sent, sent + bytes));
    if (!(await pause(everyMs))) return;
  }
  response.end();
}
