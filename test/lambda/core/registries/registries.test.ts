import type { Registry } from '../../../../lambda/core/model';
import { Secret } from '../../../../lambda/core/model';
import { createRegistries } from '../../../../lambda/core/registries/registries';
import type { ReadSecret } from '../../../../lambda/core/secret-value';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { rejectionOf } from '../../../support/thrown';

const HUB: Registry = { type: 'docker-hub', credentialSecretName: 's', url: 'https://registry-1.docker.io' };
const OWN: Registry = {
  type: 'self-hosted',
  credentialSecretName: 's',
  url: 'https://registry.example.com/',
};

/** Registries whose secrets all hold this login; each read is noted. */
function someRegistries(login: object = { username: 'robot', password: 'p' }) {
  const reads: string[] = [];
  const read: ReadSecret = async (secretName, deadlineMs) => {
    reads.push(`${secretName} ${deadlineMs}`);
    return JSON.stringify(login);
  };
  return { reads, registries: createRegistries(new FakeClock(), read) };
}

describe('createRegistries', () => {
  it('makes a credential without time of expiry out of a secret', async () => {
    const { registries } = someRegistries();

    const credential = await registries.issue(OWN, NOON);

    expect(credential).toEqual({
      username: 'robot',
      password: expect.any(Secret),
      registryUrl: 'https://registry.example.com',
      origin: 'secret s',
    });
  });

  it('reads a secret once in a run, and again in the next', async () => {
    const { registries, reads } = someRegistries();

    await Promise.all([registries.issue(HUB, NOON), registries.issue(OWN, NOON)]);
    await registries.issue(HUB, NOON);
    await registries.issue(HUB, NOON + 1);

    expect(reads).toEqual([`s ${NOON}`, `s ${NOON + 1}`]);
  });

  it.each<[string, Registry]>([
    ['kind', { ...OWN, type: 'ghcr' }],
    ['address', { ...OWN, url: 'https://other.example.com' }],
    ['secret', { ...OWN, credentialSecretName: 't' }],
  ])('lets registries of another %s share no credential', (_, other) => {
    const { registries } = someRegistries();

    expect(registries.shareKey(other)).not.toBe(registries.shareKey(OWN));
    expect(registries.shareKey({ ...OWN })).toBe(registries.shareKey(OWN));
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
  ])('refuses what Runpod would not take (%#)', async (login, message) => {
    const { registries } = someRegistries(login);

    const outcome = registries.issue(OWN, NOON);

    if (message === undefined) expect((await outcome).username).toBe(login.username);
    else
      expect(await rejectionOf(outcome)).toMatchObject({
        reason: 'secret-unusable',
        message: expect.stringContaining(message),
      });
  });
});
