import { OperatorMustActError, TransientError } from '../errors';
import type { SendHttp } from '../http';
import type { Credential } from '../model';
import { type HttpAnswer, isLoopback } from '../transport';
import { Conversation, type ImageReference, LOGIN, manifestOf, type Question } from './conversation';
import { parseObject } from './stored-login';

/** The platform of Runpod's workers. */
export const WORKER_PLATFORM = 'linux/amd64';

/** What a registry says about an image. */
export type ImageState =
  /** `platforms` is undefined where the manifest does not tell, or where asking would use up a pull limit. */
  | { readonly found: 'image'; readonly digest?: string; readonly platforms?: readonly string[] }
  | { readonly found: 'no-image'; readonly missing: 'repository' | 'tag or digest' }
  /** The registry refuses the credential for this image. */
  | { readonly found: 'denied'; readonly because: string }
  /** The registry could not be asked, or its answer says nothing about the image. */
  | { readonly found: 'unknown'; readonly because: string };

/** How to ask. */
export interface InspectOptions {
  /** A moment of `clock.steady()`, in milliseconds. */
  readonly deadlineMs: number;
  /** Ask without the credential, as a client that names no registry auth does. @default false */
  readonly anonymous?: boolean;
}

/** Asks a registry about an image. It throws nothing but defects. */
export type InspectImage = (
  credential: Credential,
  image: ImageReference,
  options: InspectOptions,
) => Promise<ImageState>;

/** A configuration is a few kilobytes. A larger one is not read. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** A digest of the OCI image specification, and nothing that could leave the path of a URL. */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128}$/;

/**
 * Makes the function that asks whether an image can be pulled, and for which platforms.
 *
 * It asks as a container client does: `HEAD` and `GET` on the manifest, and for an image without an index `GET` on its
 * configuration. At a registry with a pull limit only `HEAD` is sent when less than two thirds of the limit are left,
 * because a `GET` counts as a pull there (Docker Hub, "Pull usage and limits").
 */
export function createInspectImage(http: SendHttp): InspectImage {
  return async (credential, image, { deadlineMs, anonymous = false }) => {
    const conversation = new Conversation(http, credential, deadlineMs);
    try {
      const login = await conversation.authorize([LOGIN, manifestOf(image)], { anonymous });
      if ('because' in login && !login.open) return unknown(login.because);
      const authorization = 'authorization' in login ? login.authorization : undefined;
      return await new Inspection(http, credential, conversation, { authorization, deadlineMs }).of(image);
    } catch (error) {
      return stateAfter(error);
    }
  };
}

/** What a failed question says about the image. @throws a defect */
function stateAfter(error: unknown): ImageState {
  if (error instanceof OperatorMustActError && error.reason === 'credential-rejected') {
    return { found: 'denied', because: 'the login was rejected' };
  }
  if (error instanceof TransientError || error instanceof OperatorMustActError) return unknown(error.message);
  throw error;
}

class Inspection {
  readonly #http: SendHttp;
  readonly #credential: Credential;
  readonly #conversation: Conversation;
  readonly #authorization: string | undefined;
  readonly #deadlineMs: number;

  constructor(
    http: SendHttp,
    credential: Credential,
    conversation: Conversation,
    options: { readonly authorization: string | undefined; readonly deadlineMs: number },
  ) {
    this.#http = http;
    this.#credential = credential;
    this.#conversation = conversation;
    this.#authorization = options.authorization;
    this.#deadlineMs = options.deadlineMs;
  }

  async of(image: ImageReference): Promise<ImageState> {
    const head = manifestOf(image);
    const first = await this.#conversation.send(head, this.#authorization);
    if (first.status === 200 && isPullLimitNear(first)) return { found: 'image', ...digestIn(first) };
    // 404 and 405 may mean that the registry does not know HEAD. Any other refusal is an answer.
    const known = first.status === 200 || first.status === 404 || first.status === 405;
    const answer = known
      ? await this.#conversation.send({ ...head, method: 'GET' }, this.#authorization)
      : first;
    if (answer.status !== 200) return this.#refusal(head, answer);
    return { found: 'image', ...digestIn(answer), ...(await this.#platforms(image, answer)) };
  }

  async #refusal(question: Question, answer: HttpAnswer): Promise<ImageState> {
    const { status } = answer;
    if (status === 404) {
      return { found: 'no-image', missing: isNameUnknown(answer) ? 'repository' : 'tag or digest' };
    }
    if (status === 401 || status === 403) return denied(status);
    // ECR says no to a bad token with 400, and also to a tag that it does not like. The login tells which.
    if (status === 400 && this.#credential.rejectedBy400) {
      const login = await this.#conversation.send(LOGIN, this.#authorization);
      if ([400, 401, 403].includes(login.status)) return denied(login.status);
    }
    return unknown(`${this.#conversation.name(question)} answered ${status}`);
  }

  /** Reads the platforms of an index, or of the configuration of a single image. */
  async #platforms(
    { repository }: ImageReference,
    { body }: HttpAnswer,
  ): Promise<{ readonly platforms?: readonly string[] }> {
    const manifest = parseObject(body);
    if (Array.isArray(manifest?.manifests)) return platformsOfIndex(manifest.manifests);
    const { digest, size } = asObject(manifest?.config);
    if (typeof digest !== 'string' || !DIGEST.test(digest)) return {};
    if (typeof size === 'number' && size > MAX_CONFIG_BYTES) return {};
    const config = asObject(parseObject(await this.#blob(repository, digest)));
    const platform = platformOf(config);
    return platform === undefined ? {} : { platforms: [platform] };
  }

  /** Reads a blob. ECR and others redirect to an address of their storage, which needs no credential. */
  async #blob(repository: string, digest: string): Promise<string | undefined> {
    const scope = `repository:${repository}:pull`;
    const question: Question = { method: 'GET', path: `/v2/${repository}/blobs/${digest}`, scope };
    try {
      const answer = await this.#conversation.send(question, this.#authorization);
      if (answer.status === 200) return answer.body;
      const url = storageUrl(answer, this.#credential.registryUrl);
      if (url === undefined) return undefined;
      const peer = `the storage of ${new URL(this.#credential.registryUrl).host}`;
      const stored = await this.#http(
        { method: 'GET', url, headers: { accept: '*/*' }, peer },
        { deadlineMs: this.#deadlineMs },
      );
      return stored.status === 200 ? stored.body : undefined;
    } catch (error) {
      // The image exists. Only its platform stays unknown.
      if (error instanceof TransientError || error instanceof OperatorMustActError) return undefined;
      throw error;
    }
  }
}

/**
 * Returns the address to which a registry redirects for a blob. Plain http is allowed only between loopback addresses,
 * so that a remote registry cannot make the function call a service beside itself.
 */
function storageUrl({ status, headers }: HttpAnswer, registryUrl: string): string | undefined {
  const { location } = headers;
  if (status < 300 || status >= 400 || location === undefined) return undefined;
  if (!URL.canParse(location, registryUrl)) return undefined;
  const url = new URL(location, registryUrl);
  const bothLoopback = isLoopback(url) && isLoopback(new URL(registryUrl));
  const remote = url.protocol === 'https:' && !isLoopback(url);
  return remote || bothLoopback ? url.href : undefined;
}

/** Attestations are listed with the platform `unknown/unknown`. An entry without a platform may be for any. */
function platformsOfIndex(entries: readonly unknown[]): { readonly platforms?: readonly string[] } {
  const platforms: string[] = [];
  for (const entry of entries.slice(0, 1_000)) {
    const platform = platformOf(asObject(asObject(entry).platform));
    if (platform === undefined) return {};
    if (!platform.startsWith('unknown/')) platforms.push(platform);
  }
  return platforms.length === 0 ? {} : { platforms };
}

/** Returns `os/architecture`, where both are words. */
function platformOf({ os, architecture }: Readonly<Record<string, unknown>>): string | undefined {
  const isWord = (value: unknown) => typeof value === 'string' && /^[a-z0-9._-]{1,30}$/i.test(value);
  return isWord(os) && isWord(architecture) ? `${os}/${architecture}`.toLowerCase() : undefined;
}

/** Whether less than two thirds of a pull limit are left (`ratelimit-remaining: 76;w=21600`). */
function isPullLimitNear({ headers }: HttpAnswer): boolean {
  const [limit, remaining] = ['ratelimit-limit', 'ratelimit-remaining'].map((name) => {
    const value = headers[name];
    return Number(/^\d{1,9}/.exec(typeof value === 'string' ? value : '')?.[0] ?? Number.NaN);
  });
  return limit !== undefined && remaining !== undefined && remaining < (limit * 2) / 3;
}

function digestIn({ headers }: HttpAnswer): { readonly digest?: string } {
  const digest = headers['docker-content-digest'];
  return typeof digest === 'string' && DIGEST.test(digest) ? { digest } : {};
}

/** Whether the error is that the repository does not exist (OCI distribution specification, "Error codes"). */
function isNameUnknown({ body }: HttpAnswer): boolean {
  const errors = parseObject(body)?.errors;
  return Array.isArray(errors) && errors.some((error) => asObject(error).code === 'NAME_UNKNOWN');
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function denied(status: number): ImageState {
  return { found: 'denied', because: `the registry answered ${status}` };
}

function unknown(because: string): ImageState {
  return { found: 'unknown', because };
}
