import { randomBytes } from 'node:crypto';
import type { ReceivedRequest, StandInAnswer } from './exchange';
import { type Authenticate, basicCredentials, ociError, type RegistryAuthentication } from './registry';
import { StandInServer } from './stand-in-server';

/** A token that the service has issued. */
export interface IssuedToken {
  /** Absent for an anonymous token. */
  readonly username?: string;
  readonly scope: string;
}

const SERVICE = 'registry.embedded';

/** A registry's token service on a server of its own, like Docker Hub's. */
export class TokenServiceStandIn extends StandInServer implements RegistryAuthentication {
  /** The answer to a wrong password. GHCR answers 403. */
  rejection: 401 | 403 = 401;
  /** The scope in a challenge to a request without a repository. GHCR sends one, others send none. */
  placeholderScope: string | undefined;
  /** The service's address in the registry's challenge; its own by default. */
  realm: string | undefined;
  /** Every token that was issued. */
  readonly issued = new Map<string, IssuedToken>();
  readonly #authenticate: Authenticate;

  constructor(authenticate: Authenticate) {
    super();
    this.#authenticate = authenticate;
  }

  /** Accepts clients with a token. Refuses Basic auth, as GHCR and ECR Public do. */
  refusalOf(request: ReceivedRequest): StandInAnswer | undefined {
    const { authorization = '' } = request.headers;
    if (/^Basic /i.test(authorization)) return { status: 403, body: ociError('DENIED', 'denied') };
    const token = this.issued.get(/^Bearer (.+)$/i.exec(authorization)?.[1] ?? '');
    const repository = /^\/v2\/(.+)\/(manifests|blobs)\//.exec(request.path)?.[1];
    if (token && (repository === undefined || mayPull(token, repository))) return undefined;
    return this.#challenge(repository);
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    if (request.method !== 'GET' || request.path !== '/token') return { status: 404, body: {} };
    if (request.query.get('service') !== SERVICE)
      return { status: 400, body: { message: 'unknown service' } };
    const [username, password] = basicCredentials(request);
    const anonymous = request.headers.authorization === undefined;
    if (!anonymous && !this.#authenticate(username, password)) {
      return { status: this.rejection, body: ociError('DENIED', 'incorrect username or password') };
    }
    const token = randomBytes(48).toString('base64url');
    const scope = request.query.get('scope') ?? '';
    this.issued.set(token, anonymous ? { scope } : { username, scope });
    return { status: 200, body: { token, expires_in: 300, issued_at: new Date().toISOString() } };
  }

  #challenge(repository: string | undefined): StandInAnswer {
    const scope = repository === undefined ? this.placeholderScope : `repository:${repository}:pull`;
    const parameters = {
      realm: this.realm ?? `${this.url}/token`,
      service: SERVICE,
      ...(scope && { scope }),
    };
    const list = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
    const body = ociError('UNAUTHORIZED', 'authentication required');
    return { status: 401, headers: { 'www-authenticate': `Bearer ${list.join(',')}` }, body };
  }
}

/** Returns whether a token may pull. Every repository is private, so an anonymous token may pull nothing. */
function mayPull({ username, scope }: IssuedToken, repository: string): boolean {
  return username !== undefined && scope === `repository:${repository}:pull`;
}
