import { AwsError, accessKeyOf, type Caller, escapeXml, queryAnswer } from './protocol';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const SESSION_LIFE_MS = 3_600_000;

/** Answers `AssumeRole` and `GetCallerIdentity` in XML. */
export class StsStandIn {
  readonly #externalIds = new Map<string, string | undefined>();

  /** Adds a role that callers may assume, with or without an external id. */
  addRole(roleArn: string, { externalId }: { externalId?: string } = {}): void {
    this.#externalIds.set(roleArn, externalId);
  }

  /**
   * Answers `AssumeRole`.
   *
   * @throws AwsError AccessDenied, when the role is unknown or the external id is wrong
   */
  assumeRole(parameters: URLSearchParams, { arn }: Caller, now: Date): string {
    const roleArn = parameters.get('RoleArn') ?? '';
    const expected = this.#externalIds.get(roleArn);
    const given = parameters.get('ExternalId') ?? undefined;
    if (!this.#externalIds.has(roleArn) || (expected !== undefined && expected !== given)) {
      const message = `User: ${arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
      throw new AwsError('AccessDenied', message, 403);
    }
    const expiration = new Date(now.getTime() + SESSION_LIFE_MS).toISOString();
    const session = escapeXml(parameters.get('RoleSessionName') ?? '');
    return queryAnswer(
      NAMESPACE,
      'AssumeRole',
      `<Credentials><AccessKeyId>${accessKeyOf(roleArn)}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>${expiration}</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>AROAEMBEDDED:${session}</AssumedRoleId>
<Arn>${escapeXml(roleArn.replace(':iam:', ':sts:').replace(/:role\/(?:.*\/)?/, ':assumed-role/'))}/${session}</Arn></AssumedRoleUser>`,
    );
  }

  /** Answers `GetCallerIdentity`. */
  getCallerIdentity({ arn, accountId }: Caller): string {
    return queryAnswer(
      NAMESPACE,
      'GetCallerIdentity',
      `<Arn>${escapeXml(arn)}</Arn><UserId>AROAEMBEDDED:embedded</UserId><Account>${accountId}</Account>`,
    );
  }
}
