/** The standby of `init --standby`: its region, and the replicas of the secrets. */

import {
  DescribeSecretCommand,
  ReplicateSecretToRegionsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { isKnownRegion, nearestRegion, partitionOf } from '../../lib/config/aws-regions';
import { describeAwsError, usageError } from '../errors';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import type { Output } from '../output';
import type { InitFlags } from './options';

/** Checks the region of the standby. @throws CliError (usage error) when it is unknown, or the first region */
export async function checkStandby(operator: Operator, { standby }: InitFlags): Promise<void> {
  if (standby === undefined) return;
  if (!isKnownRegion(standby)) {
    const similar = nearestRegion(standby);
    throw usageError(
      `--standby: expected an AWS region, found "${standby}".`,
      similar === undefined ? undefined : `Did you mean ${similar}?`,
    );
  }
  const first = await operator.region();
  if (standby === first) {
    throw usageError(`--standby: expected another region than ${first}, the region of the first stack.`);
  }
  const [own, other] = [partitionOf(first), partitionOf(standby)];
  if (own !== other) throw usageError(`--standby: expected a region of ${own}, found one of ${other}.`);
}

/**
 * Replicates secrets to the region of the standby. A secret that has a replica there is not changed.
 *
 * @param names - secrets that exist
 * @returns the commands for those that could not be replicated
 */
export async function replicateSecrets(
  operator: Operator,
  output: Output,
  names: readonly string[],
  region: string,
): Promise<string[]> {
  const left: string[] = [];
  for (const name of names) {
    try {
      await replicate(operator, name, region);
      output.line(`${output.mark('ok')} replicated ${name} to ${region}`);
    } catch (error) {
      output.line(
        `${output.mark('warning')} ${name} could not be replicated to ${region}: ${describeAwsError(error)}`,
      );
      left.push(replicateCommand(operator, name, region));
    }
  }
  return left;
}

async function replicate(operator: Operator, name: string, region: string): Promise<void> {
  const client = operator.client(SecretsManagerClient);
  const { ReplicationStatus = [] } = await client.send(new DescribeSecretCommand({ SecretId: name }));
  if (ReplicationStatus.some(({ Region }) => Region === region)) return;
  await client.send(
    new ReplicateSecretToRegionsCommand({ SecretId: name, AddReplicaRegions: [{ Region: region }] }),
  );
}

/** Returns the command that replicates a secret. */
export function replicateCommand({ options }: Operator, name: string, region: string): string {
  const command = `secretsmanager replicate-secret-to-regions --secret-id ${name} --add-replica-regions Region=${region}`;
  return awsCommand(command, options);
}

/**
 * Refuses to store a key from the side of the standby, or in its region. The secret there is a replica.
 *
 * @throws CliError (usage error)
 */
export async function refuseReplica(operator: Operator): Promise<void> {
  // With a configuration file this refuses the region of the standby.
  const primary = await operator.other();
  if (!primary || (await operator.side()) !== 'standby') return;
  throw usageError(
    'The standby reads a replica of the secret, and only the secret itself can be changed.',
    `Store the key in the first region: ${commandLine('init --store-key --replace-key', primary.options)}`,
  );
}
