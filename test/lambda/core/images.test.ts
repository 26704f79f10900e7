import { ecrPlaceOf, isAtDockerHub, parseImageName } from '../../../lambda/core/images';

describe('parseImageName', () => {
  it.each([
    ['worker', { repository: 'worker', reference: 'latest' }],
    ['team/worker:1.0', { repository: 'team/worker', reference: '1.0' }],
    ['ghcr.io/team/worker:1', { host: 'ghcr.io', repository: 'team/worker', reference: '1' }],
    ['localhost/worker', { host: 'localhost', repository: 'worker', reference: 'latest' }],
    ['127.0.0.1:5000/worker:1', { host: '127.0.0.1:5000', repository: 'worker', reference: '1' }],
    [
      `GHCR.io/worker:1@sha256:${'a'.repeat(64)}`,
      { host: 'ghcr.io', repository: 'worker', reference: `sha256:${'a'.repeat(64)}` },
    ],
  ])('reads %s', (name, parts) => {
    expect(parseImageName(name)).toEqual(parts);
  });

  it.each(['', ' ', 'host.io/', 'a b', 'UPPER', 'host.io/../x', 'worker:', 'worker@x', 'x:1?y=2'])(
    'does not take "%s" for an image',
    (name) => {
      expect(parseImageName(name)).toBeUndefined();
    },
  );
});

describe('ecrPlaceOf', () => {
  it.each([
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    '123456789012.dkr-ecr.eu-west-1.on.aws',
    '123456789012.dkr.ecr-fips.eu-west-1.amazonaws.com',
  ])('reads %s', (host) => {
    expect(ecrPlaceOf(host)).toEqual({ account: '123456789012', region: 'eu-west-1' });
  });

  it.each([undefined, 'ghcr.io', '1234.dkr.ecr.eu-west-1.amazonaws.com'])('knows no place for %s', (host) => {
    expect(ecrPlaceOf(host)).toBeUndefined();
  });
});

describe('isAtDockerHub', () => {
  it('is true without a host and for the names of Docker Hub', () => {
    const names = ['ubuntu', 'docker.io/ubuntu', 'index.docker.io/a/b', 'ghcr.io/a'];

    expect(
      names.map((name) => isAtDockerHub(parseImageName(name) ?? { repository: '', reference: '' })),
    ).toEqual([true, true, true, false]);
  });
});
