import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandWorld } from './command-world';

let world: CommandWorld;

beforeEach(async () => {
  world = await CommandWorld.start();
  world.cloud.registry.addImage('my-worker', '1.0.0');
});

afterEach(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const KEY = 'runpod/api-key';
const STANDBY = 'us-west-2';

/** Runs `init` with an answer to every question. */
function init(args: readonly string[], options: { readonly env?: Record<string, string> } = {}) {
  const { restV2Url, restV1Url, graphqlUrl } = world.cloud.runpod.settings();
  const urls = ['--rest-v2-url', restV2Url, '--rest-v1-url', restV1Url, '--graphql-url', graphqlUrl];
  return world.run(['init', '--key-stdin', ...args, ...urls], { stdin: world.key, ...options });
}

const ANSWERS = ['--repository', 'my-worker', '--auth-name', 'ecr-prod', '--no-image'];

describe('init --standby', () => {
  it('replicates the key, writes the standby, and shows the commands for two regions', async () => {
    const { code, stdout } = await init([...ANSWERS, '--standby', STANDBY]);

    expect(code).toBe(0);
    expect(stdout).toContain(`replicated ${KEY} to ${STANDBY}\n`);
    expect(stdout).toContain(
      `  npx cdk bootstrap aws://123456789012/us-east-1 aws://123456789012/${STANDBY} -c config=${world.configPath}   once`,
    );
    expect(stdout).toContain(`  npx cdk deploy --all -c config=${world.configPath}\n`);
    expect(stdout).not.toContain('To survive the loss');
    expect(world.cloud.aws.secretsIn(STANDBY).get(KEY)?.value).toBe(world.key);
    expect(JSON.parse(readFileSync(world.configPath, 'utf8')).standby).toEqual({ region: STANDBY });
  });

  it('bootstraps both regions and deploys both stacks with --deploy', async () => {
    const log = join(world.directory, 'started.log');
    writeFileSync(join(world.directory, 'npx'), `#!/bin/sh\necho "$*" >> '${log}'\n`);
    chmodSync(join(world.directory, 'npx'), 0o755);
    const env = { PATH: `${world.directory}:${process.env.PATH}` };

    const { code } = await init([...ANSWERS, '--standby', STANDBY, '--deploy'], { env });

    const config = `config=${world.configPath}`;
    expect(code).toBe(0);
    expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual([
      `cdk bootstrap aws://123456789012/us-east-1 aws://123456789012/${STANDBY} -c ${config}`,
      `cdk deploy --all -c ${config}`,
      `runpod-ecr doctor --config ${world.configPath}`,
    ]);
  });

  it('shows the command when a secret may not be replicated', async () => {
    const denial = world.cloud.aws.deny('secretsmanager:ReplicateSecretToRegions');
    const { code, stdout } = await init([...ANSWERS, '--standby', STANDBY]);
    denial.remove();

    expect(code).toBe(0);
    expect(stdout).toContain(`${KEY} could not be replicated to ${STANDBY}: AccessDeniedException`);
    expect(stdout).toContain(
      `  aws secretsmanager replicate-secret-to-regions --secret-id ${KEY} --add-replica-regions Region=${STANDBY}\n`,
    );
  });

  it.each([
    ['us-east-1', 'expected another region than us-east-1, the region of the first stack.'],
    ['us-west-9', 'expected an AWS region, found "us-west-9". Did you mean us-west-'],
    ['cn-north-1', 'expected a region of aws, found one of aws-cn.'],
  ])('refuses %s, and stores nothing', async (region, message) => {
    const { code, stderr } = await init([...ANSWERS, '--standby', region]);

    expect(code).toBe(2);
    expect(stderr).toContain(`--standby: ${message}`);
    expect(world.cloud.aws.secrets.get(KEY)).toBeUndefined();
  });

  it('is mentioned where it was not given', async () => {
    const { stdout } = await init(ANSWERS);

    expect(stdout).toMatch(
      /To survive the loss of an AWS region: init --standby REGION \(docs\/standby\.md\)\n$/,
    );
  });
});

describe('init --store-key with a standby', () => {
  it('says that the replica is updated', async () => {
    await init([...ANSWERS, '--standby', STANDBY]);
    world.cloud.runpod.revoke(world.key);
    world.cloud.runpod.addUser(world.newKey(), { user: world.user });

    const { code, stdout } = await init(['--store-key', '--replace-key']);

    expect(code).toBe(0);
    expect(stdout).toContain(`Secrets Manager updates the replica in ${STANDBY} by itself.\n`);
    expect(world.cloud.aws.secretsIn(STANDBY).get(KEY)?.value).toBe(world.key);
  });
});
