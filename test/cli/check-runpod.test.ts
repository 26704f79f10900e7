import { readFileSync } from 'node:fs';
import type { Fault, FaultWhen } from '../../local/faults';
import { type CommandOptions, CommandWorld } from './command-world';

const MADE = /runpod-ecr-check-[0-9a-f]{8}-(rest-v2|rest-v1|graphql)/;

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  world.cloud.aws.secrets.put('runpod/api-key', world.key);
  world.authId = world.user.create({ name: 'ecr-prod', username: 'AWS', password: 'kept' })?.id ?? '';
  world.writeConfig();
});

beforeEach(() => {
  const { runpod } = world.cloud;
  runpod.faults.clear();
  runpod.requests.length = 0;
  runpod.retired.clear();
  runpod.retired.add('rest-v1');
  runpod.abilities['rest-v2'].update = true;
  runpod.abilities['rest-v1'].update = false;
  world.writeConfig();
});

afterEach(() => {
  // Nothing but the registry auth that was there before is left, and it is as it was.
  expect(world.user.auths.map(({ name }) => name)).toEqual(['ecr-prod']);
  expect(world.user.auths[0]).toMatchObject({ password: 'kept', updates: 0 });
});

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

describe('check-runpod', () => {
  it('updates over each API, deletes what it made, and says what to set', async () => {
    const { code, stdout, stderr } = await check();

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(
      stdout,
    ).toBe(`Checking with the key in the secret runpod/api-key. Only registry auths named runpod-ecr-check-… are touched.
API      List  Create  Update  Delete  What it said
rest-v2  yes   yes     yes     yes     answered as documented
rest-v1  no    no      no      -       list: rest-v1 answered 410, create: rest-v1 answered 410, update: rest-v1 answered 410
graphql  yes   yes     yes     yes     answered as documented

rest-v2, graphql can update with this key. Leave runpod.api at "auto".
`);
    expect(world.user.deletes).toBe(2);
  });

  it('takes the key from the environment, and shows it neither in its output nor in its arguments', async () => {
    const key = world.newKey();
    world.cloud.runpod.addUser(key, { user: world.user });
    let argv = '';

    const { code, stdout } = await check([], {
      env: { RUNPOD_API_KEY: key },
      onStart: ({ pid }) => {
        argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      },
    });

    expect(code).toBe(0);
    expect(stdout).toMatch(/^Checking with the key in RUNPOD_API_KEY\./);
    expect(argv).not.toContain(key);
  });

  it('writes one JSON document', async () => {
    const { code, stdout } = await check(['--json']);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      apis: [
        { api: 'rest-v2', list: 'works', create: 'works', update: 'works', delete: 'works', said: [] },
        {
          api: 'rest-v1',
          list: 'fails',
          create: 'fails',
          update: 'fails',
          delete: 'not-tried',
          said: ['list', 'create', 'update'].map((step) => `${step}: rest-v1 answered 410`),
        },
        { api: 'graphql', list: 'works', create: 'works', update: 'works', delete: 'works', said: [] },
      ],
      canUpdate: true,
      advice: 'rest-v2, graphql can update with this key. Leave runpod.api at "auto".',
      surprises: [],
      leftovers: [],
    });
  });
});

/** One fault, and what the command says. */
interface Surprise {
  readonly what: string;
  readonly break: () => void;
  readonly code?: number;
  readonly stdout: RegExp;
}

const SURPRISES: readonly Surprise[] = [
  {
    what: 'REST v2 has no update',
    break: () => {
      world.cloud.runpod.abilities['rest-v2'].update = false;
    },
    stdout:
      /rest-v2 +yes +yes +no +yes +update: rest-v2 answered 404\n[\s\S]*set runpod\.api to "graphql"\.\n\nThis differs from what is known\. Please report it[\s\S]* {2}rest-v2 update: expected works, found fails\n/,
  },
  {
    what: 'REST v1 is still there and can update',
    break: () => {
      world.cloud.runpod.retired.clear();
      world.cloud.runpod.abilities['rest-v1'].update = true;
    },
    stdout:
      /rest-v1 +yes +yes +yes +yes +answered as documented\n[\s\S]*rest-v1 update: expected fails, found works/,
  },
  {
    what: 'GraphQL is retired',
    break: () => world.cloud.runpod.retired.add('graphql'),
    stdout: /graphql +no +no +no +- [\s\S]*rest-v2 can update with this key\. Leave runpod\.api at "auto"\./,
  },
  {
    what: 'the update answers another id',
    break: () =>
      fault({ method: 'PATCH' }, { applyThen: { status: 200, body: { id: 'regother', name: 'x' } } }),
    stdout: /update: rest-v2 answered with another id than the one asked for/,
  },
  {
    what: 'the update answers a web page',
    break: () =>
      fault({ method: 'PATCH' }, { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }),
    stdout: /update: rest-v2 answered 200 with a web page/,
  },
  {
    what: 'the answer to a create is lost: it is found by its name and deleted',
    break: () => fault({ method: 'POST', path: '/v2/registries' }, { applyThen: { reset: true } }),
    stdout: /rest-v2 +yes +no +yes +- +create: POST \S+: the connection was cut \(ECONNRESET\)/,
  },
  {
    what: 'an API does not delete: another one does',
    break: () => fault({ method: 'DELETE' }, { status: 500 }),
    stdout: /rest-v2 +yes +yes +yes +no +delete: DELETE \S+ answered 500/,
  },
  {
    what: 'the configuration forces an API that cannot update',
    break: () => world.writeConfig({}, { runpod: world.cloud.runpod.settings('rest-v1') }),
    code: 1,
    stdout: /The configuration forces rest-v1: set runpod\.api to "auto"\./,
  },
  {
    what: 'the key may not write',
    break: () => {
      fault({ method: 'POST', path: '/v2/registries' }, { status: 403, body: { title: 'Forbidden' } });
      fault({ operation: 'saveRegistryAuth' }, { status: 403, body: { error: 'Forbidden' } });
    },
    code: 1,
    stdout: /No API can update a registry auth with this key\. Give the key the permission secrets:write/,
  },
  {
    what: 'Runpod refuses the key',
    break: () => fault({}, { status: 401, body: {} }),
    code: 1,
    stdout: /rest-v2 +no +no +- +- +list: Runpod refused the API key \(rest-v2\), create: /,
  },
];

describe('check-runpod, when', () => {
  it.each(SURPRISES)('$what', async ({ break: breakIt, code = 0, stdout }) => {
    breakIt();

    const run = await check();

    expect(run).toMatchObject({ code, stdout: expect.stringMatching(stdout), stderr: '' });
  });

  it('nothing can be deleted, names what is left', async () => {
    fault({ method: 'DELETE' }, { status: 400, body: {} });
    fault({ operation: 'deleteRegistryAuth' }, { status: 200, body: { errors: [{}] } });

    const { code, stdout } = await check();
    const left = world.user.auths.splice(1);

    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`✗ Could not delete ${MADE.source}, ${MADE.source}\\. Delete it in`));
    expect(left.map(({ name }) => name)).toEqual([expect.stringMatching(MADE), expect.stringMatching(MADE)]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('it is interrupted (%s), deletes what it made', async (signal) => {
    fault({ method: 'PATCH' }, { delayMs: 1_000 });

    const { code, stdout, stderr } = await check(['--json'], {
      onStart: async (child) => {
        while (!world.cloud.runpod.requests.some(({ method }) => method === 'PATCH')) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        child.kill(signal);
      },
    });

    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'Interrupted. Everything that was made is deleted.\n',
    });
    expect(JSON.parse(stdout)).toEqual({
      error: { message: 'Interrupted. Everything that was made is deleted.' },
    });
  });
});

function check(flags: readonly string[] = [], options: CommandOptions = {}) {
  return world.run(['check-runpod', ...flags], options);
}

function fault(when: FaultWhen, what: Fault): void {
  world.cloud.runpod.faults.add(when, what);
}
