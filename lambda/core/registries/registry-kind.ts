import type { Credential, Registry } from '../model';

/** A kind of registry: how its credentials are issued, and which targets may share one. */
export interface RegistryKind<R extends Registry> {
  /** Equal for registries that the same credential serves. */
  shareKey(registry: R): string;
  /** @throws OperatorMustActError or TransientError */
  issue(registry: R, deadlineMs: number): Promise<Credential>;
}
