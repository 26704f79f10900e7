import { type Registry, Secret } from '../../../../lambda/core/model';
import { createCredentialIssuer, credentialCacheKey } from '../../../../lambda/core/registries/registries';
import type { ReadSecret } from '../../../../lambda/core/secrets';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { rejectionOf } from '../../../support/thrown';

const HUB: Registry = { type: 'docker-hub', credentialSecretName: 's', url: 'https://registry-1.docker.io' };
const OWN: Registry = {
  type: 'self-hosted',
  credentialSecretName: 's',
  url: 'https://registry.example.com/',
};

/** Issues credentials from secrets that all hold this login, and records each read. */
function anIssuer(login: object = { username: 'robot', password: 'p' }) {
  const reads: string[] = [];
  const readSecret: ReadSecret = async (secretName, { deadlineMs, expected }) => {
    reads.push(`${secretName} ${deadlineMs} ${expected}`);
    return { value: JSON.stringify(login), createdAt: undefined };
  };
  const issueCredential = createCredentialIssuer(new FakeClock());
  return {
    reads,
    issue: (registry: Registry) => issueCredential(registry, { readSecret, deadlineMs: NOON }),
  };
}

describe('createCredentialIssuer', () => {
  it('returns a credential without an expiry time from a secret', async () => {
    const { issue } = anIssuer();

    const credential = await issue(OWN);

    expect(credential).toEqual({
      username: 'robot',
      password: expect.any(Secret),
      registryUrl: 'https://registry.example.com',
      origin: 'secret s',
    });
  });

  it("reads the secret with the run's own reader and deadline", async () => {
    const { issue, reads } = anIssuer();

    await issue(HUB);

    expect(reads).toEqual([`s ${NOON} {"username": "…", "password": "…"}`]);
  });

  it.each([
    [{ username: 'u'.repeat(191), password: 'p'.repeat(16_384) }, undefined],
    [
      { username: 'u'.repeat(192), password: 'p' },
      'secret s: Runpod takes a username of at most 191 characters, found 192',
    ],
    [
      { username: 'u', password: 'p'.repeat(16_385) },
      'secret s: Runpod takes a password of at most 16384 characters, found 16385',
    ],
  ])('refuses a login that is too long for Runpod (%#)', async (login, message) => {
    const { issue } = anIssuer(login);

    const outcome = issue(OWN);

    if (message === undefined) expect((await outcome).username).toBe(login.username);
    else
      expect(await rejectionOf(outcome)).toMatchObject({
        reason: 'secret-unusable',
        message: expect.stringContaining(message),
      });
  });
});

describe('credentialCacheKey', () => {
  it.each<[string, Registry]>([
    ['kind', { ...OWN, type: 'ghcr' }],
    ['address', { ...OWN, url: 'https://other.example.com' }],
    ['secret', { ...OWN, credentialSecretName: 't' }],
  ])('differs for registries with another %s', (_, other) => {
    expect(credentialCacheKey(other)).not.toBe(credentialCacheKey(OWN));
    expect(credentialCacheKey({ ...OWN })).toBe(credentialCacheKey(OWN));
  });
});
