/** The use case: lets Runpod pull a repository, and revokes that. It knows neither the AWS SDK nor CloudFormation. */

import type { Clock } from '../core/clock';
import {
  asRefresherError,
  OperatorMustActError,
  type RefresherError,
  TransientError,
  UnconfirmedError,
} from '../core/errors';
import { ApiKey, type ReadApiKey } from '../core/secrets';
import type { DelegationProperties } from './model';
import { ownStatement, pullStatement, withoutStatement, withStatement } from './policy-text';
import { describeRepository, parseRepositoryArn, type Repository } from './repository';
import { RepositoryMissingError, type RepositoryPolicies } from './repository-policy';
import { DelegationsUnavailableError, type RunpodAccess, type RunpodDelegations } from './runpod-delegations';

/** What the use case depends on. */
export interface DelegationPorts {
  readonly clock: Clock;
  readonly policies: RepositoryPolicies;
  readonly delegations: RunpodDelegations;
  /** Reads the secret again at each call. */
  readonly readApiKey: ReadApiKey;
}

/**
 * What a failed attempt may have left behind.
 *
 * - `nothing`: everything is certainly as it was before.
 * - `registration`: the repository may be registered at Runpod. Its policy is as it was, and it already had our
 *   statement.
 * - `all`: the repository may be registered, and its policy may have our statement.
 */
export type Remains = 'nothing' | 'registration' | 'all';

/** A delegation that could not be established. */
export class NotEstablishedError extends Error {
  override readonly name = 'NotEstablishedError';
  /** The error whose message CloudFormation shows. */
  readonly reason: RefresherError;
  readonly remains: Remains;

  constructor(reason: RefresherError, remains: Remains) {
    super(reason.message);
    this.reason = reason;
    this.remains = remains;
  }
}

/**
 * Lets Runpod pull: adds the statement to the repository's policy, then registers the repository. Runpod tries a pull
 * when it registers, so the statement comes first. The call can be repeated: parts that exist already are kept.
 *
 * @returns the id of the delegation at Runpod
 * @throws NotEstablishedError, after an attempt to restore the policy
 */
export async function establish(
  properties: DelegationProperties,
  ports: DelegationPorts,
  deadlineMs: number,
): Promise<string> {
  try {
    const repository = parseRepositoryArn(properties.repositoryArn);
    const where = describeRepository(repository);
    const statement = pullStatement(properties.principalArns);
    const limits = { clock: ports.clock, deadlineMs };
    const before = await untilPermitted(limits, () =>
      ports.policies.change(repository, (text) => withStatement(text, statement, where), deadlineMs),
    );
    const readApiKey: DelegationPorts['readApiKey'] = (...key) =>
      untilPermitted(limits, () => ports.readApiKey(...key));
    try {
      return await withRunpod(properties, { ...ports, readApiKey }, deadlineMs, (access) =>
        ports.delegations.ensure(access, repository, properties.name),
      );
    } catch (error) {
      throw await restorePolicy(asRefresherError(error), repository, before, ports, deadlineMs);
    }
  } catch (error) {
    if (error instanceof NotEstablishedError) throw error;
    // During an outage the answer to a write of the policy may have been lost.
    const reason = asRefresherError(error);
    throw new NotEstablishedError(reason, reason instanceof OperatorMustActError ? 'nothing' : 'all');
  }
}

const PERMISSION_PAUSE_MS = 5_000;
const PERMISSION_TRIES = 4;

/** Retries a denied permission: CloudFormation creates it just before, and IAM needs some seconds to apply it. */
async function untilPermitted<T>(
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
  action: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      const mayPass = error instanceof OperatorMustActError && error.reason === 'permission-missing';
      const noTime = clock.steady() + PERMISSION_PAUSE_MS >= deadlineMs;
      if (!mayPass || noTime || tries === PERMISSION_TRIES) throw error;
    }
    await clock.sleep(PERMISSION_PAUSE_MS);
  }
}

/** Time that is reserved to restore the policy after Runpod has used up the rest, in milliseconds. */
export const RESTORE_RESERVE_MS = 30_000;

async function restorePolicy(
  reason: RefresherError,
  repository: Repository,
  before: string | undefined,
  { policies }: DelegationPorts,
  deadlineMs: number,
): Promise<NotEstablishedError> {
  const where = describeRepository(repository);
  const previous = ownStatement(before, where);
  try {
    await policies.change(
      repository,
      (text) => (previous ? withStatement(text, previous, where) : withoutStatement(text, where)),
      deadlineMs + RESTORE_RESERVE_MS,
    );
    if (!(reason instanceof UnconfirmedError)) return new NotEstablishedError(reason, 'nothing');
    return new NotEstablishedError(reason, previous ? 'registration' : 'all');
  } catch (error) {
    const message = `${reason.message}; in addition, the policy could not be restored: ${asRefresherError(error).message}`;
    return new NotEstablishedError(new TransientError(message), 'all');
  }
}

/**
 * Revokes the delegation at Runpod and removes the statement. Parts that no longer exist are skipped. Both are tried
 * even when one fails, because without the statement Runpod cannot pull.
 *
 * @param remains - what may have to be undone
 * @returns what was skipped because it no longer exists, for the log
 * @throws OperatorMustActError or TransientError
 */
export async function dissolve(
  properties: DelegationProperties,
  ports: DelegationPorts,
  deadlineMs: number,
  remains: Remains = 'all',
): Promise<string[]> {
  if (remains === 'nothing') return [];
  const repository = parseRepositoryArn(properties.repositoryArn);
  const where = describeRepository(repository);
  const outcomes = await Promise.allSettled([
    withRunpod(properties, ports, deadlineMs, (access) => ports.delegations.revoke(access, repository)),
    remains === 'all' &&
      ports.policies.change(repository, (text) => withoutStatement(text, where), deadlineMs),
  ]);
  const errors = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [asRefresherError(outcome.reason)] : [],
  );
  const isGone = (error: RefresherError) =>
    error instanceof RepositoryMissingError || error instanceof DelegationsUnavailableError;
  const [failure, another] = errors.filter((error) => !isGone(error));
  if (failure && another) throw new TransientError(`${failure.message}; ${another.message}`);
  if (failure) throw failure;
  return errors.filter(isGone).map(({ message }) => message);
}

/**
 * Revokes the delegation in the Runpod account where the repository was registered before. The statement stays, because
 * the new account needs it.
 *
 * @param id - the delegation that is valid now. It is kept.
 * @returns what could not be done, for the log. A failure is expected where the old key no longer exists.
 */
export async function leaveOldAccount(
  old: DelegationProperties,
  id: string,
  ports: DelegationPorts,
  deadlineMs: number,
): Promise<string[]> {
  try {
    const repository = parseRepositoryArn(old.repositoryArn);
    await withRunpod(old, ports, deadlineMs, (access) => ports.delegations.revoke(access, repository, id));
    return [];
  } catch (error) {
    return [`the delegation under the old API key was not revoked: ${asRefresherError(error).message}`];
  }
}

/** Calls Runpod with the API key. When Runpod refuses the key, it is read again once. */
async function withRunpod<T>(
  { runpodApiKeySecretName, restV2Url }: DelegationProperties,
  { readApiKey }: DelegationPorts,
  deadlineMs: number,
  action: (access: RunpodAccess) => Promise<T>,
): Promise<T> {
  const key = new ApiKey(() => readApiKey(runpodApiKeySecretName, { deadlineMs }));
  return key.use((apiKey) => action({ apiKey, restV2Url, deadlineMs }));
}
