import { InvalidEventError } from '../core/errors';
import type { Target } from '../core/model';

/** The request that an event makes. */
export interface EventRequest {
  /** Names of the targets to refresh. @default - all of them: a full run */
  readonly targets?: readonly string[];
  /** Do everything but write. */
  readonly dryRun: boolean;
  /**
   * Id that every retry of one event shares, so that a retry continues where the last attempt stopped.
   * @default - the request id of the invocation, which Lambda's own retries share
   */
  readonly runId?: string;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads an event: a scheduled one, an SQS batch of failed invocations, or `{ targets?, dryRun? }`.
 *
 * @throws InvalidEventError that names an unknown field: otherwise a misspelt `target` would refresh everything
 */
export function parseEvent(event: unknown): EventRequest {
  // The deployment's trigger invokes the function without a payload.
  if (event === undefined || event === null || event === '') return { dryRun: false };
  if (!isObject(event)) throw new InvalidEventError(`expected an object as event, found ${kindOf(event)}`);
  if (Array.isArray(event.Records)) return parseQueued(event.Records);
  if (typeof event.source === 'string' && 'detail-type' in event) {
    return { dryRun: false, ...(typeof event.id === 'string' && { runId: event.id }) };
  }
  return parseManual(event);
}

/** Reads an SQS record: an entry of Lambda's on-failure destination, or an event that a person put into the queue. */
function parseQueued(records: readonly unknown[]): EventRequest {
  const [first, ...others] = records.map((record) => {
    const body = parseBody(isObject(record) ? record.body : undefined);
    const isFailed = isObject(body) && ('requestContext' in body || 'requestPayload' in body);
    return isFailed ? parseFailed(body) : parseEvent(body);
  });
  if (!first || others.length > 0) {
    throw new InvalidEventError(`expected one queued event at a time, found ${records.length}`);
  }
  return first;
}

/**
 * Reads what Lambda's on-failure destination wrote about a failed invocation. Lambda leaves out a payload that is too
 * large; the retry is then a full run (AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous
 * invocations").
 */
function parseFailed({ requestContext, requestPayload }: JsonObject): EventRequest {
  const requestId = isObject(requestContext) ? requestContext.requestId : undefined;
  return { ...(typeof requestId === 'string' && { runId: requestId }), ...parseEvent(requestPayload) };
}

function parseBody(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '');
  } catch {
    throw new InvalidEventError('expected a queued event as JSON, found text that is not JSON');
  }
}

function parseManual(event: JsonObject): EventRequest {
  const { targets, dryRun = false, ...unknown } = event;
  const [strange] = Object.keys(unknown);
  if (strange !== undefined) {
    throw new InvalidEventError(
      `unknown field "${strange}" in the event; expected "targets", "dryRun", or neither`,
    );
  }
  if (typeof dryRun !== 'boolean')
    throw new InvalidEventError(`expected true or false as "dryRun", found ${kindOf(dryRun)}`);
  if (targets === undefined) return { dryRun };
  if (!isListOfNames(targets)) {
    throw new InvalidEventError('expected a list of target names as "targets", such as ["prod"]');
  }
  return { targets, dryRun };
}

/**
 * Returns the targets that a request names, each once and in the order of the configuration. Without names it returns
 * all targets.
 *
 * @throws InvalidEventError that lists the names that exist
 */
export function chooseTargets(
  all: readonly Target[],
  names: readonly string[] | undefined,
): readonly Target[] {
  if (!names) return all;
  const missing = names.find((name) => !all.some((target) => target.name === name));
  if (missing !== undefined) {
    const known = all.slice(0, 20).map(({ name }) => name);
    throw new InvalidEventError(
      `no target is named "${missing}"; the targets are ${known.join(', ')}${all.length > 20 ? ', …' : ''}`,
    );
  }
  return all.filter(({ name }) => names.includes(name));
}

function isListOfNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value;
}
