import { METADATA_KEY, type RefresherMetadata } from '../../lambda/core/contract';
import type { RefresherConfig } from '../../lib/config/schema';
import { toSettings } from '../../lib/config/settings';
import type { CloudFormationTemplate } from '../../lib/synthesise';
import { CommandWorld, ECR_HOST } from './command-world';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  world.cloud.operatorAws.stacks.stacks.clear();
  await deleteFunctions('');
  await world.deployWithin('Platform', ownStack);
  world.cloud.operatorAws.topics.confirmAll();
}, 60_000);

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

/** The variable in the function's environment that has the name of the secret, as for a secret of the same app. */
const KEY_VARIABLE = 'SETTING_0';

/**
 * Makes the template of somebody's own stack: it has no outputs of ours, and the name of the secret is known only at
 * deployment.
 */
function ownStack({ Resources, Outputs = {} }: CloudFormationTemplate, config: RefresherConfig) {
  const logicalIds = Object.entries(Outputs).flatMap(([name, { Value }]) =>
    typeof Value === 'object' && Value !== null && 'Ref' in Value ? [[name, String(Value.Ref)]] : [],
  );
  const resources: Readonly<Record<string, string>> = Object.fromEntries(logicalIds);
  const functionId = resources.FunctionName ?? '';
  const settings = toSettings(config);
  const targets = settings.targets.map((target) => ({
    ...target,
    runpodApiKeySecretName: { env: KEY_VARIABLE },
  }));
  const metadata: RefresherMetadata = { settings: { ...settings, targets }, resources };
  return withFunction({ Resources }, functionId, metadata);
}

function withFunction(
  { Resources }: CloudFormationTemplate,
  functionId: string,
  metadata: RefresherMetadata,
): CloudFormationTemplate {
  const own = Resources[functionId] ?? Resources[metadata.resources.FunctionName ?? ''];
  if (!own) throw new Error('The template has no such function.');
  const Environment = { Variables: { [KEY_VARIABLE]: 'runpod/api-key' } };
  const properties = { ...own.Properties, Environment };
  const Metadata = { ...own.Metadata, [METADATA_KEY]: metadata };
  return { Resources: { ...Resources, [functionId]: { ...own, Properties: properties, Metadata } } };
}

/** Makes the template of a version that did not describe the refresher. */
function withoutMetadata({ Resources, Outputs }: CloudFormationTemplate): CloudFormationTemplate {
  const resources = Object.entries(Resources).map(([id, { Metadata: _, ...rest }]) => [id, rest]);
  return { Resources: Object.fromEntries(resources), ...(Outputs && { Outputs }) };
}

/** Adds a second refresher, with a service of its own, to the template of `ownStack`. */
function twoRefreshers(template: CloudFormationTemplate, config: RefresherConfig): CloudFormationTemplate {
  const one = ownStack(template, config);
  const [metadata] = Object.values(one.Resources).flatMap(({ Metadata }) => {
    const found = Metadata?.[METADATA_KEY] as RefresherMetadata | undefined;
    return found ? [found] : [];
  });
  if (!metadata) throw new Error('The template has no refresher.');
  const settings = { ...(metadata.settings as object), service: 'Batch' };
  return withFunction(one, 'BatchFunction', { ...metadata, settings });
}

async function deleteFunctions(prefix: string): Promise<void> {
  const { functions } = world.cloud.functionApi;
  for (const [name, { runtime }] of functions) {
    if (!name.startsWith(prefix)) continue;
    await runtime.stop();
    functions.delete(name);
  }
}

const inStack = (args: readonly string[], stack = 'Platform') =>
  world.run([...args, '--stack', stack], { config: false });

describe('--stack', () => {
  it('lets refresh run the function of a stack that has no configuration file', async () => {
    const { code, stdout, stderr } = await inStack(['refresh']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^invoking Platform-Refresher\w+\n✓ prod {2}over rest-v2, proved/);
  });

  it('lets status show the targets, the alarms and the queues', async () => {
    await inStack(['refresh']);
    world.alarm('RefreshSilent').state = 'ALARM';
    const { code, stdout } = await inStack(['status', '--json']);
    world.alarm('RefreshSilent').state = 'OK';

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      stack: 'Platform',
      targets: [{ target: 'prod', registryAuthId: world.authId, route: 'rest-v2' }],
      alarms: ['RefreshSilent'],
      retries: { waiting: 0, givenUp: 0, undelivered: 0 },
    });
  });

  it('lets usage list the workloads', async () => {
    const { code, stdout } = await inStack(['usage', '--json']);

    expect(code).toBe(0);
    expect(JSON.parse(stdout).uses).toMatchObject([{ target: 'prod', id: 'e1' }]);
  });

  it('lets doctor check everything but the difference from the code', async () => {
    await inStack(['refresh']);

    const { code, stdout } = await inStack(['doctor']);

    expect(
      stdout,
    ).toContain(`✓ Configuration          read from the stack Platform: 1 target, service EcrCredentialRefresher
✓ Secret                 runpod/api-key holds a key
`);
    expect(stdout).toContain(`✓ Stack                  Platform is CREATE_COMPLETE
                         not checked: whether it is the same as your CDK app (npx cdk diff shows that)
`);
    expect(stdout).toContain('✓ Who is paged           oncall@example.com\n');
    expect(stdout).toContain('All 14 checks passed.\n');
    expect(code).toBe(0);
  });

  it('lets doctor warn about an image of a repository that the stack does not name', async () => {
    const { pods } = world.user.workloads;
    const image = `${ECR_HOST}/made-by-the-app:1`;
    pods.push({ id: 'p1', name: 'lab', image, registry: world.authId });
    const { code, stdout } = await inStack(['doctor', '--json']);
    pods.pop();

    expect(code).toBe(0);
    expect(JSON.parse(stdout).links.find(({ id }: { id: string }) => id === 'usage')).toMatchObject({
      status: 'warning',
      found: [expect.any(String), expect.stringContaining('pod lab pulls')],
      fix: expect.stringMatching(/^check that the target has these repositories/),
    });
  });

  it('lets doctor name a recipient that has not confirmed its subscription', async () => {
    const { topics } = world.cloud.operatorAws;
    for (const subscriber of [...topics.topics.values()].flat()) subscriber.confirmed = false;
    const { code, stdout } = await inStack(['doctor', '--json']);
    topics.confirmAll();

    expect(code).toBe(1);
    expect(JSON.parse(stdout).links.at(-1)).toMatchObject({
      id: 'paging',
      status: 'broken',
      found: ['nobody', 'not subscribed: oncall@example.com'],
      fix: expect.stringMatching(/^follow the link in the mail/),
    });
  });

  it('repeats the stack in the commands that doctor suggests, and they work', async () => {
    world.cloud.aws.secrets.remove('runpod/api-key');

    const { stdout } = await inStack(['doctor', '--json']);
    const { fix } = JSON.parse(stdout).links.find(({ id }: { id: string }) => id === 'secret');
    const words = fix.split(' ').slice(2);
    const stored = await world.run([...words, '--key-stdin'], { config: false, stdin: world.key });

    expect(fix).toBe(
      'npx runpod-ecr init --store-key --replace-key --secret runpod/api-key --stack Platform',
    );
    expect(stored).toMatchObject({ code: 0, stderr: '' });
    expect((await inStack(['doctor'])).code).toBe(0);
  });

  it('says in one sentence that a stack does not exist', async () => {
    expect(await inStack(['status'], 'Nowhere')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'There is no stack Nowhere in us-east-1. Name its region with --region, or deploy it: npx cdk deploy Nowhere\n',
    });
    expect((await inStack(['doctor'], 'Nowhere')).stdout).toContain(
      '✗ Configuration          There is no stack Nowhere in us-east-1.\n',
    );
  });

  it('says how to reach a refresher that an older version deployed', async () => {
    await world.deployWithin('Old', withoutMetadata);

    expect(await inStack(['status'], 'Old')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'The stack Old has no refresher that can be found without its configuration. Deploy it again with this version of runpod-ecr-credential-refresher, or name its configuration file with --config.\n',
    });
  });

  it('asks which refresher is meant when a stack has several', async () => {
    await world.deployWithin('Two', twoRefreshers);

    const several = await inStack(['status'], 'Two');
    const unknown = await inStack(['status', '--refresher', 'Nothing'], 'Two');
    const chosen = await inStack(['refresh', '--refresher', 'Batch'], 'Two');

    expect(several).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'The stack Two has 2 refreshers: EcrCredentialRefresher, Batch. Name one of them with --refresher, such as --stack Two --refresher EcrCredentialRefresher.\n',
    });
    expect(unknown).toMatchObject({
      code: 2,
      stderr: 'The stack Two has no refresher Nothing. There are EcrCredentialRefresher, Batch.\n',
    });
    expect(chosen).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('invoking Two-BatchFunction\n'),
    });
  });

  it('says how to get a deleted function back without deleting the rest of the stack', async () => {
    await world.deployWithin('Emptied', ownStack);
    await deleteFunctions('Emptied-');

    const { code, stderr } = await inStack(['status'], 'Emptied');

    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The function Emptied-Refresher\w+ was deleted, although its stack exists\. Take the refresher out of your CDK app and deploy \(npx cdk deploy Emptied\), then put it back/,
    );
  });

  it.each([
    [['status', '--stack', 'Platform', '--config', 'x.json'], /cannot be used with option/],
    [
      ['status', '--refresher', 'Batch'],
      /^--refresher chooses among the refreshers of a stack\. Name the stack/,
    ],
    [
      ['init', '--stack', 'Platform'],
      /^init writes a configuration, and --stack needs none\. Leave --stack out\.$/m,
    ],
    [['local', '--stack', 'Platform'], /^local deploys nothing, so it has no --stack\./],
  ])('rejects %j with exit code 2', async (args, message) => {
    const { code, stderr } = await world.run(args, { config: false });

    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('a configuration that only delegates repositories', () => {
  beforeAll(async () => {
    world.writeConfig(
      {},
      { stackName: 'Delegates', targets: [], delegations: [{ repository: 'my-worker' }] },
    );
    await world.deploy();
  });

  afterAll(() => world.writeConfig());

  it('lets doctor check what it has', async () => {
    const { code, stdout } = await world.run(['doctor']);

    expect(stdout).toContain(`${world.configPath}: 0 targets, 1 delegation, stack Delegates\n`);
    expect(stdout).toContain(
      '✓ Stack                  Delegates is CREATE_COMPLETE and the same as the configuration\n',
    );
    expect(stdout).toContain('All 6 checks passed.\n');
    expect(code).toBe(0);
  });

  it.each(['refresh', 'status', 'usage'])('says that there is nothing to refresh: %s', async (command) => {
    const { code, stderr } = await world.run([command]);

    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^There are no targets in \S+, so nothing is refreshed: .*npx runpod-ecr doctor --config/,
    );
  });
});

describe('the document of an error with --json', () => {
  it.each<[string, readonly string[], number, object]>([
    [
      'a stack that does not exist',
      ['status', '--stack', 'Nowhere'],
      1,
      {
        message: 'There is no stack Nowhere in us-east-1.',
        fix: 'Name its region with --region, or deploy it: npx cdk deploy Nowhere',
      },
    ],
    [
      'a mistake on the command line',
      ['refresh', '--now'],
      2,
      { message: "unknown option '--now'", fix: 'See: npx runpod-ecr --help' },
    ],
    ['an unknown command', ['doktor'], 2, { message: expect.stringMatching(/^unknown command 'doktor'/) }],
    ['no command', [], 2, { message: 'No command was given.' }],
    [
      'a command without a document',
      ['local'],
      2,
      { message: 'local has no JSON output: leave --json out.' },
    ],
    [
      'a configuration that does not exist',
      ['status', '--config', 'nowhere.json'],
      1,
      {
        message: 'nowhere.json does not exist.',
        fix: 'Check the path that was given. To write a new file: npx runpod-ecr init --config nowhere.json',
      },
    ],
    [
      'a question that is not asked',
      ['init', '--key-stdin', '--config', 'new.json'],
      2,
      {
        message:
          'With --json nothing is asked, so these flags are needed: --repository, --auth-id or --auth-name.',
      },
    ],
    [
      'a target that does not exist',
      ['refresh', '--target', 'nope', '--stack', 'Platform'],
      2,
      { message: 'No target is named nope.', fix: 'There are prod.' },
    ],
  ])('has message and fix for %s, and the exit code stays', async (_, args, exitCode, error) => {
    const { code, stdout } = await world.run([...args, '--json'], { config: false });

    expect(code).toBe(exitCode);
    expect(JSON.parse(stdout)).toMatchObject({ error });
  });

  it('leaves the fix out when there is none', async () => {
    const { stdout } = await world.run(['local', '--json'], { config: false });

    expect(Object.keys(JSON.parse(stdout).error)).toEqual(['message']);
  });

  it('has the refusal of AWS, and the next command as its fix', async () => {
    const denied = world.cloud.operatorAws.faults.add(
      { operation: 'DescribeStacks' },
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>you may not</Message></Error></ErrorResponse>',
      },
    );
    const { code, stdout } = await inStack(['status', '--json']);
    denied.remove();

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        message: 'AccessDenied: you may not',
        fix: 'To find the cause: npx runpod-ecr doctor --stack Platform',
      },
    });
  });

  it('has the interruption by Ctrl-C', async () => {
    const { operatorAws } = world.cloud;
    const hanging = operatorAws.faults.add({ operation: 'GetTemplate' }, { hang: true });
    const requests = operatorAws.requests.length;
    const { code, stdout } = await world.run(['status', '--json', '--stack', 'Platform'], {
      config: false,
      onStart: (child) => {
        const interrupt = () => (operatorAws.requests.length > requests ? child.kill('SIGINT') : undefined);
        const timer = setInterval(interrupt, 20);
        child.once('close', () => clearInterval(timer));
      },
    });
    hanging.remove();

    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toEqual({ error: { message: expect.stringMatching(/^Interrupted\./) } });
  });

  it('is not added to the document that a command has written', async () => {
    world.cloud.registry.denied.add('my-worker');
    const { code, stdout } = await inStack(['refresh', '--json']);
    world.cloud.registry.denied.clear();

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ failed: [{ target: 'prod' }] });
  });
});
