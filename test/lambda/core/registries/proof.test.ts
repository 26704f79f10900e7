import { OperatorMustActError, TransientError } from '../../../../lambda/core/errors';
import { createHttp, DEFAULT_RETRY_POLICY } from '../../../../lambda/core/http';
import { Secret } from '../../../../lambda/core/model';
import { createProof } from '../../../../lambda/core/registries/proof';
import { aCredential, anAnswer } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { findLeaks } from '../../../support/find-leaks';
import { type Step, scriptedTransport } from '../../../support/scripted-transport';
import { rejectionOf } from '../../../support/thrown';

const REGISTRY = 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com';
const PASSWORD = 'k9QpB3sTyU:Vq7Zt2LmXwü';
const CREDENTIAL = aCredential({ password: new Secret(PASSWORD), registryUrl: REGISTRY });

/** A proof against a registry that answers so. */
function aProof(...steps: Step[]) {
  const { transport, sent } = scriptedTransport(...steps);
  const prove = createProof(createHttp({ transport, clock: new FakeClock(), policy: DEFAULT_RETRY_POLICY }));
  return { sent, prove: (image?: string) => prove(CREDENTIAL, image, NOON + 60_000) };
}

describe('createProof', () => {
  it('asks for the login with the credential', async () => {
    const { prove, sent } = aProof(anAnswer(200));

    const proof = await prove();

    expect(proof).toEqual({ accepted: true });
    expect(sent).toMatchObject([{ method: 'GET', url: `${REGISTRY}/v2/` }]);
    const basic = sent[0]?.headers.authorization?.replace(/^Basic /, '') ?? '';
    expect(Buffer.from(basic, 'base64').toString('utf8')).toBe(`AWS:${PASSWORD}`);
  });

  it.each([
    ['worker:1.4.2', 'worker/manifests/1.4.2'],
    ['team/worker:latest', 'team/worker/manifests/latest'],
    [`worker@sha256:${'a'.repeat(64)}`, `worker/manifests/sha256:${'a'.repeat(64)}`],
  ])('asks for the manifest of %s after the login', async (image, path) => {
    const { prove, sent } = aProof(anAnswer(200), anAnswer(200));

    const proof = await prove(image);

    expect(proof).toEqual({ accepted: true });
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${REGISTRY}/v2/`,
      `HEAD ${REGISTRY}/v2/${path}`,
    ]);
    expect(sent[1]?.headers.accept).toContain('application/vnd.oci.image.index.v1+json');
    expect(sent[1]?.headers.authorization).toBe(sent[0]?.headers.authorization);
  });

  it.each([401, 403])('throws when the login is answered with %d', async (status) => {
    const { prove, sent } = aProof(anAnswer(status));

    const failure = await rejectionOf(prove('worker:1'));

    expect(failure).toBeInstanceOf(OperatorMustActError);
    expect(failure).toMatchObject({ reason: 'credential-rejected' });
    expect(String(failure)).toContain(`amazonaws.com/v2/ rejected the new credential (${status})`);
    expect(sent).toHaveLength(1);
  });

  it.each([401, 403])('throws when the image is answered with %d', async (status) => {
    const { prove } = aProof(anAnswer(200), anAnswer(status));

    const failure = await rejectionOf(prove('worker:1'));

    expect(failure).toMatchObject({ reason: 'credential-rejected' });
    expect(String(failure)).toContain('/v2/worker/manifests/1 rejected');
  });

  it.each([204, 301, 307, 400, 404, 501])(
    'takes %d for no proof, which asking again will not bring',
    async (status) => {
      const { prove } = aProof(anAnswer(200), anAnswer(status));

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
  ])('has no proof for now when the registry %s after the retries', async (_, step) => {
    const { prove, sent } = aProof(...Array(4).fill(step));

    const proof = await prove('worker:1');

    expect(proof).toMatchObject({ accepted: false, lasting: false });
    expect(sent).toHaveLength(4);
  });

  it('refuses an address that would carry the credential in the clear', async () => {
    const refusal = new OperatorMustActError('configuration-wrong', 'only https may carry a credential');
    const { prove } = aProof(refusal);

    expect(await rejectionOf(prove())).toBe(refusal);
  });

  it.each([[401], [404], [503]])(
    'says nothing of the credential when it is answered with %d',
    async (status) => {
      const { prove } = aProof(...Array(4).fill(anAnswer(status, `You sent ${PASSWORD}`)));

      const outcome = await prove().catch((error: Error) => `${error.stack} ${JSON.stringify(error)}`);

      expect(findLeaks(JSON.stringify(outcome), { PASSWORD })).toEqual([]);
    },
  );
});
