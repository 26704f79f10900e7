import { OperatorMustActError } from '../errors';
import type { SendHttp } from '../http';
import { type Credential, Secret } from '../model';
import { type HttpAnswer, isLoopback } from '../transport';
import { parseObject } from './stored-login';

/** A question to the token service that a registry named. */
export interface TokenQuestion {
  readonly credential: Credential;
  /** Ask for a token without the credential. @default false */
  readonly anonymous?: boolean;
  /** The parameters of the registry's challenge. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Such as `repository:team/worker:pull`; undefined to prove the login only. */
  readonly scope: string | undefined;
  readonly deadlineMs: number;
}

/** A token, or why there is none although the service did not reject the credential. */
export type TokenAnswer = { readonly token: Secret } | { readonly because: string };

/**
 * Exchanges a credential for a registry's token (distribution, token authentication specification).
 *
 * The scope of the challenge is not used, because some registries send a placeholder there (ghcr.io:
 * `repository:user/image:pull`).
 *
 * @throws OperatorMustActError `credential-rejected` for 401 and 403, and for 400 of ECR Public; `configuration-wrong`
 *   when the credential must not be sent to the realm
 * @throws TransientError when the service gives no answer
 */
export async function fetchToken(http: SendHttp, question: TokenQuestion): Promise<TokenAnswer> {
  const { credential, parameters, scope, deadlineMs } = question;
  const url = tokenServiceUrl(parameters.get('realm'), credential.registryUrl);
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  if (scope !== undefined) url.searchParams.set('scope', scope);
  const login = !question.anonymous && { authorization: basicAuth(credential) };
  const headers = { accept: 'application/json', ...login };
  const peer = nameOf(url, credential);
  const answer = await http({ method: 'GET', url: url.href, headers, peer }, { deadlineMs });
  return meaningOf(answer, peer, question);
}

/** The value of the `Authorization` header for user name and password (RFC 7617). */
export function basicAuth({ username, password }: Credential): string {
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`;
}

/**
 * The error for a credential that a registry or its token service rejects.
 *
 * @param about - `image` when the question was about an image, so that the login may be good
 */
export function rejected(
  asked: string,
  status: number,
  { origin }: Credential,
  about: { readonly image: boolean } = { image: false },
): OperatorMustActError {
  const cause = about.image ? ': either the login is wrong, or it may not pull this image' : '';
  const check = origin ?? "the repository's policy and the role's permissions";
  return new OperatorMustActError(
    'credential-rejected',
    `${asked} rejected the new credential (${status})${cause}; nothing was sent to Runpod; check ${check}${about.image && origin ? ', and what its user may pull' : ''}`,
  );
}

/**
 * Checks the address of a token service. It may be on another host, but only over https. Plain http is allowed only
 * between loopback addresses, so a remote registry cannot direct a credential to a plain service beside the function.
 */
function tokenServiceUrl(realm: string | undefined, registryUrl: string): URL {
  const registry = new URL(registryUrl);
  if (realm === undefined || !URL.canParse(realm)) throw untrusted(registry, 'not a URL');
  const url = new URL(realm);
  if (url.username !== '' || url.password !== '') throw untrusted(registry, 'a URL with a login in it');
  if (isOwnAddressBehindTls(url, registry)) {
    url.protocol = 'https:';
    url.port = registry.port;
  }
  const bothLoopback =
    url.protocol === 'http:' && registry.protocol === 'http:' && isLoopback(url) && isLoopback(registry);
  if (url.protocol !== 'https:' && !bothLoopback) throw untrusted(registry, 'not https');
  url.hash = '';
  return url;
}

/** A registry behind a TLS proxy may name itself with `http:`. The same host over https is the same service. */
function isOwnAddressBehindTls(realm: URL, registry: URL): boolean {
  const sameHost =
    realm.hostname === registry.hostname && (realm.port === '' || realm.port === registry.port);
  return sameHost && realm.protocol === 'http:' && registry.protocol === 'https:';
}

/** Does not quote the realm, because the registry wrote it. */
function untrusted(registry: URL, problem: string): OperatorMustActError {
  return new OperatorMustActError(
    'configuration-wrong',
    `${registry.host} names a token service whose address is ${problem}; no credential was sent there and nothing was sent to Runpod; check the address of the registry, or configure it to name its token service by https`,
  );
}

/** Names the token service for messages. The registry chose its host, so a foreign host is not shown. */
function nameOf({ host }: URL, { registryUrl }: Credential): string {
  const registry = new URL(registryUrl).host;
  return host === registry ? `${registry}, as its own token service,` : `the token service of ${registry}`;
}

function meaningOf(
  { status, body }: HttpAnswer,
  peer: string,
  { credential, scope }: TokenQuestion,
): TokenAnswer {
  const rejects = status === 401 || status === 403 || (status === 400 && credential.rejectedBy400);
  // GHCR answers 403 to a good login that may not pull the image. A 401 is about the login.
  if (rejects) throw rejected(peer, status, credential, { image: status === 403 && scope !== undefined });
  if (status !== 200) return { because: `${peer} answered ${status}` };
  const { token, access_token: accessToken } = parseObject(body) ?? {};
  const value = token || accessToken;
  // The characters that an HTTP header can hold.
  const usable = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
  return usable ? { token: new Secret(value) } : { because: `${peer} answered without a token` };
}
