import { createHash } from 'node:crypto';

/** A registry's address, and the credential that Runpod holds for it. */
export interface WorkerLogin {
  readonly registryUrl: string;
  readonly username: string;
  readonly password: string;
}

/** The result of a worker's pull. */
export interface PullResult {
  readonly ok: boolean;
  /** Status of the last request; 0 when there was no answer. */
  readonly status: number;
  /** Bytes of manifest, configuration and layers that were fetched. */
  readonly bytes: number;
  /** Why the pull failed. */
  readonly message?: string;
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Pulls an image as a Runpod worker does: follows the registry's challenge (Basic auth or a token service), then
 * fetches the manifest, the configuration and the layers, and checks their digests.
 */
export async function pullAsWorker(
  login: WorkerLogin,
  repository: string,
  reference: string,
): Promise<PullResult> {
  try {
    return await pull(login, repository, reference);
  } catch (error) {
    return { ok: false, status: 0, bytes: 0, message: String(error) };
  }
}

/** Pulls an image from a registry as a worker at Runpod, and says in the words of its system log why it cannot. */
export async function pullAtRunpod(
  registryUrl: string,
  image: string,
  auth: Pick<WorkerLogin, 'username' | 'password'> | undefined,
): Promise<{ ok: true } | { ok: false; line: string }> {
  const [, repository = '', tag, digest] = /^[^/]+\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(image) ?? [];
  const login = { registryUrl, username: auth?.username ?? '', password: auth?.password ?? '' };
  const { ok, status, message } = await pullAsWorker(login, repository, digest ?? tag ?? 'latest');
  if (ok) return { ok };
  const head = `error pulling image: Error response from daemon: Head "https://${image}"`;
  const lines: Readonly<Record<number, string>> = {
    401: auth
      ? `${head}: denied: Your authorization token has expired. Reauthenticate and try again.`
      : `${head}: no basic auth credentials`,
    403: `error pulling image: pull access denied for ${repository}, repository does not exist or may require 'docker login': denied`,
    404: `error pulling image: manifest for ${image} not found: manifest unknown`,
  };
  return { ok: false, line: lines[status] ?? `error pulling image: failed to register layer: ${message}` };
}

async function pull(login: WorkerLogin, repository: string, reference: string): Promise<PullResult> {
  const authorization = await authorize(login, repository);
  if (typeof authorization !== 'string') return failedPull(authorization, 0);
  const get = (path: string) =>
    fetch(`${login.registryUrl}/v2/${repository}/${path}`, {
      headers: { authorization, accept: MANIFEST_TYPE },
    });
  const answer = await get(`manifests/${reference}`);
  if (!answer.ok) return failedPull(answer, 0);
  const text = await answer.text();
  const manifest = JSON.parse(text) as { config: { digest: string }; layers: { digest: string }[] };
  let bytes = text.length;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = await get(`blobs/${digest}`);
    if (!blob.ok) return failedPull(blob, bytes);
    const content = Buffer.from(await blob.arrayBuffer());
    if (`sha256:${createHash('sha256').update(content).digest('hex')}` !== digest) {
      return { ok: false, status: blob.status, bytes, message: 'digest differs' };
    }
    bytes += content.length;
  }
  return { ok: true, status: 200, bytes };
}

/** Returns the `Authorization` header to pull with, or the answer of the server that refused the login. */
async function authorize(login: WorkerLogin, repository: string): Promise<string | Response> {
  const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const ping = await fetch(`${login.registryUrl}/v2/`);
  const challenge = ping.headers.get('www-authenticate') ?? '';
  if (/^Basic /i.test(challenge)) return basic;
  const { realm, service } = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  if (realm === undefined) return ping;
  const query = new URLSearchParams({ service: service ?? '', scope: `repository:${repository}:pull` });
  const answer = await fetch(`${realm}?${query}`, { headers: { authorization: basic } });
  if (!answer.ok) return answer;
  return `Bearer ${((await answer.json()) as { token: string }).token}`;
}

async function failedPull(answer: Response, bytes: number): Promise<PullResult> {
  return { ok: false, status: answer.status, bytes, message: await answer.text() };
}
