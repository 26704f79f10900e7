import type { RouteName } from '../../lambda/core/model';
import type { ReceivedRequest, StandInAnswer } from '../stand-in-server';
import type { AuthWrite, RunpodUser, StoredAuth } from './accounts';

/** What a request is answered with: who asks, whether they may write, and the path below the API's base. */
export interface RestCall {
  readonly request: ReceivedRequest;
  readonly user: RunpodUser;
  readonly mayWrite: boolean;
  readonly path: string;
}

/** What an API can do beyond its published specification, or no more. */
export interface RestAbilities {
  update: boolean;
}

/** RFC 9457, as REST v2 answers errors. */
export function problem(status: number, title: string, detail: string, errors?: string[]): StandInAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { title, status, detail, ...(errors && { errors }) },
  };
}

/** Notes what a route has written. @returns the auth as it is shown, or undefined where nothing was written */
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

/** Credentials are write-only. */
export function shown({ id, name }: StoredAuth): { id: string; name: string } {
  return { id, name };
}

/** The id at the end of a path below `base`; undefined where there is none or it is malformed. */
export function idBelow(base: string, path: string): string | undefined {
  const encoded = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : '';
  try {
    return encoded === '' || encoded.includes('/') ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** A body as an object; an empty one where it is not JSON. */
export function jsonObject(text: string): Record<string, unknown> {
  return parsedObject(text) ?? {};
}

/** A body as an object; undefined where it is not JSON or no object. */
export function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
