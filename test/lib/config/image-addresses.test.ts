import { parseConfig } from '../../../lib/config/parse';
import { configJson, type Json, targetJson } from './builder';
import { mistakesIn } from './mistakes-in';

const HOST = '123456789012.dkr.ecr.us-east-1.amazonaws.com';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const NAME = 'expected the name of an ECR repository, such as team/worker, without registry host, tag or ARN';
const ROLE = 'If 123456789012 is not the account of the stack, add "roleArn": a role of that account.';

const withTarget = (overrides: Json) => configJson({ targets: [targetJson(overrides)] });

/** The mistakes of one entry of `repositories`, without path and what was expected. */
function repositoryFix(repository: string, registry: Json = {}): string[] {
  const mistakes = mistakesIn(
    withTarget({ registry: { type: 'ecr', repositories: [repository], ...registry } }),
  );
  return mistakes.map((line) => line.replace(/^targets\[0\]\.registry\.repositories\[0\]: .*?(\. |$)/, ''));
}

/** The mistakes of `verifyImage`, without path and what was expected. */
function imageFix(verifyImage: string, registry: Json): string[] {
  const mistakes = mistakesIn(withTarget({ registry, verifyImage }));
  return mistakes.map((line) => line.replace(/^targets\[0\]\.verifyImage: expected .*?(\. |$)/, ''));
}

describe('an address as the name of an ECR repository', () => {
  it('is refused with the name and the region to write, and the account to check', () => {
    const input = withTarget({ registry: { type: 'ecr', repositories: [`${HOST}/my-worker`] } });

    expect(mistakesIn(input)).toEqual([
      `targets[0].registry.repositories[0]: ${NAME}; found "${HOST}/my-worker". Write "my-worker" and set "region": "us-east-1". ${ROLE}`,
    ]);
  });

  it.each([
    ['with a tag', `${HOST}/team/my-worker:1.4.2`],
    ['with a digest', `${HOST}/team/my-worker@${DIGEST}`],
    ['with a tag and a digest', `${HOST}/team/my-worker:1@${DIGEST}`],
    ['as a URL', `https://${HOST}/team/my-worker`],
    ['with a slash at its end', `${HOST}/team/my-worker/`],
    ['in capital letters', `${HOST.toUpperCase()}/team/my-worker`],
    ['as an ARN', 'arn:aws:ecr:us-east-1:123456789012:repository/team/my-worker'],
    ['of a FIPS endpoint', '123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/team/my-worker'],
    ['of a dual-stack endpoint', '123456789012.dkr-ecr.us-east-1.on.aws/team/my-worker'],
  ])('is refused %s', (_, address) => {
    expect(repositoryFix(address)).toEqual([`Write "team/my-worker" and set "region": "us-east-1". ${ROLE}`]);
  });

  it('names the region of China', () => {
    const address = '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/my-worker';

    expect(repositoryFix(address)).toEqual([`Write "my-worker" and set "region": "cn-north-1". ${ROLE}`]);
  });

  it.each<[string, Json, string]>([
    ['the region', { region: 'us-east-1' }, `Write "my-worker". ${ROLE}`],
    ['another region', { region: 'eu-west-1' }, `Write "my-worker" and set "region": "us-east-1". ${ROLE}`],
    [
      'region and account',
      { region: 'us-east-1', roleArn: 'arn:aws:iam::123456789012:role/pull' },
      'Write "my-worker".',
    ],
    [
      'a role of another account',
      { region: 'us-east-1', roleArn: 'arn:aws:iam::210987654321:role/pull' },
      'Write "my-worker". The account of the address is 123456789012, and that of "roleArn" is 210987654321.',
    ],
  ])('is compared with %s of the target', (_, registry, fix) => {
    expect(repositoryFix(`${HOST}/my-worker`, registry)).toEqual([fix]);
  });

  it.each([
    ['worker:1', ['Write "worker".']],
    [`worker@${DIGEST}`, ['Write "worker".']],
    ['/worker', ['Write "worker".']],
    [
      'public.ecr.aws/acme/worker',
      ['An image of this registry needs a target of its own, with "type": "ecr-public".'],
    ],
    ['ghcr.io/acme/worker:1', ['An image of this registry needs a target of its own, with "type": "ghcr".']],
    [HOST, ['']],
    ['https://ghcr.io/acme/worker', ['']],
  ])('is refused as %s', (address, fix) => {
    expect(repositoryFix(address)).toEqual(fix);
  });

  it.each(['docker.io/library/nginx', 'team.a/worker', 'quay.io/acme/worker'])(
    'accepts %s, which can be the name of a repository',
    (name) => {
      expect(repositoryFix(name)).toEqual([]);
    },
  );

  it('does not print what may be a secret', () => {
    const secret = 'a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0';

    expect(repositoryFix(`${HOST}/${secret}`)).toEqual(['']);
  });

  it('is refused as the repository of a delegation', () => {
    const delegations = [
      { repository: `${HOST}/my-worker` },
      { repository: 'worker:1', region: 'us-east-1' },
    ];

    expect(mistakesIn(configJson({ delegations }))).toEqual([
      `delegations[0].repository: ${NAME}; found "${HOST}/my-worker". Write "my-worker" and set "region": "us-east-1". 123456789012 must be the account of the stack: a delegation covers no other.`,
      `delegations[1].repository: ${NAME}; found "worker:1". Write "worker".`,
    ]);
  });
});

describe('an address as verifyImage', () => {
  const ecr = { type: 'ecr', region: 'us-east-1', repositories: ['my-worker'] };
  const stored = (type: string, more: Json = {}) => ({ type, credentialSecretName: 's', ...more });
  const google = stored('google-artifact-registry', { location: 'us' });
  const selfHosted = stored('self-hosted', { url: 'https://registry.example.com:5000' });

  it('is refused with the whole message', () => {
    expect(mistakesIn(withTarget({ registry: ecr, verifyImage: `${HOST}/my-worker:1.4.2` }))).toEqual([
      `targets[0].verifyImage: expected an image as repository:tag or repository@sha256:digest, without registry host; found "${HOST}/my-worker:1.4.2". Write "my-worker:1.4.2". ${ROLE}`,
    ]);
  });

  it.each<[string, Json, string]>([
    [`${HOST}/my-worker`, ecr, `Write "my-worker:TAG". ${ROLE}`],
    [`https://${HOST}/my-worker@${DIGEST}`, ecr, `Write "my-worker@${DIGEST}". ${ROLE}`],
    [`${HOST}/other:1`, ecr, `Write "other:1" and add "other" to "repositories". ${ROLE}`],
    [
      `${HOST}/my-worker:1`,
      { ...ecr, region: 'eu-west-1' },
      `Write "my-worker:1" and set "region": "us-east-1". ${ROLE}`,
    ],
    [`my-worker:1@${DIGEST}`, ecr, `Write "my-worker@${DIGEST}".`],
    ['docker.io/library/nginx:1', stored('docker-hub'), 'Write "library/nginx:1".'],
    ['https://hub.docker.com/r/acme/worker', stored('docker-hub'), 'Write "acme/worker:TAG".'],
    [`acme/worker:1@${DIGEST}`, stored('docker-hub'), `Write "acme/worker@${DIGEST}".`],
    ['https://ghcr.io/acme/worker:1', stored('ghcr'), 'Write "acme/worker:1".'],
    [
      'containers.example.ghe.com/acme/worker:1',
      stored('ghcr', { url: 'https://containers.example.ghe.com' }),
      'Write "acme/worker:1".',
    ],
    ['gallery.ecr.aws/acme/worker:1', { type: 'ecr-public' }, 'Write "acme/worker:1".'],
    [
      'europe-west3-docker.pkg.dev/p/r/worker:1',
      google,
      'Write "p/r/worker:1" and set "location": "europe-west3".',
    ],
    ['registry.example.com:5000/worker:1', selfHosted, 'Write "worker:1".'],
    ['https://registry.example.com:5000/team/worker:1', selfHosted, 'Write "team/worker:1".'],
    [
      `${HOST}/worker:1`,
      selfHosted,
      'An image of this registry needs a target of its own, with "type": "ecr".',
    ],
    [
      'docker.io/acme/worker:1',
      google,
      'An image of this registry needs a target of its own, with "type": "docker-hub".',
    ],
  ])('is refused as %s', (image, registry, fix) => {
    expect(imageFix(image, registry)).toEqual([fix]);
  });

  it('has one mistake when the repositories are written as addresses, too', () => {
    const repositories = [`${HOST}/my-worker`];

    expect(
      mistakesIn(withTarget({ registry: { ...ecr, repositories }, verifyImage: 'my-worker:1' })),
    ).toEqual([expect.stringContaining('targets[0].registry.repositories[0]')]);
  });

  it.each<[string, Json]>([
    ['docker.io/library/nginx:1', { type: 'ecr', repositories: ['docker.io/library/nginx'] }],
    ['docker.io/library/nginx:1', selfHosted],
  ])('accepts %s at a registry that can hold copies of other registries', (verifyImage, registry) => {
    expect(() =>
      parseConfig(JSON.stringify(withTarget({ registry, verifyImage })), 'test.json'),
    ).not.toThrow();
  });
});
