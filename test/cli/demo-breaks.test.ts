import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALARMS } from '../../lambda/core/contract';
import { BREAKS } from '../../local/demo/breaks';
import { DemoWorld } from '../../local/demo/demo-world';
import { DEMO_TIMEOUT_MS, DemoProcesses } from './demo-process';

const demos = new DemoProcesses();

afterEach(() => expect(demos.remains()).toEqual([]));

afterAll(() => demos.remove());

/** What doctor says to each break: the title of the check, what it found, and the fix. */
const FOUND: Readonly<Record<string, readonly [title: string, found: RegExp, fix: RegExp]>> = {
  key: [
    'Runpod API key',
    /refuses the key in runpod\/api-key \(401\)/,
    /npx runpod-ecr init --store-key --replace-key$/,
  ],
  'key-scope': [
    'Runpod API key',
    /may not write registry auths \(403\)/,
    /^give it secrets:write at Runpod, or /,
  ],
  secret: ['Secret', /can't find the specified secret/, /^npx runpod-ecr init --store-key --replace-key$/],
  auth: [
    'Registry auths',
    /no registry auth clzdaifot0001l90809257ynb/,
    /^in refresher\.config\.json, give it a registryAuthName instead, which creates one; then npx cdk deploy$/,
  ],
  permission: [
    'Function and its role',
    /ecr:GetAuthorizationToken: AccessDenied/,
    /^npx cdk deploy --revert-drift/,
  ],
  registry: [
    'Function and its role',
    /ecr:GetAuthorizationToken/,
    /^wait some minutes, since retries may fix it/,
  ],
  'registry-denies': [
    'Registry accepts',
    /amazonaws\.com\/v2\/my-serverless-worker.* \(403\)/,
    /^look for a Deny .*: aws ecr get-repository-policy --repository-name my-serverless-worker --region us-east-1$/,
  ],
  image: [
    'Repositories, images',
    /my-serverless-worker:1\.4\.2 is not in its repository/,
    /^docker buildx build --platform linux\/amd64 --push -t 123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com\/my-serverless-worker:1\.4\.2 \. \(or name/,
  ],
  platform: [
    'Repositories, images',
    /is for linux\/arm64/,
    /^docker buildx build --platform linux\/amd64 --push -t 123456789012\.dkr\.ecr\.us-east-1\.amazonaws\.com\/my-serverless-worker:1\.4\.2 \.$/,
  ],
  stack: ['Stack', /differs from refresher\.config\.json/, /^npx cdk deploy$/],
  function: [
    'Function and its role',
    /its function was deleted/,
    /^aws cloudformation delete-stack .*, then npx cdk deploy$/,
  ],
  schedule: ['Schedule, last run', /schedule is disabled/, /^aws events enable-rule --name \S+$/],
  silence: [
    'Schedule, last run',
    /prod, staging: not refreshed in the last 12 hours/,
    /^npx runpod-ecr refresh$/,
  ],
  worker: [
    'Workloads at Runpod',
    /images-staging.*a pull failed \(the registry refused the credential\)/,
    /^npx runpod-ecr refresh, and wait some minutes/,
  ],
  'not-attached': [
    'Workloads at Runpod',
    /\(images\): the endpoint names no registry auth/,
    /^npx runpod-ecr deploy k3v9x2m7q1 --image my-serverless-worker:1\.4\.2 --target prod$/,
  ],
  queue: ['Queues and alarms', /1 failed run/, /^aws sqs purge-queue --queue-url \S+$/],
  topic: ['Who is paged', /nobody/, /^follow the link in the mail from AWS Notifications/],
  muted: [
    'Who is paged',
    /muted by hand, so nobody is paged: RefreshFailing/,
    /^aws cloudwatch enable-alarm-actions --alarm-names \S+$/,
  ],
};

describe('demo --break', () => {
  it.each(Object.entries(FOUND))(
    '%s leads through doctor to its fix',
    async (name, [title, found, fix]) => {
      const { code, stdout, stderr } = await demos.run(['demo', '--break', name, '--', 'doctor']);

      expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
      const [, first = '', more = ''] =
        new RegExp(`^✗ ${title} +(.*)\\n((?: .*\\n)*)`, 'm').exec(stdout) ?? [];
      expect(`${first}\n${more}`).toMatch(found);
      expect(/→ (.*)/.exec(more)?.[1]).toMatch(fix);
      expect(stdout).toContain(`The first problem is: ${title}.`);
    },
    DEMO_TIMEOUT_MS,
  );

  it('list names every break in one line, and each has a test', async () => {
    const { code, stdout } = await demos.run(['demo', '--break', 'list']);
    const json = await demos.run(['demo', '--break', 'list', '--json']);

    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual(
      Object.entries(BREAKS).map(([name, { what }]) =>
        expect.stringMatching(new RegExp(`^${name} +${what}$`)),
      ),
    );
    expect(Object.keys(FOUND)).toEqual(Object.keys(BREAKS));
    expect(JSON.parse(json.stdout).breaks).toContainEqual({ name: 'key', what: BREAKS.key?.what });
  });

  it('rejects a name that is not in the list', async () => {
    expect(await demos.run(['demo', '--break', 'toString'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'There is no break "toString". To list them: npx runpod-ecr demo --break list\n',
    });
  });
});

/** Where the runbook leads to the fix of each break, and what it says there. */
const SECTIONS: Readonly<Record<string, readonly [heading: string, fix: RegExp]>> = {
  key: ['OperatorActionNeeded', /`api-key-refused` .* \[Rotate the key\]/],
  'key-scope': ['OperatorActionNeeded', /`api-key-permission-missing` .*`secrets:write`.*\[rotate\]/],
  secret: ['OperatorActionNeeded', /`secret-unusable` .*\[rotate the key\].*creates a missing secret/],
  auth: ['OperatorActionNeeded', /`registry-auth-missing` .*Put a `registryAuthName`/],
  permission: ['OperatorActionNeeded', /`permission-missing` .*`npx cdk deploy --revert-drift`/],
  registry: ['RefreshFailing', /It is an outage: do nothing/],
  'registry-denies': ['OperatorActionNeeded', /`credential-rejected` .*has a Deny/],
  image: ['ImagesUnpullable', /`image-missing`: push the image again/],
  platform: ['ImagesUnpullable', /`wrong-platform`: build the image for linux\/amd64/],
  function: ['ScheduleBroken', /the function by hand, run `npx cdk deploy --revert-drift`/],
  schedule: ['RefreshSilent', /`aws events enable-rule/],
  silence: ['RefreshSilent', /Then \[refresh now\]/],
  worker: ['PullsFailing', /`authorization token has expired` .*\[Refresh now\]/],
  'not-attached': ['ImagesUnpullable', /`not-attached`, `wrong-auth`: choose the registry auth/],
  queue: ['RetriesExhausted', /`aws sqs purge-queue/],
  topic: ['With the AWS CLI', /subscription\s+that nobody confirmed/],
  muted: ['With the AWS CLI', /finds a muted alarm/],
};

describe('the runbook of a break', () => {
  const runbook = readFileSync(join(__dirname, '../../docs/runbook.md'), 'utf8');

  it.each(Object.entries(SECTIONS))('leads to the fix of %s', (name, [heading, fix]) => {
    const section = runbook.split(/^(?=## )/m).find((text) => text.startsWith(`## ${heading}\n`));

    expect(BREAKS[name]?.runbook).toBe(heading);
    expect(section).toMatch(fix);
  });

  it('is missing only where no alarm goes off', () => {
    const without = Object.keys(BREAKS).filter((name) => BREAKS[name]?.runbook === undefined);

    expect(without).toEqual(['stack']);
    expect(Object.keys(BREAKS).filter((name) => !without.includes(name))).toEqual(Object.keys(SECTIONS));
  });

  describe('in a demo', () => {
    let world: DemoWorld;

    beforeAll(async () => {
      world = await DemoWorld.start();
    }, DEMO_TIMEOUT_MS);

    afterAll(() => world.stop());

    it.each(Object.entries(BREAKS))(
      'is the section of the alarm that %s sets off now, unless it says when the alarm goes off',
      async (_, { apply, holds, runbook: heading = '', later }) => {
        const { alarms } = world.cloud.operatorAws.observations;
        for (const alarm of alarms.values()) alarm.state = 'OK';

        await apply(world);

        const firing = [...alarms].flatMap(([alarm, { state }]) => (state === 'ALARM' ? alarm : []));
        const isNow = later === undefined && Object.hasOwn(ALARMS, heading);
        expect(firing).toEqual(isNow ? [`EcrCredentialRefresher-${heading}`] : []);
        expect(holds(world)).toBe(true);
      },
      DEMO_TIMEOUT_MS,
    );

    it(
      'is over after demo fix',
      async () => {
        await world.fix();

        const left = Object.keys(BREAKS).filter((name) => BREAKS[name]?.holds(world));
        expect(left.filter((name) => BREAKS[name]?.byHand !== false)).toEqual([]);
      },
      DEMO_TIMEOUT_MS,
    );

    it(
      'does not go into a deployment: one whose first refresh fails is rolled back',
      async () => {
        const isDeployed = () => world.isDeployed;
        await BREAKS.key?.apply(world);
        world.writeConfig({ refreshIntervalHours: 4 });

        await expect(world.deployWithRefresh()).rejects.toThrow(
          /^The first refresh failed, so the deployment was rolled back: 2 of 2 targets failed/,
        );

        expect(isDeployed()).toBe(false);
        expect(world.alarm('OperatorActionNeeded').state).toBe('ALARM');
        await world.fix();
        expect(isDeployed()).toBe(true);
      },
      DEMO_TIMEOUT_MS,
    );
  });
});
