import type { HttpAnswer, HttpRequest, Transport } from '../../lambda/core/transport';

/** What becomes of one request: an answer, a failure, or whatever a function of the request decides. */
export type Step = HttpAnswer | Error | ((request: HttpRequest) => HttpAnswer | Error | Promise<HttpAnswer>);

/** A transport without sockets, which keeps what it was given to send. */
export interface FakeTransport {
  readonly transport: Transport;
  readonly sent: HttpRequest[];
  readonly limits: { timeoutMs: number; maxBytes: number }[];
}

/** Answers the requests with these steps, one after the other. A request more than that is a failure. */
export function scriptedTransport(...steps: readonly Step[]): FakeTransport {
  const rest = [...steps];
  return respondingTransport((request) => {
    const step = rest.shift();
    if (step === undefined) return new Error(`unexpected ${request.method} ${request.url}`);
    return typeof step === 'function' ? step(request) : step;
  });
}

/** Answers each request as the function says. */
export function respondingTransport(
  respond: (request: HttpRequest) => HttpAnswer | Error | Promise<HttpAnswer>,
): FakeTransport {
  const sent: HttpRequest[] = [];
  const limits: { timeoutMs: number; maxBytes: number }[] = [];
  return {
    sent,
    limits,
    async transport(request, limit) {
      sent.push(request);
      limits.push(limit);
      const outcome = await respond(request);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}
