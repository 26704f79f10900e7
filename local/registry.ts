import { createHash, randomUUID } from 'node:crypto';
import {
  type Authenticate,
  basicAuthentication,
  ociError,
  type RegistryAuthentication,
} from './registry-authentication';
import { type ReceivedRequest, type StandInAnswer, StandInServer } from './stand-in-server';

/** What became of a worker's pull. */
export interface PullResult {
  readonly ok: boolean;
  /** Status of the request that ended it; 0 where there was no answer. */
  readonly status: number;
  /** Bytes of manifest, configuration and layers. */
  readonly bytes: number;
  /** What the registry said to a pull that failed. */
  readonly message?: string;
}

/** A manifest as it is kept. */
export interface StoredManifest {
  readonly repository: string;
  readonly digest: string;
  readonly text: string;
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const MANIFEST_PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const BLOB_PATH = /^\/v2\/(.+)\/blobs\/([^/]+)$/;

/** An OCI registry (distribution API) with a few images in memory. */
export class RegistryStandIn extends StandInServer {
  /** Repositories that the credential may not pull. */
  readonly denied = new Set<string>();
  readonly #authentication: RegistryAuthentication;
  readonly #manifests = new Map<string, string>();
  readonly #blobs = new Map<string, string>();
  readonly #signature = randomUUID();

  /** @param authentication - a function checks the user name and password of Basic authentication */
  constructor(authentication: Authenticate | RegistryAuthentication) {
    super();
    this.#authentication =
      typeof authentication === 'function' ? basicAuthentication(authentication) : authentication;
  }

  /** All manifests, by `repository:tag` and by `repository:digest`. */
  get manifests(): ReadonlyMap<string, StoredManifest> {
    const entries = [...this.#manifests].map(([key, text]) => {
      const repository = key.slice(0, key.indexOf(':'));
      return [key, { repository, digest: digestOf(text), text }] as const;
    });
    return new Map(entries);
  }

  /** Address of a blob that needs no credential, as ECR signs one. */
  signedBlobUrl(repository: string, digest: string): string {
    return `${this.url}/v2/${repository}/blobs/${digest}?X-Amz-Signature=${this.#signature}`;
  }

  /** Takes an image away; its blobs stay. */
  removeImage(repository: string, tag: string): void {
    this.#manifests.delete(`${repository}:${tag}`);
  }

  /** Makes an image of one layer. @returns its digest */
  addImage(repository: string, tag: string, architecture = 'amd64'): string {
    const blob = (content: string) => {
      const digest = digestOf(content);
      this.#blobs.set(`${repository}@${digest}`, content);
      return { digest, size: content.length };
    };
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: blob(JSON.stringify({ architecture, os: 'linux', repository, tag })),
      layers: [blob(`layer of ${repository}:${tag}\n`.repeat(1_000))],
    });
    this.#manifests.set(`${repository}:${tag}`, manifest);
    this.#manifests.set(`${repository}:${digestOf(manifest)}`, manifest);
    return digestOf(manifest);
  }

  /** Pulls over the real socket as a worker does: login, manifest, configuration, layers. */
  async pull(repository: string, reference: string, username: string, password: string): Promise<PullResult> {
    try {
      return await this.#pull(repository, reference, username, password);
    } catch (error) {
      return { ok: false, status: 0, bytes: 0, message: String(error) };
    }
  }

  async #pull(
    repository: string,
    reference: string,
    username: string,
    password: string,
  ): Promise<PullResult> {
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const get = (path: string) => fetch(`${this.url}${path}`, { headers: { authorization } });
    const login = await get('/v2/');
    if (!login.ok) return failedPull(login, 0);
    const answer = await get(`/v2/${repository}/manifests/${reference}`);
    if (!answer.ok) return failedPull(answer, 0);
    const text = await answer.text();
    const manifest = JSON.parse(text) as { config: { digest: string }; layers: { digest: string }[] };
    let bytes = text.length;
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const blob = await get(`/v2/${repository}/blobs/${digest}`);
      if (!blob.ok) return failedPull(blob, bytes);
      const content = await blob.text();
      if (digestOf(content) !== digest)
        return { ok: false, status: blob.status, bytes, message: 'digest differs' };
      bytes += content.length;
    }
    return { ok: true, status: 200, bytes };
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const signed = BLOB_PATH.test(request.path) && request.query.get('X-Amz-Signature') === this.#signature;
    const refusal = signed ? undefined : this.#authentication.refusalOf(request, this.url);
    if (refusal) return refusal;
    if (!['GET', 'HEAD'].includes(request.method)) {
      return { status: 405, body: ociError('UNSUPPORTED', 'The operation is unsupported') };
    }
    if (request.path === '/v2/') return { status: 200, body: {} };
    const manifest = MANIFEST_PATH.exec(request.path);
    const blob = BLOB_PATH.exec(request.path);
    const [, repository = '', reference = ''] = manifest ?? blob ?? [];
    if (!signed && this.denied.has(repository))
      return { status: 403, body: ociError('DENIED', 'pull access denied') };
    if (manifest) return this.#answerManifest(`${repository}:${reference}`, request);
    const content = this.#blobs.get(`${repository}@${reference}`);
    return content === undefined
      ? { status: 404, body: ociError('BLOB_UNKNOWN', 'blob unknown to registry') }
      : { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: content };
  }

  #answerManifest(key: string, { method, headers }: ReceivedRequest): StandInAnswer {
    const manifest = this.#manifests.get(key);
    const accepted = method === 'GET' || (headers.accept ?? '').includes(MANIFEST_TYPE);
    if (manifest === undefined || !accepted) {
      return { status: 404, body: ociError('MANIFEST_UNKNOWN', 'Requested image not found') };
    }
    const digest = { 'docker-content-digest': digestOf(manifest) };
    return { status: 200, headers: { 'content-type': MANIFEST_TYPE, ...digest }, body: manifest };
  }
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function failedPull(answer: Response, bytes: number): Promise<PullResult> {
  const message = await answer.text();
  return { ok: false, status: answer.status, bytes, message };
}
