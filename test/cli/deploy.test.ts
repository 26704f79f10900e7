import { readFileSync } from 'node:fs';
import { ECR_HOST } from './command-world';
import {
  deploy,
  digest,
  endpoint,
  fault,
  NEW_TAG,
  newImage,
  OLD_IMAGE,
  patches,
  registryHost,
  untilPatched,
  useDeployWorld,
  withoutConfiguration,
  world,
} from './deploy-world';

useDeployWorld();

describe('deploy', () => {
  it('gives the endpoint the image by its digest, and ends when every worker runs it', async () => {
    const { code, stdout, stderr } = await deploy();

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(
        `^Endpoint {2}images \\(e1\\), 2 workers
Image {5}${OLD_IMAGE}
 {10}→ ${newImage()}
Auth {6}ecr-prod
Proof {5}linux/amd64; the registry lets your AWS credentials pull it
This rolls every worker: idle ones are replaced at once, busy ones after their job.
The endpoint is changed. Following the roll-out:
✓ worker w\\d-v2 runs the new image
✓ worker w\\d-v2 runs the new image
All 2 workers run the new image, after \\d+ s.
$`,
      ),
    );
    expect(patches()).toEqual([{ image: newImage() }]);
  });

  it('finds the endpoint by its unique name', async () => {
    expect(await deploy({ endpoint: 'images' })).toMatchObject({ code: 0 });
  });

  it('changes nothing when the endpoint has the image, whatever the tag beside the digest', async () => {
    endpoint().image = `${registryHost()}/my-worker@${digest}`;

    const { code, stdout } = await deploy();

    expect(code).toBe(0);
    expect(stdout).toContain('The endpoint has this image already. Nothing was changed.\n');
    expect(patches()).toEqual([]);
  });

  it('changes nothing in a dry run', async () => {
    const { code, stdout } = await deploy({ flags: ['--dry-run'] });

    expect(code).toBe(0);
    expect(stdout).toMatch(/→ \S+my-worker:1\.1\.0@sha256:.*\nDry run: nothing was changed\.\n$/s);
    expect(patches()).toEqual([]);
  });

  it('asks for --yes in a script, before it sends anything', async () => {
    const run = await world.run(['deploy', 'e1', '--image', `my-worker:${NEW_TAG}`]);

    expect(run).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'deploy changes an endpoint, and there is no terminal at which to ask. Allow it with --yes, or look first with --dry-run.\n',
    });
    expect(world.cloud.runpod.requests).toEqual([]);
  });

  it('attaches the registry auth of the target, and says so', async () => {
    endpoint().registry = null;

    const { code, stdout } = await deploy();

    expect(code).toBe(0);
    expect(stdout).toContain('Auth      none → ecr-prod\n');
    expect(patches()).toEqual([{ image: newImage(), registry: world.authId }]);
  });

  it('replaces another registry auth even if the image is the same', async () => {
    endpoint().image = newImage();
    endpoint().registry = 'regother';

    const { code, stdout } = await deploy();

    expect(code).toBe(0);
    expect(stdout).toContain('Auth      other → ecr-prod\n');
    expect(patches()).toEqual([{ registry: world.authId }]);
  });

  it('updates an endpoint without workers, and says whose proof it is', async () => {
    endpoint().workers = { min: 0, max: 3, running: [] };

    const { code, stdout } = await deploy();

    expect(code).toBe(0);
    expect(stdout).toContain(
      "The endpoint is updated. It has no workers, so no pull was seen: the proof is the registry's.\n",
    );
  });

  it('takes the full address of an image', async () => {
    const { code } = await deploy({ image: `${ECR_HOST}/my-worker:${NEW_TAG}` });

    expect(code).toBe(0);
    expect(patches()).toEqual([{ image: `${ECR_HOST}/my-worker:${NEW_TAG}@${digest}` }]);
  });

  it('goes on over a release that is being rolled out with --force', async () => {
    endpoint().workers?.running.splice(0, 1, { id: 'w1', version: 0 });

    const { code } = await deploy({ flags: ['--force'] });

    expect(code).toBe(0);
  });

  it('writes one JSON document', async () => {
    endpoint().registry = null;

    const { code, stdout } = await deploy({ flags: ['--json'] });

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      result: 'rolled-out',
      endpoint: { id: 'e1', name: 'images' },
      image: { before: OLD_IMAGE, after: newImage(), digest },
      registryAuth: { before: null, after: 'ecr-prod' },
      proof: { platform: 'linux/amd64', with: 'your AWS credentials' },
      workers: 2,
    });
  });

  it('lets one of two deployments at the same time win, and stops the other one', async () => {
    const other = world.cloud.registry.addImage('my-worker', '1.2.0');
    world.cloud.runpod.rollouts.replaceMs = 1_500;

    const first = deploy();
    await untilPatched();
    const second = await deploy({ image: 'my-worker:1.2.0' });

    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Another release of endpoint e1 \(version 2\) is being rolled out: \d of 2 workers run it\. Wait until/,
      ),
    });
    expect(await first).toMatchObject({ code: 0 });
    expect(endpoint().image).not.toContain(other);
  });
});

describe('deploy without a configuration', () => {
  const image = `${ECR_HOST}/my-worker:${NEW_TAG}`;

  it('needs endpoint, address, registry auth and a key in the environment', async () => {
    let argv = '';
    const run = await world.run(
      ['deploy', 'images', '--image', image, '--auth', 'ecr-prod', '--yes', '--timeout', '20s'],
      {
        config: false,
        env: withoutConfiguration(),
        onStart: ({ pid }) => {
          argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        },
      },
    );

    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(patches()).toEqual([{ image: `${image}@${digest}` }]);
    expect(argv).not.toContain(world.key);
  });

  it('reads the key from the secret when the environment has none', async () => {
    const env = { ...withoutConfiguration(), RUNPOD_API_KEY: undefined };
    const args = ['deploy', 'e1', '--image', image, '--auth', 'ecr-prod', '--dry-run'];

    expect(await world.run(args, { config: false, env })).toMatchObject({ code: 0 });
  });

  it.each([
    [
      'a name without a registry',
      ['--image', 'my-worker:1.1.0', '--auth', 'ecr-prod'],
      2,
      '--image: "my-worker:1.1.0" has no registry. Without a configuration, give the full address of the image. To write a configuration: npx runpod-ecr init. To use another: --config PATH or --stack NAME',
    ],
    [
      'a registry auth that does not exist',
      ['--image', image, '--auth', 'ecr-prd'],
      1,
      'Runpod has no registry auth ecr-prd. Did you mean ecr-prod? There are ecr-prod, other.',
    ],
  ])('says what is wrong with %s', async (_, args, code, stderr) => {
    const run = await world.run(['deploy', 'e1', '--dry-run', ...args], {
      config: false,
      env: withoutConfiguration(),
    });

    expect(run).toEqual({ code, stdout: '', stderr: `${stderr}\n` });
  });

  it('has no targets', async () => {
    const run = await world.run(['deploy', 'e1', '--image', image, '--target', 'prod', '--yes'], {
      config: false,
      env: withoutConfiguration(),
    });

    expect(run).toEqual({
      code: 2,
      stdout: '',
      stderr:
        '--target names a target of a configuration, and there is none. Name it with --config PATH or --stack NAME, or write one with npx runpod-ecr init.\n',
    });
  });

  it('names the missing registry auth of a private image', async () => {
    endpoint().registry = null;

    const run = await world.run(['deploy', 'e1', '--dry-run', '--image', image], {
      config: false,
      env: withoutConfiguration(),
    });

    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Endpoint e1 has no registry auth, so it cannot pull this private image\./,
      ),
    });
  });

  it('keeps a malformed key of the environment out of the message', async () => {
    const env = { ...withoutConfiguration(), RUNPOD_API_KEY: `${world.key} and more` };

    const run = await world.run(['deploy', 'e1', '--dry-run', '--image', image], { config: false, env });

    expect(run).toMatchObject({
      code: 2,
      stderr: 'The environment variable RUNPOD_API_KEY does not hold a Runpod key.\n',
    });
  });
});

/** One fault before the change: nothing is sent. */
interface Refusal {
  readonly what: string;
  readonly break?: () => void;
  readonly image?: string;
  readonly endpoint?: string;
  readonly flags?: readonly string[];
  readonly code?: number;
  readonly message: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'the tag does not exist',
    image: 'my-worker:9.9.9',
    message:
      /^The registry has no image \S+\/my-worker:9\.9\.9\. Build and push it: docker buildx build --platform linux\/amd64/,
  },
  {
    what: 'the target does not list the repository',
    image: `${ECR_HOST}/team/batch:2.0.0`,
    message: /^The credential of target prod may not pull team\/batch: the target does not list it\. Add it/,
  },
  {
    what: 'no target has the repository',
    image: 'nowhere:1.0.0',
    code: 2,
    message: /^No target has the repository nowhere\. Give the full address/,
  },
  {
    what: 'the image is for arm64',
    image: 'my-worker:arm',
    message: /^\S+\/my-worker:arm is for linux\/arm64; Runpod's workers run on linux\/amd64\. Build/,
  },
  { what: 'the image has no tag', image: 'my-worker', code: 2, message: /names neither a tag nor a digest/ },
  { what: 'the name is malformed', image: 'My Worker:1', code: 2, message: /is not the name of an image/ },
  {
    what: 'the registry refuses the credential',
    break: () => world.cloud.registry.denied.add('my-worker'),
    message: /^The registry refuses your AWS credentials for \S+ \(the registry answered 403\)\./,
  },
  {
    what: 'the registry is down',
    break: () => fault('registry', {}, { status: 503 }),
    message:
      /^The registry cannot be asked about \S+: .*503\. Nothing was sent\. To find the cause: npx runpod-ecr doctor/m,
  },
  {
    what: 'there is no such endpoint',
    endpoint: 'e2',
    message:
      /^The account of the key in the secret runpod\/api-key has no endpoint e2\. Did you mean e1\? There are e1 \(images\)\.$/m,
  },
  {
    what: 'two endpoints have the name',
    endpoint: 'images',
    break: () => world.user.workloads.serverless.push({ ...endpoint(), id: 'e2' }),
    code: 2,
    message: /^Several endpoints have the name images\. Give the id of one: e1, e2\.$/m,
  },
  {
    what: 'another release is being rolled out',
    break: () => endpoint().workers?.running.splice(0, 1, { id: 'w1', version: 0 }),
    message: /^Another release of endpoint e1 \(version 1\) is being rolled out: 1 of 2 workers run it\./,
  },
  {
    what: 'the target is unknown',
    flags: ['--target', 'staging'],
    code: 2,
    message: /^No target is named staging\. There are prod\.$/m,
  },
  {
    what: 'the time is malformed',
    flags: ['--timeout', '15'],
    code: 2,
    message: /^--timeout: expected a time such as 90s, 15m or 1h, found "15"\.$/m,
  },
  {
    what: 'the key may not read endpoints',
    break: () => fault('runpod', { path: /serverless/ }, { status: 403, body: { title: 'Forbidden' } }),
    message:
      /^The key in the secret runpod\/api-key may not read the endpoint \(403\)\. Give it the permission/,
  },
  {
    what: 'Runpod refuses the key',
    break: () => fault('runpod', {}, { status: 401, body: { title: 'Unauthorized' } }),
    message: /^Runpod does not accept the key in the secret runpod\/api-key \(401\)\.$/m,
  },
  {
    what: 'Runpod is down',
    break: () => fault('runpod', {}, { status: 502, body: '<html>' }),
    message: /answered 502/,
  },
  {
    what: 'the releases are not understood',
    break: () => fault('runpod', { path: /releases$/ }, { status: 200, body: [] }),
    message: /^rest-v2 answered without a roll-out/,
  },
];

describe('deploy sends nothing', () => {
  it.each(REFUSALS)('when $what', async ({ break: breakIt, message, code = 1, ...options }) => {
    breakIt?.();

    const run = await deploy(options);

    expect(run).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect(patches()).toEqual([]);
  });

  it('when the registry auth of the target does not exist', async () => {
    const stored = world.user.auths.splice(0, 1);
    const run = await deploy();
    world.user.auths.unshift(...stored);

    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Runpod has no registry auth \w+ of target prod\. The refresher makes it: npx runpod-ecr refresh --target prod/,
      ),
    });
    expect(patches()).toEqual([]);
  });

  it('and writes the error as a JSON document', async () => {
    const { code, stdout } = await deploy({ image: 'my-worker:9.9.9', flags: ['--json'] });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        message: expect.stringMatching(/^The registry has no image/),
        fix: expect.stringMatching(/^Build and push it/),
      },
    });
  });
});

describe('deploy of other targets', () => {
  afterEach(() => world.writeConfig());

  async function hub() {
    const { registry, logins } = await world.cloud.otherRegistries.get('docker-hub');
    registry.addImage('acme/my-worker', NEW_TAG);
    logins.set('robot', 'a-hub-token');
    world.cloud.aws.secrets.put(
      'registry/hub',
      JSON.stringify({ username: 'robot', password: 'a-hub-token' }),
    );
    return { type: 'docker-hub', url: registry.url, credentialSecretName: 'registry/hub' };
  }

  it('asks a registry with the login of the target', async () => {
    const target = { name: 'hub', registry: await hub(), verifyImage: undefined };
    world.writeConfig({ ...target, registryAuthId: 'regother' });

    const { code, stdout } = await deploy({ image: `acme/my-worker:${NEW_TAG}`, flags: ['--dry-run'] });

    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /→ docker\.io\/acme\/my-worker:1\.1\.0@sha256:\w+\nAuth {6}ecr-prod → other\nProof {5}linux\/amd64; the registry lets the login of target hub pull it\n/,
      ),
    });
  });

  it('refuses a login that the registry refuses', async () => {
    world.writeConfig({
      name: 'hub',
      registry: await hub(),
      verifyImage: undefined,
      registryAuthId: 'regother',
    });
    world.cloud.aws.secrets.put('registry/hub', JSON.stringify({ username: 'robot', password: 'mistyped' }));

    expect(await deploy({ image: `acme/my-worker:${NEW_TAG}` })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The registry refuses the login of target hub for docker\.io\/acme/),
    });
  });

  it('asks which one of two targets with the repository is meant', async () => {
    const registry = { type: 'ecr', repositories: ['my-worker'] };
    const targets = [
      { name: 'prod', registryAuthId: world.authId, registry },
      { name: 'staging', registryAuthId: 'regother', registry },
    ];
    world.writeConfig({}, { targets });

    const unclear = await deploy();
    const clear = await deploy({ flags: ['--target', 'staging', '--dry-run'] });

    expect(unclear).toMatchObject({
      code: 2,
      stderr: 'Several targets can have this image: prod, staging. Choose one with --target.\n',
    });
    expect(clear).toMatchObject({ code: 0, stdout: expect.stringContaining('Auth      ecr-prod → other\n') });
  });

  it('asks ECR as the operator where only the function may assume the role', async () => {
    const roleArn = 'arn:aws:iam::123456789012:role/pull';
    world.writeConfig({ registry: { type: 'ecr', repositories: ['my-worker'], roleArn } });

    const { code, stdout } = await deploy({ flags: ['--dry-run'] });

    expect(code).toBe(0);
    expect(stdout).toContain('the registry lets your AWS credentials pull it\n');
  });

  it('says what to do about a private image of a registry that no target has', async () => {
    const { registry } = await world.cloud.otherRegistries.get('self-hosted');
    registry.addImage('team/tool', '1.0.0');
    const image = `${new URL(registry.url).host}/team/tool:1.0.0`;

    const refused = await deploy({ image });
    registry.public.add('team/tool');
    const open = await deploy({ image, flags: ['--dry-run'] });

    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\/team\/tool:1\.0\.0 is private, and no target has its registry/),
    });
    expect(open).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the registry lets a client without a login pull it\n'),
    });
  });

  it('attaches nothing where Runpod pulls by a delegation', async () => {
    const { delegations } = world.user;
    delegations.push({
      id: 'deleg_1',
      name: null,
      delegatorUserId: 'u',
      awsUser: '123456789012',
      repository: 'my-worker',
      tag: 'latest',
      awsRegion: 'us-east-1',
      dockerRegistryUri: ECR_HOST,
      createdAt: new Date().toISOString(),
    });
    endpoint().registry = null;
    const run = await world.run(
      ['deploy', 'e1', '--dry-run', '--image', `${ECR_HOST}/my-worker:${NEW_TAG}`],
      { config: false, env: withoutConfiguration() },
    );
    delegations.pop();

    expect(run).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Auth      none: Runpod pulls by a delegation\n'),
    });
  });
});
