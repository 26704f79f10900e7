import { createHash, randomUUID } from 'node:crypto';
import type { ReceivedRequest, StandInAnswer } from './exchange';
import { StandInServer } from './stand-in-server';

/** Returns whether a registry accepts a user name and password. */
export type Authenticate = (username: string, password: string) => boolean;

/** How a registry authenticates its clients: Basic auth, a token service, or what a test needs. */
export interface RegistryAuthentication {
  /**
   * Returns the answer to a client that is not authenticated, or undefined to let it in.
   *
   * @param registryUrl - address of the registry that received the request
   */
  refusalOf(request: ReceivedRequest, registryUrl: string): StandInAnswer | undefined;
}

/** A manifest in the registry. */
export interface StoredManifest {
  readonly repository: string;
  readonly digest: string;
  readonly text: string;
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const MANIFEST_PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const BLOB_PATH = /^\/v2\/(.+)\/blobs\/([^/]+)$/;

/** An OCI registry with images in memory. Clients can pull but not push. */
export class RegistryStandIn extends StandInServer {
  /** Repositories whose pulls are answered with 403, although the client is authenticated. */
  readonly denied = new Set<string>();
  /** Repositories that anybody may pull without a login. */
  readonly public = new Set<string>();
  /** Names a repository without images as the reason of a 404, as ECR does. */
  namesUnknownRepositories = false;
  /** Answers requests for blobs with a redirect to a signed address, as ECR does. */
  redirectBlobs = false;
  readonly #authentication: RegistryAuthentication;
  readonly #manifests = new Map<string, string>();
  readonly #blobs = new Map<string, string>();
  readonly #signature = randomUUID();

  /** @param authentication - a function means Basic auth: it checks user name and password */
  constructor(authentication: Authenticate | RegistryAuthentication) {
    super();
    this.#authentication =
      typeof authentication === 'function' ? basicAuthentication(authentication) : authentication;
  }

  /** Every manifest, by `repository:tag` and by `repository:digest`. */
  get manifests(): ReadonlyMap<string, StoredManifest> {
    const entries = [...this.#manifests].map(([key, text]) => {
      const repository = key.slice(0, key.indexOf(':'));
      return [key, { repository, digest: digestOf(text), text }] as const;
    });
    return new Map(entries);
  }

  /** Returns a signed address of a blob, which needs no credential. ECR returns such addresses for layers. */
  signedBlobUrl(repository: string, digest: string): string {
    return `${this.url}/v2/${repository}/blobs/${digest}?X-Amz-Signature=${this.#signature}`;
  }

  /** Removes a tag. The blobs stay. */
  removeImage(repository: string, tag: string): void {
    this.#manifests.delete(`${repository}:${tag}`);
  }

  /**
   * Adds an image with one layer.
   *
   * @returns the digest of its manifest
   */
  addImage(repository: string, tag: string, architecture = 'amd64'): string {
    const blob = (content: string) => {
      const digest = digestOf(content);
      this.#blobs.set(`${repository}@${digest}`, content);
      return { digest, size: content.length };
    };
    return this.#putManifest(repository, tag, {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: blob(JSON.stringify({ architecture, os: 'linux', repository, tag })),
      layers: [blob(`layer of ${repository}:${tag}\n`.repeat(1_000))],
    });
  }

  /**
   * Adds an image index with one image for each platform, and an attestation, as `docker buildx` pushes it.
   *
   * @param platforms - such as `linux/amd64`
   * @returns the digest of the index
   */
  addIndex(repository: string, tag: string, platforms: readonly string[]): string {
    const entries = platforms.map((platform) => {
      const [os = '', architecture = ''] = platform.split('/');
      const digest = this.addImage(repository, `${tag}-${os}-${architecture}`, architecture);
      this.removeImage(repository, `${tag}-${os}-${architecture}`);
      return { mediaType: MANIFEST_TYPE, digest, platform: { os, architecture } };
    });
    const attestation = {
      mediaType: MANIFEST_TYPE,
      digest: digestOf(`attestation of ${tag}`),
      platform: { os: 'unknown', architecture: 'unknown' },
    };
    const manifests = entries.length > 0 ? [...entries, attestation] : [];
    return this.#putManifest(repository, tag, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests });
  }

  /** Adds a manifest with any content. @returns its digest */
  addManifest(repository: string, tag: string, manifest: object): string {
    return this.#putManifest(repository, tag, manifest);
  }

  #putManifest(repository: string, tag: string, manifest: object): string {
    const text = JSON.stringify(manifest);
    this.#manifests.set(`${repository}:${tag}`, text);
    this.#manifests.set(`${repository}:${digestOf(text)}`, text);
    return digestOf(text);
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const signed = BLOB_PATH.test(request.path) && request.query.get('X-Amz-Signature') === this.#signature;
    const asked = MANIFEST_PATH.exec(request.path) ?? BLOB_PATH.exec(request.path);
    const isPublic = this.public.has(asked?.[1] ?? '');
    const refusal = signed || isPublic ? undefined : this.#authentication.refusalOf(request, this.url);
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
    if (content !== undefined && this.redirectBlobs && !signed) {
      return { status: 307, headers: { location: this.signedBlobUrl(repository, reference) }, body: '' };
    }
    return content === undefined
      ? { status: 404, body: ociError('BLOB_UNKNOWN', 'blob unknown to registry') }
      : { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: content };
  }

  #answerManifest(key: string, { method, headers }: ReceivedRequest): StandInAnswer {
    const manifest = this.#manifests.get(key);
    const accepted = method === 'GET' || (headers.accept ?? '').includes(MANIFEST_TYPE);
    if (manifest === undefined || !accepted) {
      return { status: 404, body: this.#unknown(key) };
    }
    const type = manifest.includes(INDEX_TYPE) ? INDEX_TYPE : MANIFEST_TYPE;
    const digest = { 'docker-content-digest': digestOf(manifest) };
    return { status: 200, headers: { 'content-type': type, ...digest }, body: manifest };
  }

  /** A repository without any image does not exist. */
  #unknown(key: string): object {
    const repository = key.slice(0, key.indexOf(':'));
    const exists = [...this.#manifests.keys()].some((other) => other.startsWith(`${repository}:`));
    return exists || !this.namesUnknownRepositories
      ? ociError('MANIFEST_UNKNOWN', 'Requested image not found')
      : ociError('NAME_UNKNOWN', 'The repository does not exist in the registry');
  }
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Returns Basic authentication, as ECR asks for it. */
export function basicAuthentication(authenticate: Authenticate): RegistryAuthentication {
  return {
    refusalOf(request, registryUrl) {
      if (authenticate(...basicCredentials(request))) return undefined;
      const headers = { 'www-authenticate': `Basic realm="${registryUrl}/",service="ecr.amazonaws.com"` };
      return { status: 401, headers, body: ociError('UNAUTHORIZED', 'Not Authorized') };
    },
  };
}

/** Returns the body of an error, as the OCI distribution specification defines it. */
export function ociError(code: string, message: string): object {
  return { errors: [{ code, message }] };
}

/** Reads user name and password from a request. Both are empty when there are none. */
export function basicCredentials({ headers }: ReceivedRequest): [username: string, password: string] {
  const encoded = /^Basic (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? ['', ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
}
