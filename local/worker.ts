import { createHash } from 'node:crypto';
import type { PullResult } from './registry';

/** A registry's address and what Runpod holds for it. */
export interface WorkerLogin {
  readonly registryUrl: string;
  readonly username: string;
  readonly password: string;
}

/**
 * Pulls an image over the real socket as a worker does: it asks for the login, follows the registry's challenge
 * (Basic, or a token service), and gets manifest, configuration and layers.
 */
export async function pullAsWorker(
  login: WorkerLogin,
  repository: string,
  reference: string,
): Promise<PullResult> {
  const authorization = await authorize(login, repository);
  if (typeof authorization === 'number') return { ok: false, status: authorization, bytes: 0 };
  const get = (path: string) =>
    fetch(`${login.registryUrl}/v2/${repository}/${path}`, { headers: { authorization, accept: ACCEPT } });
  const answer = await get(`manifests/${reference}`);
  if (!answer.ok) return { ok: false, status: answer.status, bytes: 0 };
  const text = await answer.text();
  const manifest = JSON.parse(text) as { config: { digest: string }; layers: { digest: string }[] };
  let bytes = text.length;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = await get(`blobs/${digest}`);
    const content = Buffer.from(await blob.arrayBuffer());
    const same = `sha256:${createHash('sha256').update(content).digest('hex')}` === digest;
    if (!blob.ok || !same) return { ok: false, status: blob.status, bytes };
    bytes += content.length;
  }
  return { ok: true, status: 200, bytes };
}

const ACCEPT = 'application/vnd.oci.image.manifest.v1+json';

/** The header to pull with, or the status that says no. */
async function authorize(login: WorkerLogin, repository: string): Promise<string | number> {
  const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const ping = await fetch(`${login.registryUrl}/v2/`);
  const challenge = ping.headers.get('www-authenticate') ?? '';
  if (/^Basic /i.test(challenge)) return basic;
  const { realm, service } = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  if (realm === undefined) return ping.status;
  const query = new URLSearchParams({ service: service ?? '', scope: `repository:${repository}:pull` });
  const answer = await fetch(`${realm}?${query}`, { headers: { authorization: basic } });
  if (!answer.ok) return answer.status;
  return `Bearer ${((await answer.json()) as { token: string }).token}`;
}
