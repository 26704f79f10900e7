import { createInspectImage } from '../../../../lambda/core/registries/manifests';
import { aCredential, anAnswer } from '../../../support/builders';
import { NOON } from '../../../support/fake-clock';
import { type Step, scriptedHttp } from '../../../support/scripted-transport';

const CONFIG = `sha256:${'c'.repeat(64)}`;
const DIGEST = { 'docker-content-digest': `sha256:${'d'.repeat(64)}` };
const index = (...platforms: readonly (readonly [string, string])[]) => ({
  manifests: platforms.map(([os, architecture]) => ({ platform: { os, architecture } })),
});

async function inspect(steps: readonly Step[], credential = aCredential(), anonymous = false) {
  const { http, sent, clock } = scriptedHttp(...steps);
  const options = { deadlineMs: clock.steady() + 30_000, anonymous };
  const state = await createInspectImage(http)(credential, { repository: 'worker', reference: '1' }, options);
  return { state, sent };
}

describe('createInspectImage', () => {
  it.each([
    ['an index', index(['linux', 'amd64'], ['linux', 'arm64']), ['linux/amd64', 'linux/arm64']],
    ['an index with an attestation', index(['linux', 'arm64'], ['unknown', 'unknown']), ['linux/arm64']],
    ['an index without a platform', { manifests: [{}] }, undefined],
    ['an index without entries', { manifests: [] }, undefined],
    ['an artefact without a configuration', { layers: [] }, undefined],
    ['a manifest of schema 1', { schemaVersion: 1, fsLayers: [] }, undefined],
  ])('reads the platforms of %s', async (_, manifest, platforms) => {
    const { state } = await inspect([anAnswer(200), anAnswer(200, manifest, DIGEST)]);

    expect(state).toEqual({
      found: 'image',
      digest: DIGEST['docker-content-digest'],
      ...(platforms && { platforms }),
    });
  });

  it('follows the redirect of a configuration without the credential', async () => {
    const { state, sent } = await inspect([
      anAnswer(200),
      anAnswer(200, { config: { digest: CONFIG, size: 100 } }),
      anAnswer(307, '', { location: 'https://bucket.s3.amazonaws.com/config?X-Amz-Signature=s' }),
      anAnswer(200, { os: 'linux', architecture: 'arm64' }),
    ]);

    expect(state).toEqual({ found: 'image', platforms: ['linux/arm64'] });
    expect(sent[2]?.headers.authorization).toMatch(/^Basic /);
    expect(sent[3]?.headers).not.toHaveProperty('authorization');
  });

  it.each([
    'http://bucket.s3.amazonaws.com/config',
    'http://127.0.0.1:9001/2018-06-01/runtime/invocation/next',
    'https://localhost/config',
    'file:///etc/passwd',
  ])('does not follow a redirect to %s', async (location) => {
    const { state, sent } = await inspect([
      anAnswer(200),
      anAnswer(200, { config: { digest: CONFIG } }),
      anAnswer(307, '', { location }),
      anAnswer(200, { os: 'linux', architecture: 'arm64' }),
    ]);

    // An address without a scheme is one of the registry itself.
    expect(sent.slice(3).map(({ url }) => new URL(url).host)).not.toContain(
      new URL('https://localhost').host,
    );
    expect(sent.slice(3).every(({ url }) => url.startsWith('https://123456789012.dkr.ecr'))).toBe(true);
    expect(state.found).toBe('image');
  });

  it('asks anonymously with a token that needs no login', async () => {
    const challenge = { 'www-authenticate': 'Bearer realm="https://auth.example/token",service="s"' };
    const { state, sent } = await inspect(
      [
        anAnswer(401, '', challenge),
        anAnswer(200, { token: 't' }),
        anAnswer(200),
        anAnswer(200, index(['linux', 'amd64'])),
      ],
      aCredential({ basicAtOnce: false, registryUrl: 'https://registry.example' }),
      true,
    );

    expect(state).toEqual({ found: 'image', platforms: ['linux/amd64'] });
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      'Bearer t',
      'Bearer t',
    ]);
  });

  it('asks a registry that needs no login', async () => {
    const { state } = await inspect(
      [anAnswer(200), anAnswer(200), anAnswer(200), anAnswer(200, index(['linux', 'amd64']))],
      aCredential({ basicAtOnce: false }),
    );

    expect(state).toEqual({ found: 'image', platforms: ['linux/amd64'] });
  });

  it('knows nothing when the time is over', async () => {
    const { http } = scriptedHttp();
    const options = { deadlineMs: NOON - 1 };

    const state = await createInspectImage(http)(
      aCredential(),
      { repository: 'worker', reference: '1' },
      options,
    );

    expect(state).toMatchObject({ found: 'unknown' });
  });
});
