import type { SendHttp } from '../../lambda/core/http';
import { Secret } from '../../lambda/core/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import type { RunpodCall, RunpodRoute } from '../../lambda/core/runpod/api';
import type { HttpRequest } from '../../lambda/core/transport';
import { NOON } from './fake-clock';
import { type Step, scriptedHttp } from './scripted-transport';

/** A real route over scripted answers, with what a call needs. */
export interface ScriptedRoute {
  readonly route: RunpodRoute;
  readonly call: RunpodCall;
  readonly sent: readonly HttpRequest[];
  /** The bodies of the requests, parsed. */
  bodies(): unknown[];
}

/** Makes a route whose requests get these answers. */
export function scriptedRoute(create: (http: SendHttp) => RunpodRoute, ...steps: Step[]): ScriptedRoute {
  const { http, sent } = scriptedHttp(...steps);
  return {
    route: create(http),
    call: { apiKey: new Secret('key-1'), deadlineMs: NOON + 60_000, rateLimiter: new RateLimiter() },
    sent,
    bodies: () => sent.map(({ body }) => body && JSON.parse(body)),
  };
}
