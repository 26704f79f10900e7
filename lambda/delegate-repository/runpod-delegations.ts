import type { Clock } from '../core/clock';
import {
  ApiUnsupportedError,
  OperatorMustActError,
  TransientError,
  UnconfirmedError,
  ValueRefusedError,
} from '../core/errors';
import type { SendHttp } from '../core/http';
import type { Secret } from '../core/model';
import { isId, isJsonObject, type JsonObject, parseJson, readAnswer } from '../core/runpod/api';
import { type RestRequest, RunpodRest } from '../core/runpod/rest';
import type { HttpAnswer } from '../core/transport';
import { describeRepository, type Repository } from './repository';

/** How to call Runpod. */
export interface RunpodAccess {
  readonly apiKey: Secret;
  readonly restV2Url: string;
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
}

/** The repositories that are registered at Runpod. */
export interface RunpodDelegations {
  /**
   * Registers a repository unless it is already registered. Each attempt starts with a new lookup.
   *
   * @returns the delegation's id
   * @throws UnconfirmedError when it may be registered now. Any other error means that this call did not register it.
   */
  ensure(access: RunpodAccess, repository: Repository, name?: string): Promise<string>;
  /** Revokes the delegations of a repository. @param except - a delegation to keep */
  revoke(access: RunpodAccess, repository: Repository, except?: string): Promise<void>;
}

/** REST v2 has no delegations (any more). */
export class DelegationsUnavailableError extends OperatorMustActError {
  override readonly name = 'DelegationsUnavailableError';

  /** @param answered - what the API answered: `rest-v2 answered 404` */
  constructor(answered: string) {
    super(
      'no-route-left',
      `${answered} to /registries/delegations, and Runpod's other APIs have no delegations; check runpod.restV2Url, or use a target with a password for this repository`,
    );
  }
}

const COLLECTION = 'registries/delegations';

/**
 * Pause before each attempt, in milliseconds. Runpod tries a pull when it registers, and AWS may need some seconds to
 * apply a new policy everywhere. So a refusal is retried.
 */
const PAUSES_MS = [0, 1_000, 2_000, 4_000];

/** Pauses before each attempt to revoke a delegation that is listed and answers 404, in milliseconds. */
const REVOKE_PAUSES_MS = [0, 1_000, 2_000];

/** Makes the port to Runpod's delegations (REST v2, `/registries/delegations`). */
export function createRunpodDelegations(http: SendHttp, clock: Clock): RunpodDelegations {
  function call(
    { apiKey, restV2Url, deadlineMs }: RunpodAccess,
    request: Omit<RestRequest, 'path'> & { id?: string },
  ) {
    const { id, ...rest } = request;
    const path = id === undefined ? COLLECTION : `${COLLECTION}/${encodeURIComponent(id)}`;
    return new RunpodRest(http, 'rest-v2', restV2Url).send({ apiKey, deadlineMs }, { ...rest, path });
  }

  async function find(access: RunpodAccess, repository: Repository): Promise<string[]> {
    const { apiKey, restV2Url, deadlineMs } = access;
    const rest = new RunpodRest(http, 'rest-v2', restV2Url);
    const listed = await rest
      .list({ apiKey, deadlineMs }, COLLECTION, 'delegations')
      .catch((error: unknown) => {
        throw whyNotListed(error);
      });
    return listed.filter((one) => isFor(one, repository)).flatMap((one) => idOf(one) ?? []);
  }

  async function register(access: RunpodAccess, repository: Repository, name?: string): Promise<string> {
    let refusal: unknown;
    for (const resource of resourcesOf(repository)) {
      const body = JSON.stringify({ resource, ...(name !== undefined && { name }) });
      try {
        const json = read(await call(access, { method: 'POST', body }), registering(repository));
        const id = idOf(json);
        if (id !== undefined) return id;
        throw new TransientError('rest-v2 answered without naming the delegation');
      } catch (error) {
        // Another form of the same name helps only where the value itself was refused.
        if (!(error instanceof RefusedError && error.ofValue)) throw error;
        refusal ??= error;
      }
    }
    throw refusal;
  }

  async function lookThenRegister(
    access: RunpodAccess,
    repository: Repository,
    name: string | undefined,
    before: RefusedError | UnconfirmedError | undefined,
  ): Promise<string | RefusedError | UnconfirmedError> {
    const [known] = await find(access, repository).catch((error: unknown) => {
      throw before instanceof UnconfirmedError ? before : error;
    });
    if (known !== undefined) return known;
    try {
      return await register(access, repository, name);
    } catch (error) {
      if (error instanceof RefusedError) return error;
      if (error instanceof TransientError) return new UnconfirmedError(error.message);
      throw error;
    }
  }

  /** Revokes one delegation. A 404 alone is not trusted: the list must not have the delegation either. */
  async function revokeOne(access: RunpodAccess, repository: Repository, id: string): Promise<void> {
    const revoking = `revoke the delegation of ${describeRepository(repository)}`;
    for (const pauseMs of REVOKE_PAUSES_MS) {
      if (pauseMs > 0 && clock.steady() + pauseMs >= access.deadlineMs) break;
      await clock.sleep(pauseMs);
      const answer = await call(access, { method: 'DELETE', id });
      if (answer.status !== 404) return expectSuccess(answer, revoking);
      if (!(await find(access, repository)).includes(id)) return;
    }
    throw new TransientError(`Runpod did not ${revoking}: rest-v2 answered 404, but still lists it`);
  }

  return {
    async ensure(access, repository, name) {
      let failure: RefusedError | UnconfirmedError | undefined;
      for (const pauseMs of PAUSES_MS) {
        if (clock.steady() + pauseMs >= access.deadlineMs) break;
        await clock.sleep(pauseMs);
        const outcome = await lookThenRegister(access, repository, name, failure);
        if (typeof outcome === 'string') return outcome;
        failure = outcome;
      }
      throw failure ?? new TransientError(`there was no time left to ${registering(repository)}`);
    },
    async revoke(access, repository, except) {
      for (const id of await find(access, repository)) {
        if (id === except) continue;
        await revokeOne(access, repository, id);
      }
    },
  };
}

/** Runpod refused the request. Nothing was done. */
class RefusedError extends OperatorMustActError {
  /** Whether Runpod refused the value that was sent (400, 409, 422) rather than the operation. */
  readonly ofValue: boolean;

  constructor(ofValue: boolean, message: string) {
    super(ofValue ? 'value-refused' : 'configuration-wrong', message);
    this.ofValue = ofValue;
  }
}

/** Turns a failure to list into what it means for a delegation. */
function whyNotListed(error: unknown): unknown {
  if (!(error instanceof ApiUnsupportedError)) return error;
  const why = `Runpod did not list delegations: ${error.message}`;
  if (error instanceof ValueRefusedError) return new RefusedError(true, why);
  return error.certainty === 'final'
    ? new DelegationsUnavailableError(error.message)
    : new TransientError(why);
}

/**
 * Returns the JSON of an answer, or throws what the answer means. A web page or an answer without JSON comes from the edge
 * in front of Runpod, so it is unknown whether the request was carried out.
 */
function read(answer: HttpAnswer, toDo: string): unknown {
  const answeredJson = isJsonObject(parseJson(answer));
  try {
    return readAnswer('rest-v2', answer);
  } catch (error) {
    if (!(error instanceof ApiUnsupportedError)) throw error;
    if (!answeredJson || error.certainty === 'unclear')
      throw new TransientError(`Runpod did not ${toDo}: ${error.message}`);
    throw new RefusedError(error instanceof ValueRefusedError, `Runpod did not ${toDo}: ${error.message}`);
  }
}

/** Checks an answer whose body does not matter. @throws what `read` throws */
function expectSuccess(answer: HttpAnswer, toDo: string): void {
  if (answer.status < 200 || answer.status >= 300) read(answer, toDo);
}

function registering(repository: Repository): string {
  return `register ${describeRepository(repository)}`;
}

/**
 * Returns the names that Runpod may accept for a repository. The specification asks for its ARN. Runpod's console and
 * one client of the API send the address of an image with a tag, which covers every tag of the repository.
 */
function resourcesOf({ arn, account, region, name }: Repository): readonly string[] {
  return [arn, `${account}.dkr.ecr.${region}.amazonaws.com/${name}:latest`];
}

/** Whether a delegation is for a repository. Runpod lists the parts of the ARN and not the ARN itself. */
function isFor(value: unknown, { account, region, name }: Repository): boolean {
  if (!isJsonObject(value) || value.repository !== name || value.awsRegion !== region) return false;
  const owner = typeof value.dockerRegistryUri === 'string' ? value.dockerRegistryUri : value.awsUser;
  return typeof owner === 'string' && new RegExp(`(^|[^0-9])${account}([^0-9]|$)`).test(owner);
}

function idOf(value: unknown): string | undefined {
  const { id }: JsonObject = isJsonObject(value) ? value : {};
  return isId(id) ? id : undefined;
}
