import type { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { asRefresherError, OperatorMustActError } from '../core/errors';
import type { SendHttp } from '../core/http';
import {
  type CustomResourceRequest,
  type Outcome,
  parseRequest,
  readProperties,
  respond,
} from './cloud-formation';
import {
  type DelegationPorts,
  dissolve,
  establish,
  leaveOldAccount,
  NotEstablishedError,
  RESTORE_RESERVE_MS,
  type Remains,
} from './delegation';
import type { DelegationProperties } from './model';

/** Time at the end of an invocation that is kept for the answer to CloudFormation, in milliseconds. */
const ANSWER_RESERVE_MS = 20_000;

/**
 * Suffixes of the physical id of a failed creation. CloudFormation sends the id again in the rollback, so the rollback
 * undoes only what the creation may have left behind.
 */
const ID_ENDS = {
  nothing: '#nothing-left',
  registration: '#registration-left',
  all: '',
} as const satisfies Record<Remains, string>;

/** What the handler depends on. */
export interface DelegationHandlerDependencies {
  readonly ports: DelegationPorts;
  readonly http: SendHttp;
  readonly logger: Logger;
}

/** The function's entry, as Lambda calls it. */
export type DelegationHandler = (event: unknown, context: Context) => Promise<void>;

/**
 * Makes the handler of the custom resource. It answers every request of CloudFormation, also when the work failed. It
 * throws when CloudFormation does not accept the answer. Lambda then delivers the request again, which is harmless. An
 * event that is not from CloudFormation is refused with InvalidEventError.
 */
export function createDelegationHandler(dependencies: DelegationHandlerDependencies): DelegationHandler {
  const { ports, http, logger } = dependencies;
  return async (event, context) => {
    const request = parseRequest(event);
    const endMs = ports.clock.steady() + context.getRemainingTimeInMillis();
    const about = { request: request.type, resource: request.logicalResourceId, stackId: request.stackId };
    const warn = (why: string) => logger.warn('not done', { ...about, why });
    const outcome = await carryOut(request, ports, endMs - ANSWER_RESERVE_MS - RESTORE_RESERVE_MS, warn);
    if (outcome.status === 'SUCCESS') logger.info('delegation settled', { ...about, ...outcome });
    else logger.error('delegation failed', { ...about, ...outcome });
    await respond(http, request, outcome, endMs);
  };
}

type Warn = (why: string) => void;

async function carryOut(
  request: CustomResourceRequest,
  ports: DelegationPorts,
  deadlineMs: number,
  warn: Warn,
): Promise<Outcome> {
  try {
    return request.type === 'Delete'
      ? await remove(request, ports, deadlineMs, warn)
      : await createOrUpdate(request, ports, deadlineMs, warn);
  } catch (error) {
    const reason = error instanceof NotEstablishedError ? error.reason : asRefresherError(error);
    return { status: 'FAILED', physicalResourceId: idAfter(error, request), reason: reason.message };
  }
}

async function createOrUpdate(
  request: CustomResourceRequest,
  ports: DelegationPorts,
  deadlineMs: number,
  warn: Warn,
): Promise<Outcome> {
  const properties = readProperties(request.properties);
  const delegationId = await establish(properties, ports, deadlineMs);
  const old = oldAccount(request, properties);
  for (const why of old ? await leaveOldAccount(old, delegationId, ports, deadlineMs) : []) warn(why);
  // The repository is the identity. When it changes, CloudFormation deletes the old resource afterwards.
  return { status: 'SUCCESS', physicalResourceId: properties.repositoryArn, data: { delegationId } };
}

async function remove(
  request: CustomResourceRequest,
  ports: DelegationPorts,
  deadlineMs: number,
  warn: Warn,
): Promise<Outcome> {
  const { physicalResourceId = '', properties } = request;
  const remains = remainsOf(physicalResourceId);
  // A creation may have failed because of its properties, so they are not read where there is nothing to undo.
  if (remains !== 'nothing') {
    for (const why of await dissolve(readProperties(properties), ports, deadlineMs, remains)) warn(why);
  }
  return { status: 'SUCCESS', physicalResourceId };
}

/** A failed update keeps the id. With another id CloudFormation would delete the resource that still exists. */
function idAfter(error: unknown, request: CustomResourceRequest): string {
  if (request.physicalResourceId !== undefined) return request.physicalResourceId;
  const repositoryArn = tryReadProperties(request.properties)?.repositoryArn;
  if (repositoryArn === undefined) return `${request.logicalResourceId}${ID_ENDS.nothing}`;
  return `${repositoryArn}${ID_ENDS[error instanceof NotEstablishedError ? error.remains : 'all']}`;
}

function remainsOf(physicalResourceId: string): Remains {
  if (physicalResourceId.endsWith(ID_ENDS.nothing)) return 'nothing';
  return physicalResourceId.endsWith(ID_ENDS.registration) ? 'registration' : 'all';
}

/** The old properties of an update that may move the same repository to another account of Runpod. */
function oldAccount(
  { type, oldProperties }: CustomResourceRequest,
  now: DelegationProperties,
): DelegationProperties | undefined {
  if (type !== 'Update') return undefined;
  const old = tryReadProperties(oldProperties);
  const moved =
    old?.repositoryArn === now.repositoryArn &&
    (old.runpodApiKeySecretName !== now.runpodApiKeySecretName || old.restV2Url !== now.restV2Url);
  return moved ? old : undefined;
}

function tryReadProperties(value: unknown): DelegationProperties | undefined {
  try {
    return readProperties(value);
  } catch (error) {
    if (error instanceof OperatorMustActError) return undefined;
    throw error;
  }
}
