import { createHash } from 'node:crypto';
import type { Fault } from '../../../local/faults';
import type { WatchWorld } from '../../integration/watch-world';
import { registry, type WatchGroup, type WatchRow } from '../watch-row';

const MANIFEST = { path: /\/manifests\// };
const BLOB = { path: /\/blobs\// };

/** The manifest of a good image is answered with a fault. */
function manifest(what: string, expected: string, fault: Fault, more: Partial<WatchRow> = {}): WatchRow {
  return {
    what: `the manifest ${what}`,
    expected,
    arrange: (watch) => {
      watch.addEndpoint();
      registry(MANIFEST, fault)(watch);
    },
    ...more,
  };
}

/** An endpoint uses an image with this manifest. */
function content(what: string, expected: string, put: (watch: WatchWorld) => void): WatchRow {
  return {
    what,
    expected,
    arrange: (watch) => {
      put(watch);
      watch.addEndpoint({ image: watch.image('my-worker:odd') });
    },
  };
}

const DIGEST = `sha256:${createHash('sha256').update('nothing').digest('hex')}`;
const json = (body: unknown): Fault => ({ status: 200, body });

/** Registries that say no in each way, and images of every kind. */
export const REGISTRIES: WatchGroup = {
  about: 'Registries and images',
  rows: [
    {
      what: 'the tag was deleted',
      expected: 'image-missing',
      arrange: (watch) => {
        watch.addEndpoint();
        watch.cloud.registry.removeImage('my-worker', '1.0.0');
      },
    },
    {
      what: 'the repository was deleted',
      expected: 'image-missing',
      arrange: (watch) => {
        watch.cloud.registry.namesUnknownRepositories = true;
        watch.addEndpoint({ image: watch.image('deleted:1') });
      },
      check: (_, { result }) =>
        result?.findings[0]?.detail.includes('no such repository')
          ? undefined
          : 'it does not say what is missing',
    },
    {
      what: 'the digest was deleted',
      expected: 'image-missing',
      arrange: (watch) => void watch.addEndpoint({ image: watch.image(`my-worker@${DIGEST}`) }),
    },
    manifest('answers 401', 'pull-denied', { status: 401 }),
    manifest('answers 403', 'pull-denied', { status: 403 }),
    manifest('answers 400 and the login is good', 'nothing; not looked at: image', { status: 400 }),
    {
      what: 'everything answers 400, as ECR does to a bad token',
      expected: 'pull-denied',
      arrange: (watch) => {
        watch.addEndpoint();
        registry({}, { status: 400 })(watch);
      },
    },
    manifest('answers 429', 'nothing; not looked at: image', {
      status: 429,
      headers: { 'retry-after': '600' },
    }),
    manifest('answers 500', 'nothing; not looked at: image', { status: 500 }),
    manifest('answers 307', 'nothing; not looked at: image', {
      status: 307,
      headers: { location: 'https://example.com/' },
    }),
    manifest('never comes', 'nothing; not looked at: image', { hang: true }, { slow: true }),
    manifest('is cut off', 'nothing; not looked at: image', { truncate: true }),
    manifest('has 5 MB', 'nothing; not looked at: image', json({ manifests: 'x'.repeat(5 * 1024 * 1024) })),
    manifest('is not JSON', 'nothing', { status: 200, body: '<html>' }),
    manifest('is a list', 'nothing', json([])),
    {
      what: 'the registry does not know HEAD (405)',
      expected: 'nothing',
      arrange: (watch) => {
        watch.addEndpoint();
        registry({ method: 'HEAD' }, { status: 405 })(watch);
      },
    },
    {
      what: 'the registry answers HEAD with 404 and GET with the image',
      expected: 'nothing',
      arrange: (watch) => {
        watch.addEndpoint();
        registry({ method: 'HEAD' }, { status: 404 })(watch);
      },
    },
    {
      what: 'the pull limit is near',
      expected: 'nothing',
      arrange: (watch) => {
        watch.addEndpoint();
        const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '60;w=21600' };
        registry({ method: 'HEAD' }, { status: 200, headers })(watch);
      },
      check: ({ cloud }) =>
        cloud.registry.requests.some(({ method }) => method === 'GET') ? 'a GET counts as a pull' : undefined,
    },
    content('an index is for arm64 only', 'wrong-platform', ({ cloud }) => {
      cloud.registry.addIndex('my-worker', 'odd', ['linux/arm64']);
    }),
    content('an index is for Windows only', 'wrong-platform', ({ cloud }) => {
      cloud.registry.addIndex('my-worker', 'odd', ['windows/amd64']);
    }),
    content('an index has amd64 among others', 'nothing', ({ cloud }) => {
      cloud.registry.addIndex('my-worker', 'odd', ['linux/arm64', 'linux/amd64']);
    }),
    content('an index is empty', 'nothing', ({ cloud }) => {
      cloud.registry.addIndex('my-worker', 'odd', []);
    }),
    content('an index has entries without a platform', 'nothing', ({ cloud }) => {
      cloud.registry.addManifest('my-worker', 'odd', { manifests: [{ digest: DIGEST }, null, 7] });
    }),
    content('a single image is for arm64', 'wrong-platform', ({ cloud }) => {
      cloud.registry.addImage('my-worker', 'odd', 'arm64');
    }),
    content('the configuration of an image is missing', 'nothing', ({ cloud }) => {
      cloud.registry.addManifest('my-worker', 'odd', { config: { digest: DIGEST, size: 5 } });
    }),
    content('the digest of a configuration leaves the repository', 'nothing', ({ cloud }) => {
      cloud.registry.addManifest('my-worker', 'odd', { config: { digest: '../../../v2/', size: 5 } });
    }),
    content('a configuration says that it has 2 GB', 'nothing', ({ cloud }) => {
      cloud.registry.addManifest('my-worker', 'odd', { config: { digest: DIGEST, size: 2 ** 31 } });
    }),
    content('a platform is a text with line breaks', 'nothing', ({ cloud }) => {
      const platform = { os: 'linux\u001b[31m', architecture: 'x\n{"level":"ERROR"}' };
      cloud.registry.addManifest('my-worker', 'odd', { manifests: [{ digest: DIGEST, platform }] });
    }),
    {
      what: 'a configuration is at an address that redirects again',
      expected: 'nothing',
      arrange: (watch) => {
        watch.addEndpoint();
        registry(BLOB, {
          status: 307,
          headers: { location: `${watch.cloud.registry.url}/v2/my-worker/blobs/x` },
        })(watch);
      },
    },
    {
      what: 'a configuration is at an address that is not https',
      expected: 'nothing',
      arrange: (watch) => {
        watch.addEndpoint();
        registry(BLOB, { status: 307, headers: { location: 'http://169.254.169.254/latest' } })(watch);
      },
    },
    {
      what: 'the registry is down',
      expected: 'nothing; not looked at: image',
      arrange: (watch) => {
        watch.addEndpoint();
        registry({}, { reset: true })(watch);
      },
    },
    {
      what: 'ECR issues no credential',
      expected: 'nothing; not looked at: image',
      arrange: (watch) => {
        watch.addEndpoint();
        watch.cloud.aws.deny('ecr:GetAuthorizationToken');
      },
    },
    {
      what: 'the API key cannot be read',
      expected: 'nothing; not looked at: list; no metrics',
      arrange: (watch) => {
        watch.addEndpoint();
        watch.cloud.aws.deny('secretsmanager:GetSecretValue');
      },
    },
    {
      what: 'the look before cannot be read',
      expected: 'image-missing; no metrics',
      arrange: (watch) => {
        watch.addEndpoint({ image: watch.image('my-worker:gone') });
        watch.cloud.aws.deny('logs:FilterLogEvents');
      },
    },
    ...['docker-hub', 'ghcr'].map((type): WatchRow => hosted(type as 'docker-hub' | 'ghcr')),
    {
      what: 'the token service rejects the login',
      expected: 'pull-denied',
      targets: (watch) => tokenTarget(watch, 'docker-hub', 'wrong-N4tQ8rW2'),
      arrange: (watch) => void watch.addEndpoint({ image: 'my-worker/app:1' }),
    },
  ],
};

/** A registry with a token service: one private image without an auth, one public image without an auth. */
function hosted(type: 'docker-hub' | 'ghcr'): WatchRow {
  return {
    what: `${type}: a private image has no registry auth, and a public one needs none`,
    expected: 'not-attached',
    targets: (watch) => tokenTarget(watch, type),
    arrange: async (watch) => {
      const { registry: open } = await watch.cloud.otherRegistries.get(type);
      open.public.add('team/open');
      const prefix = type === 'ghcr' ? `${new URL(open.url).host}/` : '';
      watch.addEndpoint({ id: 'private', registry: null, image: `${prefix}my-worker/app:1` });
      watch.addEndpoint({ id: 'public', registry: null, image: `${prefix}team/open:1` });
      watch.addEndpoint({ id: 'missing', registry: null, image: `${prefix}team/missing:1` });
      watch.addEndpoint({ id: 'good', image: `${prefix}my-worker/app:1` });
    },
    check: (_, { result }) =>
      result?.findings.length === 1 && result.findings[0]?.workload === 'endpoint private'
        ? undefined
        : 'another workload was found',
  };
}

async function tokenTarget(watch: WatchWorld, type: 'docker-hub' | 'ghcr', given = 'gR7pQ2xW9kLm4Zs8') {
  const { registry: open, logins } = await watch.cloud.otherRegistries.get(type);
  logins.set('robot', 'gR7pQ2xW9kLm4Zs8');
  open.addImage('my-worker/app', '1');
  open.addImage('team/open', '1');
  const login = JSON.stringify({ username: 'robot', password: given });
  watch.world.putSecret('registry/login', login, given);
  return [
    { name: 'prod', registry: { type, url: open.url, credentialSecretName: 'registry/login' } as const },
  ];
}
