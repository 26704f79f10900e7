import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RefreshReport } from '../../lambda/core/model';
import { parseConfig } from '../../lib/config/parse';
import { synthesise } from '../../lib/synthesise';
import { type EmbeddedCloud, startEmbeddedCloud } from '../../local/cloud';
import { LambdaRuntime } from '../../local/lambda-runtime';
import type { RunpodUser } from '../../local/runpod/accounts';
import { pullAsWorker } from '../../local/worker';
import { findLeaks } from '../support/find-leaks';
import { DockerRegistry } from './docker-registry';

/** The bundled function against Debian's registry behind nginx, as the guide sets them up. AWS and Runpod are stand-ins. */

const SECRET = 'registry/self-hosted';
/** Targets whose image exists. */
const THERE = ['by-tag', 'by-digest', 'login'];
const API_KEY = 'rpa_E2EREGISTRY0000000000000000';

let registry: DockerRegistry;
let cloud: EmbeddedCloud;
let lambda: LambdaRuntime;
let user: RunpodUser;
let digest: string;
const directory = mkdtempSync(join(tmpdir(), 'e2e-registry-'));

beforeAll(async () => {
  [registry, cloud] = await Promise.all([DockerRegistry.start(), startEmbeddedCloud()]);
  digest = await registry.push('team/my-worker', '1.4.2');
  user = cloud.runpod.addUser(API_KEY);
  cloud.aws.secrets.put('runpod/api-key', API_KEY);
  storePassword();
  const target = (name: string, verifyImage?: string) => ({
    name,
    registryAuthName: name,
    registry: { type: 'self-hosted', url: registry.url, credentialSecretName: SECRET },
    verify: 'required',
    verifyImage,
  });
  const targets = [
    target('by-tag', 'team/my-worker:1.4.2'),
    target('by-digest', `team/my-worker@${digest}`),
    target('login'),
    target('gone', 'team/my-worker:gone'),
  ];
  const alarms = { emails: ['oncall@example.com'] };
  const text = JSON.stringify({ targets, alarms, runpod: cloud.runpod.settings() });
  const config = parseConfig(text, 'e2e.json');
  const { assetDirectory } = synthesise(config, directory);
  const NODE_EXTRA_CA_CERTS = process.env.NODE_EXTRA_CA_CERTS ?? '';
  lambda = new LambdaRuntime({
    assetDirectory,
    environment: { ...cloud.environment(), NODE_EXTRA_CA_CERTS },
  });
});

afterAll(async () => {
  await Promise.all([lambda?.stop(), cloud?.close(), registry?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

function storePassword(): void {
  const { username, password } = registry;
  cloud.aws.secrets.put(SECRET, JSON.stringify({ username, password }));
}

/** Pulls as a worker does, with the credential that Runpod holds. */
async function pull(name: string, reference: string) {
  const { username = '', password = '' } = user.auths.find((auth) => auth.name === name) ?? {};
  return pullAsWorker({ registryUrl: registry.url, username, password }, 'team/my-worker', reference);
}

describe("Debian's docker-registry", () => {
  it('accepts the credential at Runpod only after a refresh, for a tag and for a digest', async () => {
    const before = await pull('by-tag', '1.4.2');

    const { result, error } = await lambda.invoke<RefreshReport>({ targets: THERE });

    expect(error).toBeUndefined();
    expect(before).toMatchObject({ ok: false, status: 401 });
    expect(result?.refreshed.map(({ target, verified }) => [target, verified])).toEqual([
      ['by-tag', true],
      ['by-digest', true],
      ['login', true],
    ]);
    expect(await pull('by-tag', '1.4.2')).toMatchObject({ ok: true });
    expect(await pull('by-digest', digest)).toMatchObject({ ok: true });
  });

  it('rejects an old password, and then nothing is sent to Runpod', async () => {
    const rejected = registry.password;
    await registry.changePassword();
    const writesBefore = user.auths.map(({ updates }) => updates);
    const requestsBefore = cloud.runpod.requests.length;

    const { error, output } = await lambda.invoke<RefreshReport>({ targets: THERE });

    expect(error?.errorMessage).toContain('3 of 3 targets failed.');
    expect(error?.errorMessage).toContain(
      `/v2/ rejected the new credential (401); nothing was sent to Runpod; check secret ${SECRET}`,
    );
    expect(cloud.runpod.requests).toHaveLength(requestsBefore);
    expect(user.auths.map(({ updates }) => updates)).toEqual(writesBefore);
    expect(await pull('by-tag', '1.4.2')).toMatchObject({ ok: false, status: 401 });
    expect(findLeaks(output, { rejected, 'api key': API_KEY })).toEqual([]);
  });

  it('accepts the credential again after the secret has the new password', async () => {
    storePassword();

    const { result } = await lambda.invoke<RefreshReport>({ targets: THERE });

    expect(result?.refreshed).toHaveLength(3);
    expect(await pull('by-tag', '1.4.2')).toMatchObject({ ok: true });
  });

  it('lets the user at Runpod pull and not push', async () => {
    const manifest = '/v2/team/my-worker/manifests/1.4.2';
    const uploads = '/v2/team/my-worker/blobs/uploads/';

    expect(await registry.statusFor('runpod', 'GET', manifest)).toBe(200);
    expect(await registry.statusFor('runpod', 'POST', uploads)).toBe(403);
    expect(await registry.statusFor('runpod', 'DELETE', manifest)).toBe(403);
    expect(await registry.statusFor('push', 'POST', uploads)).toBe(202);
  });

  it('answers 404 for a missing image, and then nothing is sent to Runpod', async () => {
    const requestsBefore = cloud.runpod.requests.length;

    const { error } = await lambda.invoke<RefreshReport>({ targets: ['gone'] });

    expect(error?.errorMessage).toMatch(/manifests\/gone answered 404; nothing was sent to Runpod/);
    expect(cloud.runpod.requests).toHaveLength(requestsBefore);
  });
});
