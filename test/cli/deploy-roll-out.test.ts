import { ECR_HOST } from './command-world';
import {
  deploy,
  endpoint,
  failLayers,
  fault,
  NEW_TAG,
  newImage,
  OLD_IMAGE,
  patches,
  untilPatched,
  useDeployWorld,
  world,
} from './deploy-world';
import { atTerminal, type Step } from './terminal';

useDeployWorld();

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
    what: 'has workers whose pulls neither end nor fail: the old image is put back',
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
