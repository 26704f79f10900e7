import { randomUUID } from 'node:crypto';
import type { StandInClock } from '../stand-in-clock';
import { AwsError, type JsonInput, LOCAL_ACCOUNT } from './protocol';

/** A version of a secret. */
export interface SecretVersion {
  readonly versionId: string;
  /** Text, or bytes for a binary value. */
  readonly value: string | Uint8Array;
  readonly createdDate: Date;
}

interface StoredSecret {
  readonly name: string;
  readonly arn: string;
  readonly createdDate: Date;
  readonly current: SecretVersion;
  readonly previous?: SecretVersion;
}

/** The state of a replica, as `DescribeSecret` shows it for the primary secret. */
export interface Replica {
  readonly region: string;
  status: 'InSync' | 'InProgress' | 'Failed';
  message?: string;
  keyId?: string;
}

/** Returns the secrets of another region. */
export type SecretsOf = (region: string) => SecretsManagerStandIn;

/**
 * Keeps the secrets of one region in memory, each with its current and its previous version. Unknown secrets give an
 * AwsError.
 */
export class SecretsManagerStandIn {
  /** Called after a request has given a secret another current value, as the event "Secret Label Updated" tells. */
  onChanged: ((name: string) => void) | undefined;
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #replicas = new Map<string, Replica[]>();
  readonly #clock: StandInClock;
  readonly #region: string;
  readonly #secretsOf: SecretsOf;

  /** @param secretsOf - returns the secrets of a region, for replicas. @default - there is no other region */
  constructor(clock: StandInClock, region = 'us-east-1', secretsOf: SecretsOf = () => this) {
    this.#clock = clock;
    this.#region = region;
    this.#secretsOf = secretsOf;
  }

  /** Returns the replicas of a secret, to change their state. */
  replicasOf(name: string): readonly Replica[] {
    return this.#replicas.get(name) ?? [];
  }

  /** Answers `ReplicateSecretToRegions`. */
  replicate({ SecretId, AddReplicaRegions, ForceOverwriteReplicaSecret }: JsonInput): object {
    const { name, arn, current } = this.#find(SecretId);
    const added = Array.isArray(AddReplicaRegions) ? (AddReplicaRegions as { Region: string }[]) : [];
    for (const { Region: region } of added) {
      const there = this.#secretsOf(region);
      const isTaken = there.get(name) !== undefined && ForceOverwriteReplicaSecret !== true;
      const replica: Replica = isTaken
        ? { region, status: 'Failed', message: `Replication failed: Secret name ${name} already exists.` }
        : { region, status: 'InSync' };
      if (!isTaken) there.#put(name, current, regional(arn, region));
      this.#replicas.set(name, [...this.replicasOf(name).filter((one) => one.region !== region), replica]);
    }
    return { ARN: arn, ReplicationStatus: this.#replicationOf(name) };
  }

  /** Answers `RemoveRegionsFromReplication`. */
  removeReplicas({ SecretId, RemoveReplicaRegions }: JsonInput): object {
    const { name, arn } = this.#find(SecretId);
    const regions = Array.isArray(RemoveReplicaRegions) ? RemoveReplicaRegions.map(String) : [];
    for (const region of regions) this.#secretsOf(region).remove(name);
    this.#replicas.set(
      name,
      this.replicasOf(name).filter(({ region }) => !regions.includes(region)),
    );
    return { ARN: arn, ReplicationStatus: this.#replicationOf(name) };
  }

  #replicationOf(name: string): object[] {
    return this.replicasOf(name).map(({ region, status, message, keyId = 'alias/aws/secretsmanager' }) => ({
      Region: region,
      KmsKeyId: keyId,
      Status: status,
      ...(message !== undefined && { StatusMessage: message }),
    }));
  }

  /**
   * Creates a secret, or gives it a new version.
   *
   * @param createdDate - of the version; now by default
   */
  put(name: string, value: string | Uint8Array, createdDate = this.#clock.now()): void {
    this.#put(name, { versionId: randomUUID(), value, createdDate });
  }

  /** Returns the current version of a secret. */
  get(name: string): SecretVersion | undefined {
    return this.#secrets.get(name)?.current;
  }

  remove(name: string): void {
    this.#secrets.delete(name);
  }

  /** Answers `CreateSecret`. */
  createSecret(input: JsonInput): object {
    const name = textIn(input, 'Name');
    if (this.#secrets.has(name)) {
      const message = `The operation failed because the secret ${name} already exists.`;
      throw new AwsError('ResourceExistsException', message);
    }
    return identityOf(this.#put(name, this.#newVersion(input)));
  }

  /** Answers `PutSecretValue`. */
  putSecretValue(input: JsonInput): object {
    const { name } = this.#find(input.SecretId);
    const stored = this.#put(name, this.#newVersion(input));
    this.onChanged?.(name);
    return { ...identityOf(stored), VersionStages: ['AWSCURRENT'] };
  }

  /** Answers `DescribeSecret`. */
  describeSecret(input: JsonInput): object {
    const { arn, name, createdDate, current, previous } = this.#find(input.SecretId);
    return {
      ARN: arn,
      Name: name,
      CreatedDate: createdDate.getTime() / 1_000,
      LastChangedDate: current.createdDate.getTime() / 1_000,
      VersionIdsToStages: {
        [current.versionId]: ['AWSCURRENT'],
        ...(previous && { [previous.versionId]: ['AWSPREVIOUS'] }),
      },
      ...(this.replicasOf(name).length > 0 && { ReplicationStatus: this.#replicationOf(name) }),
    };
  }

  /**
   * Answers `GetSecretValue`.
   *
   * @param version - `VersionId` and `VersionStage` of the wanted version; the current one by default
   */
  getSecretValue(secretId: unknown, version: JsonInput = {}): object {
    const secret = this.#find(secretId);
    const { VersionId: id, VersionStage: stage = id === undefined ? 'AWSCURRENT' : undefined } = version;
    const staged = [
      { version: secret.current, label: 'AWSCURRENT' },
      { version: secret.previous, label: 'AWSPREVIOUS' },
    ].find(
      (one) =>
        (stage ?? one.label) === one.label && (id ?? one.version?.versionId) === one.version?.versionId,
    );
    if (!staged?.version) {
      const wanted = id === undefined ? `staging label: ${stage}` : `VersionId: ${id}`;
      const message = `Secrets Manager can't find the specified secret value for ${wanted}`;
      throw new AwsError('ResourceNotFoundException', message);
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      ...wireValue(staged.version.value),
      VersionId: staged.version.versionId,
      VersionStages: [staged.label],
      CreatedDate: staged.version.createdDate.getTime() / 1_000,
    };
  }

  #newVersion(input: JsonInput): SecretVersion {
    const { ClientRequestToken: token } = input;
    const versionId = typeof token === 'string' ? token : randomUUID();
    return { versionId, value: textIn(input, 'SecretString'), createdDate: this.#clock.now() };
  }

  #put(name: string, current: SecretVersion, arn = this.#arnOf(name)): StoredSecret {
    const before = this.#secrets.get(name);
    const stored: StoredSecret = {
      name,
      arn: before?.arn ?? arn,
      createdDate: before?.createdDate ?? current.createdDate,
      current,
      ...(before && { previous: before.current }),
    };
    this.#secrets.set(name, stored);
    for (const { region, status } of this.replicasOf(name)) {
      if (status === 'InSync') this.#secretsOf(region).#put(name, current);
    }
    return stored;
  }

  #arnOf(name: string): string {
    return `arn:aws:secretsmanager:${this.#region}:${LOCAL_ACCOUNT}:secret:${name}-AbCdEf`;
  }

  /** Finds a secret by name, by ARN, or by ARN without the suffix of six characters. */
  #find(id: unknown): StoredSecret {
    const found = [...this.#secrets.values()].find(
      ({ name, arn }) => name === id || arn === id || arn.slice(0, -7) === id,
    );
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  }
}

function regional(arn: string, region: string): string {
  const [prefix, partition, service, , ...rest] = arn.split(':');
  return [prefix, partition, service, region, ...rest].join(':');
}

function wireValue(value: string | Uint8Array): object {
  return typeof value === 'string'
    ? { SecretString: value }
    : { SecretBinary: Buffer.from(value).toString('base64') };
}

function identityOf({ arn, name, current }: StoredSecret): object {
  return { ARN: arn, Name: name, VersionId: current.versionId };
}

function textIn(input: JsonInput, field: string): string {
  const value = input[field];
  if (typeof value === 'string' && value !== '') return value;
  throw new AwsError('InvalidParameterException', `You must provide a value for ${field}.`);
}
