import type { Credential, RouteName, Secret } from '../model';
import type { Pacer } from '../rate-limit';

/** A registry auth as Runpod lists it. Its credential is write-only. */
export interface RegistryAuth {
  readonly id: string;
  readonly name: string;
}

/** What a caller gives with every call to Runpod. */
export interface RunpodCall {
  readonly apiKey: Secret;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** What a route needs with every call: the account's quota besides. */
export interface RouteCall extends RunpodCall {
  readonly pacer: Pacer;
}

/**
 * One of Runpod's APIs.
 *
 * Every method throws `ApiKeyRefusedError` (401), `OperatorMustActError` with reason `permission-missing` (403
 * from the API itself), `RouteCannotError`, or `TransientError`.
 */
export interface RunpodRoute {
  readonly name: RouteName;
  list(call: RouteCall): Promise<RegistryAuth[]>;
  /** Never repeated by itself: whether a lost answer meant a creation has to be looked up first. */
  create(call: RouteCall, name: string, credential: Credential): Promise<RegistryAuth>;
  /** Resolves only when the answer names the id that was asked for. */
  update(call: RouteCall, id: string, credential: Credential): Promise<void>;
}

/** A credential as every API takes it. Exactly these two fields: REST v2 refuses unknown keys. */
export function wireCredential({ username, password }: Credential): { username: string; password: string } {
  return { username, password: password.reveal() };
}
