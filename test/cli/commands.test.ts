import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { InvocableFunction } from '../../local/operator/function-api';
import { version } from '../../package.json';
import { findLeaks } from '../support/find-leaks';
import { selfSignedCertificate } from '../support/self-signed';
import { CommandWorld, ECR_HOST } from './command-world';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
}, 60_000);

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

describe('runpod-ecr', () => {
  it.each(['init', 'doctor', 'refresh', 'status', 'usage', 'deploy', 'check-runpod', 'local'])(
    '%s --help shows examples and exit codes',
    async (name) => {
      const { code, stdout } = await world.run([name, '--help']);

      expect(code).toBe(0);
      expect(stdout).toContain(`  $ npx runpod-ecr ${name}`);
      expect(stdout).toContain('  2  the command was not understood');
      expect(stdout).toContain('--profile <name>');
    },
  );

  it('prints its version', async () => {
    expect(await world.run(['--version'], { launcher: true })).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  it.each([
    [['doktor'], "error: unknown command 'doktor'"],
    [['refresh', '--now'], "error: unknown option '--now'"],
    [['refresh', '--target', 'nope'], 'No target is named nope. There are prod.'],
  ])('rejects %j with exit code 2 and one sentence', async (args, message) => {
    const { code, stdout, stderr } = await world.run(args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  it.each([
    [['status', '--config', '--json'], "option '--config' has no value, because '--json' is an option"],
    [['refresh', '--json', '--target', '--dry-run'], "option '--target' has no value, because '--dry-run'"],
    [['init', '--auth-name', '--json'], "option '--auth-name <name>' argument missing"],
    [['status', '--json', '--region', ''], "option '--region' has no value, because it is empty"],
    [['refresh', '--json', '--target', ''], "option '--target' has no value, because it is empty"],
  ])('refuses an option or nothing in place of a value with one document: %j', async (args, message) => {
    const { code, stdout } = await world.run(args, { config: false });

    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { message: expect.stringContaining(message), fix: 'See: npx runpod-ecr --help' },
    });
  });

  it.each([
    [['--region', 'us east'], {}, '--region'],
    [[], { AWS_REGION: 'us east' }, 'AWS_REGION'],
  ])('refuses a region that cannot be one: %j %j', async (args, env, name) => {
    const { code, stderr } = await world.run(['status', ...args], { env });

    expect(code).toBe(2);
    expect(stderr).toBe(`${name}: expected an AWS region, such as us-east-1, found "us east".\n`);
  });

  it('says in one sentence that its output cannot be written', async () => {
    const words = world.commandLine(['status']).map((word) => `'${word}'`);
    const { code, stderr } = await world.start('sh', ['-c', `${words.join(' ')} > /dev/full`], {});

    expect({ code, stderr }).toEqual({ code: 1, stderr: 'The output cannot be written (ENOSPC).\n' });
  });

  it('says in one sentence how to sign in without credentials, and shows a stack trace with --debug only', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: 'true',
    };

    const [plain, debug, mistyped] = await Promise.all([
      world.run(['status'], { env }),
      world.run(['status', '--debug'], { env, launcher: true }),
      world.run(['status', '--profile', 'stagingg'], { env }),
    ]);

    expect(plain).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^there are no AWS credentials; sign in .*npx runpod-ecr doctor --config \S+\n$/,
      ),
    });
    expect(debug.stderr).toContain('    at ');
    expect(mistyped).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^the AWS profile stagingg has no usable credentials, or does not exist/),
    });
  });

  it('rejects --json for local', async () => {
    expect(await world.run(['local', '--json'])).toEqual({
      code: 2,
      stdout: expect.any(String),
      stderr: 'local has no JSON output: leave --json out.\n',
    });
  });

  it('runs one refresh on the embedded cloud with local', async () => {
    const { code, stdout } = await world.run(['local'], { launcher: true });

    expect(code).toBe(0);
    expect(stdout).toContain('Every worker pulls again.');
  });
});

describe('refresh', () => {
  it('prints a line for each target', async () => {
    const before = world.user.auths[0]?.updates ?? 0;

    const { code, stdout, stderr } = await world.run(['refresh'], { launcher: true });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^invoking EcrCredentialRefresher-\w+\n✓ prod {2}over rest-v2, proved, good until \d{4}-\d\d-\d\d \d\d:\d\d UTC \(11 h 59 min\) {2}\d+ ms\n1 refreshed, none failed, in \d+\.\d s\n$/,
    );
    expect(world.user.auths[0]?.updates).toBe(before + 1);
  });

  it('writes nothing in a dry run of one target', async () => {
    const before = world.user.auths[0]?.updates;

    const { code, stdout } = await world.run(['refresh', '--dry-run', '--target', 'prod', '--json']);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ dryRun: true, refreshed: [{ target: 'prod' }] });
    expect(world.user.auths[0]?.updates).toBe(before);
    expect(world.cloud.functionApi.received.at(-1)).toEqual({ targets: ['prod'], dryRun: true });
  });

  it('exits with 1 and the reason when a target fails', async () => {
    world.cloud.registry.denied.add('my-worker');
    const { code, stdout, stderr } = await world.run(['refresh']);
    world.cloud.registry.denied.clear();

    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ prod {2}.*rejected the new credential \(403\)/);
    expect(stderr).toMatch(
      /^Failed after \d+\.\d s\. To find the cause and its fix: npx runpod-ecr doctor --config \S+\n$/,
    );
  });
});

describe('refresh of many targets', () => {
  it('reports every target, although the answer has only the end of the log', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `target-${index}`);
    const ids = names.map((name) => world.user.create({ name, username: 'AWS', password: 'old' })?.id);
    const targets = names.map((name, index) => ({
      name,
      registryAuthId: index === 7 ? 'regnowhere' : ids[index],
      registry: { type: 'ecr', repositories: ['my-worker'] },
    }));
    world.writeConfig({}, { targets });
    await world.deploy();

    const { code, stdout } = await world.run(['refresh', '--json']);
    world.writeConfig();
    await world.deploy();

    expect(code).toBe(1);
    const { refreshed, failed, error } = JSON.parse(stdout);
    expect(refreshed).toHaveLength(29);
    expect(refreshed[0]).toEqual({
      target: expect.any(String),
      registryAuthId: expect.any(String),
      route: 'rest-v2',
      expiresAt: expect.any(String),
      verified: true,
    });
    expect(failed).toEqual([
      {
        target: 'target-7',
        reason: 'registry-auth-missing',
        why: expect.stringContaining('no registry auth regnowhere'),
      },
    ]);
    expect(error).toMatchObject({ type: 'RefreshFailedError' });
  });
});

describe('status', () => {
  it('shows targets, next run, alarms and retries', async () => {
    await world.run(['refresh']);
    const fired = new Date(Date.now() - 60 * 60_000);
    const { observations } = world.cloud.operatorAws;
    for (const rule of observations.rules.keys()) observations.fired.set(rule, [fired]);

    const { code, stdout } = await world.run(['status'], { launcher: true });

    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^Target {2}Registry auth +Registry {2}Last success +Life left +Route\nprod +${world.authId} +ecr +\\d{4}-.* UTC {2}11 h 59 min {2}rest-v2\n\nLast run +\\d{4}-.* UTC \\(0 min ago\\): 1 refreshed, none failed\nNext run +\\d{4}-.* UTC \\(in 4 h 5\\d min\\)\nAlarms +none firing\nRetries +0 waiting, 0 given up, 0 never delivered\nWatch +looked \\d{4}-.* UTC \\(0 min ago\\) at 1 workload, 0 images: no problem\n$`,
      ),
    );
  });

  it('shows no next run while the schedule is disabled', async () => {
    const { rules } = world.cloud.operatorAws.observations;
    const names = [...rules.keys()];
    for (const name of names) rules.set(name, 'DISABLED');
    const { code, stdout } = await world.run(['status']);
    for (const name of names) rules.set(name, 'ENABLED');

    expect(code).toBe(1);
    expect(stdout).toContain('Next run    none: the schedule is disabled\n');
  });

  it('does not invent a time for the next run of a rule that has not fired', async () => {
    world.cloud.operatorAws.observations.fired.clear();
    const [{ stdout }, json] = await Promise.all([world.run(['status']), world.run(['status', '--json'])]);

    expect(stdout).toContain('Next run    within the next 6 h\n');
    expect(JSON.parse(json.stdout)).toMatchObject({ schedule: 'enabled', intervalHours: 6 });
    expect(JSON.parse(json.stdout)).not.toHaveProperty('nextRun');
  });

  it('is not healthy seconds after Runpod refused the key, and says why', async () => {
    world.cloud.runpod.revoke(world.key);
    await world.run(['refresh']);
    const [{ code, stdout }, json] = await Promise.all([
      world.run(['status']),
      world.run(['status', '--json']),
    ]);
    world.cloud.runpod.addUser(world.newKey(), { user: world.user });
    world.cloud.aws.secrets.put('runpod/api-key', world.key);
    await world.run(['refresh']);
    const after = await world.run(['status', '--json']);

    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Last run {4}\d{4}-.* UTC \(0 min ago\): 0 refreshed, 1 failed\n {2}✗ prod failed at \d{4}-.* UTC \(operator-must-act, api-key-refused\)\n {4}Runpod refused the API key .*\nNext run/m,
    );
    expect(stdout).toMatch(
      /\nNot healthy: prod: its last run failed 0 min ago: Runpod refused the API key .*\nTo find the fix: npx runpod-ecr doctor --config \S+\n$/,
    );
    expect(stdout).toContain(' 11 h 59 min  rest-v2\n');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      healthy: false,
      problems: [{ kind: 'run-failed', severity: 'broken' }],
      lastRun: { at: expect.any(String), refreshed: 0, failed: 1 },
      targets: [
        {
          target: 'prod',
          lastSuccess: expect.any(String),
          lastFailure: {
            at: expect.any(String),
            kind: 'operator-must-act',
            reason: 'api-key-refused',
            why: expect.stringContaining('Runpod refused the API key'),
          },
        },
      ],
    });
    expect(after.code).toBe(0);
    expect(JSON.parse(after.stdout)).toMatchObject({ healthy: true, problems: [] });
  });

  it('takes no notice of a dry run that failed', async () => {
    world.cloud.registry.denied.add('my-worker');
    await world.run(['refresh', '--dry-run']);
    world.cloud.registry.denied.clear();

    const { code, stdout } = await world.run(['status', '--json']);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ healthy: true, lastRun: { refreshed: 1, failed: 0 } });
  });

  it('is healthy with an old dead letter, and not with an event that never reached the function', async () => {
    const { queues } = world.cloud.operatorAws.observations;
    const urlOf = (name: string) => [...queues.keys()].find((url) => url.includes(name)) ?? '';
    queues.set(urlOf('DeadLetterQueue'), 1);
    const history = await world.run(['status', '--json']);
    queues.set(urlOf('DeadLetterQueue'), 0);
    queues.set(urlOf('UndeliveredQueue'), 2);
    const undelivered = await world.run(['status']);
    queues.set(urlOf('UndeliveredQueue'), 0);

    expect(history.code).toBe(0);
    expect(JSON.parse(history.stdout).problems).toMatchObject([
      { kind: 'dead-letters', severity: 'warning' },
    ]);
    expect(undelivered.code).toBe(1);
    expect(undelivered.stdout).toContain('\nNot healthy: 2 events never reached the function\n');
  });

  it('ends without an error message when its output is closed', async () => {
    const [node = '', ...args] = world.commandLine(['status']);
    const command = [node, ...args].map((word) => `'${word}'`).join(' ');

    const { stdout, stderr } = await world.start(
      'sh',
      ['-c', `{ ${command}; echo "exit $?" >&2; } | true`],
      {},
    );

    expect(stdout).toBe('');
    expect(stderr).toBe('exit 141\n');
  });

  it('exits with 1 when an alarm that pages is firing', async () => {
    world.alarm('RefreshSilent').state = 'ALARM';
    const { code, stdout } = await world.run(['status', '--json']);
    world.cloud.operatorAws.observations.resolveAlarms();

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ healthy: false, alarms: ['RefreshSilent'] });
  });
});

describe('text from elsewhere', () => {
  const FORGED = `${String.fromCharCode(27)}[2K\n✓ prod  \u202eall is well\u009b1A`;
  const CONTROLS = /[^\P{Cc}\n]|\u202e/u;

  it.each([
    ['usage', []],
    ['usage', ['--json']],
  ])('has no control characters in the output of %s %j', async (name, flags) => {
    const { templates } = world.user.workloads;
    const image = `${ECR_HOST}/my-worker:1.0.0`;
    templates.push({ id: 'forger', name: `base${FORGED}`, image, registry: world.authId });
    const { code, stdout } = await world.run([name, ...flags]);
    templates.pop();

    expect(code).toBe(0);
    expect(stdout).not.toMatch(CONTROLS);
    expect(stdout).not.toMatch(/^✓ prod/m);
    expect(stdout).toContain('✓ prod');
  });

  it('has no control characters in the log lines that refresh prints, or in an error message', async () => {
    const { functions } = world.cloud.functionApi;
    const [[functionName, deployed]] = [...functions] as [[string, InvocableFunction]];
    const line = { message: LOG_MESSAGES.targetFailed, target: 'prod', why: `no${FORGED}` };
    const timestamp = new Date().toISOString();
    const invoke = async () => ({
      output: JSON.stringify({ ...line, timestamp }),
      error: { errorType: 'RefreshFailedError', errorMessage: `no${FORGED}` },
    });
    const runtime = { invoke, stop: async () => undefined } as unknown as InvocableFunction['runtime'];
    functions.set(functionName, { ...deployed, runtime, onInvoked: () => undefined });
    const failed = await world.run(['refresh']);
    functions.set(functionName, deployed);
    const refusal = { __type: 'AccessDeniedException', message: `no${FORGED}` };
    const denied = world.cloud.operatorAws.faults.add(
      { operation: 'DescribeAlarms' },
      { status: 400, body: refusal },
    );
    const refused = await world.run(['status', '--debug']);
    denied.remove();

    expect(failed.stdout).toContain('✗ prod  no ✓ prod  all is well\n');
    expect(refused.stderr).toContain('AccessDeniedException: no ✓ prod  all is well');
    for (const text of [failed.stdout, failed.stderr, refused.stdout, refused.stderr]) {
      expect(text).not.toMatch(CONTROLS);
      expect(text).not.toMatch(/^✓ prod/m);
    }
  });
});

describe('--debug', () => {
  it('shows class and frames of an answer that cannot be parsed, and no piece of the answer', async () => {
    const malformed = world.cloud.aws.faults.add(
      { operation: 'GetSecretValue' },
      { status: 200, body: `{"SecretString": ${world.key}` },
    );
    const { code, stderr } = await world.run(['init', '--store-key', '--key-stdin', '--debug'], {
      stdin: world.key,
    });
    malformed.remove();

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^127\.0\.0\.1:\d+ \(SecretsManager, region us-east-1\) gave an answer that is not understood \(200, SyntaxError\); /,
    );
    expect(stderr).toMatch(/^caused by SyntaxError\n {4}at /m);
    expect(findLeaks(stderr, { key: world.key })).toEqual([]);
  });
});

describe('NODE_TLS_REJECT_UNAUTHORIZED', () => {
  it('does not switch off the verification of certificates', async () => {
    let requests = 0;
    const server = createServer(selfSignedCertificate(), (_, response) => {
      requests += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', AWS_ENDPOINT_URL: `https://localhost:${port}` };

    const { code, stderr } = await world.run(['status'], { env });
    server.close();

    expect({ code, requests }).toEqual({ code: 1, requests: 0 });
    expect(stderr).toMatch(
      /^the certificate of localhost:\d+ \(CloudFormation, region us-east-1\) is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\); .*NODE_EXTRA_CA_CERTS/,
    );
  });
});

describe('usage', () => {
  it('lists the workloads of every page, with the digest of each tag', async () => {
    const digest = world.cloud.registry.manifests.get('my-worker:1.0.0')?.digest;
    const image = `${ECR_HOST}/my-worker:1.0.0`;
    const others = ['a', 'b', 'c'].map((id) => ({ id, name: id, image: 'public/x:1', registry: null }));
    world.user.workloads.templates.push(...others, { id: 't', name: 'base', image, registry: world.authId });

    const { code, stdout } = await world.run(['usage'], { launcher: true });

    expect(code).toBe(0);
    expect(stdout).toBe(`Target  Used by   Name    Image
prod    endpoint  images  ${image}
prod    template  base    ${image}

To pin an image to its present digest, use this name instead:
  ${image}
    → ${ECR_HOST}/my-worker@${digest}
      npx runpod-ecr deploy e1 --image ${image} --config ${world.configPath}
`);
  });

  it('claims no digest for an image of another account that it may not read', async () => {
    const image = '999999999999.dkr.ecr.us-east-1.amazonaws.com/my-worker:1.0.0';
    const { pods } = world.user.workloads;
    pods.push({ id: 'p', name: 'lab', image, registry: world.authId });
    const { code, stdout } = await world.run(['usage']);
    const json = await world.run(['usage', '--json']);
    pods.pop();

    expect(code).toBe(0);
    expect(stdout).toContain(`
The digest of these images is not known:
  ${image}: AccessDeniedException: `);
    expect(stdout).not.toContain('999999999999.dkr.ecr.us-east-1.amazonaws.com/my-worker@');
    const use = JSON.parse(json.stdout).uses.find(({ id }: { id: string }) => id === 'p');
    expect(use).toMatchObject({ notPinned: expect.stringContaining('the registry 999999999999') });
    expect(use).not.toHaveProperty('pinned');
  });
});
