import { once } from '../concurrency';
import { RefresherError } from '../errors';
import { ecrPlaceOf, type ImageName, isAtDockerHub } from '../images';
import type { BlindTarget, Credential, PullFinding, Registry, Target } from '../model';
import type { ImageState } from '../registries/manifests';
import { credentialCacheKey } from '../registries/registries';
import { ApiKey, createApiKeyReader, type ReadSecret } from '../secrets';
import { createShow, type Show, withoutSecretForms } from '../shown-text';
import type { Look, LookRequest, LookServices, NotLooked } from './model';

/** Time limit for the questions about one image, in milliseconds. */
const IMAGE_LIMIT_MS = 20_000;

/** A secret must not be cut before it is recognised, so this much of a text is cleaned before it is cut. */
const MAX_CLEANED = 4_000;

/** Longest part of a log line that is shown, in characters. */
export const MAX_SHOWN_LINE = 300;

/** The state of one look: what its workloads share. */
export class LookRun {
  readonly request: LookRequest;
  readonly services: LookServices;
  readonly readSecret: ReadSecret;
  readonly show: Show;
  readonly findings: PullFinding[] = [];
  readonly blind = new Map<string, BlindTarget>();
  readonly notLooked: NotLooked[] = [];
  readonly unlisted = new Set<string>();
  readonly hidden = new Set<string>();
  readonly #secrets = new Set<string>();
  readonly #credentials = new Map<string, Promise<Credential | undefined>>();
  readonly #images = new Map<string, Promise<ImageState>>();
  /** Half of the time is for the logs, even when no registry answers. */
  readonly #imagesEndMs: number;

  constructor(request: LookRequest, services: LookServices) {
    this.request = request;
    this.services = services;
    this.readSecret = services.createSecretReader();
    const show = createShow(() => this.#secrets);
    // The log of a worker may hold a credential of an earlier run, which nobody here knows.
    this.show = (text, maxCharacters) => show(withoutSecretForms(show(text, MAX_CLEANED)), maxCharacters);
    const nowMs = services.clock.steady();
    this.#imagesEndMs = nowMs + (request.deadlineMs - nowMs) / 2;
  }

  apiKey(secretName: string): ApiKey {
    const read = createApiKeyReader(this.readSecret);
    const { deadlineMs } = this.request;
    return new ApiKey(async (again) => {
      const stored = await read(secretName, { deadlineMs, again });
      this.#secrets.add(stored.key.reveal());
      return stored;
    });
  }

  /** The fresh credential of a target's registry; undefined when it cannot be issued, which the refresher reports. */
  credential({ name, registry }: Target): Promise<Credential | undefined> {
    const key = credentialCacheKey(registry);
    return once(this.#credentials, key, async () => {
      const options = { readSecret: this.readSecret, deadlineMs: this.request.deadlineMs };
      try {
        const credential = await this.services.issueCredential(registry, options);
        this.#secrets.add(credential.password.reveal());
        return credential;
      } catch (error) {
        this.addNotLooked({ target: name, aspect: 'image', because: messageOf(error) });
        for (const target of this.request.targets) {
          if (credentialCacheKey(target.registry) === key) this.unlisted.add(`auth ${target.name}`);
        }
        return undefined;
      }
    });
  }

  /** Asks a registry about an image, each image once. */
  image(
    credential: Credential,
    registry: Registry,
    image: ImageName,
    anonymous = false,
  ): Promise<ImageState> {
    const { repository, reference } = image;
    const key = JSON.stringify([credentialCacheKey(registry), anonymous, repository, reference]);
    return once(this.#images, key, async () => {
      const { clock, inspectImage } = this.services;
      const deadlineMs = Math.min(this.#imagesEndMs, clock.steady() + IMAGE_LIMIT_MS);
      const reached = repositoryAt(registry, image);
      return inspectImage(credential, { repository: reached, reference }, { deadlineMs, anonymous });
    });
  }

  addNotLooked(entry: NotLooked): void {
    this.notLooked.push({ ...entry, because: this.show(entry.because, MAX_SHOWN_LINE) });
  }

  result(accounts: readonly { readonly lookedAt: ReadonlySet<string> }[]): Look {
    const notAnonymous = [...this.#images.keys()].filter((key) => (JSON.parse(key) as unknown[])[1] !== true);
    return {
      workloads: accounts.flatMap(({ lookedAt }) => [...lookedAt]),
      images: notAnonymous.length,
      findings: [...this.findings].sort((a, b) => compareTexts(orderOf(a), orderOf(b))),
      blind: [...this.blind.values()],
      notLooked: this.notLooked,
      unlisted: this.unlisted,
      hidden: this.hidden,
    };
  }
}

/** Workloads end at different times, so the findings are put into an order of their own. */
function orderOf({ workload, problem }: PullFinding): string {
  return `${workload} ${problem}`;
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether an image is in the registry that accepts a credential. */
export function isAt(registry: Registry, { registryUrl }: Credential, image: ImageName): boolean {
  if (registry.type === 'docker-hub' && isAtDockerHub(image)) return true;
  const { host } = new URL(registryUrl);
  if (image.host === host) return true;
  const [own, other] = [ecrPlaceOf(host), ecrPlaceOf(image.host)];
  // The same registry has several host names, such as the dual-stack one.
  return own !== undefined && own.account === other?.account && own.region === other.region;
}

/** Docker Hub keeps an official image such as `ubuntu` as `library/ubuntu`. */
export function repositoryAt({ type }: Registry, { repository }: ImageName): string {
  return type === 'docker-hub' && !repository.includes('/') ? `library/${repository}` : repository;
}

/** The message of an unknown error may quote anything, so only its class is named. */
export function messageOf(error: unknown): string {
  if (error instanceof RefresherError) return error.message;
  return `unexpected ${error instanceof Error ? error.constructor.name : typeof error}`;
}
