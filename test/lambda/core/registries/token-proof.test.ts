import { OperatorMustActError } from '../../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../../lambda/core/http';
import { Secret } from '../../../../lambda/core/model';
import { createProof } from '../../../../lambda/core/registries/proof';
import type { HttpAnswer } from '../../../../lambda/core/transport';
import { aCredential, anAnswer } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { findLeaks } from '../../../support/find-leaks';
import { type Step, scriptedTransport } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const PASSWORD = 'k9QpB3sTyU:Vq7Zt2LmXwü';
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.Zt2LmXwK9QpB3';
const BASIC = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`;
const HUB = 'Bearer realm="https://auth.example.com/token?v=1",service="registry.example.com"';

/** A proof against a registry that is asked which login it wants. */
function aProof(registryUrl: string, ...steps: Step[]) {
  const { transport, sent } = scriptedTransport(...steps);
  const prove = createProof(createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY }));
  const credential = aCredential({
    username: 'robot',
    password: new Secret(PASSWORD),
    registryUrl,
    basicAtOnce: false,
    origin: 'secret registry/hub',
  });
  return { sent, prove: (image?: string) => prove(credential, image, NOON + 60_000) };
}

function asking(challenge: string, status = 401): HttpAnswer {
  return anAnswer(status, '', { 'www-authenticate': challenge });
}

const REGISTRY = 'https://registry.example.com';

describe('createProof, by a token', () => {
  it('asks the token service that the registry names, and the registry with its token', async () => {
    const { prove, sent } = aProof(REGISTRY, asking(HUB), anAnswer(200, { token: TOKEN }), anAnswer(200));

    const proof = await prove();

    expect(proof).toEqual({ accepted: true });
    expect(sent.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ['GET', `${REGISTRY}/v2/`, undefined],
      ['GET', 'https://auth.example.com/token?v=1&service=registry.example.com', BASIC],
      ['GET', `${REGISTRY}/v2/`, `Bearer ${TOKEN}`],
    ]);
  });

  it('asks for the right to pull the image, and not for the scope of the challenge', async () => {
    const placeholder = `${HUB},scope="repository:user/image:pull"`;
    const { prove, sent } = aProof(
      REGISTRY,
      asking(placeholder),
      anAnswer(200, { access_token: TOKEN }),
      anAnswer(200),
    );

    const proof = await prove(`team/worker@sha256:${'a'.repeat(64)}`);

    expect(proof).toEqual({ accepted: true });
    expect(new URL(sent[1]?.url ?? '').searchParams.get('scope')).toBe('repository:team/worker:pull');
    expect(sent[2]).toMatchObject({
      method: 'HEAD',
      url: `${REGISTRY}/v2/team/worker/manifests/sha256:${'a'.repeat(64)}`,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        accept: expect.stringContaining('application/vnd.oci.image.index.v1+json'),
      },
    });
  });

  it.each([401, 403])('throws when the token service answers %d', async (status) => {
    const { prove } = aProof(REGISTRY, asking(HUB), anAnswer(status));

    const failure = await rejectionOf(prove());

    expect(failure).toEqual(
      new OperatorMustActError(
        'credential-rejected',
        `auth.example.com, the token service of registry.example.com, rejected the new credential (${status}); nothing was sent to Runpod; check secret registry/hub`,
      ),
    );
  });

  it.each([401, 403])('throws when the registry answers %d to the token', async (status) => {
    const { prove } = aProof(
      REGISTRY,
      asking(HUB),
      anAnswer(200, { token: TOKEN }),
      asking(`${HUB},error="insufficient_scope"`, status),
    );

    const failure = await rejectionOf(prove('worker:1'));

    expect(failure).toMatchObject({ reason: 'credential-rejected' });
  });

  it.each<[string, HttpAnswer, string]>([
    ['no JSON', anAnswer(200, 'hello'), 'answered without a token'],
    ['no token', anAnswer(200, { token: '' }), 'answered without a token'],
    ['a token that no header holds', anAnswer(200, { token: 'a\r\nb' }), 'answered without a token'],
    ['a redirect', anAnswer(302, '', { location: 'https://elsewhere.example.com' }), 'answered 302'],
    ['an unknown address', anAnswer(404), 'answered 404'],
  ])('has no proof when the token service answers with %s', async (_, answer, because) => {
    const { prove, sent } = aProof(REGISTRY, asking(HUB), answer);

    const proof = await prove();

    expect(proof).toEqual({
      accepted: false,
      because: `auth.example.com, the token service of registry.example.com, ${because}`,
      lasting: true,
    });
    expect(sent).toHaveLength(2);
  });

  it('has no proof for now when the token service is down', async () => {
    const { prove } = aProof(REGISTRY, asking(HUB), ...Array<Step>(4).fill(anAnswer(503)));

    expect(await prove()).toMatchObject({ accepted: false, lasting: false });
  });

  it.each([
    ['on plain http', REGISTRY, 'http://auth.example.com/token', 'not https'],
    ['on a loopback host beside the function', REGISTRY, 'http://127.0.0.1:9001/token', 'not https'],
    [
      'in the clear for a loopback registry',
      'http://127.0.0.1:5000',
      'http://auth.example.com/',
      'not https',
    ],
    ['with a user', REGISTRY, 'https://auth.example.com@evil.example.com/', 'a user in it'],
    ['with a password', REGISTRY, 'https://a:b@auth.example.com/', 'a user in it'],
    ['relative to the registry', REGISTRY, '/token', 'no address'],
    ['of no protocol that carries HTTP', REGISTRY, 'file:///etc/passwd', 'not https'],
    ['nowhere', REGISTRY, '', 'no address'],
  ])('sends nothing to a token service %s, and names the registry', async (_, registryUrl, realm, found) => {
    const { prove, sent } = aProof(registryUrl, asking(`Bearer realm="${realm}",service="s"`));

    const failure = await rejectionOf(prove());

    expect(failure).toMatchObject({ reason: 'configuration-wrong' });
    expect(String(failure)).toContain(`${new URL(registryUrl).host} sends whoever logs in`);
    expect(String(failure)).toContain(found);
    expect(String(failure)).not.toMatch(/evil|auth\.example|passwd/);
    expect(sent).toHaveLength(1);
  });

  it('trusts a token service on the loopback interface where the registry is there too', async () => {
    const { prove, sent } = aProof(
      'http://127.0.0.1:5000',
      asking('Bearer realm="http://localhost:5001/token"'),
      anAnswer(200, { token: TOKEN }),
      anAnswer(200),
    );

    expect(await prove()).toEqual({ accepted: true });
    expect(sent[1]?.url).toBe('http://localhost:5001/token');
  });

  it.each([[401], [404], [503], [200]])(
    'says nothing of password or token when it ends with %d',
    async (status) => {
      const { prove } = aProof(
        REGISTRY,
        asking(HUB),
        anAnswer(200, { token: TOKEN }),
        ...Array<Step>(4).fill(anAnswer(status, `You sent ${TOKEN} and ${PASSWORD}`)),
      );

      const outcome = await prove().catch((error: Error) => `${error.stack} ${JSON.stringify(error)}`);

      expect(findLeaks(JSON.stringify(outcome), { PASSWORD, TOKEN })).toEqual([]);
    },
  );
});

describe('createProof, by what the registry asks for', () => {
  it('sends the password itself where it asks for Basic', async () => {
    const { prove, sent } = aProof(REGISTRY, asking('Basic realm="r"'), anAnswer(200), anAnswer(200));

    expect(await prove('worker:1')).toEqual({ accepted: true });
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([undefined, BASIC, BASIC]);
  });

  it('takes the token service where it offers both', async () => {
    const { prove, sent } = aProof(
      REGISTRY,
      asking(`Basic realm="r", ${HUB}`),
      anAnswer(200, { token: TOKEN }),
      anAnswer(200),
    );

    await prove();

    expect(
      sent.filter(({ url, headers }) => url.startsWith(REGISTRY) && headers.authorization === BASIC),
    ).toEqual([]);
  });

  it('goes by the challenge for the image where anybody may log in', async () => {
    const { prove, sent } = aProof(
      REGISTRY,
      anAnswer(200),
      asking('Basic realm="r"'),
      anAnswer(200),
      anAnswer(200),
    );

    expect(await prove('worker:1')).toEqual({ accepted: true });
    expect(sent.map(({ method }) => method)).toEqual(['GET', 'HEAD', 'GET', 'HEAD']);
  });

  it.each<[string, Step[], string | undefined, string]>([
    ['lets anybody log in', [anAnswer(200)], undefined, 'registry.example.com lets anybody in'],
    ['lets anybody pull', [anAnswer(200), anAnswer(200)], 'worker:1', 'registry.example.com lets anybody in'],
    ['is none', [anAnswer(404)], undefined, '/v2/ answered 404 without asking for a login'],
    ['forbids without asking', [anAnswer(403)], undefined, '/v2/ answered 403 without asking for a login'],
    ['redirects', [anAnswer(301)], undefined, '/v2/ answered 301 without asking for a login'],
    ['asks for something else', [asking('Negotiate')], undefined, 'neither Basic nor a token'],
    ['asks in a malformed way', [asking('Bearer realm="x')], undefined, 'neither Basic nor a token'],
    ['asks for nothing in particular', [anAnswer(401)], undefined, 'neither Basic nor a token'],
  ])('has no proof, and sent no password, where the registry %s', async (_, steps, image, because) => {
    const { prove, sent } = aProof(REGISTRY, ...steps);

    const proof = await prove(image);

    expect(proof).toMatchObject({
      accepted: false,
      lasting: true,
      because: expect.stringContaining(because),
    });
    expect(sent.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});
