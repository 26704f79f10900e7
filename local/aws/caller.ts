import type { ReceivedRequest } from '../stand-in-server';
import { AwsError } from './aws-error';

/** The account in which the embedded function runs. */
export const LOCAL_ACCOUNT = '123456789012';

/** Who asks, and for which region: all of it stands in the credential scope of the signature. */
export interface Caller {
  /** The ARN of the role that was assumed, or else the access key itself. */
  readonly principal: string;
  readonly accountId: string;
  /** As AWS names it in its messages. */
  readonly arn: string;
  readonly region: string;
}

/** The caller of a signed request. @throws AwsError - where it is not signed, in the words of the protocol */
export function callerOf({ headers }: ReceivedRequest): Caller {
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(headers.authorization ?? '');
  if (!scope) throw unsigned(headers['x-amz-target'] === undefined);
  const [, accessKey = '', region = ''] = scope;
  const principal = principalOf(accessKey);
  const [, , , , account = '', role = ''] = principal.split(':');
  if (principal === accessKey) {
    const arn = `arn:aws:sts::${LOCAL_ACCOUNT}:assumed-role/refresher/embedded`;
    return { principal, accountId: LOCAL_ACCOUNT, arn, region };
  }
  return { principal, accountId: account, arn: assumedRoleArn(account, role), region };
}

function unsigned(isQuery: boolean): AwsError {
  return isQuery
    ? new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
    : new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
}

/** @param role - `role/path/name` */
function assumedRoleArn(account: string, role: string): string {
  return `arn:aws:sts::${account}:assumed-role/${role.split('/').at(-1)}/embedded`;
}

/** The access key that an assumed role gets. It names the role, so that ECR knows for whom it issues. */
export function accessKeyOf(roleArn: string): string {
  return `ASIA${Buffer.from(roleArn).toString('hex')}`;
}

function principalOf(accessKey: string): string {
  const hex = /^ASIA([0-9a-f]+)$/.exec(accessKey)?.[1];
  return hex ? Buffer.from(hex, 'hex').toString() : accessKey;
}
