import { AwsError } from './aws-error';
import { accessKeyOf, type Caller } from './caller';
import { escapeXml, queryAnswer } from './query-protocol';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const SESSION_LIFE_MS = 3_600_000;

/** Lets roles be assumed, and tells callers who they are. Answers in XML. */
export class StsStandIn {
  readonly #externalIds = new Map<string, string | undefined>();

  /** Makes a role that may be assumed. */
  addRole(roleArn: string, { externalId }: { externalId?: string } = {}): void {
    this.#externalIds.set(roleArn, externalId);
  }

  /** `AssumeRole`. @throws AwsError - AccessDenied, where there is no such role or the external id is not its own */
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

  /** `GetCallerIdentity`. */
  getCallerIdentity({ arn, accountId }: Caller): string {
    return queryAnswer(
      NAMESPACE,
      'GetCallerIdentity',
      `<Arn>${escapeXml(arn)}</Arn><UserId>AROAEMBEDDED:embedded</UserId><Account>${accountId}</Account>`,
    );
  }
}
