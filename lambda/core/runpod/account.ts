import type { Clock } from '../clock';
import {
  ApiKeyRefusedError,
  asRefresherError,
  OperatorMustActError,
  OutOfTimeError,
  type RefresherError,
  RouteCannotError,
  TransientError,
} from '../errors';
import { Memo } from '../memo';
import type { Credential, RouteName } from '../model';
import { Pacer } from '../rate-limit';
import { expectName } from './answer';
import type { RegistryAuth, RunpodCall, RunpodRoute } from './route';

/** A registry auth that now holds the credential, and the API over which it was written. */
export interface Written {
  readonly registryAuthId: string;
  readonly route: RouteName;
}

/** Lists the account's registry auths; shared by the targets of a run, so that they are listed once. */
export type Lookup = () => Promise<readonly RegistryAuth[]>;

/** How often a name is looked for before its creation is given up. */
const MAX_LOOKS = 3;

/** A route that took over for another reason than that the first plainly cannot gives the place back after this long. */
const OUTAGE_MEMORY_MS = 10 * 60_000;

/**
 * One Runpod account over whichever of its APIs works today.
 *
 * The route that worked is tried first the next time, for as long as the process is warm. A route that cannot
 * do it, is down after all retries, or lacks a permission gives way to the next; a refused key ends the try,
 * because it is the same key everywhere. Nothing is ever deleted.
 */
export class RunpodAccount {
  readonly #routes: readonly RunpodRoute[];
  readonly #clock: Clock;
  /** One for each API: a limit that one of them reports must not keep the others from stepping in. */
  readonly #pacers = new Memo<RouteName, Pacer>();
  #preferred: { readonly route: RouteName; readonly untilMs: number } | undefined;

  /** @param routes - in the order of preference; at least one */
  constructor(routes: readonly RunpodRoute[], clock: Clock) {
    this.#routes = routes;
    this.#clock = clock;
  }

  /** Whether a route is another than the first of the settings. */
  isFallback(route: RouteName): boolean {
    return route !== this.#routes[0]?.name;
  }

  /** All registry auths of the account, and the route that listed them. */
  async list(call: RunpodCall): Promise<{ auths: RegistryAuth[]; route: RouteName }> {
    // A refusal is not remembered: a key that may write over an API but not list would never write over it again.
    const { value, route } = await this.#overRoutes(
      (candidate) => candidate.list(this.#paced(call, candidate)),
      { remember: 'outage' },
    );
    return { auths: value, route };
  }

  /**
   * Writes a credential over the one that a registry auth holds.
   *
   * @param known - the account's list (by default it is asked for), looked at only when no route could: a 404 means "no such id" as well as "no
   *   such operation", and a route that is down must not hide the first for ever
   * @throws ApiKeyRefusedError, OperatorMustActError or TransientError; `registry-auth-missing` only when a route
   *   said that it cannot and the list does not have the id
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
        (candidate) => candidate.update(this.#paced(call, candidate), id, credential),
        { refusals },
      );
      return { registryAuthId: id, route };
    } catch (error) {
      const mayBeMissing = refusals.some((refusal) => refusal instanceof RouteCannotError);
      if (!mayBeMissing || error instanceof ApiKeyRefusedError) throw error;
      const auths = await known().catch((failure: unknown) => {
        throw error instanceof NoRouteWorkedError || failure instanceof ApiKeyRefusedError ? failure : error;
      });
      throw auths.some((auth) => auth.id === id) ? error : registryAuthMissing(id);
    }
  }

  /**
   * Writes a credential to the registry auth of this name, creating it where it is missing. A create is never
   * repeated blindly: before another try the name is looked up again.
   */
  async ensure(call: RunpodCall, name: string, credential: Credential, known: Lookup): Promise<Written> {
    let auths = await known();
    for (let look = 1; ; look += 1) {
      const auth = findByName(auths, name);
      if (auth) return this.update(call, auth.id, credential);
      try {
        return await this.#create(call, name, credential);
      } catch (error) {
        const mayExist = error instanceof TransientError || error instanceof NoRouteWorkedError;
        if (look === MAX_LOOKS || !mayExist) throw error;
        await this.#clock.sleep(this.#clock.random() * 1_000 * look);
        auths = (await this.list(call)).auths;
      }
    }
  }

  /** Goes on to the next route only where the last one certainly created nothing. */
  async #create(call: RunpodCall, name: string, credential: Credential): Promise<Written> {
    const { value, route } = await this.#overRoutes(async (candidate) => {
      try {
        const created = await candidate.create(this.#paced(call, candidate), name, credential);
        expectName(candidate.name, created, name);
        return created;
      } catch (error) {
        if (error instanceof RouteCannotError && !error.definite) throw new UnconfirmedError(error.message);
        if (error instanceof TransientError) throw new UnconfirmedError(error.message);
        throw error;
      }
    });
    return { registryAuthId: value.id, route };
  }

  #paced(call: RunpodCall, { name }: RunpodRoute) {
    return { ...call, pacer: this.#pacers.get(name, () => new Pacer()) };
  }

  /**
   * @param refusals - filled with what the routes answered that could not do it
   * @param remember - whether the route that worked is tried first the next time, though the others only refused
   */
  async #overRoutes<T>(
    attempt: (route: RunpodRoute) => Promise<T>,
    { refusals = [], remember = 'all' }: { refusals?: RefresherError[]; remember?: 'all' | 'outage' } = {},
  ): Promise<{ value: T; route: RouteName }> {
    for (const route of this.#inOrder()) {
      try {
        const value = await attempt(route);
        const outage = refusals.every(({ kind }) => kind === 'transient');
        if (remember === 'all' || outage) this.#remember(route.name, refusals);
        return { value, route: route.name };
      } catch (thrown) {
        const error = asRefresherError(thrown);
        // After a first route that did not refuse the key, a refusal says more of the API than of the key.
        const doubtful = error instanceof ApiKeyRefusedError && refusals.length > 0;
        if (!doubtful && ENDS_THE_TRY.some((kind) => error instanceof kind)) throw error;
        refusals.push(error);
      }
    }
    throw spokesman(refusals) ?? new NoRouteWorkedError(refusals);
  }

  #inOrder(): readonly RunpodRoute[] {
    const first = this.#preferred;
    if (!first || this.#clock.now() >= first.untilMs) return this.#routes;
    const preferred = this.#routes.filter(({ name }) => name === first.route);
    return [...preferred, ...this.#routes.filter(({ name }) => name !== first.route)];
  }

  #remember(route: RouteName, refusals: readonly RefresherError[]): void {
    if (refusals.length === 0) return;
    const lasting = refusals.every(
      (refusal) => refusal instanceof RouteCannotError && refusal.definite && !refusal.mayPass,
    );
    this.#preferred = {
      route,
      untilMs: lasting ? Number.POSITIVE_INFINITY : this.#clock.now() + OUTAGE_MEMORY_MS,
    };
  }
}

/** What to tell of an id that the account's list does not have. */
export function registryAuthMissing(id: string): OperatorMustActError {
  return new OperatorMustActError(
    'registry-auth-missing',
    `Runpod has no registry auth ${id} in this key's account; give the id of one that exists, or a registryAuthName to have it created`,
  );
}

/** The answer was lost or not understood, so that nobody knows whether it was done. */
class UnconfirmedError extends TransientError {}

/**
 * What another route cannot do better: the key is the same everywhere, a create may have been carried out, and
 * whoever has no time left to wait for a quota would only provoke the next one.
 */
const ENDS_THE_TRY = [ApiKeyRefusedError, UnconfirmedError, OutOfTimeError];

/** Every route said that it cannot. */
class NoRouteWorkedError extends OperatorMustActError {
  constructor(refusals: readonly RefresherError[]) {
    const story = refusals.map(({ message }) => message).join(', ');
    super(
      'no-route-left',
      `none of Runpod's APIs can do it any more (${story}); see the runbook, "Runpod retires an API"`,
    );
  }
}

/**
 * The refusal that speaks for all: where one route is only down, gave an answer that nobody understood, or a web
 * page, waiting may mend it; next comes a missing permission. Undefined where every route said plainly that it cannot.
 */
function spokesman(refusals: readonly RefresherError[]): RefresherError | undefined {
  const hopeful = refusals.find(({ kind }) => kind === 'transient');
  const unclear = refusals.find(
    (error) => error instanceof RouteCannotError && (!error.definite || error.mayPass),
  );
  const forbidden = refusals.find(({ kind }) => kind === 'operator-must-act');
  return hopeful ?? forbidden ?? (unclear && new UnconfirmedError(unclear.message));
}

/** Looks for a name in a list. @throws OperatorMustActError when two bear it, though Runpod keeps names unique */
export function findByName(auths: readonly RegistryAuth[], name: string): RegistryAuth | undefined {
  const [found, another] = auths.filter((auth) => auth.name === name);
  if (found && another) {
    throw new OperatorMustActError(
      'configuration-wrong',
      `Runpod has two registry auths named ${name}; give registryAuthId instead of registryAuthName`,
    );
  }
  return found;
}
