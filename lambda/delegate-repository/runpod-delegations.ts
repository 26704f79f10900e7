import type { Clock } from '../core/clock';
import { ApiUnsupportedError, OperatorMustActError, TransientError, UnconfirmedError } from '../core/errors';
import type { SendHttp } from '../core/http';
import type { Secret } from '../core/model';
import {
  isJsonObject,
  type JsonObject,
  parseJson,
  readAnswer,
  UNSUPPORTED_STATUSES,
} from '../core/runpod/api';
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

  constructor(status: number) {
    super(
      'no-route-left',
      `Runpod's REST v2 answered ${status} to /registries/delegations, and no other of its APIs knows delegations; check runpod.restV2Url, or use a target with a password for this repository`,
    );
  }
}

const COLLECTION = 'registries/delegations';

/**
 * Pause before each attempt, in milliseconds. Runpod tries a pull when it registers, and AWS may need some seconds to
 * apply a new policy everywhere. So a refusal is retried.
 */
const PAUSES_MS = [0, 1_000, 2_000, 4_000];

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
    const answer = await call(access, { method: 'GET' });
    if (UNSUPPORTED_STATUSES.has(answer.status)) throw new DelegationsUnavailableError(answer.status);
    const json = read(answer, 'list delegations');
    const listed = isJsonObject(json) ? json.delegations : json;
    if (!Array.isArray(listed)) throw new TransientError('rest-v2 answered without a list of delegations');
    return listed.filter((one) => isFor(one, repository)).flatMap((one) => idOf(one) ?? []);
  }

  async function register(access: RunpodAccess, repository: Repository, name?: string): Promise<string> {
    const [arn, ...others] = resourcesOf(repository);
    let refusal: unknown;
    for (const resource of [arn, ...others]) {
      const body = JSON.stringify({ resource, ...(name !== undefined && { name }) });
      try {
        const json = read(await call(access, { method: 'POST', body }), registering(repository));
        const id = idOf(json);
        if (id !== undefined) return id;
        throw new TransientError('rest-v2 answered without naming the delegation');
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
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
        const answer = await call(access, { method: 'DELETE', id });
        const done = answer.status === 404 || (answer.status >= 200 && answer.status < 300);
        if (!done) read(answer, `revoke the delegation of ${describeRepository(repository)}`);
      }
    },
  };
}

/** Runpod refused the request. Nothing was done. */
class RefusedError extends OperatorMustActError {}

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
    throw new RefusedError('configuration-wrong', `Runpod did not ${toDo}: ${error.message}`);
  }
}

function registering(repository: Repository): string {
  return `register ${describeRepository(repository)}`;
}

/**
 * The names that Runpod may accept for a repository. The specification asks for its ARN. Runpod's console and one client
 * of the API give the address of an image with a tag; every tag of the repository can be pulled then.
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
  return typeof id === 'string' && id !== '' ? id : undefined;
}
