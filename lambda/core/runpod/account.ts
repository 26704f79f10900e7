import type { Clock } from '../clock';
import {
  ApiKeyRefusedError,
  ApiUnsupportedError,
  asRefresherError,
  OperatorMustActError,
  OutOfTimeError,
  type RefresherError,
  TransientError,
  UnconfirmedError,
  ValueRefusedError,
} from '../errors';
import type { SendHttp } from '../http';
import type { Credential, RouteName, RunpodSettings } from '../model';
import { RateLimiter } from '../rate-limit';
import { expectName, type RegistryAuth, type RunpodCall, type RunpodRoute } from './api';
import { createGraphqlRoute } from './graphql';
import { createRestRoute, RunpodRest } from './rest';

/** The APIs that the settings allow, in the order in which they are tried. */
export function createRoutes(http: SendHttp, settings: RunpodSettings): RunpodRoute[] {
  const all = [
    createRestRoute(new RunpodRest(http, 'rest-v2', settings.restV2Url)),
    createRestRoute(new RunpodRest(http, 'rest-v1', settings.restV1Url)),
    createGraphqlRoute(http, settings.graphqlUrl),
  ];
  return settings.api === 'auto' ? all : all.filter(({ name }) => name === settings.api);
}

/** The registry auth that now holds the credential, and the API over which it was written. */
export interface Written {
  readonly registryAuthId: string;
  readonly route: RouteName;
}

/** Lists the registry auths of the account. The targets of a run share one, so that the account is listed once. */
export type Lookup = () => Promise<readonly RegistryAuth[]>;

/** How many times a registry auth is looked up and written before the target fails. */
const MAX_CREATE_ATTEMPTS = 3;

/** After a transient failure the preferred API is tried again once this much time has passed. */
const PREFERENCE_LIFE_MS = 10 * 60_000;

/**
 * One Runpod account, used over the first of Runpod's APIs that works.
 *
 * The next API is tried when one is unsupported, is down after all retries, or denies the permission. The API that
 * worked is tried first the next time, as long as the process lives. A refused key ends the attempt, because the key
 * is the same for every API. Nothing is ever deleted.
 */
export class RunpodAccount {
  readonly #routes: readonly RunpodRoute[];
  readonly #clock: Clock;
  /** One for each API, so that a limit of one API does not block the others. */
  readonly #rateLimiters: ReadonlyMap<RouteName, RateLimiter>;
  #preferred: { readonly route: RouteName; readonly untilMs: number } | undefined;

  /** @param routes - at least one, in the order of the settings */
  constructor(routes: readonly RunpodRoute[], clock: Clock) {
    this.#routes = routes;
    this.#clock = clock;
    this.#rateLimiters = new Map(routes.map(({ name }) => [name, new RateLimiter()]));
  }

  /** Whether an API is not the first one of the settings. */
  isFallback(route: RouteName): boolean {
    return route !== this.#routes[0]?.name;
  }

  /** All registry auths of the account, and the API that listed them. @throws like `update` */
  async list(call: RunpodCall): Promise<{ auths: RegistryAuth[]; route: RouteName }> {
    // Only outages change the preferred API here. A key may be allowed to write over an API but not to list over it, and
    // the list must not move the writes to another API.
    const { value, route } = await this.#overRoutes(
      (candidate) => candidate.list(this.#withQuota(call, candidate)),
      { prefer: 'after-outages' },
    );
    return { auths: value, route };
  }

  /**
   * Writes a credential over the one that a registry auth holds.
   *
   * @param known - lists the account. It is called only when no API could write, because a 404 means "no such id" as
   *   well as "no such operation". @default - the account is listed
   * @throws ApiKeyRefusedError, OperatorMustActError or TransientError. `registry-auth-missing` only when an API said
   *   that it cannot and the list does not have the id.
   */
  async update(
    call: RunpodCall,
    id: string,
    credential: Credential,
    known: Lookup = async () => (await this.list(call)).auths,
  ): Promise<Written> {
    const refusals: RefresherError[] = [];
    try {
      const { route } = await this.#overRoutes(
        (candidate) => candidate.update(this.#withQuota(call, candidate), id, credential),
        { refusals },
      );
      return { registryAuthId: id, route };
    } catch (error) {
      const mayBeMissing = refusals.some((refusal) => refusal instanceof ApiUnsupportedError);
      if (!mayBeMissing || error instanceof ApiKeyRefusedError) throw error;
      const auths = await known().catch((failure: unknown) => {
        throw error instanceof NoRouteWorkedError || failure instanceof ApiKeyRefusedError ? failure : error;
      });
      throw auths.some((auth) => auth.id === id) ? error : registryAuthMissing(id);
    }
  }

  /**
   * Writes a credential to the registry auth of this name, and creates it where it is missing. After a create whose
   * outcome is unknown the name is looked up again before another create.
   *
   * @throws like `update`
   */
  async ensure(call: RunpodCall, name: string, credential: Credential, known: Lookup): Promise<Written> {
    let auths = await known();
    for (let attempt = 1; ; attempt += 1) {
      const auth = findByName(auths, name);
      const refusals: RefresherError[] = [];
      try {
        return auth
          ? await this.update(call, auth.id, credential)
          : await this.#create(call, name, credential, refusals);
      } catch (error) {
        // Since the list was read, somebody may have created it, or deleted it and created it again.
        const outdated = auth ? isMissing(error) : [error, ...refusals].some(mayExistNow);
        if (attempt === MAX_CREATE_ATTEMPTS || !outdated) throw error;
        await this.#clock.sleep(this.#clock.random() * 1_000 * attempt);
        auths = (await this.list(call)).auths;
      }
    }
  }

  /**
   * Creates a registry auth. The next API is tried only when the last one certainly created nothing.
   *
   * @param refusals - receives the errors of the APIs that could not do it
   */
  async #create(
    call: RunpodCall,
    name: string,
    credential: Credential,
    refusals: RefresherError[],
  ): Promise<Written> {
    const { value, route } = await this.#overRoutes(
      async (candidate) => {
        try {
          const created = await candidate.create(this.#withQuota(call, candidate), name, credential);
          expectName(candidate.name, created, name);
          return created;
        } catch (error) {
          const unclear = error instanceof ApiUnsupportedError && error.certainty === 'unclear';
          if (unclear || error instanceof TransientError) throw new UnconfirmedError(error.message);
          throw error;
        }
      },
      { refusals },
    );
    return { registryAuthId: value.id, route };
  }

  #withQuota(call: RunpodCall, { name }: RunpodRoute): RunpodCall {
    return { ...call, rateLimiter: this.#rateLimiters.get(name) };
  }

  /**
   * Tries the APIs in order.
   *
   * @param refusals - receives the errors of the APIs that could not do it
   * @param prefer - whether the API that worked is tried first the next time: after any failure of the others, or only
   *   when all of those were outages
   */
  async #overRoutes<T>(
    attempt: (route: RunpodRoute) => Promise<T>,
    {
      refusals = [],
      prefer = 'always',
    }: { refusals?: RefresherError[]; prefer?: 'always' | 'after-outages' } = {},
  ): Promise<{ value: T; route: RouteName }> {
    for (const route of this.#inOrder()) {
      try {
        const value = await attempt(route);
        const onlyOutages = refusals.every((refusal) => refusal instanceof TransientError);
        if (prefer === 'always' || onlyOutages) this.#prefer(route.name, refusals);
        return { value, route: route.name };
      } catch (thrown) {
        const error = asRefresherError(thrown);
        // An earlier API did not refuse the key, so this refusal says more about the API than about the key.
        const doubtful = error instanceof ApiKeyRefusedError && refusals.length > 0;
        if (!doubtful && FINAL_FOR_EVERY_ROUTE.some((kind) => error instanceof kind)) throw error;
        refusals.push(error);
      }
    }
    throw mostActionable(refusals) ?? new NoRouteWorkedError(refusals);
  }

  #inOrder(): readonly RunpodRoute[] {
    const first = this.#preferred;
    if (!first || this.#clock.steady() >= first.untilMs) return this.#routes;
    const preferred = this.#routes.filter(({ name }) => name === first.route);
    return [...preferred, ...this.#routes.filter(({ name }) => name !== first.route)];
  }

  #prefer(route: RouteName, refusals: readonly RefresherError[]): void {
    if (refusals.length === 0) return;
    const lasting = refusals.every(
      (refusal) =>
        refusal instanceof ApiUnsupportedError &&
        refusal.certainty === 'final' &&
        // The API may take the values of the other targets.
        !(refusal instanceof ValueRefusedError),
    );
    this.#preferred = {
      route,
      untilMs: lasting ? Number.POSITIVE_INFINITY : this.#clock.steady() + PREFERENCE_LIFE_MS,
    };
  }
}

/** Makes the error for an id that the account's list does not have. */
export function registryAuthMissing(id: string): OperatorMustActError {
  return new OperatorMustActError(
    'registry-auth-missing',
    `Runpod has no registry auth ${id} in this key's account; give the id of one that exists, or a registryAuthName to have it created`,
  );
}

/**
 * Failures after which no other API is tried: the key is the same everywhere, a create may have been carried out,
 * or there is no time left.
 */
const FINAL_FOR_EVERY_ROUTE = [ApiKeyRefusedError, UnconfirmedError, OutOfTimeError];

/**
 * Whether the name must be looked up again: a request may have created it, or another request created it first. A
 * refused value may be a name that was taken a moment ago.
 */
function mayExistNow(error: unknown): boolean {
  const refused =
    error instanceof ValueRefusedError ||
    (error instanceof OperatorMustActError && error.reason === 'value-refused');
  return error instanceof TransientError || error instanceof NoRouteWorkedError || refused;
}

function isMissing(error: unknown): boolean {
  return error instanceof OperatorMustActError && error.reason === 'registry-auth-missing';
}

/** Makes the error for a value that an API refused, when no other API could do it; undefined when none refused a value. */
function valueRefused(refusals: readonly RefresherError[]): OperatorMustActError | undefined {
  const refused = refusals.filter((refusal) => refusal instanceof ValueRefusedError);
  if (refused.length === 0) return undefined;
  const answers = refusals.map(({ message }) => message).join(', ');
  const field = refused.find((refusal) => refusal.field !== undefined)?.field;
  const what = field === undefined ? 'the id, the name, the user name or the password' : `the ${field}`;
  return new OperatorMustActError(
    'value-refused',
    `Runpod refuses ${what} of this target (${answers}); check the target in the configuration and the login of its registry`,
  );
}

/** Every API said that it does not support the operation. */
class NoRouteWorkedError extends OperatorMustActError {
  constructor(refusals: readonly RefresherError[]) {
    const answers = refusals.map(({ message }) => message).join(', ');
    super(
      'no-route-left',
      `none of Runpod's APIs can do it any more (${answers}); see the runbook, "Runpod retires an API"`,
    );
  }
}

/**
 * Chooses the failure to report when every API failed: first an outage, because a retry may succeed; then a missing
 * permission and a refused value, because a person can fix them; then an unclear answer or a web page, because a retry
 * may succeed.
 *
 * @returns undefined when every API said for certain that it has no such operation
 */
function mostActionable(refusals: readonly RefresherError[]): RefresherError | undefined {
  const outage = refusals.find((refusal) => refusal instanceof TransientError);
  const forbidden = refusals.find((refusal) => refusal instanceof OperatorMustActError);
  const unclear = refusals.find(
    (refusal) => refusal instanceof ApiUnsupportedError && refusal.certainty !== 'final',
  );
  return outage ?? forbidden ?? valueRefused(refusals) ?? (unclear && new UnconfirmedError(unclear.message));
}

/** Finds a registry auth by its name. @throws OperatorMustActError when two have it, though names are unique at Runpod */
export function findByName(auths: readonly RegistryAuth[], name: string): RegistryAuth | undefined {
  const [found, ...others] = auths.filter((auth) => auth.name === name);
  // A list that changes while its pages are read may have the same registry auth twice.
  if (others.some(({ id }) => id !== found?.id)) {
    throw new OperatorMustActError(
      'configuration-wrong',
      `Runpod has two registry auths named ${name}; give registryAuthId instead of registryAuthName`,
    );
  }
  return found;
}
