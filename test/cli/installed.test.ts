import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { context } from '../../cdk.json';
import { devDependencies, version } from '../../package.json';
import { buildCli } from '../../scripts/build-cli';
import { CommandWorld } from './command-world';

/** A package with the command line only: no sources, no CDK, no other package. */
const packageRoot = mkdtempSync(join(tmpdir(), 'package-'));
const program = join(packageRoot, 'bin/runpod-ecr.mjs');

let world: CommandWorld;

beforeAll(async () => {
  await buildCli(join(packageRoot, 'dist/cli'));
  mkdirSync(join(packageRoot, 'bin'));
  copyFileSync(join(__dirname, '../../bin/runpod-ecr.mjs'), program);
  for (const file of readdirSync(packageRoot, { recursive: true, encoding: 'utf8' })) {
    if (/\.\w+$/.test(file)) chmodSync(join(packageRoot, file), 0o444);
  }
  chmodSync(join(packageRoot, 'dist/cli'), 0o555);
}, 60_000);

afterAll(() => {
  chmodSync(join(packageRoot, 'dist/cli'), 0o755);
  rmSync(packageRoot, { recursive: true });
});

beforeEach(async () => {
  world = await CommandWorld.start();
  world.program = program;
  world.cloud.registry.addImage('my-worker', '1.0.0');
});

afterEach(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const run = (args: readonly string[], stdin = '') => world.run(args, { config: false, stdin });

function init(...flags: string[]) {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  const urls = ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
  const answers = ['--key-stdin', '--repository', 'my-worker', '--auth-name', 'ecr-prod'];
  return run(['init', ...answers, ...urls, ...flags], world.key);
}

/** Returns a file of the bundle and every file that it loads at its start. */
function staticImports(file: string, found = new Set<string>()): string[] {
  if (found.has(file)) return [];
  found.add(file);
  const code = readFileSync(join(packageRoot, 'dist/cli', file), 'utf8');
  for (const [, next = ''] of code.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) staticImports(next, found);
  return [...found];
}

const pathOf = (file: string) => join(world.directory, file);
const textOf = (file: string) => readFileSync(pathOf(file), 'utf8');

describe('the installed command line', () => {
  it('prints its version and its help without package.json', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect((await run(['--help'])).stdout).toContain('$ npx runpod-ecr init');
  });

  it('runs every command that synthesises nothing without the CDK', async () => {
    await world.settle();
    await run(['refresh', '--config', world.configPath]);

    const status = await run(['status', '--config', world.configPath]);
    const usage = await run(['usage', '--config', world.configPath]);

    expect(status).toMatchObject({ code: 0, stderr: '' });
    expect(usage).toMatchObject({ code: 0, stderr: '' });
  });

  it('says which package is missing when a command needs the CDK', async () => {
    const { code, stderr } = await run(['local']);

    expect(code).toBe(1);
    expect(stderr).toBe(
      'This needs aws-cdk-lib, which is not installed. Install it: npm install aws-cdk-lib constructs\n',
    );
  });

  it('looks for the configuration in the working directory, and says how to write one', async () => {
    const missing = await run(['usage']);
    writeFileSync(pathOf('refresher.config.json'), '{}');
    const present = await run(['usage']);

    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^There is no refresher\.config\.json in \S+\. Write one with npx runpod-ecr init/,
      ),
    });
    expect(present.stderr).toMatch(/^refresher\.config\.json has \d+ mistake/);
  });

  it('loads little for its help: no client of AWS, no checks of the configuration', () => {
    const loaded = staticImports('runpod-ecr.mjs');
    const code = loaded.map((file) => readFileSync(join(packageRoot, 'dist/cli', file), 'utf8')).join('\n');

    expect(code.length).toBeLessThan(80_000);
    expect(code).not.toContain('GetCallerIdentity');
  });

  it('names the licences of what it contains', () => {
    const licences = readFileSync(join(packageRoot, 'dist/cli/THIRD_PARTY_LICENSES.txt'), 'utf8');

    for (const name of ['commander', 'zod', '@clack/prompts', '@aws-sdk/client-lambda', 'jsonc-parser']) {
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
    }
    expect(licences).not.toContain('aws-cdk-lib');
  });
});

describe('init of the installed package', () => {
  const SCHEMA = 'node_modules/runpod-ecr-credential-refresher/refresher.schema.json';

  it('writes the configuration into the working directory, with a schema that an editor finds', async () => {
    mkdirSync(dirname(pathOf(SCHEMA)), { recursive: true });
    writeFileSync(pathOf(SCHEMA), '{}');

    const { code, stderr, stdout } = await init();

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(textOf('refresher.config.json'))).toMatchObject({ $schema: `./${SCHEMA}` });
    expect(stdout).toContain("RefresherStack.fromFile(app, 'refresher.config.json')");
    expect(existsSync(pathOf('package.json'))).toBe(false);
  });

  it.each<[string, string, string[]]>([
    [
      'the package is in a folder above',
      `../../${SCHEMA}`,
      ['--config', 'packages/app/refresher.config.json'],
    ],
    ['npm install brings the package', `./${SCHEMA}`, ['--app', '--config', 'refresher.config.json']],
  ])('names the schema from the folder of the configuration: %s', async (_, expected, flags) => {
    const path = flags.at(-1) ?? '';
    mkdirSync(dirname(pathOf(path)), { recursive: true });
    if (expected.startsWith('..')) {
      mkdirSync(dirname(pathOf(SCHEMA)), { recursive: true });
      writeFileSync(pathOf(SCHEMA), '{}');
    }

    const { code } = await init(...flags);

    expect(code).toBe(0);
    expect(JSON.parse(textOf(path))).toMatchObject({ $schema: expected });
  });

  it('names the schema of the package that runs when the folder has none, and otherwise none', async () => {
    const own = join(packageRoot, 'refresher.schema.json');

    const without = await init();
    const withoutSchema = JSON.parse(textOf('refresher.config.json')) as { $schema?: string };
    writeFileSync(own, '{}');
    const withOwn = await init('--force', '--replace-key');
    const { $schema = '' } = JSON.parse(textOf('refresher.config.json')) as { $schema?: string };
    const found = realpathSync(join(realpathSync(world.directory), $schema));
    rmSync(own);

    expect([without.code, withOwn.code]).toEqual([0, 0]);
    expect(withoutSchema).not.toHaveProperty('$schema');
    expect(found).toBe(join(realpathSync(packageRoot), 'refresher.schema.json'));
  });

  it('writes an app that needs only npm install and cdk deploy', async () => {
    const { code, stdout } = await init('--app');

    expect(code).toBe(0);
    expect(JSON.parse(textOf('package.json'))).toEqual({
      private: true,
      dependencies: {
        'aws-cdk-lib': `^${devDependencies['aws-cdk-lib']}`,
        constructs: `^${devDependencies.constructs}`,
        'runpod-ecr-credential-refresher': `^${version}`,
      },
      devDependencies: {
        '@types/node': expect.any(String),
        'aws-cdk': devDependencies['aws-cdk'],
        tsx: expect.any(String),
        typescript: expect.any(String),
      },
    });
    expect(JSON.parse(textOf('cdk.json'))).toEqual({ app: 'npx tsx bin/app.ts', context });
    expect(textOf('bin/app.ts')).toBe(`import { App } from 'aws-cdk-lib';
import { RefresherStack } from 'runpod-ecr-credential-refresher';

const app = new App();
RefresherStack.fromFile(app, 'refresher.config.json', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION },
});
`);
    expect(textOf('.gitignore')).toContain('cdk.out/\n');
    expect(JSON.parse(textOf('tsconfig.json'))).toMatchObject({ include: ['bin'] });
    expect(stdout).toContain(
      'Next:\n  npm install\n  npx cdk bootstrap   once per account and region\n  npx cdk deploy\n  npx runpod-ecr doctor\n',
    );
  });

  it('completes package.json and .gitignore, and keeps what they hold', async () => {
    const dependencies = { 'runpod-ecr-credential-refresher': 'file:../x.tgz', left: '1.0.0' };
    writeFileSync(pathOf('package.json'), JSON.stringify({ name: 'mine', dependencies }));
    writeFileSync(pathOf('.gitignore'), 'secret.txt\nnode_modules');

    const { code } = await init('--app');

    expect(code).toBe(0);
    expect(JSON.parse(textOf('package.json'))).toMatchObject({
      name: 'mine',
      dependencies: { ...dependencies, 'aws-cdk-lib': expect.any(String) },
      devDependencies: { 'aws-cdk': devDependencies['aws-cdk'] },
    });
    expect(textOf('.gitignore')).toBe('secret.txt\nnode_modules\ncdk.out/\ncdk.context.json\n');
  });

  it.each([
    ['cdk.json', '{"app": "mine"}', 'cdk.json already exists. Add --force to overwrite it'],
    ['package.json', '[', 'package.json is not a JSON object. Correct it'],
  ])('stores and writes nothing when %s stands in the way', async (file, content, message) => {
    writeFileSync(pathOf(file), content);

    const { code, stderr } = await init('--app');

    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(textOf(file)).toBe(content);
    expect(existsSync(pathOf('refresher.config.json'))).toBe(false);
    expect(() => world.cloud.aws.secrets.getSecretValue('runpod/api-key', {})).toThrow();
  });

  it('writes the same app again without --force, because nothing changes', async () => {
    await init('--app');
    rmSync(pathOf('refresher.config.json'));

    const { code, stdout } = await run([
      'init',
      '--repository',
      'my-worker',
      '--auth-name',
      'ecr-prod',
      '--app',
      '--rest-v2-url',
      world.cloud.runpod.settings().restV2Url,
      '--rest-v1-url',
      world.cloud.runpod.settings().restV1Url,
      '--graphql-url',
      world.cloud.runpod.settings().graphqlUrl,
    ]);

    expect(code).toBe(0);
    expect(stdout).not.toContain('cdk.json');
  });

  it('names the app in its document, and keeps what npm prints out of it', async () => {
    writeFileSync(pathOf('npm'), '#!/bin/sh\necho "npm was here: $1"\n', { mode: 0o755 });
    const env = { PATH: `${world.directory}:${process.env.PATH}` };
    const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
    const args = [
      'init',
      '--key-stdin',
      '--repository',
      'my-worker',
      '--auth-name',
      'ecr-prod',
      '--app',
      '--install',
      '--json',
    ];
    const urls = ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];

    const { code, stdout, stderr } = await world.run([...args, ...urls], {
      config: false,
      stdin: world.key,
      env,
    });

    expect({ code, stderr }).toEqual({ code: 0, stderr: 'npm was here: install\n' });
    expect(JSON.parse(stdout).app).toContain(pathOf('bin/app.ts'));
  });

  it.each([
    ['with npm install', [], 0, 'npm install\nnpx cdk bootstrap\nnpx cdk deploy\nnpx runpod-ecr doctor\n'],
    ['not without its packages', ['--no-install'], 1, ''],
  ])('deploys a new app in a script: %s', async (_, flags, expected, started) => {
    const log = pathOf('started.log');
    for (const name of ['npm', 'npx']) {
      writeFileSync(pathOf(name), `#!/bin/sh\necho "${name} $*" >> '${log}'\n`, { mode: 0o755 });
    }
    writeFileSync(log, '');
    const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
    const urls = ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
    const answers = ['--key-stdin', '--repository', 'my-worker', '--auth-name', 'ecr-prod'];

    const { code } = await world.run(['init', ...answers, ...urls, '--app', '--deploy', ...flags], {
      config: false,
      stdin: world.key,
      env: { PATH: `${world.directory}:${process.env.PATH}` },
    });

    expect(code).toBe(expected);
    expect(readFileSync(log, 'utf8')).toBe(started);
  });

  it('rejects --install without an app', async () => {
    const { code, stderr } = await init('--install');

    expect(code).toBe(2);
    expect(stderr).toBe('--install installs the packages of the app. Add --app.\n');
  });
});
