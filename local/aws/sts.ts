import { AwsError } from './aws-error';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** Lets roles be assumed. The access key that it gives out names the role, so that ECR knows for whom it issues. */
export class StsStandIn {
  readonly #externalIds = new Map<string, string | undefined>();

  /** Makes a role that the function may assume. */
  addRole(roleArn: string, { externalId }: { externalId?: string } = {}): void {
    this.#externalIds.set(roleArn, externalId);
  }

  /** `AssumeRole`, as XML. */
  assumeRole(parameters: URLSearchParams, now: Date): string {
    const roleArn = parameters.get('RoleArn') ?? '';
    const expected = this.#externalIds.get(roleArn);
    if (!this.#externalIds.has(roleArn) || (expected && expected !== parameters.get('ExternalId'))) {
      throw new AwsError(
        'AccessDenied',
        `not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
        403,
      );
    }
    return `<AssumeRoleResponse xmlns="${NAMESPACE}"><AssumeRoleResult><Credentials>
<AccessKeyId>${accessKeyOf(roleArn)}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>${new Date(now.getTime() + 3_600_000).toISOString()}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
  }

  /** An error as XML. */
  static errorXml({ code, message }: AwsError): string {
    return `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
  }
}

function accessKeyOf(roleArn: string): string {
  return `ASIA${Buffer.from(roleArn).toString('hex')}`;
}

/** The role behind an access key that `assumeRole` gave out; the key itself where it is not one. */
export function principalOf(accessKey: string): string {
  const hex = /^ASIA([0-9a-f]+)$/.exec(accessKey)?.[1];
  return hex ? Buffer.from(hex, 'hex').toString() : accessKey;
}
