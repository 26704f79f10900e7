import { TransientError } from '../../../lambda/core/errors';
import type { RouteName } from '../../../lambda/core/model';
import type { HttpAnswer, HttpRequest } from '../../../lambda/core/transport';
import type { RunpodUser } from '../../../local/runpod/accounts';
import { RunpodStandIn } from '../../../local/runpod/runpod';
import { StandInClock } from '../../../local/stand-in-clock';
import { type StandInAnswer, textOf } from '../../../local/exchange';
import type { Manner } from './trouble';

/** How Runpod stands when a request arrives. */
export interface RunpodState {
  readonly keyIsValid: boolean;
  readonly retired: readonly RouteName[];
  readonly updates: { readonly 'rest-v2': boolean; readonly 'rest-v1': boolean };
}

/** Runpod's stand-in without its socket: the same answers, in virtual time. */
export class RunpodInMemory extends RunpodStandIn {
  readonly user: RunpodUser;

  constructor() {
    super(new StandInClock());
    this.user = this.addUser('unused');
  }

  /** Answers one request of the function. */
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
const MANNERED: Readonly<
  Record<Exclude<Manner, 'hang' | 'reset' | 'half an answer' | 'now and then'>, HttpAnswer>
> = {
  '500': { status: 500, headers: {}, body: '{"message":"internal error"}' },
  '502 page': { status: 502, headers: HTML, body: '<html>Bad gateway</html>' },
  '503 Retry-After': { status: 503, headers: { 'retry-after': '20' }, body: '' },
  '504': { status: 504, headers: {}, body: '' },
  '429': { status: 429, headers: { 'retry-after': '60' }, body: '{"status":429}' },
  'edge 403': { status: 403, headers: HTML, body: 'error code: 1010' },
  'web page': { status: 200, headers: HTML, body: '<html>We will be back soon</html>' },
};

/** What a request meets while an API is down in this manner; undefined where it gets through after all. */
export async function misbehave(
  manner: Manner,
  limits: { readonly timeoutMs: number },
  clock: { readonly sleep: (ms: number) => Promise<void>; readonly random: () => number },
): Promise<HttpAnswer | undefined> {
  switch (manner) {
    case 'hang':
      await clock.sleep(limits.timeoutMs);
      throw new TransientError(`no complete answer within ${limits.timeoutMs} ms`);
    case 'reset':
      throw new TransientError('ECONNRESET');
    case 'half an answer':
      throw new TransientError('the answer broke off');
    case 'now and then':
      return clock.random() < 0.3 ? MANNERED['500'] : undefined;
    default:
      return MANNERED[manner];
  }
}
