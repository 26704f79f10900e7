import { AwsError, type JsonInput } from '../aws/protocol';

/** A key of KMS. */
export interface StoredKey {
  readonly arn: string;
  readonly manager: 'AWS' | 'CUSTOMER';
  readonly enabled: boolean;
  /** IAM's JSON. */
  readonly policy: string;
}

/** KMS, as far as the command line asks: who manages a key, and its policy. */
export class KeysStandIn {
  /** Keys by the id, ARN or alias with which a topic names them. */
  readonly keys = new Map<string, StoredKey>();

  /** Answers `DescribeKey`. */
  describe({ KeyId }: JsonInput): object {
    const { arn, manager, enabled } = this.#find(KeyId);
    return {
      KeyMetadata: { KeyId: arn.split('/').at(-1), Arn: arn, KeyManager: manager, Enabled: enabled },
    };
  }

  /** Answers `GetKeyPolicy`. */
  policy({ KeyId }: JsonInput): object {
    return { Policy: this.#find(KeyId).policy, PolicyName: 'default' };
  }

  #find(id: unknown): StoredKey {
    const key = this.keys.get(String(id)) ?? [...this.keys.values()].find(({ arn }) => arn === id);
    if (!key) throw new AwsError('NotFoundException', `Key '${id}' does not exist`);
    return key;
  }
}
