import { copyFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { banner } from '../../local/demo/banner';
import { BREAKS } from '../../local/demo/breaks';
import { buildCli } from '../../scripts/build-cli';
import { DEMO_TIMEOUT_MS, DemoProcesses } from './demo-process';

const ROOT = join(__dirname, '../..');

/** What a person starts in a clone. */
const LAUNCHER = join(ROOT, 'bin/runpod-ecr.mjs');

const demos = new DemoProcesses();

afterEach(() => expect(demos.remains()).toEqual([]));

afterAll(() => demos.remove());

/** Types lines into the shell of a demo. @returns what was printed after the banner */
async function typeInto(lines: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await demos.run(['demo'], { stdin: `${lines.join('\n')}\n` });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [banner, rest] = stdout.split(/Leave with exit or Ctrl-D: .*\n\n/);
  expect(banner).toContain('  demo break key ');
  return rest ?? '';
}

describe('demo -- COMMAND', () => {
  it(
    'prints only what the command prints, in a world that is well, from a clone',
    async () => {
      const { code, stdout, stderr } = await demos.run(['demo', '--', 'doctor', '--json'], {
        program: LAUNCHER,
      });

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { healthy, links } = JSON.parse(stdout);
      expect(healthy).toBe(true);
      expect(links.map(({ status }: { status: string }) => status)).toEqual(links.map(() => 'ok'));
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'has the history of a day: runs, and looks of the watch',
    async () => {
      const { stdout } = await demos.run(['demo', '--', 'status', '--json']);

      expect(JSON.parse(stdout)).toMatchObject({
        healthy: true,
        targets: [
          { target: 'prod', registryAuthId: 'clzdaifot0001l90809257ynb', route: 'rest-v2' },
          { target: 'staging', registryAuthName: 'ecr-staging', route: 'rest-v2' },
        ],
        alarms: [],
        watch: { workloads: 4, images: 3, findingCount: 0 },
      });
      const [{ lastSuccess, minutesLeft }] = JSON.parse(stdout).targets;
      expect(Date.now() - Date.parse(lastSuccess)).toBeGreaterThan(59 * 60_000);
      expect(minutesLeft).toBeGreaterThan(650);
      expect(minutesLeft).toBeLessThan(661);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'ends with the exit code of the command',
    async () => {
      const { code, stderr } = await demos.run(['demo', '--', 'refresh', '--target', 'nope']);

      expect(code).toBe(2);
      expect(stderr).toBe('No target is named nope. There are prod, staging.\n');
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'works with the compiled command line of the package, where the CDK is installed',
    async () => {
      const root = join(demos.directory, 'package');
      await buildCli(join(root, 'dist/cli'));
      cpSync(join(ROOT, 'dist/functions'), join(root, 'dist/functions'), { recursive: true });
      cpSync(join(ROOT, 'docs/runbook.md'), join(root, 'docs/runbook.md'));
      mkdirSync(join(root, 'bin'));
      copyFileSync(LAUNCHER, join(root, 'bin/runpod-ecr.mjs'));
      symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));

      const program = join(root, 'bin/runpod-ecr.mjs');
      const { code, stdout, stderr } = await demos.run(['demo', '--', 'npx', 'runpod-ecr', 'doctor'], {
        program,
      });

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('All 16 checks passed.\n');
    },
    DEMO_TIMEOUT_MS,
  );

  it.each([
    [['demo', '--json'], /^demo itself has no --json\. Put the command and its options after --/],
    [['demo', '--profile', 'x', '--', 'status'], /^demo itself has no --profile\./],
    [
      ['demo', 'break', 'key'],
      /^demo break works in the shell of a demo\. Start one: npx runpod-ecr demo --break key$/m,
    ],
    [['demo', 'fix'], /^demo fix works in the shell of a demo\. Start one: npx runpod-ecr demo$/m],
  ])('rejects %j', async (args, message) => {
    const { code, stdout, stderr } = await demos.run(args);

    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    if (!args.includes('--json')) expect(stdout).toBe('');
  });
});

describe('banner', () => {
  it('puts each description under its command where a terminal is too narrow for both', () => {
    const wide = banner('/tmp/demo', 'refresher.config.json', 80);
    const narrow = banner('/tmp/demo', 'refresher.config.json', 60);

    expect(wide).toContain('  npx runpod-ecr status          targets, next run, alarms, the watch');
    expect(narrow.join('\n')).toContain(
      '\n  npx runpod-ecr status\n      targets, next run, alarms, the watch\n',
    );
    const commands = narrow.filter((line) => line.startsWith('  '));
    expect(commands.filter((line) => line.length > 60)).toEqual([]);
  });
});

describe('the shell of a demo', () => {
  it(
    'breaks a link, and doctor and its fix work as in production',
    async () => {
      const printed = await typeInto([
        'demo break key',
        'npx runpod-ecr doctor | grep "^The first problem"',
        'npx runpod-ecr init --store-key --replace-key --key-stdin < new-runpod-key.txt',
        'npx runpod-ecr doctor | grep passed',
      ]);

      expect(printed).toBe(`Broken: the Runpod API key was revoked.
To find it and its fix: npx runpod-ecr doctor
In the runbook: "OperatorActionNeeded" in ${join(ROOT, 'docs/runbook.md')}
To fix it here: a new key is in new-runpod-key.txt: npx runpod-ecr init --store-key --replace-key --key-stdin < new-runpod-key.txt
To fix everything at once: demo fix
The first problem is: Runpod API key.
✓ stored the key in runpod/api-key, and Runpod accepts it
The changed secret starts a run by itself. To see it: npx runpod-ecr status
All 16 checks passed.
`);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'has the commands of the CDK and the AWS CLI that doctor suggests',
    async () => {
      const printed = await typeInto([
        'fix() { runpod-ecr doctor | sed -n "s/.*→ //p" | head -n 1; }',
        'for name in schedule queue muted; do runpod-ecr demo break $name > /dev/null; done',
        '$(fix)',
        '$(fix)',
        '$(fix) > /dev/null',
        '$(fix)',
        'runpod-ecr demo break stack > /dev/null && $(fix)',
        'runpod-ecr demo break permission > /dev/null && npx cdk bootstrap > /dev/null && npx cdk deploy --revert-drift && runpod-ecr refresh > /dev/null',
        'runpod-ecr doctor | grep passed',
      ]);

      expect(printed).toBe(`The rule is enabled.
The queue is empty.
The alarm notifies its topics again.
The stack is deployed from refresher.config.json.
The stack is deployed from refresher.config.json.
All 16 checks passed.
`);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'refreshes in a deployment that changes the settings, and lets the watch confirm a problem',
    async () => {
      const printed = await typeInto([
        'npx runpod-ecr demo break image > /dev/null; npx runpod-ecr status | grep -c "seen by two looks in a row"',
        'demo fix > /dev/null; demo break auth > /dev/null',
        `sed 's/"registryAuthId": "[a-z0-9]*"/"registryAuthName": "ecr-prod"/' refresher.config.json > new && mv new refresher.config.json`,
        'npx cdk deploy',
        'npx runpod-ecr status | grep -c "(ecr-prod)"',
        'npx runpod-ecr doctor | sed -n "s/.*→ //p" | head -n 1',
      ]);

      expect(printed).toBe(`1
The stack is deployed from refresher.config.json.
1
npx runpod-ecr deploy k3v9x2m7q1 --image my-serverless-worker:1.4.2 --target prod
`);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'repairs everything with demo fix, whatever is broken',
    async () => {
      const names = Object.keys(BREAKS);
      const printed = await typeInto([
        `for name in ${names.join(' ')}; do runpod-ecr demo break $name > /dev/null || echo "$name failed"; done`,
        'runpod-ecr demo break image',
        'aws ecr get-repository-policy --repository-name my-serverless-worker --region us-east-1 | grep -c Deny',
        'runpod-ecr demo fix',
        'runpod-ecr doctor | grep passed',
        'runpod-ecr demo break 2>&1 | head -n 2',
      ]);

      expect(printed).toBe(`Broken: the image that target prod proves was deleted from its repository.
Still broken from before: ${names.filter((name) => name !== 'image' && name !== 'key-scope').join(', ')}.
To find it and its fix: npx runpod-ecr doctor
In the runbook: "ImagesUnpullable" in ${join(ROOT, 'docs/runbook.md')}
This cannot be fixed by hand here: demo fix
1
Everything is as it was at the start, and refreshed.
All 16 checks passed.
Which one? demo break NAME, with one of:
key              the Runpod API key was revoked
`);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'lets nothing of a real account in, and what startup files set again does not count',
    async () => {
      const printed = await typeInto([
        'env | grep -i "real\\|production\\|eu-north\\|999999999999\\|invalid"',
        'export AWS_PROFILE=production AWS_ENDPOINT_URL=https://aws.invalid AWS_REGION=eu-north-1',
        'npx runpod-ecr status | grep -c rest-v2',
        'npx runpod-ecr status --profile production 2>&1 | cut -c1-24',
        'npx runpod-ecr init --key-stdin --replace-key --repository my-serverless-worker --auth-name x --force < new-runpod-key.txt > /dev/null',
        'grep -c "127.0.0.1" refresher.config.json',
        'runpod-ecr demo | grep -c "demo break list"',
        'runpod-ecr demo --break key 2>&1',
        'aws s3 ls 2>&1 | cut -c1-29',
      ]);

      expect(printed).toBe(`2
the AWS profile producti
3
1
A demo is running in this shell. Type commands without demo, such as: npx runpod-ecr doctor
The demo has no aws s3 ls. It
`);
    },
    DEMO_TIMEOUT_MS,
  );
});

describe('the end of a demo', () => {
  it.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])(
    'stops every process and removes every file after %s',
    async (signal, exitCode) => {
      const { code } = await demos.run(['demo'], {
        stdin: 'exec sleep 600\n',
        onStart: (child) => child.stdout?.once('data', () => setTimeout(() => child.kill(signal), 300)),
      });

      expect(code).toBe(exitCode);
    },
    DEMO_TIMEOUT_MS,
  );

  it(
    'comes soon when it is interrupted at its start',
    async () => {
      const { code, stdout } = await demos.run(['demo'], {
        onStart: (child) => setTimeout(() => child.kill('SIGINT'), 700),
      });

      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    },
    DEMO_TIMEOUT_MS,
  );
});
