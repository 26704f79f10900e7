import { OperatorMustActError } from '../errors';
import type { SendHttp } from '../http';
import { type Credential, Secret } from '../model';
import { type HttpAnswer, isLoopback } from '../transport';
import { parseObject } from './stored-login';

/** A question to the token service that a registry named. */
export interface TokenQuestion {
  readonly credential: Credential;
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
 * @throws OperatorMustActError `credential-rejected` for 401 and 403; `configuration-wrong` when the credential must
 *   not be sent to the realm
 * @throws TransientError when the service gives no answer
 */
export async function fetchToken(http: SendHttp, question: TokenQuestion): Promise<TokenAnswer> {
  const { credential, parameters, scope, deadlineMs } = question;
  const url = tokenServiceUrl(parameters.get('realm'), credential.registryUrl);
  const service = parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  if (scope !== undefined) url.searchParams.set('scope', scope);
  const headers = { accept: 'application/json', authorization: basicAuth(credential) };
  const answer = await http({ method: 'GET', url: url.href, headers }, { deadlineMs });
  return meaningOf(answer, url.host, credential);
}

/** The value of the `Authorization` header for user name and password (RFC 7617). */
export function basicAuth({ username, password }: Credential): string {
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`;
}

/** The error for a credential that a registry or its token service rejects. */
export function rejected(asked: string, status: number, { origin }: Credential): OperatorMustActError {
  return new OperatorMustActError(
    'credential-rejected',
    `${asked} rejected the new credential (${status}); nothing was sent to Runpod; check ${origin ?? "the repository's policy and the role's permissions"}`,
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
  const bothLoopback =
    url.protocol === 'http:' && registry.protocol === 'http:' && isLoopback(url) && isLoopback(registry);
  if (url.protocol !== 'https:' && !bothLoopback) throw untrusted(registry, 'not https');
  url.hash = '';
  return url;
}

/** Does not quote the realm, because the registry wrote it. */
function untrusted(registry: URL, found: string): OperatorMustActError {
  return new OperatorMustActError(
    'configuration-wrong',
    `${registry.host} names a token service whose address is ${found}; no credential was sent there and nothing was sent to Runpod; check the address of the registry`,
  );
}

function meaningOf({ status, body }: HttpAnswer, host: string, credential: Credential): TokenAnswer {
  const asked = `${host}, the token service of ${new URL(credential.registryUrl).host},`;
  if (status === 401 || status === 403) throw rejected(asked, status, credential);
  if (status !== 200) return { because: `${asked} answered ${status}` };
  const { token, access_token: accessToken } = parseObject(body) ?? {};
  const value = token || accessToken;
  // What an HTTP header can hold.
  const usable = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
  return usable ? { token: new Secret(value) } : { because: `${asked} answered without a token` };
}
