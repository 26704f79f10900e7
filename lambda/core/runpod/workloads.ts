import { ApiUnsupportedError } from '../errors';
import type { SendHttp } from '../http';
import type { QuotaPolicy, RateLimiter } from '../rate-limit';
import { isId, isJsonObject, type JsonObject, type RegistryAuth, type RunpodCall, readAnswer } from './api';
import { RunpodRest } from './rest';

/** What Runpod runs an image as. */
export type WorkloadKind = 'endpoint' | 'pod' | 'template';

/** A workload at Runpod. Its environment may hold secrets, so only these fields are kept. */
export interface Workload {
  readonly kind: WorkloadKind;
  readonly id: string;
  readonly name: string;
  /** The image's name as the user wrote it. It is text of others. */
  readonly image: string;
  /** Id of the registry auth that it names. @default - it names none */
  readonly registryAuthId?: string;
  /** Whether it may start workers: an endpoint with `workers.max` above zero, a pod that is not EXITED or TERMINATED. */
  readonly active: boolean;
}

/** A worker of an endpoint that is allocated now. Its status does not say whether it could pull its image. */
export interface Worker {
  readonly id: string;
  readonly status: string;
  /** Seconds since it runs; 0 when it does not run yet. */
  readonly uptimeSeconds: number;
  /** Whether it runs an older version of the endpoint than the current one. */
  readonly isStale: boolean;
}

/** A repository from which Runpod may pull without a registry auth. */
export interface DelegatedRepository {
  readonly account: string;
  readonly region: string;
  readonly repository: string;
}

/** Where a system log is. */
export type LogOwner =
  | { readonly podId: string }
  | { readonly endpointId: string; readonly workerId: string };

/** Log lines from `sinceMs` up to, but not including, `endMs`; milliseconds since the epoch. */
export interface LogWindow {
  readonly sinceMs: number;
  readonly endMs: number;
}

/** One line of a log. The text is written by others. */
export interface LogLine {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** The lines of one log. */
export interface WorkloadLog {
  readonly lines: readonly LogLine[];
  /** A limit was reached or the stream broke, so that later lines are missing. */
  readonly cut: boolean;
}

/** The lists of workloads: path and field. An endpoint, a pod and a template all have `image` and `registry` at the top. */
const LISTS = {
  endpoint: { path: 'serverless', field: 'endpoints' },
  pod: { path: 'pods', field: 'pods' },
  template: { path: 'templates', field: 'templates' },
} as const satisfies Readonly<Record<WorkloadKind, object>>;

/** An endpoint has a kilobyte and its environment. Without pages, a list of thousands is one answer. */
const LIST_LIMITS = { maxPages: 50, maxBytes: 8 * 1024 * 1024 } as const;

/**
 * Limits of one log. The stream stays open, so the reader ends it: after the lines so far, or when a limit is reached.
 * Nobody knows how long Runpod takes until the first line, so that wait is long.
 */
const LOG_LIMITS = {
  stream: { firstByteMs: 5_000, quietMs: 1_000 },
  attemptTimeoutMs: 10_000,
  maxAttempts: 2,
  maxBytes: 256 * 1024,
} as const;

/** Longest text of one name or image that is kept, in characters. */
const MAX_TEXT = 1_000;

/** The part of a quota that the watch uses. The rest is for the user's other tools. */
const QUOTA_SHARE = 1 / 3;

/**
 * Returns the allowance of a watch that looks at this interval: a third of each quota. A quota per hour is divided among
 * the looks of an hour, because each look may be in a process of its own.
 */
export function watchAllowance(intervalSeconds: number): (policy: QuotaPolicy) => number {
  return ({ quota, windowSeconds }) =>
    Math.max(1, Math.floor(quota * QUOTA_SHARE * Math.min(1, intervalSeconds / windowSeconds)));
}

/** Reads workloads, workers and logs of one Runpod account over REST v2. It only sends GET. */
export class RunpodWorkloads {
  readonly #rest: RunpodRest;
  readonly #rateLimiter: RateLimiter | undefined;

  /** @param rateLimiter - of the account. @default - no quota is kept */
  constructor(http: SendHttp, restV2Url: string, rateLimiter?: RateLimiter) {
    this.#rest = new RunpodRest(http, 'rest-v2', restV2Url);
    this.#rateLimiter = rateLimiter;
  }

  /** Lists the registry auths. @throws like `RunpodRest.list` */
  registryAuths(call: RunpodCall): Promise<RegistryAuth[]> {
    return this.#list(call, 'registries', 'registries', (item) =>
      isJsonObject(item) && isId(item.id) ? [{ id: item.id, name: textOf(item.name) }] : [],
    );
  }

  /** Lists the workloads of one kind, each once. @throws like `RunpodRest.list` */
  async workloads(call: RunpodCall, kind: WorkloadKind): Promise<Workload[]> {
    const { path, field } = LISTS[kind];
    const found = await this.#list(call, path, field, (item) => readWorkload(kind, item));
    // A list that changes while its pages are read may have an item twice.
    return [...new Map(found.map((workload) => [workload.id, workload])).values()];
  }

  /** Lists the delegated repositories. @throws like `RunpodRest.list` */
  delegations(call: RunpodCall): Promise<DelegatedRepository[]> {
    return this.#list(call, 'registries/delegations', 'delegations', (item) => {
      if (!isJsonObject(item)) return [];
      const [account, region, repository] = [item.awsUser, item.awsRegion, item.repository].map(textOf);
      return account && region && repository ? [{ account, region, repository }] : [];
    });
  }

  /** Lists the workers of an endpoint that are allocated now. @throws like `RunpodRest.list` */
  workers(call: RunpodCall, endpointId: string): Promise<Worker[]> {
    return this.#list(call, `serverless/${endpointId}/workers`, 'workers', (item) =>
      isJsonObject(item) && isId(item.id)
        ? [
            {
              id: item.id,
              status: textOf(item.status),
              uptimeSeconds: Number(item.uptimeSeconds) || 0,
              isStale: item.isStale === true,
            },
          ]
        : [],
    );
  }

  /**
   * Reads a system log.
   *
   * @returns no lines when the worker or pod does not exist any more
   * @throws ApiKeyRefusedError, OperatorMustActError, ApiUnsupportedError or TransientError
   */
  async systemLog(call: RunpodCall, owner: LogOwner, window: LogWindow): Promise<WorkloadLog> {
    const base =
      'podId' in owner ? `pods/${owner.podId}` : `serverless/${owner.endpointId}/workers/${owner.workerId}`;
    const query = new URLSearchParams({
      source: 'system',
      since: new Date(window.sinceMs).toISOString(),
    });
    const answer = await this.#rest.send(
      this.#withQuota(call),
      { method: 'GET', path: `${base}/logs?${query}` },
      LOG_LIMITS,
    );
    if (answer.status === 404) return { lines: [], cut: false };
    const isStream = answer.status === 200 && /\bevent-stream\b/.test(answer.headers['content-type'] ?? '');
    if (!isStream) {
      readAnswer('rest-v2', answer);
      throw new ApiUnsupportedError('rest-v2 answered without a log', 'unclear');
    }
    const lines = parseLog(answer.body).filter(({ atMs }) => atMs >= window.sinceMs && atMs < window.endMs);
    return { lines, cut: answer.cut !== undefined };
  }

  #list<T>(
    call: RunpodCall,
    path: string,
    field: string,
    read: (item: unknown) => readonly T[],
  ): Promise<T[]> {
    return this.#rest.list(this.#withQuota(call), path, field, { ...LIST_LIMITS, read });
  }

  #withQuota(call: RunpodCall): RunpodCall {
    return this.#rateLimiter ? { ...call, rateLimiter: this.#rateLimiter } : call;
  }
}

function readWorkload(kind: WorkloadKind, item: unknown): Workload[] {
  if (!isJsonObject(item) || !isId(item.id)) return [];
  const { id, name, image, registry } = item;
  return [
    {
      kind,
      id,
      name: textOf(name) || id,
      image: textOf(image),
      ...(isId(registry) && { registryAuthId: registry }),
      active: isActive(kind, item),
    },
  ];
}

/** What the answer does not say counts as active: a workload too many is looked at rather than one too few. */
function isActive(kind: WorkloadKind, { workers, status }: JsonObject): boolean {
  if (kind === 'endpoint') return !(isJsonObject(workers) && workers.max === 0);
  return kind === 'pod' && status !== 'EXITED' && status !== 'TERMINATED';
}

/**
 * Reads the lines of a system log (server-sent events whose data is `{"source","line","ts"}`).
 *
 * A line that was cut off, is of another source, or has no time is left out. Without a time nobody knows whether it was
 * counted before.
 */
export function parseLog(body: string): LogLine[] {
  const lines: LogLine[] = [];
  let id = '';
  // Each `data` field is one JSON document, because JSON has no line breaks of its own. One that was cut is not JSON.
  for (const field of body.split(/\r\n|\n|\r/)) {
    const [, name, value = ''] = /^(id|data): ?(.*)$/s.exec(field) ?? [];
    if (name === 'id') id = value;
    if (name === 'data') lines.push(...readLine(value, id));
  }
  return lines;
}

function readLine(data: string, id: string): LogLine[] {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return [];
  }
  if (!isJsonObject(json) || typeof json.line !== 'string') return [];
  if (json.source !== undefined && json.source !== 'system') return [];
  // The id is the time, in some answers with a counter behind a slash.
  const atMs = timeOf(json.ts) ?? timeOf(id.split('/')[0]);
  return atMs === undefined ? [] : [{ text: json.line, atMs }];
}

function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value)) return undefined;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : atMs;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}
