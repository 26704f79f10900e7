import { OperatorMustActError, UntrustedCertificateError } from '../../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../../lambda/core/http';
import { type Credential, Secret } from '../../../../lambda/core/model';
import { parseChallenges } from '../../../../lambda/core/registries/challenge';
import { createProof } from '../../../../lambda/core/registries/proof';
import type { HttpAnswer } from '../../../../lambda/core/transport';
import { aCredential, anAnswer } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { type Step, scriptedTransport } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const PASSWORD = 'k9QpB3sTyU:Vq7Zt2LmXw';
const REGISTRY = 'https://registry.example.com';
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.Zt2LmXwK9QpB3';

/** A proof at a registry that gives these answers, one after the other. */
function aProof(differences: Partial<Credential>, ...steps: Step[]) {
  const { transport, sent, limits } = scriptedTransport(...steps);
  const prove = createProof(createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY }));
  const credential = aCredential({
    username: 'robot',
    password: new Secret(PASSWORD),
    registryUrl: REGISTRY,
    basicAtOnce: false,
    origin: 'secret registry/hub',
    ...differences,
  });
  return {
    sent,
    limits,
    prove: (image?: string) => prove(credential, image, NOON + 60_000),
    urls: () => sent.map(({ method, url }) => `${method} ${url}`),
  };
}

const ECR = { basicAtOnce: true, rejectedBy400: true };

function asking(challenge: string): HttpAnswer {
  return anAnswer(401, '', { 'www-authenticate': challenge });
}

const BY_TOKEN = asking('Bearer realm="https://auth.example.com/token",service="registry"');

describe('createProof, with the answers of real registries', () => {
  it('treats a 400 of ECR as a rejection', async () => {
    const { prove } = aProof(ECR, anAnswer(400));

    expect(await rejectionOf(prove())).toMatchObject({ reason: 'credential-rejected' });
  });

  it.each([
    ['token service', [BY_TOKEN, anAnswer(400)]],
    ['/v2/', [BY_TOKEN, anAnswer(200, { token: TOKEN }), anAnswer(400)]],
  ] as [string, Step[]][])("treats a 400 of ECR Public's %s as a rejection", async (_, steps) => {
    const { prove } = aProof({ rejectedBy400: true }, ...steps);

    expect(await rejectionOf(prove())).toMatchObject({ reason: 'credential-rejected' });
  });

  it('treats a 400 of another registry as no answer about the credential', async () => {
    const { prove } = aProof({}, asking('Basic realm="r"'), anAnswer(400));

    expect(await prove()).toMatchObject({ accepted: false, lasting: true });
  });

  it('treats a 400 of ECR about an image as no answer about the credential', async () => {
    const { prove } = aProof(ECR, anAnswer(200), anAnswer(400));

    expect(await prove('worker:1')).toMatchObject({ accepted: false, lasting: true });
  });

  it("rejects an anonymous token in place of the user's, although it opens a public image", async () => {
    const { prove, urls } = aProof(
      {},
      BY_TOKEN,
      anAnswer(200, { token: TOKEN }),
      anAnswer(401),
      anAnswer(200),
    );

    const failure = await rejectionOf(prove('public/worker:1'));

    expect(failure).toMatchObject({ reason: 'credential-rejected' });
    expect(urls().at(-1)).toBe(`GET ${REGISTRY}/v2/`);
  });

  it.each([404, 405])(
    'asks by GET, without its body, where HEAD on a manifest is answered with %d',
    async (status) => {
      const { prove, urls, limits } = aProof(ECR, anAnswer(200), anAnswer(status), anAnswer(200));

      const proof = await prove('worker:1');

      expect(proof).toEqual({ accepted: true });
      expect(urls().slice(1)).toEqual([
        `HEAD ${REGISTRY}/v2/worker/manifests/1`,
        `GET ${REGISTRY}/v2/worker/manifests/1`,
      ]);
      expect(limits.at(-1)).toMatchObject({ ignoreBody: true });
    },
  );

  it('has no proof of an image that is missing by HEAD and by GET', async () => {
    const { prove, sent } = aProof(ECR, anAnswer(200), anAnswer(404), anAnswer(404));

    expect(await prove('worker:1')).toMatchObject({ accepted: false, lasting: true });
    expect(sent).toHaveLength(3);
  });

  it('names both possible causes when a registry accepts the login and refuses the image', async () => {
    const { prove } = aProof({}, asking('Basic realm="r"'), anAnswer(200), anAnswer(403));

    const failure = await rejectionOf(prove('worker:1'));

    expect(String(failure)).toContain('either the login is wrong, or it may not pull this image');
    expect(String(failure)).toContain('check secret registry/hub, and what its user may pull');
  });

  it('names both possible causes when the token service refuses a token for an image', async () => {
    const { prove } = aProof({}, asking('Bearer realm="https://auth.example.com/token"'), anAnswer(403));

    const failure = await rejectionOf(prove('worker:1'));

    expect(String(failure)).toContain('either the login is wrong, or it may not pull this image');
    expect(String(failure)).toContain('check secret registry/hub, and what its user may pull');
  });

  it.each([
    ['http://registry.example.com/token', 'https://registry.example.com/token'],
    ['http://registry.example.com:5000/token', 'https://registry.example.com:5000/token'],
  ])('asks the realm %s of its own host over https', async (realm, url) => {
    const registryUrl = url.replace('/token', '');
    const { prove, sent } = aProof(
      { registryUrl },
      asking(`Bearer realm="${realm}"`),
      anAnswer(200, { token: TOKEN }),
      anAnswer(200),
    );

    expect(await prove()).toEqual({ accepted: true });
    expect(sent[1]?.url).toBe(url);
  });

  it('sends nothing to a realm on another host over plain http, and does not quote it', async () => {
    const host = 'pass-k9qpb3styu.example.net';
    const { prove, sent } = aProof({}, asking(`Bearer realm="http://${host}/token"`));

    const failure = await rejectionOf(prove());

    expect(sent).toHaveLength(1);
    expect(String(failure)).toContain(
      'registry.example.com names a token service whose address is not https',
    );
    expect(String(failure)).not.toContain(host);
  });

  it.each<[string, Step]>([
    ['rejects', anAnswer(401)],
    ['is down', anAnswer(503)],
    ['answers nonsense', anAnswer(200, 'hello')],
  ])('quotes nothing of the host of a token service that %s', async (_, step) => {
    const host = 'pass-k9qpb3styu.example.net';
    const { prove } = aProof({}, asking(`Bearer realm="https://${host}/t"`), step, step, step, step);

    const outcome: unknown = await prove().catch((error: unknown) => error);

    expect(`${outcome} ${JSON.stringify(outcome)}`).not.toContain(host);
    expect(`${outcome} ${JSON.stringify(outcome)}`).toContain('the token service of registry.example.com');
  });

  it('returns a lasting lack of proof when the certificate of the registry is not trusted', async () => {
    const { prove, sent } = aProof(
      {},
      new UntrustedCertificateError('GET registry: its certificate is not trusted'),
    );

    const proof = await prove();

    expect(proof).toMatchObject({ accepted: false, lasting: true });
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['Basic realm=/', 'basic'],
    ['Bearer realm=https://auth.example.com/token,service=registry,scope=repository:a:pull', 'bearer'],
    ['Bearer realm="https://auth.example.com/token", scope=repository:a:pull', 'bearer'],
  ])('reads the challenge %s', (header, scheme) => {
    const [challenge] = parseChallenges(header);

    expect(challenge?.scheme).toBe(scheme);
    expect(challenge?.parameters.get('realm')).toMatch(/^(\/|https:)/);
  });

  it.each([
    ['Basic realm="unfinished', 'asks for a login in a form that cannot be read'],
    ['Negotiate', 'asks for a login that is neither Basic nor a token'],
  ])('says why it cannot ask after the challenge %s', async (header, because) => {
    const { prove } = aProof({}, asking(header));

    expect(await prove()).toMatchObject({ accepted: false, because: expect.stringContaining(because) });
  });

  it('keeps the class of a rejection, so that a person is paged', async () => {
    const { prove } = aProof(ECR, anAnswer(400));

    expect(await rejectionOf(prove())).toBeInstanceOf(OperatorMustActError);
  });
});
