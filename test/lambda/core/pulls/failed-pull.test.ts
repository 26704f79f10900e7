import { type FailedPullKind, recogniseFailedPull } from '../../../../lambda/core/pulls/failed-pull';

const HOST = '123456789012.dkr.ecr.us-east-1.amazonaws.com';

const FAILED: readonly (readonly [FailedPullKind, string])[] = [
  [
    'no-credential',
    `error pulling image: Error response from daemon: Head "https://${HOST}/v2/worker/manifests/1": no basic auth credentials`,
  ],
  [
    'stale-credential',
    "Error response from daemon: pull access denied for worker, repository does not exist or may require 'docker login': denied",
  ],
  [
    'stale-credential',
    'error pulling image: denied: Your authorization token has expired. Reauthenticate and try again.',
  ],
  [
    'stale-credential',
    `failed to pull image "${HOST}/worker:1": failed to resolve reference "${HOST}/worker:1": pulling from host ${HOST} failed with status code [manifests 1]: 401 Unauthorized`,
  ],
  ['stale-credential', 'IMAGE_AUTH_ERROR'],
  ['stale-credential', 'error pulling image: unauthorized: authentication required'],
  [
    'no-such-image',
    `error pulling image: Error response from daemon: manifest for ${HOST}/worker:2 not found: manifest unknown: Requested image not found`,
  ],
  ['no-such-image', `failed to resolve reference "${HOST}/worker:2": ${HOST}/worker:2: not found`],
  [
    'no-such-image',
    "error pulling image: Error response from daemon: name unknown: The repository with name 'worker' does not exist",
  ],
  [
    'platform',
    'Error response from daemon: no matching manifest for linux/amd64 in the manifest list entries',
  ],
  ['platform', 'error pulling image: no match for platform in manifest: not found'],
  [
    'pull-limit',
    'error pulling image: Error response from daemon: toomanyrequests: You have reached your pull rate limit.',
  ],
  ['disk', 'failed to register layer: write /usr/lib/libcuda.so: no space left on device'],
  ['unknown', 'error pulling image: context deadline exceeded'],
  ['unknown', 'Failed to pull image: dial tcp: lookup registry: no such host'],
  ['unknown', 'ErrImagePull'],
];

describe('recogniseFailedPull', () => {
  it.each(FAILED)('recognises %s: %s', (kind, line) => {
    expect(recogniseFailedPull(line)).toBe(kind);
    expect(recogniseFailedPull(line.toUpperCase())).toBe(kind);
  });

  it.each([
    'create container 123456789012.dkr.ecr.us-east-1.amazonaws.com/worker:1',
    'Pulling image: worker:1',
    '1.0.0 Pulling from worker',
    'a3ed95caeb02: Pull complete',
    'Status: Downloaded newer image for worker:1',
    'start container for worker:1: begin',
    'error starting container: OCI runtime create failed',
    'worker is ready',
    '',
  ])('takes no notice of: %s', (line) => {
    expect(recogniseFailedPull(line)).toBeUndefined();
  });

  it('takes little time for a long line', () => {
    const line = `${'pull '.repeat(50_000)}${'manifest for '.repeat(50_000)}`;
    const startedMs = performance.now();

    recogniseFailedPull(line);

    expect(performance.now() - startedMs).toBeLessThan(200);
  });
});
