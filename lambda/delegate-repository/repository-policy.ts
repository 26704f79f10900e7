import {
  DeleteRepositoryPolicyCommand,
  ECRClient,
  GetRepositoryPolicyCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { AWS_CLIENT_DEFAULTS, callAws } from '../core/aws';
import type { Clock } from '../core/clock';
import { OperatorMustActError, TransientError } from '../core/errors';
import { Memo } from '../core/memo';
import { describeRepository, type Repository } from './repository';

/** Size that ECR allows a repository's policy (Amazon ECR API reference, SetRepositoryPolicy), in bytes. */
export const MAX_POLICY_BYTES = 10_240;

/** How often a policy is written before others are left to finish their own changes. */
const MAX_WRITES = 4;

const PAUSE_MS = 250;

/** What to make of a policy's text; returns the very same text to leave it. `undefined` is no policy. */
export type PolicyEdit = (text: string | undefined) => string | undefined;

/** Changes repositories' policies. */
export interface RepositoryPolicies {
  /**
   * Changes a policy until it reads back as the edit wants it. ECR has no conditional write: reading back tells
   * when another writer was faster, and the edit is then made on what that one wrote.
   *
   * @returns the text that stood there first; undefined where there was none
   * @throws RepositoryMissingError, OperatorMustActError or TransientError
   */
  change(repository: Repository, edit: PolicyEdit, deadlineMs: number): Promise<string | undefined>;
}

/** There is no such repository. */
export class RepositoryMissingError extends OperatorMustActError {
  override readonly name = 'RepositoryMissingError';

  constructor(repository: Repository) {
    super('configuration-wrong', `there is no ${describeRepository(repository)}; create it first`);
  }
}

/** Wires the real ECR. */
export function createRepositoryPolicies(clock: Clock): RepositoryPolicies {
  const clients = new Memo<string, ECRClient>();
  return {
    async change(repository, edit, deadlineMs) {
      const client = clients.get(
        repository.region,
        () => new ECRClient({ ...AWS_CLIENT_DEFAULTS, region: repository.region }),
      );
      const ecr = { client, clock, repository, deadlineMs };
      const first = await read(ecr);
      let text = first;
      for (let writes = 0; ; writes += 1) {
        const wanted = edit(text);
        if (wanted === text) return first;
        if (writes === MAX_WRITES) throw unsettled(repository);
        await write(ecr, wanted);
        text = await read(ecr);
        if (edit(text) !== text) await clock.sleep(PAUSE_MS * 2 ** writes);
      }
    },
  };
}

interface Ecr {
  readonly client: ECRClient;
  readonly clock: Clock;
  readonly repository: Repository;
  readonly deadlineMs: number;
}

async function read(ecr: Ecr): Promise<string | undefined> {
  return ask(ecr, 'GetRepositoryPolicy', async (ids) => {
    const { policyText } = await ecr.client.send(new GetRepositoryPolicyCommand(ids));
    return policyText;
  });
}

async function write(ecr: Ecr, text: string | undefined): Promise<void> {
  if (text === undefined) {
    await ask(ecr, 'DeleteRepositoryPolicy', (ids) =>
      ecr.client.send(new DeleteRepositoryPolicyCommand(ids)),
    );
    return;
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_POLICY_BYTES) throw tooLarge(ecr.repository, bytes);
  await ask(ecr, 'SetRepositoryPolicy', (ids) =>
    ecr.client.send(new SetRepositoryPolicyCommand({ ...ids, policyText: text })),
  );
}

/** One call; a policy that is not there is undefined. */
async function ask<T>(
  { clock, repository, deadlineMs }: Ecr,
  action: string,
  send: (ids: { registryId: string; repositoryName: string }) => Promise<T>,
): Promise<T | undefined> {
  const name = `ecr:${action} of ${describeRepository(repository)}`;
  const answer = await callAws({ name, deadlineMs, reason: 'configuration-wrong' }, clock, async () => {
    try {
      return { value: await send({ registryId: repository.account, repositoryName: repository.name }) };
    } catch (error) {
      const missing = error instanceof Error ? error.name : '';
      if (missing === 'RepositoryPolicyNotFoundException') return { value: undefined };
      if (missing === 'RepositoryNotFoundException') return 'no repository';
      throw error;
    }
  });
  if (answer === 'no repository') throw new RepositoryMissingError(repository);
  return answer.value;
}

function tooLarge(repository: Repository, bytes: number): OperatorMustActError {
  return new OperatorMustActError(
    'configuration-wrong',
    `the policy of ${describeRepository(repository)} would have ${bytes} bytes and ECR allows ${MAX_POLICY_BYTES}; nothing was changed, make room for the statement first`,
  );
}

function unsettled(repository: Repository): TransientError {
  return new TransientError(
    `the policy of ${describeRepository(repository)} does not read back as it was written; somebody else seems to be changing it`,
  );
}
