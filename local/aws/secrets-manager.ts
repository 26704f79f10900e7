import { randomUUID } from 'node:crypto';
import type { StandInClock } from '../stand-in-clock';
import { AwsError } from './aws-error';

interface StoredSecret {
  readonly name: string;
  readonly arn: string;
  readonly value: string;
  readonly versionId: string;
  readonly createdDate: Date;
}

/** Keeps secrets in memory, each with its current version only. */
export class SecretsManagerStandIn {
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #clock: StandInClock;

  constructor(clock: StandInClock) {
    this.#clock = clock;
  }

  /** Makes a secret, or gives it a new version. @param createdDate - when that version was made; now by default */
  put(name: string, value: string, createdDate = this.#clock.now()): void {
    const arn =
      this.#secrets.get(name)?.arn ?? `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-AbCdEf`;
    this.#secrets.set(name, { name, arn, value, versionId: randomUUID(), createdDate });
  }

  remove(name: string): void {
    this.#secrets.delete(name);
  }

  /** `GetSecretValue`, as it goes over the wire. */
  getSecretValue(id: unknown): object {
    const secret = this.#find(id);
    return {
      ARN: secret.arn,
      Name: secret.name,
      SecretString: secret.value,
      VersionId: secret.versionId,
      VersionStages: ['AWSCURRENT'],
      CreatedDate: secret.createdDate.getTime() / 1_000,
    };
  }

  #find(id: unknown): StoredSecret {
    const found = [...this.#secrets.values()].find(({ name, arn }) => name === id || arn === id);
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  }
}
