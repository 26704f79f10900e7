import { createHttp, DEFAULT_RETRY_POLICY } from '../../../../lambda/core/http';
import { type Credential, type Registry, Secret, type Target } from '../../../../lambda/core/model';
import { lookAtPulls } from '../../../../lambda/core/pulls/look';
import type { LookRequest } from '../../../../lambda/core/pulls/model';
import type { ImageState } from '../../../../lambda/core/registries/manifests';
import { RunpodWorkloads } from '../../../../lambda/core/runpod/workloads';
import { aCredential, anAnswer, anEcrRegistry, aTarget } from '../../../support/builders';
import { FakeClock, NOON } from '../../../support/fake-clock';
import { respondingTransport } from '../../../support/scripted-transport';

const ACCOUNT = '123456789012';
const hostOf = (region: string) => `${ACCOUNT}.dkr.ecr.${region}.amazonaws.com`;
const HOST = hostOf('us-east-1');

interface Sketch {
  readonly targets?: readonly Target[];
  readonly endpoints?: readonly object[];
  readonly pods?: readonly object[];
  readonly auths?: readonly object[];
  readonly delegations?: readonly object[];
  /** Answers of other paths, such as logs. */
  readonly answers?: Readonly<Record<string, ReturnType<typeof anAnswer>>>;
  /** What the registry says about each image, by `repository:reference`; anonymously by `anonymous repository:reference`. */
  readonly images?: Readonly<Record<string, ImageState>>;
  readonly request?: Partial<LookRequest>;
}

/** Looks once, at a Runpod account and registries in memory. */
async function look(sketch: Sketch) {
  const clock = new FakeClock();
  const targets = sketch.targets ?? [aTarget({ registryAuthId: 'auth-prod' })];
  const asked: string[] = [];
  const lists: Record<string, unknown> = {
    registries: { registries: sketch.auths ?? [{ id: 'auth-prod', name: 'ecr-prod' }] },
    serverless: { endpoints: sketch.endpoints ?? [] },
    pods: { pods: sketch.pods ?? [] },
    'registries/delegations': { delegations: sketch.delegations ?? [] },
  };
  const { transport, sent } = respondingTransport(({ url }) => {
    const path = new URL(url).pathname.replace('/v2/', '');
    const answer = sketch.answers?.[path];
    if (answer) return answer;
    if (lists[path]) return anAnswer(200, lists[path]);
    const emptyLog = anAnswer(200, '', { 'content-type': 'text/event-stream' });
    return path.endsWith('/workers') ? anAnswer(200, { workers: [] }) : emptyLog;
  });
  const http = createHttp({ transport, clock, policy: DEFAULT_RETRY_POLICY });
  const result = await lookAtPulls(
    {
      targets,
      ignore: [],
      deadlineMs: NOON + 60_000,
      logEndMs: NOON,
      logSinceMs: () => NOON - 3_600_000,
      ...sketch.request,
    },
    {
      clock,
      createSecretReader: () => async () => ({ value: 'rpa_key_of_the_test', createdAt: undefined }),
      issueCredential: async (registry) => credentialOf(registry),
      inspectImage: async (credential, { repository, reference }, { anonymous }) => {
        const name = `${anonymous ? 'anonymous ' : ''}${repository}:${reference}`;
        asked.push(`${new URL(credential.registryUrl).host} ${name}`);
        return sketch.images?.[name] ?? { found: 'image', platforms: ['linux/amd64'] };
      },
      workloadsOf: () => new RunpodWorkloads(http, 'https://api.runpod.io/v2'),
    },
  );
  const found = result.findings.map(({ target, workload, problem }) => `${target}: ${workload} ${problem}`);
  return { ...result, found, asked, sent };
}

function credentialOf(registry: Registry): Credential {
  const url = registry.type === 'ecr' ? `https://${hostOf(registry.region ?? 'us-east-1')}` : registry.url;
  return aCredential({ password: new Secret('fresh-password'), registryUrl: url });
}

const anEndpoint = (id: string, image: string, registry: string | null) => ({
  id,
  name: id,
  image,
  registry,
});

describe('lookAtPulls', () => {
  it('looks at workloads that use a target by id or by name, and at no others', async () => {
    const byName = aTarget({ name: 'named', registryAuthName: 'ecr-named' });
    const { workloads, found, asked } = await look({
      targets: [aTarget({ registryAuthId: 'auth-prod' }), byName],
      auths: [
        { id: 'auth-prod', name: 'ecr-prod' },
        { id: 'auth-9', name: 'ecr-named' },
      ],
      endpoints: [
        anEndpoint('one', `${HOST}/worker:1`, 'auth-prod'),
        anEndpoint('two', `${HOST}/worker:2`, 'auth-9'),
        anEndpoint('three', 'runpod/pytorch:1', null),
        anEndpoint('four', 'ghcr.io/other/app:1', 'auth-of-ghcr'),
        anEndpoint('five', `${HOST}/unlisted:1`, null),
      ],
    });

    expect(workloads).toEqual(['endpoint one', 'endpoint two']);
    expect(found).toEqual([]);
    expect(asked).toEqual([`${HOST} worker:1`, `${HOST} worker:2`]);
  });

  it('finds an image of a target without a registry auth, with another one, and with that of another region', async () => {
    const { found, findings } = await look({
      targets: [
        aTarget({ name: 'us', registryAuthId: 'auth-us', registryAuthName: 'ecr-us' }),
        aTarget({ name: 'eu', registryAuthId: 'auth-eu', registry: anEcrRegistry({ region: 'eu-west-1' }) }),
      ],
      auths: [],
      endpoints: [
        anEndpoint('bare', `${HOST}/worker:1`, null),
        anEndpoint('foreign', `${HOST}/worker:1`, 'auth-of-others'),
        anEndpoint('swapped', `${hostOf('eu-west-1')}/worker:1`, 'auth-us'),
        anEndpoint('dual', `${ACCOUNT}.dkr-ecr.eu-west-1.on.aws/worker:1`, 'auth-eu'),
      ],
    });

    expect(found).toEqual([
      'us: endpoint bare not-attached',
      'us: endpoint foreign wrong-auth',
      'eu: endpoint swapped wrong-auth',
    ]);
    expect(findings.map(({ detail }) => detail)).toEqual([
      'the endpoint names no registry auth, so it cannot pull this private image; attach ecr-us: npx runpod-ecr deploy bare --image REPOSITORY:TAG',
      'the endpoint names the registry auth auth-of-others, which is not kept fresh for this image; attach ecr-us instead',
      'the endpoint names the registry auth ecr-us, which is not kept fresh for this image; attach auth-eu instead',
    ]);
  });

  it('looks once at a workload that two keys of one account list', async () => {
    const { workloads, found } = await look({
      targets: [
        aTarget({ name: 'a', registryAuthId: 'auth-a', runpodApiKeySecretName: 'key/a' }),
        aTarget({ name: 'b', registryAuthId: 'auth-b', runpodApiKeySecretName: 'key/b' }),
      ],
      endpoints: [
        anEndpoint('one', `${HOST}/worker:1`, 'auth-a'),
        anEndpoint('two', `${HOST}/worker:1`, 'auth-b'),
        anEndpoint('bare', `${HOST}/worker:1`, null),
      ],
    });

    expect([...workloads].sort()).toEqual(['endpoint bare', 'endpoint one', 'endpoint two']);
    expect(found).toEqual(['a: endpoint bare not-attached']);
  });

  it.each([
    ['covers the repository', { awsUser: ACCOUNT, awsRegion: 'us-east-1', repository: 'worker' }, []],
    ['is for another region', { awsUser: ACCOUNT, awsRegion: 'eu-west-1', repository: 'worker' }, 1],
    ['is for another account', { awsUser: '210987654321', awsRegion: 'us-east-1', repository: 'worker' }, 1],
    ['is for another repository', { awsUser: ACCOUNT, awsRegion: 'us-east-1', repository: 'other' }, 1],
  ])('asks about delegations, where one %s', async (_, delegation, problems) => {
    const { found, sent } = await look({
      endpoints: [anEndpoint('bare', `${HOST}/worker:1`, null), anEndpoint('more', `${HOST}/worker:1`, null)],
      delegations: [delegation],
    });

    expect(found).toHaveLength(problems === 1 ? 2 : 0);
    expect(sent.filter(({ url }) => url.endsWith('/delegations'))).toHaveLength(1);
  });

  it('takes an image at a public registry for a target only if its credential is needed', async () => {
    const hub = {
      type: 'docker-hub',
      url: 'https://registry-1.docker.io',
      credentialSecretName: 'hub',
    } as const;
    const { found, asked } = await look({
      targets: [aTarget({ registry: hub })],
      endpoints: [
        anEndpoint('private', 'team/private:1', null),
        anEndpoint('public', 'ubuntu', null),
        anEndpoint('others', 'docker.io/others/private:1', null),
        anEndpoint('limited', 'team/limited:1', null),
      ],
      images: {
        'anonymous team/private:1': { found: 'denied', because: '401' },
        'anonymous others/private:1': { found: 'denied', because: '401' },
        'others/private:1': { found: 'denied', because: '403' },
        'anonymous team/limited:1': { found: 'unknown', because: '429' },
      },
    });

    expect(found).toEqual(['prod: endpoint private not-attached']);
    expect(asked).toContain('registry-1.docker.io anonymous library/ubuntu:latest');
  });

  it('does not ask about an image of a registry that the credential is not for', async () => {
    const { workloads, asked, found } = await look({
      endpoints: [anEndpoint('odd', 'quay.io/team/app:1', 'auth-prod')],
    });

    expect([workloads, asked, found]).toEqual([['endpoint odd'], [], []]);
  });

  it('tells what is wrong with an image and what to do', async () => {
    const { findings } = await look({
      endpoints: ['a-gone', 'b-nowhere', 'c-arm', 'd-denied'].map((name) =>
        anEndpoint(name, `${HOST}/worker:${name}`, 'auth-prod'),
      ),
      images: {
        'worker:a-gone': { found: 'no-image', missing: 'tag or digest' },
        'worker:b-nowhere': { found: 'no-image', missing: 'repository' },
        'worker:c-arm': { found: 'image', platforms: ['linux/arm64'] },
        'worker:d-denied': { found: 'denied', because: 'the registry answered 403' },
      },
    });

    expect(findings.map(({ detail }) => detail)).toEqual([
      'the registry has no such tag or digest, so new workers cannot pull this image; push it again, or point the endpoint at an image that exists',
      'the registry has no such repository, so new workers cannot pull this image; push it again, or point the endpoint at an image that exists',
      "the image is for linux/arm64 and Runpod's workers need linux/amd64; build it with --platform linux/amd64 and push it again",
      "the registry refuses a fresh credential of target prod for this image (the registry answered 403); add the repository to the target's repositories, or check the policy of the repository",
    ]);
  });

  it('shows the newest line of a log, and counts all of them', async () => {
    const line = (minute: number, text: string) =>
      `data: ${JSON.stringify({ ts: `2026-11-21T11:${minute}:00Z`, source: 'system', line: text })}\n\n`;
    const body =
      line(30, 'error pulling image: toomanyrequests') +
      line(50, 'error pulling image: no basic auth credentials rpa_key_of_the_test') +
      line(40, 'error pulling image: denied');
    const { findings } = await look({
      pods: [{ id: 'p', image: `${HOST}/worker:1`, registry: 'auth-prod', status: 'RUNNING' }],
      answers: { 'pods/p/logs': anAnswer(200, body, { 'content-type': 'text/event-stream' }) },
    });

    expect(findings.map(({ detail }) => detail)).toEqual([
      'its system log says 3 times since 2026-11-21T11:00Z that a pull failed (no credential was sent); attach the registry auth of the target; the newest line: "error pulling image: no basic auth credentials [secret]"',
    ]);
  });

  it('looks first at what was not looked at before', async () => {
    const pods = ['a', 'b', 'c', 'd'].map((id) => ({
      id,
      image: `${HOST}/worker:${id}`,
      registry: 'auth-prod',
    }));

    const { asked } = await look({
      pods,
      request: { logSinceMs: (workload) => (workload === 'pod c' ? NOON - 7_200_000 : NOON - 3_600_000) },
    });

    expect(asked.map((one) => one.split(':')[1])).toEqual(['c', 'a', 'b', 'd']);
  });

  it('asks for no further log once the key turns out to be blind', async () => {
    const pods = Array.from({ length: 60 }, (_, index) => ({
      id: `p${index}`,
      image: 'x',
      registry: 'auth-prod',
    }));
    const forbidden = anAnswer(403, { title: 'Forbidden', status: 403 });

    const { blind, hidden, sent, notLooked } = await look({
      pods,
      answers: Object.fromEntries(pods.map(({ id }) => [`pods/${id}/logs`, forbidden])),
    });

    expect([...hidden]).toEqual(['log prod']);
    expect(blind).toEqual([{ target: 'prod', reason: 'the key may not read logs: Runpod denies it (403)' }]);
    expect(sent.filter(({ url }) => url.includes('/logs?')).length).toBeLessThan(20);
    expect(notLooked).toEqual([]);
  });

  it('says which lists a key may not read', async () => {
    const forbidden = anAnswer(403, { title: 'Forbidden', status: 403 });

    const { hidden, unlisted } = await look({ answers: { serverless: forbidden } });

    expect([...hidden]).toEqual(['endpoint prod']);
    expect([...unlisted]).toEqual([]);
  });

  it('is out of time at once when there is none', async () => {
    const { notLooked, unlisted, sent } = await look({
      endpoints: [anEndpoint('one', `${HOST}/worker:1`, 'auth-prod')],
      request: { deadlineMs: NOON - 1 },
    });

    expect(sent).toEqual([]);
    expect([...unlisted].sort()).toEqual(['auth prod', 'endpoint prod', 'pod prod']);
    expect(notLooked[0]?.because).toContain('out of time');
  });
});
