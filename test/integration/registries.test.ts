import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Registry } from '../../lambda/core/model';
import type { OpenRegistry, OtherRegistryType } from '../../local/other-registries';
import { pullAsWorker } from '../../local/worker';
import { eachTestIn, type World } from './world';

const IMAGE = ['acme/my-worker', '1.0.0'] as const;
const VERIFY_IMAGE = 'acme/my-worker:1.0.0';
const STORED = ['docker-hub', 'ghcr', 'google-artifact-registry', 'self-hosted'] as const;
const SECRET = 'registry/login';

type StoredType = (typeof STORED)[number];

let world: World;

eachTestIn((fresh) => {
  world = fresh;
});

/** Starts a registry with one image, and stores a login that it accepts in a secret. */
async function seedRegistry(
  type: StoredType,
): Promise<{ open: OpenRegistry; registry: Registry; password: string }> {
  const open = await world.cloud.otherRegistries.get(type);
  open.registry.addImage(...IMAGE);
  const password = type === 'google-artifact-registry' ? aGoogleKey() : randomBytes(30).toString('base64');
  const username = type === 'google-artifact-registry' ? '_json_key' : 'robot';
  open.logins.set(username, password);
  const value = username === 'robot' ? JSON.stringify({ username, password }) : password;
  world.putSecret(SECRET, value, privatePart(password));
  return { open, password, registry: { type, url: open.registry.url, credentialSecretName: SECRET } };
}

/** A service account's key file over several lines, as Google writes it. */
function aGoogleKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const privateKeyText = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const key = {
    type: 'service_account',
    project_id: 'acme',
    private_key_id: 'a1',
    private_key: privateKeyText,
  };
  return `${JSON.stringify(key, null, 2)}\n`;
}

/** The part of a password that must not leak: of a key file only the private key. */
function privatePart(password: string): string {
  return /KEY-----\\n(.+?)\\n/.exec(password)?.[1] ?? password;
}

/** Whether a worker can pull the image with the registry auth of this name. */
async function canPull(name: string, open: OpenRegistry): Promise<boolean> {
  const login = { registryUrl: open.registry.url, ...(world.auth(name) ?? { username: '', password: '' }) };
  return (await pullAsWorker(login, ...IMAGE)).ok;
}

describe.each(STORED)('the refresh function with a registry of type %s', (type) => {
  it('proves and writes exactly the login of the secret, without an expiry time', async () => {
    const { open, registry, password } = await seedRegistry(type);
    await world.deploy([{ name: 'prod', registry, verify: 'required', verifyImage: VERIFY_IMAGE }]);
    const before = await canPull('prod', open);

    const { result } = await world.invoke();

    expect(result?.refreshed).toEqual([
      { target: 'prod', registryAuthId: expect.any(String), route: 'rest-v2', verified: true },
    ]);
    expect(world.auth('prod')?.password).toBe(password);
    expect({ before, after: await canPull('prod', open) }).toEqual({ before: false, after: true });
  });

  it('proves the login when no image is named', async () => {
    const { registry } = await seedRegistry(type);
    await world.deploy([{ name: 'prod', registry, verify: 'required' }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ verified: true }]);
  });

  it.each([
    ['no image', undefined],
    ['an image', VERIFY_IMAGE],
  ])('sends no wrong password to Runpod when %s is named', async (_, verifyImage) => {
    const { open, registry } = await seedRegistry(type);
    open.logins.clear();
    await world.deploy([{ name: 'prod', registry, ...(verifyImage && { verifyImage }) }]);

    const { error, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /prod: .*rejected the new credential \((401\)|403\): either the login is wrong, or it may not pull this image|403\)); nothing was sent to Runpod; check secret registry\/login/,
    );
    expect(logs).toContainEqual(expect.objectContaining({ reason: 'credential-rejected' }));
    expect(world.cloud.runpod.requests).toEqual([]);
  });

  it('sends nothing to Runpod when the registry denies the image', async () => {
    const { open, registry } = await seedRegistry(type);
    open.registry.denied.add(IMAGE[0]);
    await world.deploy([{ name: 'prod', registry, verifyImage: VERIFY_IMAGE }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/manifests\/1\.0\.0 rejected the new credential \(403\)/);
    expect(world.auth('prod')?.password).toBe('old');
  });

  it('sends the registry no password in the first request', async () => {
    const { open, registry } = await seedRegistry(type);
    await world.deploy([{ name: 'prod', registry, verifyImage: VERIFY_IMAGE }]);

    await world.invoke();

    expect(open.registry.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([
    ['is not JSON', 'k9QpB3sTyUVq7Zt2LmXw', 'k9QpB3sTyUVq7Zt2LmXw'],
    ['has none of the fields', JSON.stringify({ user: 'robot', pass: 'Vq7Zt2LmXwK9' }), 'Vq7Zt2LmXwK9'],
    [
      'has empty fields',
      JSON.stringify({
        username: '',
        password: '',
        type: 'service_account',
        private_key: '',
        private_key_id: 'Zt2LmXwK9QpB',
      }),
      'Zt2LmXwK9QpB',
    ],
  ])('sends nothing and quotes nothing when the secret %s', async (_, value, secretPart) => {
    const { registry } = await seedRegistry(type);
    world.putSecret(SECRET, value, secretPart);
    await world.deploy([{ name: 'prod', registry }]);

    const { error, logs } = await world.invoke();

    expect(error?.errorMessage).toMatch(
      /prod: secret registry\/login: expected .*nothing was sent to Runpod/,
    );
    expect(logs).toContainEqual(expect.objectContaining({ reason: 'secret-unusable' }));
    expect(world.cloud.runpod.requests).toEqual([]);
  });
});

describe('the refresh function with a token service', () => {
  it.each([
    ['on plain http elsewhere', 'http://auth.example.com/token'],
    ['with a user in its address', 'https://me@auth.example.com/token'],
    ['without an address', ''],
    ['on another protocol', 'ftp://127.0.0.1/token'],
  ])('sends no credential to a token service %s', async (_, realm) => {
    const { open, registry } = await seedRegistry('docker-hub');
    if (open.tokenService) open.tokenService.realm = realm;
    await world.deploy([{ name: 'prod', registry }]);

    const { error, logs } = await world.invoke();

    const host = new URL(open.registry.url).host;
    expect(error?.errorMessage).toContain(`prod: ${host} names a token service whose address is`);
    expect(error?.errorMessage).not.toContain('example.com');
    expect(logs).toContainEqual(expect.objectContaining({ reason: 'configuration-wrong' }));
    expect(open.tokenService?.requests).toEqual([]);
    expect(open.registry.requests.filter(({ headers }) => headers.authorization)).toEqual([]);
    expect(world.cloud.runpod.requests).toEqual([]);
  });

  it('sends to Runpod when the token service is down and verify is best-effort', async () => {
    const { open, registry } = await seedRegistry('ghcr');
    open.tokenService?.faults.add({}, { status: 503 });
    await world.deploy([{ name: 'prod', registry }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ verified: false }]);
  });

  it('does not follow a redirect of the token service', async () => {
    const { open, registry } = await seedRegistry('docker-hub');
    const location = `${open.registry.url}/v2/`;
    open.tokenService?.faults.add({}, { status: 307, headers: { location } });
    await world.deploy([{ name: 'prod', registry, verify: 'required' }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/the token service of .* answered 307/);
    expect(open.registry.requests).toHaveLength(1);
  });
});

describe('the refresh function with a registry that needs no login', () => {
  it('has no proof without an image', async () => {
    const { open, registry } = await seedRegistry('self-hosted');
    open.registry.faults.add({ path: '/v2/' }, { status: 200 });
    await world.deploy([
      { name: 'strict', registry, verify: 'required' },
      { name: 'lenient', registry },
    ]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toMatch(/1 of 2 targets failed\. strict: .*accepts requests without a login/);
    open.registry.faults.clear();
    expect(await canPull('lenient', open)).toBe(true);
  });

  it('proves the credential with an image that needs a login', async () => {
    const { open, registry } = await seedRegistry('self-hosted');
    open.registry.faults.add({ path: '/v2/' }, { status: 200 });
    await world.deploy([{ name: 'prod', registry, verify: 'required', verifyImage: VERIFY_IMAGE }]);

    const { result } = await world.invoke();

    expect(result?.refreshed).toMatchObject([{ verified: true }]);
  });
});

describe('the refresh function with ECR Public', () => {
  it('proves and writes a token that ECR Public issued in us-east-1', async () => {
    const open = await world.cloud.otherRegistries.get('ecr-public');
    open.registry.addImage(...IMAGE);
    const registry: Registry = { type: 'ecr-public', url: open.registry.url };
    await world.deploy([{ name: 'prod', registry, verify: 'required', verifyImage: VERIFY_IMAGE }]);

    const { result } = await world.invoke();

    const [issued] = world.cloud.aws.ecrPublic.issued;
    expect(issued?.region).toBe('us-east-1');
    expect(result?.refreshed).toMatchObject([{ verified: true, expiresAt: issued?.expiresAt.toISOString() }]);
    expect(await canPull('prod', open)).toBe(true);
    expect(world.cloud.aws.ecr.issued).toEqual([]);
  });
});

describe('the refresh function with several registries', () => {
  it('refreshes all targets and reads a shared secret once', async () => {
    const { registry: hub } = await seedRegistry('docker-hub');
    const { open, registry: own } = await seedRegistry('self-hosted');
    const hubOpen: OpenRegistry = await world.cloud.otherRegistries.get('docker-hub');
    for (const [username, password] of open.logins) hubOpen.logins.set(username, password);
    const { url } = await publicRegistry('ecr-public');
    await world.deploy([
      { name: 'ecr' },
      { name: 'public', registry: { type: 'ecr-public', url } },
      { name: 'hub', registry: hub },
      { name: 'own', registry: own },
    ]);

    const { result, metrics } = await world.invoke();

    expect(result?.refreshed.map(({ target, verified }) => [target, verified])).toEqual([
      ['ecr', true],
      ['public', true],
      ['hub', true],
      ['own', true],
    ]);
    const secretReads = world.cloud.aws.requests.filter(({ body }) => body.includes(SECRET));
    expect(secretReads).toHaveLength(1);
    expect(metrics.CredentialMinutesLeft).toBeGreaterThan(12 * 60 - 3);
  });

  it('sends a rotated password in the next run', async () => {
    const { open, registry } = await seedRegistry('docker-hub');
    await world.deploy([{ name: 'prod', registry }]);
    await world.invoke();
    open.logins.set('robot', 'rotated-k9QpB3sTyU');
    world.putSecret(
      SECRET,
      JSON.stringify({ username: 'robot', password: 'rotated-k9QpB3sTyU' }),
      'k9QpB3sTyU',
    );
    const event = {
      id: 'e-2',
      source: 'aws.secretsmanager',
      'detail-type': 'Secret Label Updated',
      detail: {},
    };

    const { result } = await world.invoke(event);

    expect(result?.refreshed).toHaveLength(1);
    expect(world.auth('prod')?.password).toBe('rotated-k9QpB3sTyU');
  });

  it('reports the age of the API key and not of the registry secret', async () => {
    const { registry } = await seedRegistry('self-hosted');
    const { value = '' } = world.cloud.aws.secrets.get(SECRET) ?? {};
    world.cloud.aws.secrets.put(SECRET, value, new Date('2020-01-01'));
    await world.deploy([{ name: 'prod', registry }]);

    const { metrics } = await world.invoke();

    expect(metrics.ApiKeyAgeDays).toBe(0);
  });

  it.each([
    ['username', 192, { username: 'u'.repeat(192), password: 'Vq7Zt2LmXwK9' }],
    ['password', 16_385, { username: 'robot', password: 'p'.repeat(16_385) }],
  ])('sends a %s of %i characters nowhere', async (part, length, login) => {
    const { open, registry } = await seedRegistry('self-hosted');
    world.putSecret(SECRET, JSON.stringify(login), login.password);
    await world.deploy([{ name: 'prod', registry }]);

    const { error } = await world.invoke();

    expect(error?.errorMessage).toContain(`secret registry/login: Runpod takes a ${part} of at most`);
    expect(error?.errorMessage).toContain(`found ${length};`);
    expect(open.registry.requests).toEqual([]);
    expect(world.cloud.runpod.requests).toEqual([]);
  });
});

async function publicRegistry(type: OtherRegistryType): Promise<{ url: string }> {
  const { registry } = await world.cloud.otherRegistries.get(type);
  return { url: registry.url };
}
