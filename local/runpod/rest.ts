import type { RouteName } from '../../lambda/core/model';
import type { ReceivedRequest, StandInAnswer } from '../exchange';
import type { AuthWrite, RunpodUser, StoredAuth, StoredWorkload } from './accounts';

/** An authenticated request, with the path below the API's base. */
export interface RestCall {
  readonly request: ReceivedRequest;
  readonly user: RunpodUser;
  readonly mayWrite: boolean;
  readonly mayReadWorkloads: boolean;
  /** The time, by the embedded cloud's clock. */
  readonly now: () => Date;
  /** Called after a release of an endpoint. */
  readonly onRelease: (endpoint: StoredWorkload) => void;
  readonly path: string;
}

/** What a REST API can do, where its specification and Runpod's guide disagree. */
export interface RestAbilities {
  /** Whether it has the update in place. */
  update: boolean;
}

/** Returns an error answer in REST v2's format (RFC 9457). */
export function problem(status: number, title: string, detail: string, errors?: string[]): StandInAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { title, status, detail, ...(errors && { errors }) },
  };
}

/** Records a write over a route. Returns the auth as it is shown, or undefined when nothing was written. */
export function written(
  user: RunpodUser,
  kind: AuthWrite['kind'],
  route: RouteName,
  auth: StoredAuth | undefined,
): { id: string; name: string } | undefined {
  if (!auth) return undefined;
  user.writes.push({ kind, route, id: auth.id });
  return shown(auth);
}

/** Returns the fields that the APIs show. Credentials are write-only. */
export function shown({ id, name }: StoredAuth): { id: string; name: string } {
  return { id, name };
}

/** Returns the id at the end of a path below `base`, or undefined when there is none or it is malformed. */
export function idBelow(base: string, path: string): string | undefined {
  const encoded = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : '';
  try {
    return encoded === '' || encoded.includes('/') ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
