/** Serverless endpoints of one Runpod account: reading, changing, and what their releases and workers do. */

import { ApiUnsupportedError, OperatorMustActError } from '../../lambda/core/errors';
import type { Secret } from '../../lambda/core/model';
import { RateLimiter } from '../../lambda/core/rate-limit';
import {
  isId,
  isJsonObject,
  parseJson,
  type RegistryAuth,
  type RunpodCall,
  readAnswer,
} from '../../lambda/core/runpod/api';
import { RunpodRest } from '../../lambda/core/runpod/rest';
import {
  type DelegatedRepository,
  RunpodWorkloads,
  type Worker,
  type WorkloadLog,
} from '../../lambda/core/runpod/workloads';
import { createShow, type Show } from '../../lambda/core/shown-text';
import { CliError, nameFix, usageError } from '../errors';
import type { Operator } from '../operator';
import { visibleName } from '../visible';
import type { AccountKey } from './account';

/** A serverless endpoint. Its environment may hold secrets, so only these fields are kept. */
export interface Endpoint {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Id of the registry auth, or null. */
  readonly registry: string | null;
  readonly minWorkers: number;
  readonly maxWorkers: number;
}

/** The fields of an endpoint to change. */
export interface Change {
  readonly image?: string;
  readonly registry?: string | null;
}

/** The newest release of an endpoint, and how far it has come. */
export interface Rollout {
  /** Version of the endpoint. @default - not known */
  readonly version?: number;
  readonly inProgress: boolean;
  readonly workersOnLatest: number;
  readonly workersTotal: number;
  /** When the newest release was made, by Runpod's clock; milliseconds since the epoch. @default - there is none */
  readonly createdAtMs?: number;
}

/** Longest part of an answer of Runpod that is shown, in characters. */
const MAX_SHOWN_DETAIL = 300;

/** The endpoints of one Runpod account, over REST v2. Every method throws RefresherError, or CliError where it says so. */
export class RunpodEndpoints {
  /** Makes text of Runpod safe to show. */
  readonly show: Show;
  readonly #operator: Operator;
  readonly #key: Secret;
  readonly #keySource: string;
  readonly #rest: RunpodRest;
  readonly #workloads: RunpodWorkloads;
  readonly #rateLimiter = new RateLimiter();
  readonly #secrets: string[];

  constructor(operator: Operator, { key, source }: AccountKey, restV2Url: string) {
    this.#operator = operator;
    this.#key = key;
    this.#keySource = source;
    this.#rest = new RunpodRest(operator.http, 'rest-v2', restV2Url);
    this.#workloads = new RunpodWorkloads(operator.http, restV2Url, this.#rateLimiter);
    this.#secrets = [key.reveal()];
    this.show = createShow(() => this.#secrets);
  }

  /** Keeps a secret out of the text that `show` returns. The key is kept out in any case. */
  hide(secret: Secret): void {
    this.#secrets.push(secret.reveal());
  }

  /** Finds an endpoint by its id or its unique name. @throws CliError when there is none, or when two have the name */
  async find(wanted: string): Promise<Endpoint> {
    // A key may be allowed to read this endpoint and not to list them all.
    const byId = isId(wanted) ? await this.#getIfThere(wanted) : undefined;
    if (byId) return byId;
    const all = await this.#permitted('list endpoints', this.#workloads.workloads(this.#call(), 'endpoint'));
    const byName = all.filter(({ name }) => name === wanted);
    const [found] = byName;
    if (found && byName.length === 1) return this.get(found.id);
    if (byName.length > 1) {
      const ids = byName.map(({ id }) => id).join(', ');
      throw usageError(`Several endpoints have the name ${wanted}.`, `Give the id of one: ${ids}.`);
    }
    const known = all.map(({ id, name }) => `${id} (${visibleName(name)})`);
    const words = all.flatMap(({ id, name }) => [id, visibleName(name)]);
    throw new CliError(`The account of the key in ${this.#keySource} has no endpoint ${wanted}.`, {
      fix: known.length > 0 ? nameFix(wanted, words, known) : 'It has no endpoint at all.',
    });
  }

  /** Reads an endpoint. */
  async get(id: string): Promise<Endpoint> {
    const answer = this.#rest.json(this.#call(), { method: 'GET', path: `serverless/${id}` });
    return readEndpoint(await this.#permitted('read the endpoint', answer));
  }

  /**
   * Sends a change once. The caller reads the endpoint again when the answer is lost.
   *
   * @throws TransientError or ApiUnsupportedError when the change may have been made
   * @throws CliError when Runpod refuses the change, so that nothing was changed
   */
  async update(id: string, change: Change): Promise<Endpoint> {
    const answer = await this.#rest.send(
      this.#call(),
      { method: 'PATCH', path: `serverless/${id}`, body: JSON.stringify(change) },
      { maxAttempts: 1 },
    );
    if (answer.status === 400 || answer.status === 404 || answer.status === 409 || answer.status === 422) {
      const json = parseJson(answer);
      const detail = isJsonObject(json) && typeof json.detail === 'string' ? json.detail : '';
      const said = detail && `: "${this.show(detail, MAX_SHOWN_DETAIL)}"`;
      throw new CliError(`Runpod refuses the change (${answer.status})${said}.`);
    }
    return readEndpoint(
      await this.#permitted(
        'change the endpoint',
        Promise.resolve().then(() => readAnswer('rest-v2', answer)),
      ),
    );
  }

  /** Reads how far the newest release has come. */
  async rollout(id: string): Promise<Rollout> {
    const answer = this.#rest.json(this.#call(), { method: 'GET', path: `serverless/${id}/releases` });
    return readRollout(await this.#permitted('read the releases', answer));
  }

  /** Lists the workers that are allocated now. */
  workers(id: string): Promise<Worker[]> {
    return this.#permitted('list workers', this.#workloads.workers(this.#call(), id));
  }

  /** Reads the system log of a worker from this moment on; milliseconds since the epoch. */
  systemLog(endpointId: string, workerId: string, sinceMs: number): Promise<WorkloadLog> {
    const window = { sinceMs, endMs: Number.POSITIVE_INFINITY };
    return this.#workloads.systemLog(this.#call(), { endpointId, workerId }, window);
  }

  /** Lists the registry auths of the account. */
  registryAuths(): Promise<RegistryAuth[]> {
    return this.#permitted('list registry auths', this.#workloads.registryAuths(this.#call()));
  }

  /** Lists the repositories from which Runpod pulls without a registry auth; none when that cannot be asked. */
  async delegations(): Promise<readonly DelegatedRepository[]> {
    return this.#workloads.delegations(this.#call()).catch(() => []);
  }

  /** Returns undefined when Runpod says that there is no such endpoint. */
  async #getIfThere(id: string): Promise<Endpoint | undefined> {
    try {
      return await this.get(id);
    } catch (error) {
      const isMissing = error instanceof ApiUnsupportedError && error.certainty === 'final';
      if (isMissing) return undefined;
      throw error;
    }
  }

  #call(): RunpodCall {
    return {
      apiKey: this.#key,
      deadlineMs: this.#operator.deadlineMs(),
      rateLimiter: this.#rateLimiter,
    };
  }

  /** A 401 or 403 names where the key came from, because the fix is there. */
  async #permitted<T>(what: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof OperatorMustActError)) throw error;
      if (error.reason === 'api-key-refused') {
        throw new CliError(`Runpod does not accept the key in ${this.#keySource} (401).`, { cause: error });
      }
      if (error.reason !== 'api-key-permission-missing') throw error;
      throw new CliError(`The key in ${this.#keySource} may not ${what} (403).`, {
        fix: 'Give it the permission to read and write serverless endpoints at Runpod.',
        cause: error,
      });
    }
  }
}

/** Whether an endpoint has what a change asks for. */
export function has(endpoint: Endpoint, change: Change): boolean {
  return (
    (change.image === undefined || endpoint.image === change.image) &&
    (change.registry === undefined || endpoint.registry === change.registry)
  );
}

function readEndpoint(value: unknown): Endpoint {
  if (!isJsonObject(value) || !isId(value.id) || typeof value.image !== 'string') {
    throw new ApiUnsupportedError('rest-v2 answered without an endpoint', 'unclear');
  }
  const { id, name, image, registry, workers } = value;
  const { min, max } = isJsonObject(workers) ? workers : {};
  return {
    id,
    name: typeof name === 'string' ? name : id,
    image,
    registry: isId(registry) ? registry : null,
    minWorkers: typeof min === 'number' ? min : 0,
    maxWorkers: typeof max === 'number' ? max : 1,
  };
}

function readRollout(value: unknown): Rollout {
  const rollout = isJsonObject(value) ? value.rollout : undefined;
  if (!isJsonObject(value) || !isJsonObject(rollout)) {
    throw new ApiUnsupportedError('rest-v2 answered without a roll-out', 'unclear');
  }
  const newest: unknown = Array.isArray(value.releases) ? value.releases[0] : undefined;
  const createdAtMs = isJsonObject(newest) ? Date.parse(String(newest.createdAt)) : Number.NaN;
  return {
    ...(typeof value.endpointVersion === 'number' && { version: value.endpointVersion }),
    inProgress: rollout.inProgress === true,
    workersOnLatest: Number(rollout.workersOnLatest) || 0,
    workersTotal: Number(rollout.workersTotal) || 0,
    ...(!Number.isNaN(createdAtMs) && { createdAtMs }),
  };
}
