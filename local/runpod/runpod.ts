import type { RouteName, RunpodSettings } from '../../lambda/core/model';
import type { ReceivedRequest, StandInAnswer } from '../exchange';
import type { StandInClock } from '../stand-in-clock';
import { StandInServer } from '../stand-in-server';
import { type KeyScope, RunpodUser } from './accounts';
import { answerDelegations, type DelegationRules } from './delegations';
import { answerGraphql, graphqlError, graphqlField } from './graphql';
import { Quota, type QuotaOptions } from './quota';
import { problem, type RestAbilities, type RestCall } from './rest';
import { answerRestV1 } from './rest-v1';
import { answerRestV2 } from './rest-v2';
import { noRollouts, type RolloutRules, rollOut } from './rollouts';
import type { PageRules } from './workloads';

interface ApiKey {
  readonly user: RunpodUser;
  readonly scope: KeyScope;
}

const BASES: readonly (readonly [RouteName, string])[] = [
  ['rest-v2', '/v2'],
  ['rest-v1', '/v1'],
  ['graphql', '/graphql'],
];

/** Runpod's three APIs on one socket. */
export class RunpodStandIn extends StandInServer {
  /** What each REST API can do. Runpod's guide shows v1's update, but no published specification has it. */
  readonly abilities: Record<'rest-v2' | 'rest-v1', RestAbilities> = {
    'rest-v2': { update: true },
    'rest-v1': { update: false },
  };
  /** Which delegations are accepted; all by default. */
  readonly delegationRules: DelegationRules = { takes: 'both', canPull: () => true };
  /** How REST v2 pages its lists. */
  readonly pages: PageRules = { size: 2 };
  /** What workers do after a release. Nothing by default. */
  readonly rollouts: RolloutRules = noRollouts();
  /** APIs that answer 410 to every request. */
  readonly retired = new Set<RouteName>();
  readonly #keys = new Map<string, ApiKey>();
  readonly #quotas = new Map<RunpodUser, Quota>();
  readonly #clock: StandInClock;

  constructor(clock: StandInClock) {
    super();
    this.#clock = clock;
  }

  /** Adds an API key: of a new user, or another one of an existing user. Returns the user. */
  addUser(apiKey: string, { user = this.#newUser(), scope = 'all' as KeyScope } = {}): RunpodUser {
    this.#keys.set(apiKey, { user, scope });
    return user;
  }

  /** Returns what a key may do; undefined for one that is not valid. */
  scopeOf(apiKey: string): KeyScope | undefined {
    return this.#keys.get(apiKey)?.scope;
  }

  /** Makes a key invalid. */
  revoke(apiKey: string): void {
    this.#keys.delete(apiKey);
  }

  /** Limits a user's requests over all three APIs together. Without windows it removes the limit. */
  limit(user: RunpodUser, ...windows: readonly QuotaOptions[]): void {
    if (windows.length > 0) this.#quotas.set(user, new Quota(...windows));
    else this.#quotas.delete(user);
  }

  /** Returns the part of the function's settings that points to this server. */
  settings(api: RunpodSettings['api'] = 'auto'): RunpodSettings {
    return {
      api,
      restV2Url: `${this.url}/v2`,
      restV1Url: `${this.url}/v1`,
      graphqlUrl: `${this.url}/graphql`,
    };
  }

  /** Returns the requests of one kind, such as `requestsOf('PATCH', 'rest-v2')`. */
  requestsOf(method: string, route: RouteName): ReceivedRequest[] {
    return this.requests.filter((request) => request.method === method && locate(request)?.route === route);
  }

  protected override operationOf({ path, body }: ReceivedRequest): string | undefined {
    return path === '/graphql' ? graphqlField(body) : undefined;
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    if (isRejectedAgent(request.headers['user-agent'])) return EDGE_REJECTION;
    const located = locate(request);
    if (!located)
      return { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>Not found</html>' };
    if (this.retired.has(located.route))
      return { status: 410, body: { message: 'This API has been retired.' } };
    const key = this.#keys.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (!key) return unauthorized(located.route);
    const quota = this.#quotas.get(key.user)?.count(this.#clock.now().getTime());
    const exceeded = quota?.exceeded;
    const answer =
      exceeded === undefined ? this.#answerRoute(located, key, request) : tooMany(located.route, exceeded);
    return { ...answer, headers: { ...answer.headers, ...quota?.headers } };
  }

  #newUser(): RunpodUser {
    return new RunpodUser(() => this.#clock.now());
  }

  #answerRoute(
    { route, path }: LocatedPath,
    { user, scope }: ApiKey,
    request: ReceivedRequest,
  ): StandInAnswer {
    const call: RestCall = {
      request,
      user,
      mayWrite: scope !== 'read-only',
      mayReadWorkloads: scope !== 'registries-only',
      now: () => this.#clock.now(),
      path,
      onRelease: (endpoint) => {
        if (this.rollouts.enabled) void rollOut(endpoint, user, this.rollouts, () => this.#clock.now());
      },
    };
    if (route === 'graphql') return answerGraphql(call);
    if (route === 'rest-v2' && /^\/registries\/delegations(\/|$)/.test(path)) {
      return answerDelegations(call, this.delegationRules);
    }
    return route === 'rest-v2'
      ? answerRestV2(call, this.abilities[route], this.pages)
      : answerRestV1(call, this.abilities[route]);
  }
}

/** A request's API, and its path below that API's base. */
interface LocatedPath {
  readonly route: RouteName;
  readonly path: string;
}

function locate({ path }: ReceivedRequest): LocatedPath | undefined {
  const [route, base] = BASES.find(([, prefix]) => path === prefix || path.startsWith(`${prefix}/`)) ?? [];
  return route && base ? { route, path: path.slice(base.length) } : undefined;
}

/** Cloudflare in front of Runpod rejects some default user agents. */
function isRejectedAgent(agent: string | undefined): boolean {
  return !agent || /^(Python-urllib|node|undici|axios)\b/i.test(agent);
}

const EDGE_REJECTION: StandInAnswer = {
  status: 403,
  headers: { 'content-type': 'text/html; charset=UTF-8', server: 'cloudflare' },
  body: '<html><title>Access denied</title>error code: 1010</html>',
};

function tooMany(route: RouteName, window: string): StandInAnswer {
  const detail = `rate limit exceeded for the ${window} window`;
  if (route === 'rest-v2') return problem(429, 'Too Many Requests', detail);
  return { status: 429, body: { error: detail, status: 429 } };
}

function unauthorized(route: RouteName): StandInAnswer {
  if (route === 'graphql') return graphqlError('UNAUTHENTICATED');
  if (route === 'rest-v1') return { status: 401, body: { error: 'unauthorized', status: 401 } };
  return problem(401, 'Unauthorized', 'missing or invalid bearer token');
}
