import type { ReadApiKey } from '../core/api-key';
import type { Clock } from '../core/clock';
import { mapConcurrently } from '../core/concurrency';
import { asRefresherError, type FailedTarget, OperatorMustActError, TransientError } from '../core/errors';
import { Memo } from '../core/memo';
import type { Credential, RefreshedTarget, Registry, RouteName, Secret, Target } from '../core/model';
import type { Proof, Prove } from '../core/registries/oci-proof';
import { findByName, type RunpodAccount, registryAuthMissing, type Written } from '../core/runpod/account';
import { ApiKeyOfRun } from '../core/runpod/api-key-of-run';
import type { RegistryAuth } from '../core/runpod/route';

/** Enough to hide the latency of each write, few enough that a quota is not overrun before it is known. */
const CONCURRENT_TARGETS = 10;

/** No proof may spend more of a run: the write is what it is all for. */
const PROOF_LIMIT_MS = 60_000;

/** What the use case needs from the world. */
export interface RefreshPorts {
  readonly clock: Clock;
  readonly readApiKey: ReadApiKey;
  /** Equal for registries that one credential serves. */
  readonly shareKey: (registry: Registry) => string;
  readonly issueCredential: (registry: Registry, deadlineMs: number) => Promise<Credential>;
  readonly prove: Prove;
  /** The account that the key in this secret belongs to; kept while the process is warm. */
  readonly accountOf: (secretName: string) => RunpodAccount;
}

/** What one run is asked to do. */
export interface RefreshRequest {
  readonly targets: readonly Target[];
  /** Do everything but write. */
  readonly dryRun: boolean;
  /** When the run must have ended, in milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** A target that was refreshed, with what the log and the metrics tell besides. */
export interface TargetSuccess extends RefreshedTarget {
  /** Written over another API of Runpod's than the first. */
  readonly fallback: boolean;
  /** Why the registry could not be asked; absent when it accepted the credential or was not to be asked. */
  readonly unverifiedBecause?: string;
  readonly durationMs: number;
}

/** What became of one target. */
export type TargetOutcome = TargetSuccess | (FailedTarget & { readonly durationMs: number });

/** Whether a target was refreshed. */
export function isSuccess(outcome: TargetOutcome): outcome is TargetSuccess {
  return !('error' in outcome);
}

/**
 * Refreshes every target: a fresh credential, proved, written over the old one.
 *
 * A failing target never stops the others; nothing is thrown for it. Whatever targets share (a credential, a
 * key, a proof, a list) is asked for once per run.
 */
export async function refresh(request: RefreshRequest, ports: RefreshPorts): Promise<TargetOutcome[]> {
  const run = new Run(request, ports);
  return mapConcurrently(request.targets, CONCURRENT_TARGETS, (target) => run.attempt(target));
}

/** One run, with what its targets share. */
class Run {
  readonly #request: RefreshRequest;
  readonly #ports: RefreshPorts;
  readonly #apiKeys = new Memo<string, ApiKeyOfRun>();
  readonly #credentials = new Memo<string, Promise<Credential>>();
  readonly #proofs = new Memo<string, Promise<Proof>>();
  readonly #listings = new Memo<Secret, Promise<Listing>>();
  /** Registries that could not be asked: one answer is enough, or a thousand images would spend the run. */
  readonly #silent = new Map<string, Proof>();

  constructor(request: RefreshRequest, ports: RefreshPorts) {
    this.#request = request;
    this.#ports = ports;
  }

  async attempt(target: Target): Promise<TargetOutcome> {
    const startedMs = this.#ports.clock.now();
    const elapsedMs = () => this.#ports.clock.now() - startedMs;
    try {
      return { ...(await this.#refreshTarget(target)), durationMs: elapsedMs() };
    } catch (error) {
      return { target: target.name, error: asRefresherError(error), durationMs: elapsedMs() };
    }
  }

  async #refreshTarget(target: Target): Promise<Omit<TargetSuccess, 'durationMs'>> {
    const apiKey = this.#apiKey(target.runpodApiKeySecretName);
    const [credential] = await Promise.all([this.#credential(target.registry), apiKey.ready()]);
    const proof = await this.#prove(target, credential);
    const { registryAuthId, route } = await this.#write(target, credential, apiKey);
    return {
      target: target.name,
      registryAuthId,
      route,
      ...(credential.expiresAt && { expiresAt: credential.expiresAt.toISOString() }),
      ...proof,
      fallback: this.#ports.accountOf(target.runpodApiKeySecretName).isFallback(route),
    };
  }

  #apiKey(secretName: string): ApiKeyOfRun {
    const { readApiKey } = this.#ports;
    return this.#apiKeys.get(
      secretName,
      () => new ApiKeyOfRun(() => readApiKey(secretName, this.#request.deadlineMs)),
    );
  }

  #credential(registry: Registry): Promise<Credential> {
    const { shareKey, issueCredential } = this.#ports;
    return this.#credentials.get(shareKey(registry), () =>
      issueCredential(registry, this.#request.deadlineMs),
    );
  }

  /** @throws when the registry rejects the credential, or gives no answer although the target requires one */
  async #prove(target: Target, credential: Credential): Promise<Verification> {
    const { verify, verifyImage, registry } = target;
    if (verify === 'off') return { verified: false };
    const { prove, shareKey, clock } = this.#ports;
    const share = shareKey(registry);
    const question = `${share} ${verifyImage ?? ''}`;
    // An answer that is there already counts, above all a refusal.
    const silent =
      verify === 'best-effort' && !this.#proofs.has(question) ? this.#silent.get(share) : undefined;
    const deadlineMs = Math.min(this.#request.deadlineMs, clock.now() + PROOF_LIMIT_MS);
    const proof =
      silent ?? (await this.#proofs.get(question, () => prove(credential, verifyImage, deadlineMs)));
    if (proof.accepted) return { verified: true };
    if (!proof.lasting) this.#silent.set(share, proof);
    if (verify === 'best-effort') return { verified: false, unverifiedBecause: proof.because };
    const message = `verify is "required" and ${proof.because}; nothing was sent to Runpod`;
    throw proof.lasting ? new OperatorMustActError('image-unproved', message) : new TransientError(message);
  }

  #write(target: Target, credential: Credential, apiKey: ApiKeyOfRun): Promise<Written> {
    const account = this.#ports.accountOf(target.runpodApiKeySecretName);
    return apiKey.use(async (key) => {
      const call = { apiKey: key, deadlineMs: this.#request.deadlineMs };
      const list = () => this.#listings.get(key, () => account.list(call));
      const known = async () => (await list()).auths;
      const { registryAuthId, registryAuthName = target.name } = target;
      if (this.#request.dryRun) return wouldWrite(target, await list());
      if (registryAuthId !== undefined) return account.update(call, registryAuthId, credential, known);
      return account.ensure(call, registryAuthName, credential, known);
    });
  }
}

type Verification = Pick<TargetSuccess, 'verified' | 'unverifiedBecause'>;

interface Listing {
  readonly auths: readonly RegistryAuth[];
  readonly route: RouteName;
}

/** What a dry run found in the place of a write. @throws OperatorMustActError where the write would */
function wouldWrite(target: Target, { auths, route }: Listing): Written {
  const { registryAuthId } = target;
  if (registryAuthId === undefined) {
    const found = findByName(auths, target.registryAuthName ?? target.name);
    return { registryAuthId: found?.id ?? 'to be created', route };
  }
  if (!auths.some(({ id }) => id === registryAuthId)) throw registryAuthMissing(registryAuthId);
  return { registryAuthId, route };
}
