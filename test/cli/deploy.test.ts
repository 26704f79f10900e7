import { readFileSync } from 'node:fs';
import type { Fault, FaultWhen } from '../../local/faults';
import { noRollouts } from '../../local/runpod/rollouts';
import { type CommandOptions, type CommandRun, CommandWorld, ECR_HOST } from './command-world';
import { atTerminal, type Step } from './terminal';

/** An image without a fault. */
const NEW_TAG = '1.1.0';

const OLD_IMAGE = `${ECR_HOST}/my-worker:1.0.0`;

const ENDPOINT = /^\/v2\/serverless\/e1$/;

let world: CommandWorld;
let digest: string;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  world.cloud.registry.namesUnknownRepositories = true;
  digest = world.cloud.registry.addImage('my-worker', NEW_TAG);
  world.cloud.registry.addImage('my-worker', 'arm', 'arm64');
  world.user.create({ id: 'regother', name: 'other', username: 'AWS', password: 'not-valid' });
}, 60_000);

beforeEach(() => {
  const { registry, runpod } = world.cloud;
  const { pull } = runpod.rollouts;
  Object.assign(runpod.rollouts, { ...noRollouts(), pull: realPull ?? pull, enabled: true, replaceMs: 100 });
  realPull ??= pull;
  runpod.faults.clear();
  registry.faults.clear();
  registry.denied.clear();
  registry.addImage('my-worker', '1.0.0');
  world.user.workloads.serverless.splice(0, Number.POSITIVE_INFINITY, {
    id: 'e1',
    name: 'images',
    image: OLD_IMAGE,
    registry: world.authId,
    workers: { min: 1, max: 3, running: [{ id: 'w1' }, { id: 'w2' }] },
  });
  runpod.requests.length = 0;
});

let realPull: CommandWorld['cloud']['runpod']['rollouts']['pull'] | undefined;

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

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
        'deploy rolls the workers of an endpoint, so without a terminal it asks nobody. Allow it with --yes, or look first with --dry-run.\n',
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
      '--image: "my-worker:1.1.0" has no registry. Without a configuration, give the full address of the image.',
    ],
    [
      'a registry auth that does not exist',
      ['--image', image, '--auth', 'ecr-prd'],
      1,
      'Runpod has no registry auth ecr-prd. It has ecr-prod, other.',
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
      stderr: '--target names a target of a configuration, and there is none. Name it with --config.\n',
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
    message: /^The registry cannot be asked about \S+: .*503\. Nothing was sent\.$/m,
  },
  {
    what: 'there is no such endpoint',
    endpoint: 'e2',
    message:
      /^The account of the key in the secret runpod\/api-key has no endpoint e2\. It has e1 \(images\)\.$/m,
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

/** One fault of the change, or after it. */
interface Failure {
  readonly what: string;
  readonly break: () => void;
  readonly code: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  /** The image that the endpoint has at the end. @default - the new one */
  readonly image?: 'old';
  /** Number of changes that reached Runpod. @default 1 */
  readonly changes?: number;
  readonly timeout?: string;
}

const FAILURES: readonly Failure[] = [
  {
    what: 'refuses the change',
    break: () =>
      fault('runpod', { method: 'PATCH' }, { status: 422, body: { detail: 'image is\nnot allowed' } }),
    code: 1,
    stderr: /^Runpod refuses the change \(422\): "image is not allowed"\.$/m,
    image: 'old',
  },
  {
    what: 'quotes the key and a password: neither is shown',
    break: () =>
      world.cloud.runpod.faults.add(
        { method: 'PATCH' },
        {
          serve: (response) => {
            const password = world.cloud.aws.ecr.issued.at(-1)?.password;
            response.writeHead(400, { 'content-type': 'application/problem+json' });
            response.end(JSON.stringify({ detail: `no ${world.key} or ${password?.slice(0, 40)}` }));
          },
        },
      ),
    code: 1,
    stderr: /^Runpod refuses the change \(400\): "no \[secret\] or \[secret\]"\.$/m,
    image: 'old',
  },
  {
    what: 'forbids the change',
    break: () => fault('runpod', { method: 'PATCH' }, { status: 403, body: { title: 'Forbidden' } }),
    code: 1,
    stderr: /^The key in the secret runpod\/api-key may not change the endpoint \(403\)\./,
    image: 'old',
  },
  {
    what: 'makes the change and loses the answer: it is not repeated',
    break: () => fault('runpod', { method: 'PATCH' }, { applyThen: { reset: true } }),
    code: 0,
    stdout: /All 2 workers run the new image/,
  },
  {
    what: 'loses the request: it is repeated',
    break: () => fault('runpod', { method: 'PATCH' }, { reset: true }, 1),
    code: 0,
    stdout: /All 2 workers run the new image/,
    changes: 2,
  },
  {
    what: 'answers 500 to every change',
    break: () => fault('runpod', { method: 'PATCH' }, { status: 500 }),
    code: 1,
    stderr: /^Runpod did not change the endpoint \(PATCH \S+ answered 500\)\. Try again\.$/m,
    image: 'old',
    changes: 3,
  },
  {
    what: 'loses the answer and is down then: nobody knows',
    break: () => {
      fault('runpod', { method: 'PATCH' }, { reset: true });
      fault('runpod', (request) => request.method === 'GET' && patches().length > 0, { status: 503 });
    },
    code: 1,
    stderr: /^It is not known whether Runpod changed the endpoint/,
    image: 'old',
  },
  {
    what: 'accepts the change and does not make it',
    break: () =>
      fault(
        'runpod',
        { method: 'PATCH' },
        { status: 200, body: { id: 'e1', name: 'images', image: OLD_IMAGE, registry: null } },
      ),
    code: 1,
    stderr: /^Runpod did not change the endpoint \(Runpod accepts the change and does not make it\)\./,
    image: 'old',
    changes: 3,
  },
  {
    what: 'has workers whose layers fail: the old image is put back',
    break: () => failLayers(),
    code: 1,
    stdout:
      /^✗ worker w1-v2 cannot pull: the reason is not known \("error pulling image: failed to register layer/m,
    stderr: /^Worker w\d-v2 cannot pull the new image \(.*\), so the old image was put back\.$/m,
    image: 'old',
    changes: 2,
    timeout: '4s',
  },
  {
    what: 'has workers that the registry refuses: the reason is named',
    break: () => {
      world.cloud.runpod.rollouts.pull = async () => ({
        ok: false,
        line: 'error pulling image: denied: Your authorization token has expired. Reauthenticate and try again.',
      });
    },
    code: 1,
    stderr:
      /^Worker w\d-v2 cannot pull the new image \(the registry refused the credential: ".*so the old image was/m,
    image: 'old',
    changes: 2,
    timeout: '4s',
  },
  {
    what: 'has one worker that pulls and one that cannot: the old image is put back',
    break: () => {
      let pulls = 0;
      world.cloud.runpod.rollouts.pull = async () =>
        pulls++ === 0 ? { ok: true } : { ok: false, line: 'error pulling image: no space left on device' };
    },
    code: 1,
    stderr: /^Worker w2-v2 cannot pull the new image \(the worker has no disk space left/,
    image: 'old',
    changes: 2,
    timeout: '4s',
  },
  {
    what: 'has a worker whose first pull fails and whose second works',
    break: () => {
      let pulls = 0;
      world.cloud.runpod.rollouts.pull = async () =>
        pulls++ === 0 ? { ok: false, line: 'error pulling image: toomanyrequests' } : { ok: true };
    },
    code: 0,
    stdout: /All 2 workers run the new image/,
  },
  {
    what: 'has workers that pull for ever and say nothing: the old image is put back',
    break: () => {
      world.cloud.runpod.rollouts.pull = () => new Promise(() => undefined);
    },
    code: 1,
    stderr:
      /cannot pull the new image \(it did not start within 3s, and its log does not say why\), so the old/,
    image: 'old',
    changes: 2,
    timeout: '3s',
  },
  {
    what: 'has busy workers that never end: the roll-out is left',
    break: () => {
      world.cloud.runpod.rollouts.replaceMs = Number.POSITIVE_INFINITY;
    },
    code: 1,
    stderr:
      /^After 2s, 0 of 2 workers run the new image, and no pull has failed\. The roll-out continues\. To put the old image back: npx runpod-ecr deploy e1 --image \S+my-worker:1\.0\.0 --force --config /,
    timeout: '2s',
  },
  {
    what: 'has workers that wait for a GPU: the roll-out is left',
    break: () => {
      endpoint().workers?.running.splice(0, 2, { id: 'w1', status: 'THROTTLED' });
      world.cloud.runpod.rollouts.enabled = false;
      fault('runpod', { method: 'PATCH' }, { applyThen: { delayMs: 0 } });
      world.cloud.runpod.faults.add(
        { path: /workers$/ },
        {
          status: 200,
          body: { workers: [{ id: 'w3', status: 'THROTTLED', isStale: false, gpuCount: 1 }] },
        },
      );
    },
    code: 1,
    stderr: /^After 2s, 0 of 1 workers run the new image, and no pull has failed\./,
    timeout: '2s',
  },
  {
    what: 'has neither the new layers nor the old image',
    break: () => {
      failLayers();
      world.cloud.registry.removeImage('my-worker', '1.0.0');
    },
    code: 1,
    stdout: /! the present image cannot be put back: the registry has no such tag or digest/,
    stderr:
      /so the old image was put back\. The old image cannot be pulled either \(the registry has no such tag or digest\), so deploy another one\.$/m,
    image: 'old',
    changes: 2,
    timeout: '4s',
  },
  {
    what: 'does not take the old image back: the command to do it by hand is shown',
    break: () => {
      failLayers();
      fault('runpod', (request) => request.method === 'PATCH' && request.body.includes(OLD_IMAGE), {
        status: 400,
        body: {},
      });
    },
    code: 1,
    stderr:
      /, and the old image could not be put back: Runpod refuses the change \(400\)\. To put the old image back: npx runpod-ecr deploy e1 --image/,
    changes: 2,
    timeout: '4s',
  },
  {
    what: 'is down for some looks',
    break: () =>
      fault(
        'runpod',
        (request) => request.path.endsWith('/releases') && patches().length > 0,
        { status: 503 },
        3,
      ),
    code: 0,
    stdout: /! Runpod cannot be asked: .*503\n[\s\S]*All 2 workers run the new image/,
  },
  {
    what: 'does not let the key read logs: the status decides',
    break: () => fault('runpod', { path: /logs$/ }, { status: 403, body: { title: 'Forbidden' } }),
    code: 0,
    stdout:
      /! the system log of a worker cannot be read: [\s\S]*All 2 workers run the new image, after \d+ s\.\n2 workers did not log the start; no log tells of a failed pull\.\n$/,
    timeout: '6s',
  },
  {
    what: 'shows the release late: the old workers do not count',
    break: () => {
      world.cloud.runpod.rollouts.replaceMs = 1_000;
      const before = { version: 1, rollout: { inProgress: false, workersOnLatest: 2, workersTotal: 2 } };
      const isAfter = (path: string) => path.endsWith('/releases') && patches().length > 0;
      fault(
        'runpod',
        (request) => isAfter(request.path),
        { status: 200, body: { endpointVersion: 1, rollout: before.rollout, releases: [] } },
        3,
      );
    },
    code: 0,
    stdout: /✓ worker w1-v2 runs the new image\n[\s\S]*All 2 workers run the new image/,
  },
  {
    what: 'gives the endpoint another image in between',
    break: () => {
      world.cloud.runpod.rollouts.pull = async () => {
        endpoint().image = 'docker.io/somebody/else:1';
        return { ok: true };
      };
    },
    code: 1,
    stderr:
      /^Somebody else gave endpoint e1 another image during the roll-out: docker\.io\/somebody\/else:1\. Nothing was put back\./,
  },
];

describe('deploy, when Runpod', () => {
  it.each(FAILURES)('$what', async ({ break: breakIt, code, image, changes = 1, timeout, ...expected }) => {
    breakIt();

    const run = await deploy({ ...(timeout && { timeout }) });

    expect(run).toMatchObject({
      code,
      stdout: expect.stringMatching(expected.stdout ?? /^Endpoint /),
      stderr: expect.stringMatching(expected.stderr ?? /^$/),
    });
    expect(patches()).toHaveLength(changes);
    if (code === 0 || image === 'old') {
      expect(endpoint().image).toBe(image === 'old' ? OLD_IMAGE : newImage());
    }
  });

  it('fails, puts the old registry auth back too', async () => {
    endpoint().registry = 'regother';
    failLayers();

    const { code, stdout } = await deploy({ timeout: '4s', flags: ['--json'] });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      result: 'put-back',
      error: { message: expect.stringMatching(/so the old image with its registry auth was put back\.$/) },
    });
    expect(patches()).toEqual([
      { image: newImage(), registry: world.authId },
      { image: OLD_IMAGE, registry: 'regother' },
    ]);
  });
});

describe('Ctrl-C', () => {
  it.each([['SIGINT'], ['SIGTERM']] as const)(
    'in a script leaves the roll-out and says so (%s)',
    async (signal) => {
      world.cloud.runpod.rollouts.replaceMs = Number.POSITIVE_INFINITY;

      const { code, stdout, stderr } = await deploy({
        timeout: '60s',
        flags: ['--json'],
        onStart: async (child) => {
          await untilPatched();
          await new Promise((resolve) => setTimeout(resolve, 300));
          child.kill(signal);
        },
      });

      expect(code).toBe(130);
      expect(stderr).toMatch(
        /^Interrupted\. Endpoint e1 has the new image, and its roll-out continues\. To put the old image back: npx/,
      );
      expect(JSON.parse(stdout)).toMatchObject({ result: 'left' });
      expect(patches()).toHaveLength(1);
    },
  );
});

describe('deploy at a terminal', () => {
  const QUESTION = 'Deploy it?';
  const MENU = 'What should happen?';
  const [ENTER, LEFT, DOWN, CTRL_C] = ['\r', '\u001b[D', '\u001b[B', '\u0003'];

  function answering(...steps: readonly Step[]) {
    return atTerminal(world, ['deploy', 'e1', '--image', `my-worker:${NEW_TAG}`, '--timeout', '60s'], steps);
  }

  it('asks first, and changes nothing after a no', async () => {
    const { code, stdout } = await answering([QUESTION, ENTER]);

    expect(code).toBe(130);
    expect(stdout).toContain('Cancelled. Nothing was changed.');
    expect(patches()).toEqual([]);
  });

  it('deploys after a yes', async () => {
    const { code, stdout } = await answering([QUESTION, `${LEFT}${ENTER}`]);

    expect(code).toBe(0);
    expect(stdout).toContain('All 2 workers run the new image');
  });

  it('changes nothing when somebody else has changed the endpoint during the question', async () => {
    const { code, stdout } = await answering(
      [QUESTION, () => Object.assign(endpoint(), { image: `${ECR_HOST}/my-worker:arm` })],
      ['', `${LEFT}${ENTER}`],
    );

    expect(code).toBe(1);
    expect(stdout).toContain('Somebody else has just changed endpoint e1. Nothing was changed.');
    expect(patches()).toEqual([]);
  });

  it.each([
    ['leaves the roll-out', `${DOWN}${DOWN}${ENTER}`, 'its roll-out continues', 1],
    ['leaves it after another Ctrl-C', CTRL_C, 'its roll-out continues', 1],
    ['puts the old image back', `${DOWN}${ENTER}`, 'so the old image was put back', 2],
  ])('asks at Ctrl-C what to do, and %s', async (_, keys, message, changes) => {
    world.cloud.runpod.rollouts.replaceMs = Number.POSITIVE_INFINITY;

    const { code, stdout } = await answering(
      [QUESTION, `${LEFT}${ENTER}`],
      ['Following the roll-out', CTRL_C],
      [MENU, keys],
    );

    expect(code).toBe(130);
    expect(stdout).toContain(message);
    expect(patches()).toHaveLength(changes);
  });

  it('goes on after Ctrl-C when asked to', async () => {
    world.cloud.runpod.rollouts.replaceMs = 1_500;

    const { code, stdout } = await answering(
      [QUESTION, `${LEFT}${ENTER}`],
      ['Following the roll-out', CTRL_C],
      [MENU, ENTER],
    );

    expect(code).toBe(0);
    expect(stdout).toContain('All 2 workers run the new image');
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

interface Deployment extends Pick<CommandOptions, 'onStart'> {
  readonly endpoint?: string | undefined;
  readonly image?: string | undefined;
  readonly timeout?: string;
  readonly flags?: readonly string[] | undefined;
}

function deploy({
  endpoint: id = 'e1',
  image = `my-worker:${NEW_TAG}`,
  timeout = '20s',
  flags = [],
  ...options
}: Deployment = {}): Promise<CommandRun> {
  const time = flags.includes('--timeout') ? [] : ['--timeout', timeout];
  return world.run(['deploy', id, '--image', image, '--yes', ...time, ...flags], options);
}

function endpoint() {
  const [found] = world.user.workloads.serverless;
  if (!found) throw new Error('There is no endpoint.');
  return found;
}

function registryHost(): string {
  return new URL(world.cloud.registry.url).host;
}

function newImage(): string {
  return `${registryHost()}/my-worker:${NEW_TAG}@${digest}`;
}

function patches(): unknown[] {
  return world.cloud.runpod.requests
    .filter(({ method, path }) => method === 'PATCH' && ENDPOINT.test(path))
    .map(({ body }) => JSON.parse(body));
}

async function untilPatched(): Promise<void> {
  while (patches().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function fault(server: 'runpod' | 'registry', when: FaultWhen, what: Fault, times?: number): void {
  world.cloud[server].faults.add(when, what, times);
}

/** The registry gives workers the manifest and not the layers. */
function failLayers(): void {
  const text = world.cloud.registry.manifests.get(`my-worker:${NEW_TAG}`)?.text ?? '';
  const [layer] = JSON.parse(text).layers;
  fault('registry', { path: new RegExp(layer.digest) }, { status: 500 });
}

/** What a CI machine has: AWS credentials and a key, and no configuration. */
function withoutConfiguration(): Record<string, string | undefined> {
  return {
    RUNPOD_API_KEY: world.key,
    RUNPOD_REST_V2_URL: `${world.cloud.runpod.url}/v2`,
  };
}
