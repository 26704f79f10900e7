import { ApiKeyRefusedError, OperatorMustActError, RefresherError } from '../errors';
import { ecrPlaceOf, type ImageName, parseImageName } from '../images';
import type { Credential, PullProblem, Registry, Target } from '../model';
import { WORKER_PLATFORM } from '../registries/manifests';
import type { RegistryAuth, RunpodCall } from '../runpod/api';
import type {
  DelegatedRepository,
  LogOwner,
  LogWindow,
  RunpodWorkloads,
  Worker,
  Workload,
} from '../runpod/workloads';
import type { ApiKey } from '../secrets';
import { type FailedPullKind, recogniseFailedPull } from './failed-pull';
import { isAt, type LookRun, MAX_SHOWN_LINE, messageOf } from './look-run';
import { keyOf, type NotLooked } from './model';
import {
  deniedDetail,
  failedPullDetail,
  missingDetail,
  notAttachedDetail,
  platformDetail,
  wrongAuthDetail,
} from './sentences';

/** So many workers of one endpoint have their logs read, those first that are the least healthy. */
const MAX_WORKERS = 5;

/** After so many logs in a row that could not be read, no further log of the account is asked for in this look. */
const MAX_LOG_FAILURES = 16;

/** Longest image name that is shown, in characters: host, repository (255) and digest. */
const MAX_SHOWN_IMAGE = 400;

/** The target that a workload is looked at for, and what its wiring says. */
interface Wiring {
  readonly target: Target;
  readonly problem?: { readonly name: 'not-attached' | 'wrong-auth'; readonly detail: string };
  /** The credential and image to ask the registry with. @default - the image is not in the target's registry */
  readonly ask?: { readonly credential: Credential; readonly image: ImageName };
}

/** One look at one Runpod account. */
export class AccountLook {
  workloads: readonly Workload[] = [];
  /** Workloads that are ours. */
  readonly lookedAt = new Set<string>();
  readonly #run: LookRun;
  readonly #targets: readonly Target[];
  readonly #key: ApiKey;
  readonly #client: RunpodWorkloads;
  readonly #auths = new Map<string, Target>();
  #authsKnown = true;
  #delegations: Promise<readonly DelegatedRepository[] | undefined> | undefined;
  /** Set once the key turns out to have no right to read logs. No further log is asked for. */
  #mayNotReadLogs = false;
  #logFailuresInARow = 0;

  constructor(run: LookRun, secretName: string) {
    this.#run = run;
    this.#targets = run.request.targets.filter((target) => target.runpodApiKeySecretName === secretName);
    this.#key = run.apiKey(secretName);
    this.#client = run.services.workloadsOf(secretName);
  }

  /** Lists registry auths and workloads. The first request goes alone, so that its answer tells the quota. */
  async list(): Promise<void> {
    const auths = await this.#attempt('list registry auths', 'auth', (call) =>
      this.#client.registryAuths(call),
    );
    this.#authsKnown = auths !== undefined;
    this.#learnAuths(auths ?? []);
    const ignored = new Set(this.#run.request.ignore);
    const lists = await Promise.all(
      (['endpoint', 'pod'] as const).map((kind) =>
        this.#attempt(`list ${kind}s`, kind, (call) => this.#client.workloads(call, kind)),
      ),
    );
    this.workloads = lists
      .flatMap((list) => list ?? [])
      .filter(({ id, active }) => active && !ignored.has(id));
  }

  /** Whether a registry auth is that of a target. */
  hasAuth(registryAuthId: string | undefined): boolean {
    return registryAuthId !== undefined && this.#auths.has(registryAuthId);
  }

  /** From when the log of a workload has not been read. */
  logSinceMs(workload: Workload): number {
    const names = this.#targets.map(({ name }) => name);
    return this.#run.request.logSinceMs(keyOf(workload), names);
  }

  /**
   * Looks at the wiring and the image of one workload. Never rejects.
   *
   * @returns the target that it is looked at for; undefined when it is none of ours
   */
  async lookAt(workload: Workload): Promise<Target | undefined> {
    try {
      const wiring = await this.#wiringOf(workload);
      if (!wiring) return undefined;
      this.lookedAt.add(keyOf(workload));
      if (wiring.problem) this.#find(wiring.target, workload, wiring.problem.name, wiring.problem.detail);
      await this.#lookAtImage(workload, wiring);
      return wiring.target;
    } catch (error) {
      // Only a defect comes here. One workload must not stop the others.
      this.#skip(workload, this.#targets[0], { because: messageOf(error) });
      return undefined;
    }
  }

  #learnAuths(auths: readonly RegistryAuth[]): void {
    for (const target of this.#targets) {
      const { registryAuthId, registryAuthName } = target;
      const found = auths.find(({ id, name }) =>
        registryAuthId === undefined ? name === registryAuthName : id === registryAuthId,
      );
      const id = registryAuthId ?? found?.id;
      if (id !== undefined) this.#auths.set(id, target);
    }
  }

  /** Returns whose workload it is and how it is wired; undefined when it is none of ours. */
  async #wiringOf(workload: Workload): Promise<Wiring | undefined> {
    const image = parseImageName(workload.image);
    const named = this.#auths.get(workload.registryAuthId ?? '');
    if (named) return this.#wiringOfNamed(workload, named, image);
    // Without the list of auths, a name that is not known may still be the auth of a target.
    if (!image || (workload.registryAuthId !== undefined && !this.#authsKnown)) return undefined;
    const claim = await this.#claimOf(image);
    if (!claim) return undefined;
    const wiring = { target: claim.target, ask: { credential: claim.credential, image } };
    const covered = await this.#isDelegated(claim.target, image);
    if (covered === undefined) {
      this.#skip(workload, claim.target, { aspect: 'wiring', because: 'the delegations are not known' });
    }
    if (covered !== false) return wiring;
    const authName = authNameOf(claim.target);
    const problem =
      workload.registryAuthId === undefined
        ? ({ name: 'not-attached', detail: notAttachedDetail(workload, authName) } as const)
        : ({
            name: 'wrong-auth',
            detail: wrongAuthDetail(workload, workload.registryAuthId, authName),
          } as const);
    return { ...wiring, problem };
  }

  /** The workload names a target's auth. Its image may still be in the registry of another target. */
  async #wiringOfNamed(workload: Workload, named: Target, image: ImageName | undefined): Promise<Wiring> {
    const credential = image && (await this.#run.credential(named));
    if (!image || !credential) return { target: named };
    if (isAt(named.registry, credential, image)) return { target: named, ask: { credential, image } };
    const other = await this.#claimOf(image);
    if (!other) return { target: named };
    const detail = wrongAuthDetail(workload, authNameOf(named), authNameOf(other.target));
    return {
      target: other.target,
      problem: { name: 'wrong-auth', detail },
      ask: { credential: other.credential, image },
    };
  }

  /**
   * Finds the target whose registry has the image and whose credential is needed for it.
   *
   * In private ECR the target must list the repository. Elsewhere the same registry holds public images and those of
   * others, so the credential must be able to pull the image, and a client without a credential must not.
   */
  async #claimOf(image: ImageName): Promise<{ target: Target; credential: Credential } | undefined> {
    for (const target of this.#targets) {
      if (!mayHold(target.registry, image)) continue;
      const credential = await this.#run.credential(target);
      if (credential && isAt(target.registry, credential, image)) {
        if (await this.#isNeededFor(target, credential, image)) return { target, credential };
      }
    }
    return undefined;
  }

  async #isNeededFor({ registry }: Target, credential: Credential, image: ImageName): Promise<boolean> {
    if (registry.type === 'ecr') return registry.repositories.includes(image.repository);
    const anonymous = await this.#run.image(credential, registry, image, true);
    if (anonymous.found === 'image' || anonymous.found === 'unknown') return false;
    return (await this.#run.image(credential, registry, image)).found === 'image';
  }

  /** Whether a delegation covers an image; undefined when nobody can tell. Only private ECR has delegations. */
  async #isDelegated(target: Target, image: ImageName): Promise<boolean | undefined> {
    if (target.registry.type !== 'ecr') return false;
    this.#delegations ??= this.#attempt(
      'list delegations',
      undefined,
      (call) => this.#client.delegations(call),
      [],
    );
    const delegations = await this.#delegations;
    const place = ecrPlaceOf(image.host);
    return delegations?.some(
      ({ account, region, repository }) =>
        repository === image.repository &&
        (place === undefined || (account === place.account && region === place.region)),
    );
  }

  async #lookAtImage(workload: Workload, { target, ask }: Wiring): Promise<void> {
    if (!ask) return;
    const { credential, image } = ask;
    const state = await this.#run.image(credential, target.registry, image);
    const { found } = state;
    if (found === 'unknown') {
      return this.#skip(workload, target, { aspect: 'image', because: state.because });
    }
    if (found === 'no-image') {
      return this.#find(target, workload, 'image-missing', missingDetail(workload, state.missing));
    }
    if (found === 'denied') {
      return this.#find(target, workload, 'pull-denied', deniedDetail(target.name, state.because));
    }
    if (state.platforms && !state.platforms.includes(WORKER_PLATFORM)) {
      this.#find(target, workload, 'wrong-platform', platformDetail(state.platforms));
    }
  }

  /** Looks for failed pulls in the log of a workload. Never rejects. */
  async lookAtLog(workload: Workload, target: Target): Promise<void> {
    if (this.#mayNotReadLogs) return;
    if (this.#logFailuresInARow >= MAX_LOG_FAILURES) {
      const because = `the ${MAX_LOG_FAILURES} logs before it could not be read`;
      return this.#skip(workload, target, { aspect: 'log', because });
    }
    const sinceMs = this.logSinceMs(workload);
    const window = { sinceMs, endMs: this.#run.request.logEndMs };
    const { count, newest } = await this.#failedPulls(workload, target, window);
    if (!newest) return;
    const line = this.#run.show(newest.text, MAX_SHOWN_LINE);
    const detail = failedPullDetail({ kind: newest.kind, count, sinceMs, line });
    this.#find(target, workload, 'pull-failed', detail);
  }

  /** Reads the logs of a workload until one cannot be read. */
  async #failedPulls(workload: Workload, target: Target, window: LogWindow): Promise<FailedPulls> {
    let failed: FailedPulls = { count: 0 };
    const gaps: { readonly because: string; readonly partly: boolean }[] = [];
    try {
      for (const owner of await this.#logOwners(workload)) {
        const { lines, cut } = await this.#key.use((apiKey) =>
          this.#client.systemLog(this.#call(apiKey), owner, window),
        );
        this.#logFailuresInARow = 0;
        if (cut) gaps.push({ because: LOG_WAS_CUT, partly: lines.length > 0 });
        for (const { text, atMs } of lines) {
          const kind = recogniseFailedPull(text);
          if (kind) failed = withFailure(failed, { kind, text, atMs });
        }
      }
    } catch (error) {
      if (isBlindness(error)) {
        this.#mayNotReadLogs = true;
        this.#addBlind(`read logs: ${reasonOfBlindness(error)}`, 'log');
      } else {
        this.#logFailuresInARow += 1;
        gaps.push({ because: messageOf(error), partly: false });
      }
    }
    for (const { because, partly } of gaps) {
      // A log whose failures count now is not read again, because its lines would count twice.
      const isPartly = (partly || failed.count > 0) && ({ partly: true } as const);
      this.#skip(workload, target, { aspect: 'log', ...isPartly, because });
    }
    return failed;
  }

  async #logOwners({ kind, id }: Workload): Promise<LogOwner[]> {
    if (kind === 'pod') return [{ podId: id }];
    const workers = await this.#key.use((apiKey) => this.#client.workers(this.#call(apiKey), id));
    return [...workers]
      .sort((a, b) => healthOf(a) - healthOf(b) || a.uptimeSeconds - b.uptimeSeconds)
      .slice(0, MAX_WORKERS)
      .map(({ id: workerId }) => ({ endpointId: id, workerId }));
  }

  /**
   * Asks Runpod for one list. What cannot be listed is recorded.
   *
   * @param unlisted - what is missing without it, as in `Look.unlisted`
   * @param unsupported - the result when the API does not have the list. @default - nobody can tell
   * @returns undefined when nobody can tell
   */
  async #attempt<T>(
    what: string,
    unlisted: 'endpoint' | 'pod' | 'auth' | undefined,
    ask: (call: RunpodCall) => Promise<readonly T[]>,
    unsupported?: readonly T[],
  ): Promise<readonly T[] | undefined> {
    try {
      return await this.#key.use((apiKey) => ask(this.#call(apiKey)));
    } catch (error) {
      if (unsupported && isFinallyUnsupported(error)) return unsupported;
      if (isBlindness(error)) this.#addBlind(`${what}: ${reasonOfBlindness(error)}`, unlisted);
      else this.#addUnlisted(what, unlisted, messageOf(error));
      return undefined;
    }
  }

  #addUnlisted(what: string, unlisted: string | undefined, because: string): void {
    for (const { name } of this.#targets) {
      if (unlisted !== undefined) this.#run.unlisted.add(`${unlisted} ${name}`);
      this.#run.addNotLooked({ target: name, because: `${what}: ${because}` });
    }
  }

  #call(apiKey: RunpodCall['apiKey']): RunpodCall {
    return { apiKey, deadlineMs: this.#run.request.deadlineMs };
  }

  #addBlind(what: string, hidden: string | undefined): void {
    for (const { name } of this.#targets) {
      if (hidden !== undefined) this.#run.hidden.add(`${hidden} ${name}`);
      const before = this.#run.blind.get(name)?.reason;
      const reason = before === undefined ? `the key may not ${what}` : `${before}; nor ${what}`;
      if (!before?.includes(what)) this.#run.blind.set(name, { target: name, reason });
    }
  }

  #find(target: Target, workload: Workload, problem: PullProblem, detail: string): void {
    const image = this.#run.show(workload.image, MAX_SHOWN_IMAGE);
    this.#run.findings.push({ target: target.name, workload: keyOf(workload), image, problem, detail });
  }

  #skip(
    workload: Workload,
    target: Target | undefined,
    what: Pick<NotLooked, 'aspect' | 'partly' | 'because'>,
  ): void {
    this.#run.addNotLooked({ target: target?.name ?? '', workload: keyOf(workload), ...what });
  }
}

const LOG_WAS_CUT = 'the log broke off, or is longer than the watch reads';

interface FailedPull {
  readonly kind: FailedPullKind;
  readonly text: string;
  readonly atMs: number;
}

/** The failed pulls in the logs of one workload. Only the newest line is kept, because a log may have thousands. */
interface FailedPulls {
  readonly count: number;
  readonly newest?: FailedPull;
}

function withFailure({ count, newest }: FailedPulls, failure: FailedPull): FailedPulls {
  return { count: count + 1, newest: newest && newest.atMs > failure.atMs ? newest : failure };
}

/** Workers that cannot start are often INITIALIZING or THROTTLED. A lower number is looked at earlier. */
function healthOf({ status }: Worker): number {
  const rank = ['UNHEALTHY', 'INITIALIZING', 'THROTTLED', 'RUNNING', 'IDLE'].indexOf(status);
  return rank < 0 ? 0 : rank;
}

/** What a person calls the registry auth of a target. */
function authNameOf({ registryAuthId, registryAuthName, name }: Target): string {
  return registryAuthName ?? registryAuthId ?? name;
}

/** Whether a failure means that the key may not read, rather than that something is down. */
function isBlindness(error: unknown): boolean {
  return (
    error instanceof ApiKeyRefusedError ||
    (error instanceof OperatorMustActError && error.reason === 'api-key-permission-missing')
  );
}

function reasonOfBlindness(error: unknown): string {
  return error instanceof ApiKeyRefusedError ? 'Runpod refuses it (401)' : 'Runpod denies it (403)';
}

function isFinallyUnsupported(error: unknown): boolean {
  return error instanceof RefresherError && 'certainty' in error && error.certainty === 'final';
}

/** Whether the host of an image can be the target's registry. It spares a credential that is not needed. */
function mayHold(registry: Registry, image: ImageName): boolean {
  return registry.type === 'docker-hub' || image.host !== undefined;
}
