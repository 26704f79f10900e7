import type { Clock } from '../core/clock';
import { mapConcurrently, once } from '../core/concurrency';
import { asRefresherError, type FailedTarget, OperatorMustActError, TransientError } from '../core/errors';
import type { Credential, RefreshedTarget, Registry, RouteName, Secret, Target } from '../core/model';
import type { Proof, Prove } from '../core/registries/proof';
import { credentialCacheKey, type IssueCredential } from '../core/registries/registries';
import { findByName, type RunpodAccount, registryAuthMissing, type Written } from '../core/runpod/account';
import type { RegistryAuth } from '../core/runpod/api';
import { ApiKey, createApiKeyReader, type ReadSecret } from '../core/secrets';

/** Number of targets refreshed at a time: enough to hide the latency of a write, too few to use up an unknown quota. */
const CONCURRENT_TARGETS = 10;

/** Time limit of one proof, so that time is left for the write. */
const PROOF_LIMIT_MS = 60_000;

const DAY_MS = 24 * 60 * 60_000;

/** What refreshing depends on. All of it lives as long as the process and survives invocations. */
export interface RefreshServices {
  readonly clock: Clock;
  /** Makes the secret reader of one run. */
  readonly createSecretReader: () => ReadSecret;
  readonly issueCredential: IssueCredential;
  readonly prove: Prove;
  /** Makes the account of one API key. Called once for each secret name in the life of the process. */
  readonly createAccount: () => RunpodAccount;
}

/** The request for one run. */
export interface RefreshRequest {
  readonly targets: readonly Target[];
  /** Do everything but write. */
  readonly dryRun: boolean;
  /** When the run must have ended: a moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
}

/** A target that was refreshed, with further fields for the log and the metrics. */
export interface TargetSuccess extends RefreshedTarget {
  /** Whether it was written over another API than the first one of the settings. */
  readonly fallback: boolean;
  /** Why nothing proves the credential. Absent when the registry accepted it, or when `verify` is `off`. */
  readonly unverifiedBecause?: string;
  readonly durationMs: number;
}

/** The outcome of one target. */
export type TargetOutcome = TargetSuccess | (FailedTarget & { readonly durationMs: number });

/** Whether a target was refreshed. */
export function isSuccess(outcome: TargetOutcome): outcome is TargetSuccess {
  return !('error' in outcome);
}

/** The outcome of one run. */
export interface RunOutcome {
  /** One for each target, in the order of the request. */
  readonly outcomes: readonly TargetOutcome[];
  /** Age of the oldest Runpod API key that this process has read, in whole days; absent when it has read none. */
  readonly apiKeyAgeDays?: number;
}

/** Refreshes targets. It lives as long as the process and remembers which of Runpod's APIs works for each account. */
export class Refresher {
  readonly #services: RefreshServices;
  /** By the name of the secret that holds the account's API key. */
  readonly #accounts = new Map<string, RunpodAccount>();
  /** When the keys that this process has read were stored, by the name of their secret. */
  readonly #keyCreatedAt = new Map<string, Date>();

  constructor(services: RefreshServices) {
    this.#services = services;
  }

  /**
   * Refreshes every target: a fresh credential is issued, proved, and written over the old one.
   *
   * A failing target never stops the others, and nothing is thrown for it. Targets share credentials, keys, proofs and
   * lists: each is obtained once per run.
   */
  async run(request: RefreshRequest): Promise<RunOutcome> {
    const account = (secretName: string) =>
      once(this.#accounts, secretName, () => this.#services.createAccount());
    const run = new Run(request, this.#services, account);
    const outcomes = await mapConcurrently(request.targets, CONCURRENT_TARGETS, (target) =>
      run.attempt(target),
    );
    for (const [secretName, createdAt] of run.keyCreatedAt()) this.#keyCreatedAt.set(secretName, createdAt);
    const apiKeyAgeDays = this.#oldestKeyDays();
    return { outcomes, ...(apiKeyAgeDays !== undefined && { apiKeyAgeDays }) };
  }

  #oldestKeyDays(): number | undefined {
    const created = [...this.#keyCreatedAt.values()].map((date) => date.getTime());
    if (created.length === 0) return undefined;
    return Math.floor((this.#services.clock.now() - Math.min(...created)) / DAY_MS);
  }
}

/** The state of one run: what its targets share. It is created per invocation and dies with it. */
class Run {
  readonly #request: RefreshRequest;
  readonly #services: RefreshServices;
  readonly #accountOf: (secretName: string) => RunpodAccount;
  readonly #readSecret: ReadSecret;
  readonly #apiKeys = new Map<string, ApiKey>();
  readonly #credentials = new Map<string, Promise<Credential>>();
  readonly #proofs = new Map<string, Promise<Proof>>();
  readonly #listings = new Map<Secret, Promise<Listing>>();
  /**
   * Registries that gave no answer. Targets with `best-effort` do not ask them about further images, because a thousand
   * waits would use up the run.
   */
  readonly #unreachable = new Map<string, Proof>();

  constructor(
    request: RefreshRequest,
    services: RefreshServices,
    accountOf: (secretName: string) => RunpodAccount,
  ) {
    this.#request = request;
    this.#services = services;
    this.#accountOf = accountOf;
    this.#readSecret = services.createSecretReader();
  }

  async attempt(target: Target): Promise<TargetOutcome> {
    const startedMs = this.#services.clock.steady();
    const elapsedMs = () => this.#services.clock.steady() - startedMs;
    try {
      return { ...(await this.#refreshTarget(target)), durationMs: elapsedMs() };
    } catch (error) {
      return { target: target.name, error: asRefresherError(error), durationMs: elapsedMs() };
    }
  }

  /** When the keys that this run has read were stored, by the name of their secret. */
  keyCreatedAt(): [secretName: string, createdAt: Date][] {
    return [...this.#apiKeys].flatMap(([secretName, { createdAt }]) =>
      createdAt ? [[secretName, createdAt] as [string, Date]] : [],
    );
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
      fallback: this.#accountOf(target.runpodApiKeySecretName).isFallback(route),
    };
  }

  #apiKey(secretName: string): ApiKey {
    const { deadlineMs } = this.#request;
    const read = createApiKeyReader(this.#readSecret);
    return once(
      this.#apiKeys,
      secretName,
      () => new ApiKey((again) => read(secretName, { deadlineMs, again })),
    );
  }

  #credential(registry: Registry): Promise<Credential> {
    const options = { readSecret: this.#readSecret, deadlineMs: this.#request.deadlineMs };
    return once(this.#credentials, credentialCacheKey(registry), () =>
      this.#services.issueCredential(registry, options),
    );
  }

  /** @throws when the registry rejects the credential, or when `verify` is `required` and nothing proves it */
  async #prove(target: Target, credential: Credential): Promise<Verification> {
    const { verify, verifyImage, registry } = target;
    if (verify === 'off') return { verified: false };
    const { prove, clock } = this.#services;
    const registryKey = credentialCacheKey(registry);
    const proofKey = `${registryKey} ${verifyImage ?? ''}`;
    // An earlier proof of the same image comes first, because it may be a rejection.
    const unreachable =
      verify === 'best-effort' && !this.#proofs.has(proofKey)
        ? this.#unreachable.get(registryKey)
        : undefined;
    const deadlineMs = Math.min(this.#request.deadlineMs, clock.steady() + PROOF_LIMIT_MS);
    const proof =
      unreachable ?? (await once(this.#proofs, proofKey, () => prove(credential, verifyImage, deadlineMs)));
    if (proof.accepted) return { verified: true };
    if (!proof.lasting) this.#unreachable.set(registryKey, proof);
    if (verify === 'best-effort') return { verified: false, unverifiedBecause: proof.because };
    const message = `verify is "required" and ${proof.because}; nothing was sent to Runpod`;
    throw proof.lasting ? new OperatorMustActError('image-unproved', message) : new TransientError(message);
  }

  #write(target: Target, credential: Credential, apiKey: ApiKey): Promise<Written> {
    const account = this.#accountOf(target.runpodApiKeySecretName);
    return apiKey.use(async (key) => {
      const call = { apiKey: key, deadlineMs: this.#request.deadlineMs };
      const list = () => once(this.#listings, key, () => account.list(call));
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

/** Returns what a dry run reports instead of a write. @throws OperatorMustActError when the write would certainly fail */
function wouldWrite(target: Target, { auths, route }: Listing): Written {
  const { registryAuthId } = target;
  if (registryAuthId === undefined) {
    const found = findByName(auths, target.registryAuthName ?? target.name);
    return { registryAuthId: found?.id ?? 'to be created', route };
  }
  if (!auths.some(({ id }) => id === registryAuthId)) throw registryAuthMissing(registryAuthId);
  return { registryAuthId, route };
}
