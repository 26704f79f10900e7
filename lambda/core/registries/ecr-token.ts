import { TransientError } from '../errors';
import { type Credential, Secret } from '../model';

/** The part of ECR's answer that holds the token. */
export interface AuthorizationData {
  readonly authorizationToken?: string | undefined;
  readonly expiresAt?: Date | undefined;
  readonly proxyEndpoint?: string | undefined;
}

/**
 * Decodes an ECR authorization token: base64 of `AWS:<password>`, split at the first colon, since a password
 * may hold colons itself (Amazon ECR API reference, AuthorizationData).
 *
 * @param nowMs - milliseconds since the epoch
 * @param action - the AWS action that answered, for the message
 * @throws TransientError when any part is missing, malformed or expired, saying which but never what stood there
 */
export function decodeAuthorizationToken(
  data: AuthorizationData | undefined,
  nowMs: number,
  action = 'ecr:GetAuthorizationToken',
): Credential {
  const refused = (found: string) =>
    new TransientError(`${action} answered with ${found}; nothing was sent to Runpod`);
  const token = data?.authorizationToken;
  if (!token) throw refused('no token');
  const bytes = Buffer.from(token, 'base64');
  // Node decodes what it can and says nothing of the rest.
  if (withoutPadding(bytes.toString('base64')) !== withoutPadding(token))
    throw refused('a token that is not base64');
  const pair = bytes.toString('utf8');
  if (!Buffer.from(pair, 'utf8').equals(bytes)) throw refused('a token that is not text');
  const colon = pair.indexOf(':');
  if (colon < 0) throw refused('a token without a colon');
  const username = pair.slice(0, colon);
  const password = pair.slice(colon + 1);
  if (!username || !password) throw refused(`a token without a ${username ? 'password' : 'user name'}`);
  return { username, password: new Secret(password), ...validity(data, nowMs, refused) };
}

function withoutPadding(base64: string): string {
  return base64.replace(/={1,2}$/, '');
}

function validity(
  data: AuthorizationData,
  nowMs: number,
  refused: (found: string) => TransientError,
): Pick<Credential, 'expiresAt' | 'registryUrl'> {
  const { expiresAt, proxyEndpoint } = data;
  if (!expiresAt || Number.isNaN(expiresAt.getTime())) throw refused('no time of expiry');
  if (expiresAt.getTime() <= nowMs) throw refused(`a token that expired at ${expiresAt.toISOString()}`);
  if (!proxyEndpoint) throw refused('no registry address');
  return { expiresAt, registryUrl: proxyEndpoint.replace(/\/+$/, '') };
}
