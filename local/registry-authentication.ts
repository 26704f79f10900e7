import type { ReceivedRequest, StandInAnswer } from './stand-in-server';

/** Whether a registry accepts a user name and password. */
export type Authenticate = (username: string, password: string) => boolean;

/** How a registry lets clients in: a user name and password, a token of another server, or whatever a test needs. */
export interface RegistryAuthentication {
  /** What a client that is not let in is told; undefined lets it in. @param registryUrl - of the registry that is asked */
  refusalOf(request: ReceivedRequest, registryUrl: string): StandInAnswer | undefined;
}

/** Basic authentication, as ECR asks for it. */
export function basicAuthentication(authenticate: Authenticate): RegistryAuthentication {
  return {
    refusalOf(request, registryUrl) {
      if (authenticate(...basicCredentials(request))) return undefined;
      const headers = { 'www-authenticate': `Basic realm="${registryUrl}/",service="ecr.amazonaws.com"` };
      return { status: 401, headers, body: ociError('UNAUTHORIZED', 'Not Authorized') };
    },
  };
}

/** An error in the shape of the OCI distribution specification. */
export function ociError(code: string, message: string): object {
  return { errors: [{ code, message }] };
}

/** The user name and the password of a request; both empty where there are none. */
export function basicCredentials({ headers }: ReceivedRequest): [username: string, password: string] {
  const encoded = /^Basic (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? ['', ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
}
