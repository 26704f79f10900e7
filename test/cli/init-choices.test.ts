import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandWorld, ECR_HOST } from './command-world';
import { atTerminal as runAtTerminal, type Step, type TerminalOptions } from './terminal';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.start();
  world.cloud.registry.addImage('my-worker', '1.0.0');
  world.cloud.registry.addImage('my-worker', '1.1.0');
  world.cloud.registry.addImage('team/batch', '2.0.0');
});

afterEach(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const ESC = String.fromCharCode(27);
const ENTER = '\r';
const UP = `${ESC}[A`;
const DOWN = `${ESC}[B`;
const CTRL_C = '\u0003';

function urls(): string[] {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  return ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
}

function atTerminal(args: readonly string[], steps: readonly Step[], options?: TerminalOptions) {
  const key: Step = ['Paste a Runpod API key', `${world.key}${ENTER}`];
  return runAtTerminal(world, ['init', ...args, ...urls()], [key, ...steps], options);
}

function inScript(...args: string[]) {
  return world.run(['init', '--key-stdin', '--no-deploy', ...args, ...urls()], { stdin: world.key });
}

interface WrittenConfig {
  readonly $schema?: string;
  readonly targets: readonly { readonly registry: object; readonly verifyImage?: string }[];
  readonly alarms: object;
}

function config(path = world.configPath): WrittenConfig {
  return JSON.parse(readFileSync(path, 'utf8')) as WrittenConfig;
}

const ECR = ['--repository', 'my-worker'];
const AUTH = ['--auth-name', 'ecr-prod'];
const IMAGE = ['--image', 'my-worker:1.0.0'];
const EMAIL = ['--email', 'a@example.com'];
const END = ['--yes', '--no-deploy'];

/** Adds a registry auth that an endpoint uses with an image of Docker Hub. @returns its id */
function addDockerHubAuth(): string {
  const id = world.user.create({ name: 'hub', username: 'acme', password: 'x' })?.id ?? '';
  world.user.workloads.serverless.push({
    id: 'e9',
    name: 'whisper',
    image: 'docker.io/acme/whisper:3',
    registry: id,
  });
  return id;
}

/** Text as a person reads it: without the lines that the prompts draw, and without line breaks. */
function flowing(text: string): string {
  return text.replace(/[│◆◇●○◼◻└]/g, ' ').replace(/\s+/g, ' ');
}

/** The lines of the screen that the prompts draw. */
function drawnLines(screen: string): string[] {
  return screen.split('\n').filter((line) => /^[│◆◇└]/.test(line));
}

describe('the choice of a registry auth in init', () => {
  it('marks one that an endpoint uses with an image of another registry, and asks again before it is overwritten', async () => {
    const hub = addDockerHubAuth();
    const own = world.user.create({ name: 'ecr-old', username: 'AWS', password: 'x' })?.id;

    const { code, stdout } = await atTerminal(
      [...ECR, ...IMAGE, ...EMAIL, ...END],
      [
        ['Which registry auth', ENTER],
        ['Overwrite it anyway?', ENTER],
        ['Which registry auth', `${DOWN}${ENTER}`],
      ],
      { columns: 60 },
    );

    expect(code).toBe(0);
    expect(drawnLines(stdout).filter((line) => line.length > 60)).toEqual([]);
    expect(flowing(stdout)).toContain(
      `! hub (${hub}) is used with images of other registries: endpoint whisper (e9) with docker.io/acme/whisper:3`,
    );
    expect(stdout).toContain(`hub (${hub}): in use with docker.io`);
    expect(config().targets).toMatchObject([{ registryAuthId: own }]);
  });

  it('takes a registry auth of another registry after a second yes', async () => {
    const hub = addDockerHubAuth();

    const { code } = await atTerminal(
      [...ECR, ...IMAGE, ...EMAIL, ...END],
      [
        ['Which registry auth', ENTER],
        ['Overwrite it anyway?', 'y'],
      ],
    );

    expect(code).toBe(0);
    expect(config().targets).toMatchObject([{ registryAuthId: hub }]);
  });

  it.each([
    ['its id', (id: string) => ['--auth-id', id]],
    ['its name', () => ['--auth-name', 'hub']],
  ])('refuses such a one by %s in a script, unless --overwrite-auth is given', async (_, flags) => {
    const args = [...ECR, ...flags(addDockerHubAuth()), ...IMAGE, ...EMAIL];

    const refused = await inScript(...args);
    const nothing = existsSync(world.configPath);
    const forced = await inScript(...args, '--overwrite-auth');

    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^hub \(\w+\) is used by endpoint whisper \(e9\) with docker\.io\/acme\/whisper:3\. With the login of ECR, they could no longer pull\. Name another registry auth, or add --overwrite-auth\.$/m,
      ),
    });
    expect(nothing).toBe(false);
    expect(forced).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['ECR in this account and region', `${ECR_HOST}/my-worker:1.0.0`, 0],
    ['ECR in another region', ECR_HOST.replace('us-east-1', 'eu-west-1').concat('/my-worker:1.0.0'), 2],
    ['ECR in another account', '999999999999.dkr.ecr.us-east-1.amazonaws.com/my-worker:1', 2],
    ['Docker Hub without a host', 'acme/whisper:3', 2],
    ['ghcr.io', 'ghcr.io/acme/whisper:3', 2],
  ])('compares the registry of a template: %s', async (_, image, code) => {
    const id = world.user.create({ name: 'x', username: 'AWS', password: 'x' })?.id ?? '';
    world.user.workloads.templates.push({ id: 't1', name: 'base', image, registry: id });

    const run = await inScript(...ECR, '--auth-id', id, ...IMAGE, ...EMAIL);

    expect(run.code).toBe(code);
  });

  it('asks again about every existing registry auth when the workloads cannot be listed', async () => {
    world.user.create({ name: 'ecr-old', username: 'AWS', password: 'x' });
    world.cloud.runpod.faults.add({ path: /\/templates/ }, { status: 403, body: {} });

    const { code, stdout } = await atTerminal(
      [...ECR, ...IMAGE, ...EMAIL, ...END],
      [
        ['Which registry auth', ENTER],
        ['It is not known what uses ecr-old', ENTER],
        ['Which registry auth', `${DOWN}${ENTER}`],
      ],
    );

    expect(code).toBe(0);
    expect(flowing(stdout)).toContain('So it is not known which images use each registry auth.');
    expect(config().targets).toMatchObject([{ registryAuthName: 'ecr-prod' }]);
  });
});

describe('the repositories of init', () => {
  it('are refused when they do not exist, with account, region and similar names', async () => {
    const run = await inScript('--repository', 'my-wroker', ...AUTH);

    expect(run).toMatchObject({
      code: 2,
      stderr:
        'Account 123456789012 has no ECR repository "my-wroker" in us-east-1. Similar names: my-worker. For another region, add --region.\n',
    });
    expect(existsSync(world.configPath)).toBe(false);
  });

  it('are listed in the refusal when none is similar', async () => {
    const run = await inScript('--repository', 'something-else', ...AUTH);

    expect(run.stderr).toContain('It has my-worker, team/batch. For another region');
  });

  it('are taken as they are when they may not be listed', async () => {
    world.cloud.operatorAws.faults.add(
      { operation: 'DescribeRepositories' },
      { status: 400, body: { __type: 'AccessDeniedException', message: 'not authorized' } },
    );

    const run = await inScript('--repository', 'my-wroker', ...AUTH, ...EMAIL);

    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain('Your ECR repositories cannot be listed');
  });
});

describe('the image that init proves', () => {
  it('is offered: the image that an endpoint uses first, then the newest tags', async () => {
    const id = world.user.create({ name: 'ecr-prod', username: 'AWS', password: 'x' })?.id ?? '';
    const image = `${ECR_HOST}/my-worker:1.0.0`;
    world.user.workloads.serverless.push({ id: 'e1', name: 'images', image, registry: id });

    const { stdout } = await atTerminal(
      [...ECR, '--auth-id', id, ...EMAIL, ...END],
      [['none: prove only the login', `${DOWN}${ENTER}`]],
    );

    expect(config().targets[0]?.verifyImage).toBe('my-worker:1.1.0');
    expect(stdout).toContain('my-worker:1.1.0');
  });

  it('may be another one, which must be in a chosen repository', async () => {
    await atTerminal(
      [...ECR, ...AUTH, ...EMAIL, ...END],
      [
        ['another one', `${UP}${UP}${ENTER}`],
        ['may be empty', `team/batch:2.0.0${ENTER}`],
        ['Enter an image as repository:tag', `${'\b'.repeat(16)}my-worker:9${ENTER}`],
        ['my-worker has no image 9.', ''],
        ['another one', `${UP}${UP}${ENTER}`],
        ['may be empty', `my-worker:1.0.0${ENTER}`],
      ],
    );

    expect(config().targets[0]?.verifyImage).toBe('my-worker:1.0.0');
  });

  it('must exist in ECR, and init warns when it is for another platform', async () => {
    world.cloud.registry.addImage('my-worker', 'arm', 'arm64');

    const missing = await inScript(...ECR, ...AUTH, ...EMAIL, '--image', 'my-worker:9');
    const arm = await inScript(...ECR, ...AUTH, ...EMAIL, '--image', 'my-worker:arm');

    expect(missing).toMatchObject({
      code: 2,
      stderr: '--image: my-worker has no image 9. Name another, or add --no-image.\n',
    });
    expect(arm.code).toBe(0);
    expect(arm.stdout).toContain('! my-worker:arm is for linux/arm64. Runpod needs linux/amd64.');
  });

  it('may be left out, and init says what happens without one', async () => {
    const { code, stdout } = await atTerminal(
      [...ECR, ...AUTH, ...EMAIL, ...END],
      [['none: prove only the login', `${UP}${ENTER}`]],
    );
    const script = await inScript(...ECR, ...AUTH, ...EMAIL, '--force', '--replace-key');

    expect(code).toBe(0);
    expect(config().targets[0]).not.toHaveProperty('verifyImage');
    for (const text of [stdout, script.stdout]) {
      expect(flowing(text)).toContain(
        'Without an image, each refresh proves only the login, not that an image can be pulled.',
      );
    }
  });
});

describe('the paged people in init', () => {
  it('may be nobody, and init says that nobody is notified', async () => {
    const { code, stdout } = await atTerminal(
      [...ECR, ...AUTH, ...IMAGE, ...END],
      [['or nothing: then nobody is notified', ENTER]],
    );

    expect(code).toBe(0);
    expect(flowing(stdout)).toContain('Nobody is notified when a refresh fails.');
    expect(config().alarms).toEqual({ emails: [] });
  });

  it('get a link to a runbook of your own', async () => {
    const page = 'https://wiki.example.com/runbook';

    const run = await inScript(...ECR, ...AUTH, ...EMAIL, '--runbook-url', page);
    const refused = await inScript(...ECR, ...AUTH, '--runbook-url', 'wiki');

    expect(run.code).toBe(0);
    expect(config().alarms).toEqual({ emails: ['a@example.com'], runbookUrl: page });
    expect(refused).toMatchObject({
      code: 2,
      stderr: '--runbook-url: expected an https: address, found "wiki".\n',
    });
  });
});

describe('flags of init that the configuration could not hold', () => {
  it.each<[string[], string]>([
    [['--target-name', 'a b'], '--target-name: expected 1 to 64 letters, digits, _ and -; found "a b".'],
    [['--secret', 'a b'], '--secret: expected the name of a Secrets Manager secret, '],
    [['--repository', 'host.example/my-worker:1'], '--repository: expected the name of an ECR repository, '],
    [['--auth-name', ' '], '--auth-name: expected the name of a Runpod registry auth: '],
    [['--image', 'my-worker'], '--image: expected an image as repository:tag '],
    [['--image', 'team/batch:2.0.0'], '--image: expected an image as repository:tag of my-worker, found '],
    [['--rest-v2-url', 'http://runpod.example.com'], '--rest-v2-url: expected an https: address '],
  ])('are refused with exit code 2: %j', async (flags, message) => {
    const given = [...ECR, ...AUTH, ...urls(), ...flags];
    const { code, stderr } = await world.run(['init', '--key-stdin', ...given], { stdin: world.key });

    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(new RegExp(`^${message}`)) });
    expect(existsSync(world.configPath)).toBe(false);
  });

  it('are refused before the key is sent to an address without encryption', async () => {
    const env = { RUNPOD_REST_V2_URL: 'http://runpod.example.com' };
    const words = ['init', '--store-key', '--key-stdin'];
    const { code, stderr } = await world.run(words, { stdin: world.key, env });

    expect(code).toBe(2);
    expect(stderr).toMatch(/^--rest-v2-url: expected an https: address .*; found "http:\/\/runpod\.example/);
    expect(world.cloud.aws.requests).toEqual([]);
  });
});

describe('other registries in init', () => {
  it('are one answer in the list of repositories, and each says what it needs', async () => {
    const { code, stdout } = await atTerminal(
      [...EMAIL, ...END],
      [
        ['Which ECR repositories', 'another'],
        ['another registry', '\t'],
        ['◼', ENTER],
        ['Which registry has the images', `${DOWN}${DOWN}${ENTER}`],
        ['In which location', ENTER],
        ['Which AWS secret', ENTER],
        ['What is the name of the new registry auth', ENTER],
        ['may be empty', `project/repo/worker:1${ENTER}`],
      ],
    );

    expect(code).toBe(0);
    expect(config().targets).toEqual([
      {
        name: 'prod',
        registryAuthName: 'google-artifact-registry-prod',
        registry: {
          type: 'google-artifact-registry',
          location: 'us-central1',
          credentialSecretName: 'registry/google',
        },
        verifyImage: 'project/repo/worker:1',
      },
    ]);
    expect(flowing(stdout)).toContain(
      "There is no secret registry/google yet. It must hold a service account's key file, unchanged.",
    );
  });

  it.each([
    ['ecr-public', [], { type: 'ecr-public' }],
    ['docker-hub', ['--credential-secret', 'a/b'], { type: 'docker-hub', credentialSecretName: 'a/b' }],
    ['ghcr', ['--credential-secret', 'a/b'], { type: 'ghcr', credentialSecretName: 'a/b' }],
    [
      'google-artifact-registry',
      ['--credential-secret', 'a/b', '--location', 'us'],
      { type: 'google-artifact-registry', location: 'us', credentialSecretName: 'a/b' },
    ],
    [
      'self-hosted',
      ['--credential-secret', 'a/b', '--registry-url', 'https://registry.example.com:5000'],
      { type: 'self-hosted', url: 'https://registry.example.com:5000', credentialSecretName: 'a/b' },
    ],
  ])('are chosen by flags: %s', async (kind, flags, registry) => {
    const run = await inScript('--registry', kind, ...flags, ...AUTH, ...EMAIL);

    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(config().targets[0]?.registry).toEqual(registry);
    expect(run.stdout.includes('aws secretsmanager create-secret --name a/b')).toBe(flags.length > 0);
  });

  it('keep their own registry auths, and may not take one of another registry', async () => {
    const hub = addDockerHubAuth();
    const flags = ['--registry', 'docker-hub', '--credential-secret', 'a/b', ...EMAIL];

    const own = await inScript(...flags, '--auth-id', hub);
    const ghcr = await inScript(...flags.with(1, 'ghcr'), '--auth-id', hub, '--force', '--replace-key');

    expect(own.code).toBe(0);
    expect(ghcr).toMatchObject({ code: 2, stderr: expect.stringContaining('With the login of GitHub') });
  });

  it.each([
    [
      'an unknown kind',
      ['--registry', 'dockerhub'],
      'There is no kind of registry "dockerhub". Did you mean docker-hub?',
    ],
    [
      'repositories of ECR',
      ['--registry', 'ghcr', '--repository', 'x'],
      '--repository is for ECR, not for ghcr.',
    ],
    [
      'a secret for ECR',
      ['--credential-secret', 'x'],
      '--credential-secret does not belong to a registry of the kind ecr.',
    ],
  ])('reject %s', async (_, flags, message) => {
    const run = await inScript(...flags, ...AUTH);

    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it.each([
    [[], '--repository, --auth-id or --auth-name, --key-stdin (unless the key is stored)'],
    [
      ['--registry', 'google-artifact-registry', ...AUTH],
      '--credential-secret, --location, --key-stdin (unless the key is stored)',
    ],
    [
      ['--registry', 'self-hosted'],
      '--credential-secret, --registry-url, --auth-id or --auth-name, --key-stdin (unless the key is stored)',
    ],
  ])('name every missing flag in a script: %j', async (flags, missing) => {
    const run = await world.run(['init', ...flags], { stdin: '' });

    expect(run).toEqual({
      code: 2,
      stdout: '',
      stderr: `This is not a terminal, so these flags are needed: ${missing}.\n`,
    });
  });
});

describe('the file that init writes', () => {
  it('is shown first, and nothing is stored or written after a no', async () => {
    const { code, stdout } = await atTerminal(
      [...ECR, ...AUTH, ...IMAGE, ...EMAIL, '--no-deploy'],
      [
        ['"verifyImage": "my-worker:1.0.0"', ''],
        ['Write ', `${UP}${ENTER}`],
      ],
    );

    expect(code).toBe(130);
    expect(stdout).toContain('Nothing was stored or written.');
    expect(existsSync(world.configPath)).toBe(false);
    expect(() => world.cloud.aws.secrets.getSecretValue('runpod/api-key', {})).toThrow();
  });

  it.each(['refresher.json', 'a folder/below/refresher.json'])(
    'names a schema that is there, from any folder of a clone: %s',
    async (name) => {
      const path = join(world.directory, name);
      mkdirSync(dirname(path), { recursive: true });
      const [node = '', ...words] = world.commandLine(['init', '--key-stdin', ...ECR, ...AUTH, ...urls()]);

      const { code } = await world.start(node, [...words.slice(0, -1), path], { stdin: world.key });

      const { $schema = '' } = config(path);
      expect(code).toBe(0);
      expect(realpathSync(join(dirname(realpathSync(path)), $schema))).toBe(
        realpathSync(join(__dirname, '../../refresher.schema.json')),
      );
    },
  );
});

describe('the commands that init runs', () => {
  /** Puts programs on the path that log how they were started. @returns the environment, and the log */
  function programs(codes: Readonly<Record<string, number>> = {}) {
    const log = join(world.directory, 'started.log');
    const cases = Object.entries(codes).map(([word, code]) => `case "$*" in *${word}*) exit ${code};; esac`);
    const script = ['#!/bin/sh', `echo "$(basename "$0") $*" >> '${log}'`, ...cases].join('\n');
    for (const name of ['npm', 'npx']) writeFileSync(join(world.directory, name), script, { mode: 0o755 });
    return {
      env: { PATH: `${world.directory}:${process.env.PATH}` },
      started: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    };
  }

  const ANSWERED = [...ECR, ...AUTH, ...IMAGE, ...EMAIL, '--yes'];

  it('are bootstrap, deploy and doctor', async () => {
    const { env, started } = programs();

    const { code, stdout } = await atTerminal(ANSWERED, [['Run these now', ENTER]], { env });

    expect(code).toBe(0);
    expect(started()).toEqual([
      `npx cdk bootstrap -c config=${world.configPath}`,
      `npx cdk deploy -c config=${world.configPath}`,
      `npx runpod-ecr doctor --config ${world.configPath}`,
    ]);
    expect(stdout).not.toContain('Next');
  });

  it('leave bootstrap out where it is not needed, and what is declined is printed', async () => {
    const { env, started } = programs();
    world.cloud.operatorAws.stacks.stacks.set('CDKToolkit', {
      name: 'CDKToolkit',
      template: { Resources: {} },
      outputs: {},
      physicalIds: new Map(),
      deployedAt: new Date(),
      status: 'UPDATE_COMPLETE',
    });

    const { code, stdout } = await atTerminal(
      ANSWERED,
      [
        ['Run these now', `${DOWN} `],
        ['◻', ENTER],
      ],
      { env },
    );

    expect(code).toBe(0);
    expect(started()).toEqual([`npx cdk deploy -c config=${world.configPath}`]);
    expect(stdout).toMatch(/Next.*:\n {2}npx runpod-ecr doctor/);
  });

  it('stop at one that fails, and show those that are left; what was stored stays', async () => {
    const { env, started } = programs({ deploy: 3 });

    const { code, stdout } = await atTerminal(ANSWERED, [['Run these now', ENTER]], { env });

    expect(code).toBe(1);
    expect(started()).toHaveLength(2);
    expect(flowing(stdout)).toContain('failed (exit code 3). What was stored and written stays.');
    expect(stdout).toMatch(/Next.*:\n {2}npx cdk deploy .*\n {2}npx runpod-ecr doctor/);
    expect(world.cloud.aws.secrets.get('runpod/api-key')?.value).toBe(world.key);
  });

  it('that fail are an error in the document of --json, beside what was stored and written', async () => {
    const { env } = programs({ bootstrap: 3 });
    const args = ['init', '--key-stdin', '--json', '--deploy', ...ECR, ...AUTH, ...EMAIL, ...urls()];

    const { code, stdout } = await world.run(args, { stdin: world.key, env });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      config: world.configPath,
      secret: 'runpod/api-key',
      key: 'create',
      error: {
        message: expect.stringContaining('failed (exit code 3). What was stored and written stays.'),
        fix: 'Correct what it says, then run the commands that are left.',
      },
    });
  });

  it('end on Ctrl-C with the command that runs, and show those that are left', async () => {
    const { env, started } = programs();
    const npx = join(world.directory, 'npx');
    writeFileSync(npx, readFileSync(npx, 'utf8').concat('\necho under way; sleep 20\n'));

    const { code, stdout } = await atTerminal(
      ANSWERED,
      [
        ['Run these now', ENTER],
        ['under way', CTRL_C],
      ],
      { env },
    );

    expect(code).toBe(130);
    expect(started()).toHaveLength(1);
    expect(flowing(stdout)).toContain('was interrupted. What was stored and written stays.');
    expect(stdout).toMatch(/Next.*:\n {2}npx cdk bootstrap .*\n {2}npx cdk deploy /);
  });

  it('end with the exit code of doctor', async () => {
    const { env } = programs({ doctor: 1 });

    const { code } = await atTerminal(ANSWERED, [['Run these now', ENTER]], { env });

    expect(code).toBe(1);
  });

  it('run in a script with --deploy only', async () => {
    const { env, started } = programs();
    const args = ['init', '--key-stdin', ...ECR, ...AUTH, ...EMAIL, ...urls()];

    const without = await world.run(args, { stdin: world.key, env });
    const before = started();
    const deployed = await world.run([...args, '--deploy', '--force', '--replace-key'], {
      stdin: world.key,
      env,
    });

    expect([without.code, deployed.code]).toEqual([0, 0]);
    expect(before).toEqual([]);
    expect(started()).toHaveLength(3);
  });
});

describe('init at 60 columns', () => {
  it('asks every question within the width, in seven questions', async () => {
    addDockerHubAuth();
    let questions = 0;
    const counted = (appears: string, keys: string): Step[] => [
      [
        appears,
        () => {
          questions += 1;
        },
      ],
      [appears, keys],
    ];

    const { code, raw, stdout } = await runAtTerminal(
      world,
      ['init', ...urls()],
      [
        ...counted('Paste a Runpod API key', `${world.key}${ENTER}`),
        ...counted('Which ECR', '\t'),
        ['◼', ENTER],
        ...counted('Which registry auth', `${DOWN}${ENTER}`),
        ...counted('Which image', ENTER),
        ...counted('Who is paged', `oncall@example.com${ENTER}`),
        ...counted('Write ', ENTER),
        ...counted('Run these now', '   '),
        ['◻', `${DOWN} ${DOWN} ${ENTER}`],
      ],
      { columns: 60 },
    );

    const drawn = drawnLines(stdout);
    expect(code).toBe(0);
    expect(questions).toBe(7);
    expect(drawn.length).toBeGreaterThan(10);
    expect(drawn.filter((line) => line.length > 60)).toEqual([]);
    expect(raw).toContain('in use with docker.io');
  });
});
