import { randomBytes } from 'node:crypto';
import {
  type Authenticate,
  basicCredentials,
  ociError,
  type RegistryAuthentication,
} from './registry-authentication';
import { type ReceivedRequest, type StandInAnswer, StandInServer } from './stand-in-server';

/** A token that was given out, and for what. */
export interface IssuedToken {
  /** Absent for the token of someone who gave no user name. */
  readonly username?: string;
  readonly scope: string;
}

const SERVICE = 'registry.embedded';

/** The token service of a registry, on a host of its own, as Docker Hub's is. */
export class TokenServiceStandIn extends StandInServer implements RegistryAuthentication {
  /** What it answers to a wrong password; ghcr.io says 403. */
  rejection: 401 | 403 = 401;
  /** The scope that the registry names before the question is known, as ghcr.io does. */
  placeholderScope: string | undefined;
  /** The address of the service as the registry names it; its own by default. */
  realm: string | undefined;
  /** Every token that was given out. */
  readonly issued = new Map<string, IssuedToken>();
  readonly #authenticate: Authenticate;

  constructor(authenticate: Authenticate) {
    super();
    this.#authenticate = authenticate;
  }

  /** Lets a client in that has a token. A password that nobody asked for is refused, as ghcr.io and ECR Public do. */
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

/** All repositories are private. */
function mayPull({ username, scope }: IssuedToken, repository: string): boolean {
  return username !== undefined && scope === `repository:${repository}:pull`;
}
