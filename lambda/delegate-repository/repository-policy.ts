import {
  DeleteRepositoryPolicyCommand,
  ECRClient,
  GetRepositoryPolicyCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { AWS_CLIENT_DEFAULTS, callAws } from '../core/aws';
import type { Clock } from '../core/clock';
import { OperatorMustActError, TransientError } from '../core/errors';
import { describeRepository, type Repository } from './repository';

/** Size that ECR allows a repository's policy (Amazon ECR API reference, SetRepositoryPolicy), in bytes. */
export const MAX_POLICY_BYTES = 10_240;

/** Number of writes before the delegation fails because somebody else keeps changing the policy. */
const MAX_WRITES = 4;

/** Pause after the first write that the policy does not show, in milliseconds. It doubles with each further write. */
const PAUSE_MS = 250;

/** Returns the new text of a policy, or the same text to keep it. `undefined` means no policy. */
export type PolicyEdit = (text: string | undefined) => string | undefined;

/** Changes repositories' policies. */
export interface RepositoryPolicies {
  /**
   * Applies an edit and reads the policy back until the edit is in it. ECR has no conditional write, so reading back
   * shows when somebody else wrote at the same time. The edit is then applied to their text.
   *
   * @returns the text before the first write; undefined when there was none
   * @throws RepositoryMissingError, OperatorMustActError or TransientError
   */
  change(repository: Repository, edit: PolicyEdit, deadlineMs: number): Promise<string | undefined>;
}

/** The repository does not exist. */
export class RepositoryMissingError extends OperatorMustActError {
  override readonly name = 'RepositoryMissingError';

  constructor(repository: Repository) {
    super('configuration-wrong', `there is no ${describeRepository(repository)}; create it first`);
  }
}

/** Makes the port to the policies of ECR. Its clients live as long as the process. */
export function createRepositoryPolicies(clock: Clock): RepositoryPolicies {
  const clients = new Map<string, ECRClient>();
  return {
    async change(repository, edit, deadlineMs) {
      const { region } = repository;
      const client = clients.get(region) ?? new ECRClient({ ...AWS_CLIENT_DEFAULTS, region });
      clients.set(region, client);
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

/** Makes one call. @returns undefined when the policy does not exist. @throws RepositoryMissingError */
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
    `the policy of ${describeRepository(repository)} would have ${bytes} bytes and ECR allows ${MAX_POLICY_BYTES}; nothing was changed; make room for the statement first`,
  );
}

function unsettled(repository: Repository): TransientError {
  return new TransientError(
    `the policy of ${describeRepository(repository)} does not read back as it was written; somebody else seems to be changing it`,
  );
}
