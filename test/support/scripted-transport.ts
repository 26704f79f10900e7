import { createHttp, DEFAULT_RETRY_POLICY, type SendHttp } from '../../lambda/core/http';
import type { HttpAnswer, HttpRequest, Transport } from '../../lambda/core/transport';
import { FakeClock } from './fake-clock';

/** The outcome of one request: an answer, a failure, or a function that makes one of them from the request. */
export type Step = HttpAnswer | Error | ((request: HttpRequest) => HttpAnswer | Error | Promise<HttpAnswer>);

/** A transport without sockets that records what it is given. */
export interface FakeTransport {
  readonly transport: Transport;
  /** The requests, in the order in which they were sent. */
  readonly sent: HttpRequest[];
  /** The limits of each request. */
  readonly limits: { timeoutMs: number; maxBytes: number }[];
}

/** Answers one request with each step, in order. Any further request fails. */
export function scriptedTransport(...steps: readonly Step[]): FakeTransport {
  const rest = [...steps];
  return respondingTransport((request) => {
    const step = rest.shift();
    if (step === undefined) return new Error(`unexpected ${request.method} ${request.url}`);
    return typeof step === 'function' ? step(request) : step;
  });
}

/** Answers each request with the result of a function. */
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

/** A scripted transport below the real retries, with a fake clock. */
export interface ScriptedHttp extends FakeTransport {
  readonly http: SendHttp;
  readonly clock: FakeClock;
}

/** Makes the function that sends requests, over a transport that answers with these steps. */
export function scriptedHttp(...steps: readonly Step[]): ScriptedHttp {
  const clock = new FakeClock();
  const fake = scriptedTransport(...steps);
  const http = createHttp({ transport: fake.transport, clock, policy: DEFAULT_RETRY_POLICY });
  return { ...fake, http, clock };
}
