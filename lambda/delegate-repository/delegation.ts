/** The use case: let Runpod pull a repository, and take that back. Knows no SDK and no CloudFormation. */

import type { Clock } from '../core/clock';
import { asRefresherError, OperatorMustActError, type RefresherError, TransientError } from '../core/errors';
import type { Secret } from '../core/model';
import { ApiKeyOfRun } from '../core/runpod/api-key-of-run';
import type { DelegationProperties } from './model';
import { ownStatement, pullStatement, withoutStatement, withStatement } from './policy-text';
import { describeRepository, parseRepositoryArn, type Repository } from './repository';
import { RepositoryMissingError, type RepositoryPolicies } from './repository-policy';
import {
  DelegationsUnavailableError,
  type RunpodAccess,
  type RunpodDelegations,
  UnconfirmedError,
} from './runpod-delegations';

/** What the use case needs. */
export interface DelegationPorts {
  readonly clock: Clock;
  readonly policies: RepositoryPolicies;
  readonly delegations: RunpodDelegations;
  readApiKey(secretName: string, deadlineMs: number): Promise<Secret>;
}

/** A delegation that could not be established. */
export class NotEstablishedError extends Error {
  override readonly name = 'NotEstablishedError';
  /** The failure, for a person. */
  readonly reason: RefresherError;
  /** True when everything is certainly as it was before. */
  readonly nothingLeft: boolean;

  constructor(reason: RefresherError, nothingLeft: boolean) {
    super(reason.message);
    this.reason = reason;
    this.nothingLeft = nothingLeft;
  }
}

/**
 * Lets Runpod pull: adds the statement to the repository's policy, then registers the repository. In this order,
 * because Runpod tries the pull when it registers. May be repeated: what is there already is left as it is.
 *
 * @returns the id of the delegation at Runpod
 * @throws NotEstablishedError, after the policy was put back
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
    const patience = { clock: ports.clock, deadlineMs };
    const before = await untilPermitted(patience, () =>
      ports.policies.change(repository, (text) => withStatement(text, statement, where), deadlineMs),
    );
    const readApiKey: DelegationPorts['readApiKey'] = (...key) =>
      untilPermitted(patience, () => ports.readApiKey(...key));
    try {
      return await withRunpod(properties, { ...ports, readApiKey }, deadlineMs, (access) =>
        ports.delegations.ensure(access, repository, properties.name),
      );
    } catch (error) {
      throw await putBack(asRefresherError(error), repository, before, ports, deadlineMs);
    }
  } catch (error) {
    if (error instanceof NotEstablishedError) throw error;
    // An outage may have swallowed the answer to a write of the policy.
    const reason = asRefresherError(error);
    throw new NotEstablishedError(reason, reason instanceof OperatorMustActError);
  }
}

const PERMISSION_PAUSE_MS = 5_000;
const PERMISSION_TRIES = 4;

/** CloudFormation makes the permissions just before it asks, and AWS may take some seconds to heed them. */
async function untilPermitted<T>(
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
  action: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      const mayPass = error instanceof OperatorMustActError && error.reason === 'permission-missing';
      const noTime = clock.now() + PERMISSION_PAUSE_MS >= deadlineMs;
      if (!mayPass || noTime || tries === PERMISSION_TRIES) throw error;
    }
    await clock.sleep(PERMISSION_PAUSE_MS);
  }
}

/** Time kept back to put the policy back when Runpod has used up the rest. */
export const RESTORE_RESERVE_MS = 30_000;

async function putBack(
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
    return new NotEstablishedError(reason, !previous && !(reason instanceof UnconfirmedError));
  } catch (error) {
    const alas = `${reason.message}; besides, the statement could not be taken out of the policy again: ${asRefresherError(error).message}`;
    return new NotEstablishedError(new TransientError(alas), false);
  }
}

/**
 * Takes everything back: revokes at Runpod and removes the statement. What is gone already is fine. Both are tried
 * even when one fails: without the statement Runpod cannot pull, whatever it still has registered.
 *
 * @returns what could not be done and need not be, for the log
 * @throws RefresherError
 */
export async function dissolve(
  properties: DelegationProperties,
  ports: DelegationPorts,
  deadlineMs: number,
): Promise<string[]> {
  const repository = parseRepositoryArn(properties.repositoryArn);
  const where = describeRepository(repository);
  const outcomes = await Promise.allSettled([
    withRunpod(properties, ports, deadlineMs, (access) => ports.delegations.revoke(access, repository)),
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
 * Revokes what is registered in the account that a repository was registered in before, if that is another one.
 * The statement stays: the new account needs it.
 *
 * @param id - the delegation that is valid now
 * @returns what could not be done, for the log: an old key may well be gone
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

/** Speaks to Runpod with the API key, which is read afresh once when Runpod refuses it. */
async function withRunpod<T>(
  { runpodApiKeySecretName, restV2Url }: DelegationProperties,
  { readApiKey }: DelegationPorts,
  deadlineMs: number,
  action: (access: RunpodAccess) => Promise<T>,
): Promise<T> {
  const key = new ApiKeyOfRun(() => readApiKey(runpodApiKeySecretName, deadlineMs));
  return key.use((apiKey) => action({ apiKey, restV2Url, deadlineMs }));
}
