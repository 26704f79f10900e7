import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildCli } from '../../scripts/build-cli';
import { CommandWorld } from './command-world';
import { atTerminal as runAtTerminal, type Step, type TerminalOptions } from './terminal';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.start();
  world.cloud.registry.addImage('my-worker', '1.0.0');
  world.cloud.registry.addImage('team/batch', '2.0.0');
});

afterEach(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const ESC = String.fromCharCode(27);
const ENTER = '\r';
const DOWN = `${ESC}[B`;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** Runs the command line in a terminal. `init` writes the addresses of the embedded Runpod. */
function atTerminal(
  args: readonly string[],
  steps: readonly Step[],
  options?: TerminalOptions,
): ReturnType<typeof runAtTerminal> {
  return runAtTerminal(world, args[0] === 'init' ? [...args, ...urls()] : args, steps, options);
}

function urls(): string[] {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  return ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
}

function config(): { targets: object[]; alarms: object } {
  return JSON.parse(readFileSync(world.configPath, 'utf8')) as { targets: object[]; alarms: object };
}

function storedKey(): unknown {
  const { SecretString } = world.cloud.aws.secrets.getSecretValue('runpod/api-key', {}) as {
    SecretString?: unknown;
  };
  return SecretString;
}

/** Answers for tests of other questions: of the last three, none is asked. */
const REST = ['--image', 'my-worker:1.0.0', '--yes', '--no-deploy'];

const FLAGS = [
  '--key-stdin',
  '--repository',
  'my-worker',
  '--auth-name',
  'ecr-prod',
  '--email',
  'a@example.com',
  ...REST,
];

describe('init at a terminal', () => {
  it('asks, stores the key, writes a configuration, and keeps the key off the screen and the process list', async () => {
    const { id } = world.user.create({ name: 'ecr-old', username: 'AWS', password: 'x' }) ?? { id: '' };
    const commandLines: string[] = [];
    const watch = setInterval(() => commandLines.push(...processList()), 20);

    const { code, stdout } = await atTerminal(
      ['init'],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['Which ECR repositories', `batch`],
        ['batch', '\t'],
        ['◼', ENTER],
        ['Which registry auth', ENTER],
        ['Which image', ENTER],
        ['Who is paged', `oncall@example.com${ENTER}`],
        ['"registryAuthId"', ''],
        ['Write ', ENTER],
        ['Run these now', CTRL_C],
      ],
      { launcher: true },
    );
    clearInterval(watch);

    expect(stdout).toContain('Runpod accepts the key');
    expect(stdout).toContain('stored the key in runpod/api-key');
    expect(stdout).toContain('npx cdk deploy -c config=');
    expect(stdout.replace(/\s+/g, ' ')).toContain('What was stored and written stays, and nothing was run.');
    expect(code).toBe(130);
    expect(storedKey()).toBe(world.key);
    expect(config()).toMatchObject({
      targets: [
        {
          name: 'prod',
          registryAuthId: id,
          registry: { type: 'ecr', region: 'us-east-1', repositories: ['team/batch'] },
          verifyImage: 'team/batch:2.0.0',
        },
      ],
      alarms: { emails: ['oncall@example.com'] },
    });
    expect(commandLines.some((line) => line.includes('runpod-ecr.mjs'))).toBe(true);
    expect(commandLines.filter((line) => line.includes(world.key.slice(4, 20)))).toEqual([]);
  });

  it('configures a new registry auth, after which doctor only misses the deployment', async () => {
    world.user.create({ name: 'other', username: 'AWS', password: 'x' });

    const { code } = await atTerminal(
      ['init', '--repository', 'my-worker', '--email', 'a@example.com', ...REST],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['a new one with another name', `${DOWN}${DOWN}${ENTER}`],
        ['What is the name of the new registry auth', ENTER],
      ],
    );
    const { stdout } = await world.run(['doctor', '--json']);

    expect(code).toBe(0);
    expect(config().targets).toMatchObject([{ registryAuthName: 'ecr-prod' }]);
    expect(JSON.parse(stdout)).toMatchObject({ cause: 'stack' });
  });

  it('fails with the screen when an expected text does not appear (the harness itself)', async () => {
    const waiting = atTerminal(['init'], [['A question that is never asked', ENTER]], {
      appearsWithinMs: 4_000,
    });

    await expect(waiting).rejects.toThrow(
      /"A question that is never asked" did not appear within 4000 ms\. The screen shows:[\s\S]*Paste a Runpod API key/,
    );
  });

  it('overwrites no file that appeared while it asked, and stores nothing', async () => {
    world.user.create({ name: 'other', username: 'AWS', password: 'x' });

    const { code, stdout } = await atTerminal(
      ['init', '--repository', 'my-worker', '--email', 'a@example.com', ...REST],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['Which registry auth', () => writeFileSync(world.configPath, '{"theirs": true}')],
        ['Which registry auth', ENTER],
      ],
    );

    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'was changed by somebody else while init was running. Nothing was stored or written.',
    );
    expect(code).toBe(1);
    expect(readFileSync(world.configPath, 'utf8')).toBe('{"theirs": true}');
    expect(storedKey).toThrow("can't find the specified secret");
  });

  it('overwrites no file that changed after the person agreed to overwrite it', async () => {
    world.user.create({ name: 'other', username: 'AWS', password: 'x' });
    writeFileSync(world.configPath, '{}');

    const { code } = await atTerminal(
      ['init', '--repository', 'my-worker', '--email', 'a@example.com', ...REST],
      [
        ['already exists. Overwrite it?', 'y'],
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['Which registry auth', () => writeFileSync(world.configPath, '{"theirs": true}')],
        ['Which registry auth', ENTER],
      ],
    );

    expect(code).toBe(1);
    expect(readFileSync(world.configPath, 'utf8')).toBe('{"theirs": true}');
    expect(storedKey).toThrow("can't find the specified secret");
  });

  it('names the file to which a link leads, asks, and keeps the link', async () => {
    const real = join(world.directory, 'real.json');
    writeFileSync(real, '{}');
    symlinkSync(real, world.configPath);

    const { code } = await atTerminal(
      ['init', ...FLAGS.slice(1)],
      [
        ['is a link to', ''],
        ['real.json?', 'y'],
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
      ],
    );

    expect(code).toBe(0);
    expect(lstatSync(world.configPath).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(real, 'utf8'))).toMatchObject({ targets: [{ name: 'prod' }] });
  });

  it('shows the name of a registry auth on its own line, without control characters', async () => {
    world.user.create({ name: `theirs${ESC}[2K\n✓ forged\u202e`, username: 'AWS', password: 'x' });

    const { raw } = await atTerminal(
      ['init', '--repository', 'my-worker', '--email', 'a@example.com', ...REST],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['theirs ✓ forged', CTRL_C],
      ],
    );

    expect(raw).not.toContain('\u202e');
    expect(raw).not.toMatch(/\n\s*✓ forged/);
  });

  it('asks for another key when Runpod refuses the first', async () => {
    const { code, stdout } = await atTerminal(
      ['init', '--store-key'],
      [
        ['Paste a Runpod API key', `rpa_wrong${ENTER}`],
        ['Runpod refuses this key (401)', ''],
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
      ],
    );

    expect(stdout).toContain('stored the key in runpod/api-key');
    expect(code).toBe(0);
    expect(storedKey()).toBe(world.key);
  });

  it('stores and writes nothing when Ctrl-C ends it', async () => {
    const { code, stdout } = await atTerminal(
      ['init'],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['Which ECR repositories', CTRL_C],
      ],
    );

    expect(stdout).toContain('Nothing was stored or written.');
    expect(code).toBe(130);
    expect(storedKey).toThrow("can't find the specified secret");
    expect(existsSync(world.configPath)).toBe(false);
  });

  it.each<[string, readonly string[]]>([
    ['only the key', ['init', '--store-key', '--key-stdin']],
    ['everything', ['init', ...FLAGS]],
  ])('reads the key from a file (%s) and never shows it', async (_, args) => {
    const keyFile = join(mkdtempSync(join(tmpdir(), 'key-')), 'key.txt');
    writeFileSync(keyFile, `${world.key}\n`);

    const { code, stdout } = await atTerminal(args, [], { redirect: `< '${keyFile}'` });
    rmSync(dirname(keyFile), { recursive: true });

    expect(stdout).toContain('stored the key in runpod/api-key');
    expect(code).toBe(0);
    expect(storedKey()).toBe(world.key);
  });

  it('rejects --key-stdin when standard input is a terminal', async () => {
    const { code, stdout } = await atTerminal(['init', '--store-key', '--key-stdin'], []);

    expect(stdout).toContain('--key-stdin reads a file or a pipe, and this is a terminal');
    expect(code).toBe(2);
  });

  it('treats the end of the input like Ctrl-C', async () => {
    const { code, stdout } = await atTerminal(['init'], [['Paste a Runpod API key', CTRL_D]]);

    expect(stdout).toContain('Nothing was stored or written.');
    expect(code).toBe(130);
  });

  it('ends on Ctrl-C while it waits for AWS', async () => {
    world.cloud.aws.faults.add({ operation: 'GetCallerIdentity' }, { hang: true });

    const { code, stdout } = await atTerminal(['init'], [['asking AWS who you are', CTRL_C]]);

    expect(stdout).toContain('Interrupted.');
    expect(code).toBe(130);
  });

  it('shows no colour with NO_COLOR', async () => {
    const { code, raw } = await atTerminal(
      ['init', '--store-key'],
      [['Paste a Runpod API key', `${world.key}${ENTER}`]],
      { env: { NO_COLOR: '1' } },
    );

    expect(code).toBe(0);
    expect(raw).not.toMatch(new RegExp(`${ESC}\\[[0-9;]*m`));
  });
});

describe('init of the installed package at a terminal', () => {
  const packageRoot = mkdtempSync(join(tmpdir(), 'package-'));

  beforeAll(async () => {
    await buildCli(join(packageRoot, 'dist/cli'));
    mkdirSync(join(packageRoot, 'bin'));
    copyFileSync(join(__dirname, '../../bin/runpod-ecr.mjs'), join(packageRoot, 'bin/runpod-ecr.mjs'));
  }, 60_000);

  beforeEach(() => {
    world.program = join(packageRoot, 'bin/runpod-ecr.mjs');
  });

  afterAll(() => rmSync(packageRoot, { recursive: true }));

  /** Everything but the key, and the last two questions. */
  const answered = ['init', ...FLAGS.slice(1, -2)];

  it('asks whether to write an app, and whether to run npm install', async () => {
    const { code, stdout } = await atTerminal(answered, [
      ['Paste a Runpod API key', `${world.key}${ENTER}`],
      ['and a minimal CDK app', ENTER],
      ['npm install', ' '],
      ['◻', ENTER],
      ['npx cdk deploy', ''],
    ]);

    expect(code).toBe(0);
    expect(stdout).toContain('wrote bin/app.ts');
    expect(stdout).toContain('Nothing was run, because the packages of the app are not installed.');
    expect(stdout).toMatch(/Next:\n {2}npm install\n {2}npx cdk bootstrap/);
    expect(readFileSync(join(world.directory, 'bin/app.ts'), 'utf8')).toContain(
      "fromFile(app, 'refresher.json'",
    );
  });

  it('runs nothing in an app that it did not write, and says what to add there', async () => {
    writeFileSync(join(world.directory, 'cdk.json'), '{}');

    const { code, stdout } = await atTerminal(answered, [
      ['Paste a Runpod API key', `${world.key}${ENTER}`],
      ['Write ', ENTER],
    ]);

    expect(code).toBe(0);
    expect(stdout).toContain("add RefresherStack.fromFile(app, 'refresher.json')");
    expect(stdout).toMatch(/Next:\n {2}npx cdk bootstrap .*\n {2}npx cdk deploy\n {2}npx runpod-ecr doctor/);
    expect(existsSync(join(world.directory, 'bin'))).toBe(false);
  });

  it('stores and writes nothing when a file of the app may not be overwritten', async () => {
    const file = join(world.directory, 'cdk.json');
    writeFileSync(file, '{}');

    const { code, stdout } = await atTerminal(
      ['init', ...FLAGS.slice(1), '--app'],
      [
        ['Paste a Runpod API key', `${world.key}${ENTER}`],
        ['cdk.json already exists. Overwrite it?', ENTER],
      ],
    );

    expect(code).toBe(2);
    expect(stdout).toContain('cdk.json already exists. Add --force to overwrite it');
    expect(readFileSync(file, 'utf8')).toBe('{}');
    expect(storedKey).toThrow();
  });
});

describe('init in a script', () => {
  it('takes every answer from a flag and the key from standard input', async () => {
    const stdin = `${world.key}\n`;
    const run = await world.run(['init', ...FLAGS, ...urls()], { stdin, launcher: true });

    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(storedKey()).toBe(world.key);
    expect(config().targets).toMatchObject([{ registryAuthName: 'ecr-prod' }]);
  });

  it('names the flags that are missing', async () => {
    const run = await world.run(['init', '--key-stdin'], { stdin: world.key });

    expect(run).toEqual({
      code: 2,
      stdout: '',
      stderr: 'This is not a terminal, so these flags are needed: --repository, --auth-id or --auth-name.\n',
    });
  });

  it('overwrites a file only with --force, and a key only with --replace-key', async () => {
    writeFileSync(world.configPath, '{}');
    world.cloud.aws.secrets.put('runpod/api-key', 'rpa_another');

    const file = await world.run(['init', ...FLAGS, ...urls()], { stdin: world.key });
    const key = await world.run(['init', ...FLAGS, ...urls(), '--force'], { stdin: world.key });

    expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(key).toMatchObject({ code: 2, stderr: expect.stringContaining('--replace-key') });
    expect(readFileSync(world.configPath, 'utf8')).toBe('{}');
    expect(storedKey()).toBe('rpa_another');
  });

  it('keeps the other fields of a secret, and fills a secret that has no value', async () => {
    world.cloud.aws.secrets.put('runpod/api-key', '{"apiKey":"rpa_old","owner":"platform"}');
    const replace = ['init', '--store-key', '--replace-key', '--key-stdin', ...urls()];
    const replaced = await world.run(replace, { stdin: world.key });
    const kept = storedKey();
    world.cloud.aws.faults.add(
      { operation: 'GetSecretValue' },
      { status: 400, body: { __type: 'ResourceNotFoundException', message: 'no value' } },
      2,
    );
    const filled = await world.run(replace, { stdin: world.key });

    expect(replaced).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(String(kept))).toEqual({ apiKey: world.key, owner: 'platform' });
    expect(filled).toMatchObject({ code: 0, stderr: '' });
    expect(storedKey()).toBe(world.key);
  });

  it.each([
    ['without a flag', []],
    ['with --replace-key', ['--replace-key']],
  ])('overwrites a binary value of a secret only with --replace-key: %s', async (_, flags) => {
    const binary = Uint8Array.from([0, 255, 7]);
    world.cloud.aws.secrets.put('runpod/api-key', binary);

    const run = await world.run(['init', '--store-key', '--key-stdin', ...flags, ...urls()], {
      stdin: world.key,
    });

    if (flags.length > 0) {
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(storedKey()).toBe(world.key);
      return;
    }
    expect(run).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^runpod\/api-key holds a binary value, which is not a Runpod key\. Name another secret with --secret, or overwrite this one: npx runpod-ecr init --store-key --replace-key --secret runpod\/api-key/,
      ),
    });
    expect(world.cloud.aws.secrets.get('runpod/api-key')?.value).toBe(binary);
  });

  it('fills a secret that is given by its ARN and has no value yet', async () => {
    world.cloud.aws.secrets.put('runpod/api-key', 'rpa_another');
    const { ARN } = world.cloud.aws.secrets.getSecretValue('runpod/api-key') as { ARN: string };
    world.cloud.aws.faults.add(
      { operation: 'GetSecretValue' },
      { status: 400, body: { __type: 'ResourceNotFoundException', message: 'no value' } },
      1,
    );

    const run = await world.run(['init', '--store-key', '--key-stdin', '--secret', ARN, ...urls()], {
      stdin: world.key,
    });

    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(storedKey()).toBe(world.key);
  });

  it('follows a link only with --force, and refuses one that leads nowhere', async () => {
    const real = join(world.directory, 'real.json');
    symlinkSync(real, world.configPath);
    const nowhere = await world.run(['init', ...FLAGS, ...urls(), '--force'], { stdin: world.key });
    writeFileSync(real, '{}');
    const refused = await world.run(['init', ...FLAGS, ...urls()], { stdin: world.key });
    const before = readFileSync(real, 'utf8');
    const forced = await world.run(['init', ...FLAGS, ...urls(), '--force'], { stdin: world.key });

    expect(nowhere).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is a link to \S+real\.json, which does not exist\. Remove the link/),
    });
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /is a link to \S+real\.json, which already exists\. Add --force to overwrite \S+real\.json/,
      ),
    });
    expect(before).toBe('{}');
    expect(forced).toMatchObject({ code: 0, stderr: '' });
    expect(lstatSync(world.configPath).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(real, 'utf8'))).toMatchObject({ targets: [{ name: 'prod' }] });
  });

  it('says how to restore a secret that is marked for deletion', async () => {
    world.cloud.aws.faults.add(
      { operation: 'GetSecretValue' },
      {
        status: 400,
        body: {
          __type: 'InvalidRequestException',
          message: "You can't perform this operation on the secret because it was marked for deletion.",
        },
      },
    );

    const run = await world.run(['init', '--store-key', '--key-stdin', ...urls()], { stdin: world.key });

    expect(run).toMatchObject({
      code: 1,
      stderr:
        'runpod/api-key is marked for deletion. Restore it first: aws secretsmanager restore-secret --secret-id runpod/api-key\n',
    });
  });

  it.each<[string, string[], RegExp]>([
    ['a folder that does not exist', ['--config', 'nowhere/x.json'], /^There is no folder \S+nowhere\./],
    ['a folder instead of a file', ['--config', '.', '--force'], /^\. is a folder/],
    ['an invalid address', ['--email', 'notmail'], /^--email: expected an address/],
  ])('rejects %s before any request, and stores nothing', async (_, args, message) => {
    const words = world.commandLine(['init', ...FLAGS, ...urls()]).slice(0, -2);
    const [node = '', ...rest] = args.includes('--config')
      ? words
      : world.commandLine(['init', ...FLAGS, ...urls()]);

    const run = await world.start(node, [...rest, ...args], { stdin: world.key });

    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(run.stdout).toBe('');
    expect(storedKey).toThrow();
    expect(world.cloud.runpod.requests).toEqual([]);
  });

  it('stores no key if the file cannot be written', async () => {
    const [node = '', ...words] = world.commandLine(['init', ...FLAGS, ...urls()]).slice(0, -2);

    const run = await world.start(node, [...words, '--config', '/dev/null/x.json'], { stdin: world.key });

    expect(run).toMatchObject({ code: 1, stderr: '/dev/null/x.json cannot be written (ENOTDIR).\n' });
    expect(storedKey).toThrow();
  });

  it('repeats the given region and file in the commands that it suggests', async () => {
    const run = await world.run(['init', ...FLAGS, ...urls(), '--region', 'eu-west-1'], { stdin: world.key });

    expect(run.stdout).toContain(
      `  AWS_REGION=eu-west-1 npx cdk bootstrap -c config=${world.configPath}   once`,
    );
  });

  it('rejects a key that may only read, and stores nothing', async () => {
    const weak = world.newKey();
    world.cloud.runpod.addUser(weak, { user: world.user, scope: 'read-only' });

    const run = await world.run(['init', ...FLAGS, ...urls()], { stdin: weak });

    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('give it secrets:write') });
    expect(storedKey).toThrow();
    expect(existsSync(world.configPath)).toBe(false);
  });
});

/** Returns the command line of every process on Linux, and nothing on other systems. */
function processList(): string[] {
  if (!existsSync('/proc/self/cmdline')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    });
}
