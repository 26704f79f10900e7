import { createHash } from 'node:crypto';
import { basicCredentials, RegistryStandIn } from '../../local/registry';
import { type PullResult, pullAsWorker } from '../../local/worker';
import { jsonOf, sendRequest, type TestAnswer } from './send-request';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const GOOD = { authorization: basic('AWS', 'pass:word') };

let registry: RegistryStandIn;
let digest: string;

beforeEach(async () => {
  registry = new RegistryStandIn((username, password) => username === 'AWS' && password === 'pass:word');
  await registry.listen();
  digest = registry.addImage('team/my-worker', '1.4.2');
});

afterEach(() => registry.close());

describe('RegistryStandIn', () => {
  it('accepts the right user name and password, split at the first colon', async () => {
    const answer = await ask('/v2/', GOOD);

    expect(answer).toMatchObject({ status: 200, text: '{}' });
  });

  it.each([
    ['no credential', {}],
    ['a wrong password', { authorization: basic('AWS', 'pass') }],
    ['a wrong user name', { authorization: basic('aws', 'pass:word') }],
    ['a bearer token', { authorization: 'Bearer pass:word' }],
    ['a header that is not base64', { authorization: 'Basic ***' }],
  ])('answers %s with a challenge on every path', async (_, headers) => {
    for (const path of ['/v2/', '/v2/team/my-worker/manifests/1.4.2', '/v2/none/manifests/1']) {
      const answer = await ask(path, headers);

      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="http:\/\/127\.0\.0\.1:\d+\/"/);
      expect(jsonOf(answer)).toEqual({ errors: [{ code: 'UNAUTHORIZED', message: expect.any(String) }] });
    }
  });

  it('serves the manifests of its images by tag and by digest', async () => {
    const headers = { ...GOOD, accept: MANIFEST };

    const byTag = await ask('/v2/team/my-worker/manifests/1.4.2', headers);
    const byDigest = await ask(`/v2/team/my-worker/manifests/${digest}`, headers);
    const head = await ask('/v2/team/my-worker/manifests/1.4.2', headers, 'HEAD');

    expect(byTag.headers).toMatchObject({ 'content-type': MANIFEST, 'docker-content-digest': digest });
    expect(`sha256:${createHash('sha256').update(byTag.text).digest('hex')}`).toBe(digest);
    expect(jsonOf(byTag)).toMatchObject({ schemaVersion: 2, mediaType: MANIFEST, layers: [{}] });
    expect(byDigest.text).toBe(byTag.text);
    expect(head).toMatchObject({ status: 200, text: '', headers: { 'docker-content-digest': digest } });
    expect(head.headers['content-length']).toBe(byTag.headers['content-length']);
  });

  it('answers 404 to HEAD when the client does not accept the type of the manifest', async () => {
    const answer = await ask('/v2/team/my-worker/manifests/1.4.2', GOOD, 'HEAD');

    expect(answer.status).toBe(404);
  });

  it.each([
    ['/v2/team/my-worker/manifests/9', 'MANIFEST_UNKNOWN'],
    ['/v2/other/manifests/1.4.2', 'MANIFEST_UNKNOWN'],
    ['/v2/team/my-worker/blobs/sha256:0', 'BLOB_UNKNOWN'],
  ])('answers 404 to %s', async (path, code) => {
    const answer = await ask(path, GOOD);

    expect(answer.status).toBe(404);
    expect(jsonOf(answer)).toMatchObject({ errors: [{ code }] });
  });

  it('denies only the repository that the credential may not pull', async () => {
    registry.addImage('open', '1');
    registry.denied.add('team/my-worker');

    const denied = await ask('/v2/team/my-worker/manifests/1.4.2', GOOD);
    const open = await ask('/v2/open/manifests/1', GOOD);

    expect(denied.status).toBe(403);
    expect(jsonOf(denied)).toMatchObject({ errors: [{ code: 'DENIED' }] });
    expect(open.status).toBe(200);
  });

  it('does not accept a push', async () => {
    const answer = await ask('/v2/team/my-worker/manifests/2', GOOD, 'PUT');

    expect(answer.status).toBe(405);
  });

  it('does not find an image that was removed', async () => {
    registry.removeImage('team/my-worker', '1.4.2');

    const answer = await ask('/v2/team/my-worker/manifests/1.4.2', GOOD);

    expect(answer.status).toBe(404);
  });

  it('serves a blob at a signed address without a credential, and at no other address', async () => {
    const [, config = ''] = /"config":\{"digest":"([^"]+)"/.exec(await manifestText()) ?? [];

    const signed = await sendRequest(registry.signedBlobUrl('team/my-worker', config));
    const forged = await sendRequest(`${registry.url}/v2/team/my-worker/blobs/${config}?X-Amz-Signature=1`);

    expect(signed).toMatchObject({ status: 200, text: expect.stringContaining('"amd64"') });
    expect(forged.status).toBe(401);
  });

  it('uses another authentication when it is given one', async () => {
    const other = new RegistryStandIn({
      refusalOf: ({ headers }, registryUrl) =>
        headers.authorization === 'Bearer token'
          ? undefined
          : { status: 401, headers: { 'www-authenticate': `Bearer realm="${registryUrl}/token"` } },
    });
    await other.listen();

    const refused = await sendRequest(`${other.url}/v2/`, { headers: GOOD });
    const accepted = await sendRequest(`${other.url}/v2/`, { headers: { authorization: 'Bearer token' } });
    await other.close();

    expect(refused.headers['www-authenticate']).toBe(`Bearer realm="${other.url}/token"`);
    expect(accepted.status).toBe(200);
  });
});

describe('pullAsWorker', () => {
  it('fetches manifest, configuration and layers with the credential', async () => {
    const result = await pull('pass:word');

    expect(result).toEqual({ ok: true, status: 200, bytes: expect.any(Number) });
    expect(result.bytes).toBeGreaterThan(1_000);
    expect(registry.requests.map(({ path }) => path)).toEqual([
      '/v2/',
      '/v2/team/my-worker/manifests/1.4.2',
      expect.stringMatching(/^\/v2\/team\/my-worker\/blobs\/sha256:/),
      expect.stringMatching(/^\/v2\/team\/my-worker\/blobs\/sha256:/),
    ]);
  });

  it.each([
    ['the credential is refused', 401, 'UNAUTHORIZED', () => undefined, 'old'],
    ['the repository is denied', 403, 'DENIED', () => registry.denied.add('team/my-worker'), 'pass:word'],
    [
      'the image is gone',
      404,
      'MANIFEST_UNKNOWN',
      () => registry.removeImage('team/my-worker', '1.4.2'),
      'pass:word',
    ],
    [
      'a blob is answered 500',
      500,
      'boom',
      () => registry.faults.add({ path: /blobs/ }, { status: 500, body: 'boom' }),
      'pass:word',
    ],
    [
      'a blob has another digest',
      200,
      'digest differs',
      () => registry.faults.add({ path: /blobs/ }, { status: 200, body: 'x' }),
      'pass:word',
    ],
    ['there is no answer', 0, 'failed', () => registry.faults.add({}, { reset: true }), 'pass:word'],
  ])('fails when %s', async (_, status, message, arrange, password) => {
    arrange();

    const result = await pull(password);

    expect(result).toMatchObject({ ok: false, status, message: expect.stringContaining(message) });
  });
});

describe('basicCredentials', () => {
  it.each([
    [basic('AWS', 'a:b:c'), ['AWS', 'a:b:c']],
    [basic('AWS', ''), ['AWS', '']],
    [`Basic ${Buffer.from('no colon').toString('base64')}`, ['', '']],
    ['Bearer x', ['', '']],
  ])('reads %s as %j', (authorization, expected) => {
    const request = {
      method: 'GET',
      path: '/',
      query: new URLSearchParams(),
      headers: { authorization },
      body: '',
    };

    expect(basicCredentials(request)).toEqual(expected);
  });
});

function pull(password: string): Promise<PullResult> {
  const login = { registryUrl: registry.url, username: 'AWS', password };
  return pullAsWorker(login, 'team/my-worker', '1.4.2');
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function ask(path: string, headers: Record<string, string>, method = 'GET'): Promise<TestAnswer> {
  return sendRequest(registry.url + path, { headers, method });
}

async function manifestText(): Promise<string> {
  return (await ask('/v2/team/my-worker/manifests/1.4.2', { ...GOOD, accept: MANIFEST })).text;
}
