import { OperatorMustActError, TransientError } from '../../../../lambda/core/errors';
import { type Credential, Secret } from '../../../../lambda/core/model';
import { createProof } from '../../../../lambda/core/registries/proof';
import type { HttpAnswer } from '../../../../lambda/core/transport';
import { aCredential, anAnswer } from '../../../support/builders';
import { NOON } from '../../../support/fake-clock';
import { findLeaks } from '../../../support/find-leaks';
import { type Step, scriptedHttp } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const ECR = 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com';
const REGISTRY = 'https://registry.example.com';
const PASSWORD = 'k9QpB3sTyU:Vq7Zt2LmXwü';
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.Zt2LmXwK9QpB3';
const BASIC = `Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`;
const HUB = 'Bearer realm="https://auth.example.com/token?v=1",service="registry.example.com"';

/** Proves a credential to a registry that gives these answers. */
function aProof(credential: Credential, ...steps: Step[]) {
  const { http, sent } = scriptedHttp(...steps);
  const prove = createProof(http);
  return { sent, prove: (image?: string) => prove(credential, image, NOON + 60_000) };
}

/** Proves ECR's credential, which is sent with the first request. */
function anEcrProof(...steps: Step[]) {
  return aProof(aCredential({ password: new Secret(PASSWORD), registryUrl: ECR }), ...steps);
}

/** Proves a login to a registry that is first asked which login it wants. */
function aLoginProof(registryUrl: string, ...steps: Step[]) {
  const credential = aCredential({
    username: 'robot',
    password: new Secret(PASSWORD),
    registryUrl,
    basicAtOnce: false,
    origin: 'secret registry/hub',
  });
  return aProof(credential, ...steps);
}

/** An answer with this challenge in its `WWW-Authenticate` header. */
function asking(challenge: string, status = 401): HttpAnswer {
  return anAnswer(status, '', { 'www-authenticate': challenge });
}

describe('createProof with a credential that is sent at once', () => {
  it('asks the registry with Basic auth', async () => {
    const { prove, sent } = anEcrProof(anAnswer(200));

    const proof = await prove();

    expect(proof).toEqual({ accepted: true });
    expect(sent).toMatchObject([{ method: 'GET', url: `${ECR}/v2/` }]);
    const basic = sent[0]?.headers.authorization?.replace(/^Basic /, '') ?? '';
    expect(Buffer.from(basic, 'base64').toString('utf8')).toBe(`AWS:${PASSWORD}`);
  });

  it.each([
    ['worker:1.4.2', 'worker/manifests/1.4.2'],
    ['team/worker:latest', 'team/worker/manifests/latest'],
    [`worker@sha256:${'a'.repeat(64)}`, `worker/manifests/sha256:${'a'.repeat(64)}`],
  ])('asks for the manifest of %s after the login', async (image, path) => {
    const { prove, sent } = anEcrProof(anAnswer(200), anAnswer(200));

    const proof = await prove(image);

    expect(proof).toEqual({ accepted: true });
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${ECR}/v2/`,
      `HEAD ${ECR}/v2/${path}`,
    ]);
    expect(sent[1]?.headers.accept).toContain('application/vnd.oci.image.index.v1+json');
    expect(sent[1]?.headers.authorization).toBe(sent[0]?.headers.authorization);
  });

  it.each([401, 403])('throws when the registry answers %d to the login', async (status) => {
    const { prove, sent } = anEcrProof(anAnswer(status));

    const failure = await rejectionOf(prove('worker:1'));

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect(failure).toMatchObject({ reason: 'credential-rejected' });
    expect(String(failure)).toContain(`amazonaws.com/v2/ rejected the new credential (${status})`);
    expect(sent).toHaveLength(1);
  });

  it.each([401, 403])('throws when the registry answers %d to the manifest', async (status) => {
    const { prove } = anEcrProof(anAnswer(200), anAnswer(status));

    const failure = await rejectionOf(prove('worker:1'));

    expect(failure).toMatchObject({ reason: 'credential-rejected' });
    expect(String(failure)).toContain('/v2/worker/manifests/1 rejected');
  });

  it.each([204, 301, 307, 400, 404, 501])(
    'returns a lasting lack of proof for the status %d',
    async (status) => {
      // A 404 to HEAD is asked again by GET.
      const { prove } = anEcrProof(anAnswer(200), anAnswer(status), anAnswer(status));

      const proof = await prove('worker:1');

      expect(proof).toEqual({
        accepted: false,
        because: `123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/worker/manifests/1 answered ${status}`,
        lasting: true,
      });
    },
  );

  it.each<[string, Step]>([
    ['is down', anAnswer(503)],
    ['limits the rate', anAnswer(429)],
    ['does not answer', new TransientError('GET 123456789012.dkr: ETIMEDOUT')],
  ])('returns a passing lack of proof when the registry %s after all retries', async (_, step) => {
    const { prove, sent } = anEcrProof(...Array(4).fill(step));

    const proof = await prove('worker:1');

    expect(proof).toMatchObject({ accepted: false, lasting: false });
    expect(sent).toHaveLength(4);
  });

  it('throws the refusal to send a credential in clear text', async () => {
    const refusal = new OperatorMustActError('configuration-wrong', 'only https may carry a credential');
    const { prove } = anEcrProof(refusal);

    expect(await rejectionOf(prove())).toBe(refusal);
  });

  it.each([[401], [404], [503]])(
    'reveals no credential when the registry echoes it with %d',
    async (status) => {
      const { prove } = anEcrProof(...Array(4).fill(anAnswer(status, `You sent ${PASSWORD}`)));

      const outcome = await prove().catch((error: Error) => `${error.stack} ${JSON.stringify(error)}`);

      expect(findLeaks(JSON.stringify(outcome), { PASSWORD })).toEqual([]);
    },
  );
});

describe('createProof with a token service', () => {
  it('gets a token from the service that the registry names and asks the registry with it', async () => {
    const { prove, sent } = aLoginProof(
      REGISTRY,
      asking(HUB),
      anAnswer(200, { token: TOKEN }),
      anAnswer(200),
    );

    const proof = await prove();

    expect(proof).toEqual({ accepted: true });
    expect(sent.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ['GET', `${REGISTRY}/v2/`, undefined],
      ['GET', 'https://auth.example.com/token?v=1&service=registry.example.com', BASIC],
      ['GET', `${REGISTRY}/v2/`, `Bearer ${TOKEN}`],
    ]);
  });

  it('asks for a token to pull the image and ignores the scope of the challenge', async () => {
    const placeholder = `${HUB},scope="repository:user/image:pull"`;
    const { prove, sent } = aLoginProof(
      REGISTRY,
      asking(placeholder),
      anAnswer(200, { access_token: TOKEN }),
      anAnswer(200),
      anAnswer(200),
    );

    const proof = await prove(`team/worker@sha256:${'a'.repeat(64)}`);

    expect(proof).toEqual({ accepted: true });
    expect(new URL(sent[1]?.url ?? '').searchParams.get('scope')).toBe('repository:team/worker:pull');
    expect(sent[2]?.url).toBe(`${REGISTRY}/v2/`);
    expect(sent[3]).toMatchObject({
      method: 'HEAD',
      url: `${REGISTRY}/v2/team/worker/manifests/sha256:${'a'.repeat(64)}`,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        accept: expect.stringContaining('application/vnd.oci.image.index.v1+json'),
      },
    });
  });

  it.each([401, 403])('throws when the token service answers %d', async (status) => {
    const { prove } = aLoginProof(REGISTRY, asking(HUB), anAnswer(status));

    const failure = await rejectionOf(prove());

    expect(failure).toEqual(
      new OperatorMustActError(
        'credential-rejected',
        `the token service of registry.example.com rejected the new credential (${status}); nothing was sent to Runpod; check secret registry/hub`,
      ),
    );
  });

  it.each([401, 403])('throws when the registry answers %d to the token', async (status) => {
    const { prove } = aLoginProof(
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
    ['a token that a header cannot hold', anAnswer(200, { token: 'a\r\nb' }), 'answered without a token'],
    ['a redirect', anAnswer(302, '', { location: 'https://elsewhere.example.com' }), 'answered 302'],
    ['404', anAnswer(404), 'answered 404'],
  ])('returns a lasting lack of proof when the token service answers with %s', async (_, answer, because) => {
    const { prove, sent } = aLoginProof(REGISTRY, asking(HUB), answer);

    const proof = await prove();

    expect(proof).toEqual({
      accepted: false,
      because: `the token service of registry.example.com ${because}`,
      lasting: true,
    });
    expect(sent).toHaveLength(2);
  });

  it('returns a passing lack of proof when the token service is down', async () => {
    const { prove } = aLoginProof(REGISTRY, asking(HUB), ...Array<Step>(4).fill(anAnswer(503)));

    expect(await prove()).toMatchObject({ accepted: false, lasting: false });
  });

  it.each([
    ['on plain http', REGISTRY, 'http://auth.example.com/token', 'not https'],
    ['on the loopback interface for a remote registry', REGISTRY, 'http://127.0.0.1:9001/token', 'not https'],
    [
      'on plain http for a loopback registry',
      'http://127.0.0.1:5000',
      'http://auth.example.com/',
      'not https',
    ],
    [
      'with a user name in its address',
      REGISTRY,
      'https://auth.example.com@evil.example.com/',
      'a login in it',
    ],
    ['with a password in its address', REGISTRY, 'https://a:b@auth.example.com/', 'a login in it'],
    ['with a relative address', REGISTRY, '/token', 'not a URL'],
    ['with a file address', REGISTRY, 'file:///etc/passwd', 'not https'],
    ['without an address', REGISTRY, '', 'not a URL'],
  ])(
    'sends nothing to a token service %s and names only the registry',
    async (_, registryUrl, realm, found) => {
      const { prove, sent } = aLoginProof(registryUrl, asking(`Bearer realm="${realm}",service="s"`));

      const failure = await rejectionOf(prove());

      expect(failure).toMatchObject({ reason: 'configuration-wrong' });
      expect(String(failure)).toContain(
        `${new URL(registryUrl).host} names a token service whose address is`,
      );
      expect(String(failure)).toContain(found);
      expect(String(failure)).not.toMatch(/evil|auth\.example|passwd/);
      expect(sent).toHaveLength(1);
    },
  );

  it('accepts a loopback token service from a loopback registry', async () => {
    const { prove, sent } = aLoginProof(
      'http://127.0.0.1:5000',
      asking('Bearer realm="http://localhost:5001/token"'),
      anAnswer(200, { token: TOKEN }),
      anAnswer(200),
    );

    expect(await prove()).toEqual({ accepted: true });
    expect(sent[1]?.url).toBe('http://localhost:5001/token');
  });

  it.each([[401], [404], [503], [200]])(
    'reveals no password and no token when the last answer echoes them with %d',
    async (status) => {
      const { prove } = aLoginProof(
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

describe('createProof with a challenge of the registry', () => {
  it('sends the password when the registry asks for Basic auth', async () => {
    const { prove, sent } = aLoginProof(REGISTRY, asking('Basic realm="r"'), anAnswer(200), anAnswer(200));

    expect(await prove('worker:1')).toEqual({ accepted: true });
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([undefined, BASIC, BASIC]);
  });

  it('prefers the token service to Basic auth', async () => {
    const { prove, sent } = aLoginProof(
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

  it('uses the challenge for the image when the login needs no credential', async () => {
    const { prove, sent } = aLoginProof(
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
    [
      'accepts a login without a credential',
      [anAnswer(200)],
      undefined,
      'registry.example.com accepts requests without a login',
    ],
    [
      'allows a pull without a credential',
      [anAnswer(200), anAnswer(200)],
      'worker:1',
      'registry.example.com accepts requests without a login',
    ],
    ['does not exist', [anAnswer(404)], undefined, '/v2/ answered 404 without asking for a login'],
    [
      'answers 403 without a challenge',
      [anAnswer(403)],
      undefined,
      '/v2/ answered 403 without asking for a login',
    ],
    ['redirects', [anAnswer(301)], undefined, '/v2/ answered 301 without asking for a login'],
    ['asks for another scheme', [asking('Negotiate')], undefined, 'neither Basic nor a token'],
    ['sends a malformed challenge', [asking('Bearer realm="x')], undefined, 'in a form that cannot be read'],
    ['sends no challenge', [anAnswer(401)], undefined, 'in a form that cannot be read'],
  ])('sends no password and returns no proof when the registry %s', async (_, steps, image, because) => {
    const { prove, sent } = aLoginProof(REGISTRY, ...steps);

    const proof = await prove(image);

    expect(proof).toMatchObject({
      accepted: false,
      lasting: true,
      because: expect.stringContaining(because),
    });
    expect(sent.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});
