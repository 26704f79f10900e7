import { TransientError } from '../../../lambda/core/errors';
import type { RouteName } from '../../../lambda/core/model';
import type { HttpAnswer, HttpRequest } from '../../../lambda/core/transport';
import { type StandInAnswer, textOf } from '../../../local/exchange';
import type { RunpodUser } from '../../../local/runpod/accounts';
import { RunpodStandIn } from '../../../local/runpod/runpod';
import { StandInClock } from '../../../local/stand-in-clock';
import type { FailureMode } from './incidents';

/** Runpod's state at the time of a request. */
export interface RunpodState {
  readonly keyIsValid: boolean;
  readonly retired: readonly RouteName[];
  readonly updates: { readonly 'rest-v2': boolean; readonly 'rest-v1': boolean };
}

/** The Runpod stand-in without its socket: the same answers, in virtual time. */
export class RunpodInMemory extends RunpodStandIn {
  readonly user: RunpodUser;

  constructor() {
    super(new StandInClock());
    this.user = this.addUser('unused');
  }

  /** Answers one request in this state. */
  respond({ method, url, headers, body = '' }: HttpRequest, state: RunpodState): HttpAnswer {
    const { pathname, searchParams } = new URL(url);
    const key = (headers.authorization ?? '').replace(/^Bearer /, '');
    if (state.keyIsValid) this.addUser(key, { user: this.user });
    else this.revoke(key);
    this.retired.clear();
    for (const route of state.retired) this.retired.add(route);
    this.abilities['rest-v2'].update = state.updates['rest-v2'];
    this.abilities['rest-v1'].update = state.updates['rest-v1'];
    return toHttp(
      this.answer({ method, path: pathname, query: searchParams, headers: { ...headers }, body }),
    );
  }
}

function toHttp({ status, headers, body }: StandInAnswer): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: textOf(body) ?? '' };
}

const HTML = { 'content-type': 'text/html' };
const ANSWERS: Readonly<
  Record<Exclude<FailureMode, 'hang' | 'reset' | 'truncated answer' | 'intermittent'>, HttpAnswer>
> = {
  '500': { status: 500, headers: {}, body: '{"message":"internal error"}' },
  '502 HTML page': { status: 502, headers: HTML, body: '<html>Bad gateway</html>' },
  '503 Retry-After': { status: 503, headers: { 'retry-after': '20' }, body: '' },
  '504': { status: 504, headers: {}, body: '' },
  '429': { status: 429, headers: { 'retry-after': '60' }, body: '{"status":429}' },
  '403 from the edge': { status: 403, headers: HTML, body: 'error code: 1010' },
  'web page': { status: 200, headers: HTML, body: '<html>We will be back soon</html>' },
};

/**
 * Plays one failed request to an API.
 *
 * @returns the faulty answer; undefined when the request gets through, which happens only in the mode `intermittent`
 * @throws TransientError when no complete answer arrives
 */
export async function misbehave(
  mode: FailureMode,
  limits: { readonly timeoutMs: number },
  clock: { readonly sleep: (ms: number) => Promise<void>; readonly random: () => number },
): Promise<HttpAnswer | undefined> {
  switch (mode) {
    case 'hang':
      await clock.sleep(limits.timeoutMs);
      throw new TransientError(`no complete answer within ${limits.timeoutMs} ms`);
    case 'reset':
      throw new TransientError('ECONNRESET');
    case 'truncated answer':
      throw new TransientError('the answer broke off');
    case 'intermittent':
      return clock.random() < 0.3 ? ANSWERS['500'] : undefined;
    default:
      return ANSWERS[mode];
  }
}
