/** The check that the standby can read its secrets: each has a replica that is up to date. */

import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  type ReplicationStatusType,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { textOfSecret } from '../../lambda/core/secrets';
import { AwsCallError, describeAwsError, errorName, isAccessDenied } from '../errors';
import type { Operator } from '../operator';
import { awsCommand } from '../options';
import { type Check, type Finding, fail, ok, together, warn } from './check';

/** The operators of the two regions. */
export interface BothOperators {
  readonly primary: Operator;
  readonly standby: Operator;
}

/** Id of the check of the replicas. */
export const REPLICA_CHECK = 'standby-secrets';

/** Makes the check of the replicas. @param settingsOf - operator whose settings name the secrets */
export function replicaCheck(both: BothOperators, settingsOf: Operator): Check {
  return {
    id: REPLICA_CHECK,
    title: 'Standby: secrets',
    needs: ['configuration'],
    run: async () => checkReplicas(both, await secretNames(settingsOf)),
  };
}

/** Returns every secret that the settings name: keys of Runpod, and logins of registries. */
async function secretNames(operator: Operator): Promise<string[]> {
  const { targets } = await operator.settings();
  const names = targets.flatMap(({ runpodApiKeySecretName, registry }) => [
    runpodApiKeySecretName,
    ...('credentialSecretName' in registry ? [registry.credentialSecretName] : []),
  ]);
  return [...new Set(names)];
}

async function checkReplicas(both: BothOperators, names: readonly string[]): Promise<Finding> {
  const regions = { from: await both.primary.region(), to: await both.standby.region() };
  const findings = await Promise.all(names.map((name) => checkReplica(both, regions, name)));
  const bad = findings.filter(({ status }) => status !== 'ok');
  return bad.length > 0 ? together(bad) : ok(`${names.join(', ')}: the same in ${regions.to}`);
}

interface Regions {
  /** The region of the first refresher, where the secret itself is. */
  readonly from: string;
  /** The region of the standby. */
  readonly to: string;
}

/** What is known about one secret in both regions. */
interface SecretInBoth extends Regions {
  readonly name: string;
  readonly original: SecretRead;
  readonly copy: SecretRead;
  readonly replica: Replication;
  readonly fixes: Fixes;
}

async function checkReplica({ primary, standby }: BothOperators, regions: Regions, named: string) {
  const { from, to } = regions;
  const name = inRegion(named, from);
  const [original, copy, replica] = await Promise.all([
    readValue(primary, name),
    readValue(standby, inRegion(named, to)),
    readReplication(primary, name, to),
  ]);
  const secret = { ...regions, name, original, copy, replica, fixes: fixesOf(primary, name, regions) };
  return judgeReplication(secret) ?? judgeCopy(secret) ?? compare(secret);
}

/** Judges the state of the replication, which Secrets Manager has in the first region. */
function judgeReplication({
  name,
  from,
  to,
  original,
  copy,
  replica,
  fixes,
}: SecretInBoth): Finding | undefined {
  if (original.state === 'missing') {
    return fail([`there is no secret ${name} in ${from}`], `store it there, then: ${fixes.replicate}`);
  }
  if (replica.state === 'found') return replicationProblem(replica.status, { name, to, fixes });
  if (replica.state === 'unknown') return undefined;
  return copy.state === 'missing'
    ? fail([`${name} has no replica in ${to}`], fixes.replicate)
    : fail([`${to} has a secret ${name} that is not a replica of the one in ${from}`], fixes.overwrite);
}

/** Judges whether the replica can be read. */
function judgeCopy({ name, to, copy, replica, fixes }: SecretInBoth): Finding | undefined {
  switch (copy.state) {
    case 'missing':
      return fail([`${name} is not in ${to}`], replica.state === 'unknown' ? fixes.replicate : fixes.again);
    case 'key-refused': {
      const keyId = replica.state === 'found' ? ` ${replica.status.KmsKeyId}` : '';
      return fail(
        [`${name} cannot be read in ${to}: its KMS key${keyId} is not there, is disabled or may not be used`],
        `enable the key in ${to} and allow its use; or replicate with another key: ${fixes.again}`,
      );
    }
    case 'unknown':
      return unknown(`${name} cannot be read in ${to}: ${copy.why}`, copy.isUnreachable);
    default:
      return undefined;
  }
}

/** Compares the values in memory, and never shows them. */
function compare({ name, from, to, original, copy, replica, fixes }: SecretInBoth): Finding {
  if (original.state !== 'read' || copy.state !== 'read') {
    const why = original.state === 'unknown' ? original.why : 'its KMS key may not be used';
    return warn([`${name} is in ${to}; not compared, because it cannot be read in ${from}: ${why}`]);
  }
  if (copy.value !== original.value) {
    return fail(
      [`the replica of ${name} in ${to} has another value than the secret in ${from}`],
      `if the secret was not changed in the last minute: ${fixes.again}`,
    );
  }
  return replica.state === 'unknown'
    ? warn([`${name} is the same in ${to}; whether it is a replica is not known: ${replica.why}`])
    : ok(name);
}

function unknown(found: string, isUnreachable: boolean): Finding {
  const finding = fail([found], 'fix this, then run doctor again');
  return isUnreachable ? { ...finding, unreachable: true } : { ...finding, status: 'warning' };
}

/** A problem that Secrets Manager itself reports. */
function replicationProblem(
  { Status, StatusMessage = '' }: ReplicationStatusType,
  { name, to, fixes }: { readonly name: string; readonly to: string; readonly fixes: Fixes },
): Finding | undefined {
  if (Status === 'InProgress') return warn([`${name} is being replicated to ${to}`], 'wait a minute');
  if (Status !== 'Failed') return undefined;
  const found = `${name} could not be replicated to ${to}: ${StatusMessage}`;
  // Secrets Manager has no code for this, so the message decides.
  return fail(
    [found],
    /already exists|same name/i.test(StatusMessage) ? fixes.overwrite : fixes.afterFailure,
  );
}

type Fixes = ReturnType<typeof fixesOf>;

function fixesOf({ options }: Operator, name: string, { from, to }: Regions) {
  const { profile } = options;
  const place = { ...(profile && { profile }), region: from };
  const replicate = awsCommand(
    `secretsmanager replicate-secret-to-regions --secret-id ${name} --add-replica-regions Region=${to}`,
    place,
  );
  const remove = awsCommand(
    `secretsmanager remove-regions-from-replication --secret-id ${name} --remove-replica-regions ${to}`,
    place,
  );
  const again = `${remove}; then ${replicate}`;
  return {
    replicate,
    overwrite: `this overwrites the value of the secret in ${to}: ${replicate} --force-overwrite-replica-secret`,
    again,
    afterFailure: `fix the cause in this message, such as a disabled KMS key, then: ${again}`,
  };
}

/** The value of a secret in one region, or why it is not known. */
type SecretRead =
  | { readonly state: 'read'; readonly value: string | undefined }
  | { readonly state: 'missing' | 'key-refused' }
  | { readonly state: 'unknown'; readonly why: string; readonly isUnreachable: boolean };

async function readValue(operator: Operator, name: string): Promise<SecretRead> {
  try {
    const { SecretString, SecretBinary } = await operator
      .client(SecretsManagerClient)
      .send(new GetSecretValueCommand({ SecretId: name }));
    const value = textOfSecret(SecretString ?? SecretBinary);
    return { state: 'read', value: value ?? Buffer.from(SecretBinary ?? []).toString('base64') };
  } catch (error) {
    if (errorName(error) === 'ResourceNotFoundException') return { state: 'missing' };
    if (isAboutKey(error)) return { state: 'key-refused' };
    const isUnreachable = error instanceof AwsCallError && !error.needsSignIn;
    return { state: 'unknown', why: describeAwsError(error), isUnreachable };
  }
}

/** Whether KMS is the reason, by the errors of Secrets Manager and of KMS. The message decides for a refusal. */
function isAboutKey(error: unknown): boolean {
  if (/^(DecryptionFailure|KMS\w*Exception)$/.test(errorName(error))) return true;
  return isAccessDenied(error) && error instanceof Error && /\bKMS\b|kms:/.test(error.message);
}

type Replication =
  | { readonly state: 'found'; readonly status: ReplicationStatusType }
  | { readonly state: 'none' }
  | { readonly state: 'unknown'; readonly why: string };

async function readReplication(primary: Operator, name: string, to: string): Promise<Replication> {
  try {
    const { ReplicationStatus = [] } = await primary
      .client(SecretsManagerClient)
      .send(new DescribeSecretCommand({ SecretId: name }));
    const status = ReplicationStatus.find(({ Region }) => Region === to);
    return status ? { state: 'found', status } : { state: 'none' };
  } catch (error) {
    return { state: 'unknown', why: describeAwsError(error) };
  }
}

/** A replica has the name of its secret, and the same ARN except for the region. */
function inRegion(name: string, region: string): string {
  if (!name.startsWith('arn:')) return name;
  const [prefix, partition, service, , ...rest] = name.split(':');
  return [prefix, partition, service, region, ...rest].join(':');
}
