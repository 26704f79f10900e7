import type { ServerResponse } from 'node:http';
import type { ReceivedRequest, StandInAnswer } from './stand-in-server';

/** How a stand-in misbehaves. With `delayMs` it waits first; `delayMs` alone is the true answer, late. */
export type Fault =
  | { readonly delayMs: number }
  | ({ readonly delayMs?: number } & (
      | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
      /** Closes the connection without an answer. */
      | { readonly reset: true }
      /** Never answers. */
      | { readonly hang: true }
      /** Gives the true answer so many bytes at a time. */
      | { readonly drip: { readonly bytes: number; readonly everyMs: number } }
      /** Promises a longer body than it sends. */
      | { readonly truncate: true }
      /** Does what was asked, and then gives a faulty answer: the effect is there, its confirmation is lost. */
      | { readonly applyThen: Fault }
    ));

/** Which requests a fault meets; every field given must fit. */
export interface FaultMatch {
  readonly method?: string;
  /** The whole path as text, or a part of it as a pattern. */
  readonly path?: string | RegExp;
  /** The AWS action, or the field of the GraphQL operation. */
  readonly operation?: string;
}

/** Which requests a fault meets: by their fields, or as a function decides. */
export type FaultWhen = FaultMatch | ((request: ReceivedRequest) => boolean);

/** A fault that was put in place. */
export interface PlacedFault {
  /** How many requests it has met. */
  readonly hits: number;
  remove(): void;
}

interface Placement {
  readonly when: FaultWhen;
  readonly fault: Fault;
  left: number;
  hits: number;
}

/** The faults of one stand-in; the first that fits a request is taken. */
export class Faults {
  #placements: Placement[] = [];

  /** @param times - how many requests it meets before it is gone; for ever by default */
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

  /** Closes every connection without an answer for as long as `action` takes. */
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

  clear(): void {
    this.#placements = [];
  }

  /** Takes the fault that meets this request, if any. */
  take(request: ReceivedRequest): Fault | undefined {
    const placement = this.#placements.find(({ when }) => fits(when, request));
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

function fits(when: FaultWhen, request: ReceivedRequest): boolean {
  if (typeof when === 'function') return when(request);
  const { method, path, operation } = when;
  return (
    (method === undefined || method === request.method) &&
    (operation === undefined || operation === request.operation) &&
    (path === undefined ||
      (typeof path === 'string' ? request.path === path : request.path.search(path) >= 0))
  );
}

/** What a fault needs to show itself. */
export interface Stage {
  readonly response: ServerResponse;
  /** The true answer, with its effect; the effect happens once however often this is called. */
  readonly trueAnswer: () => StandInAnswer;
  /** Sends an answer as it should be sent. */
  readonly send: (answer: StandInAnswer) => void;
  /** Waits. @returns whether the stand-in still stands */
  readonly pause: (ms: number) => Promise<boolean>;
}

/** Misbehaves over a real socket. */
export async function misbehave(fault: Fault, stage: Stage): Promise<void> {
  const { response, trueAnswer, send, pause } = stage;
  if ('applyThen' in fault) trueAnswer();
  if (fault.delayMs !== undefined && !(await pause(fault.delayMs))) return;
  if ('hang' in fault) return;
  if ('applyThen' in fault) await misbehave(fault.applyThen, stage);
  else if ('reset' in fault) response.socket?.destroy();
  else if ('truncate' in fault) await truncate(stage);
  else if ('drip' in fault) await drip(fault.drip, stage);
  else if ('status' in fault) send({ ...fault, body: fault.body ?? {} });
  else send(trueAnswer());
}

async function truncate({ response, pause }: Stage): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"id":');
  await pause(5);
  response.socket?.destroy();
}

async function drip({ bytes, everyMs }: { bytes: number; everyMs: number }, stage: Stage): Promise<void> {
  const { response, trueAnswer, pause } = stage;
  const { status, headers, body } = trueAnswer();
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

/** A body as it is sent; an object becomes JSON. */
export function textOf(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}
