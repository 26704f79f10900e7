import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { doctor } from '../../cli/commands/doctor';
import { init } from '../../cli/commands/init';
import { refresh } from '../../cli/commands/refresh';
import { status } from '../../cli/commands/status';
import { usage } from '../../cli/commands/usage';
import type { CheckResult } from '../../cli/doctor/check';
import { Operator } from '../../cli/operator';
import type { GlobalOptions } from '../../cli/options';
import { Output } from '../../cli/output';
import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { ReceivedRequest } from '../../local/exchange';
import type { PlacedFault } from '../../local/faults';
import { CommandWorld } from './command-world';

const PRIMARY = 'us-east-1';
const STANDBY = 'us-west-2';
const STANDBY_STACK = 'EcrCredentialRefresher-standby';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  world.writeConfig({}, { standby: { region: STANDBY } });
  await world.deploy();
  await world.deployStandby();
  world.cloud.operatorAws.topics.confirmAll();
  world.cloud.aws.secretsIn(STANDBY);
  world.cloud.aws.secrets.replicate({ SecretId: KEY, AddReplicaRegions: [{ Region: STANDBY }] });
  Object.assign(process.env, world.environment());
  await run(refresh, {}, {});
  await run(refresh, {}, { standby: true });
}, 90_000);

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

const KEY = 'runpod/api-key';

/** Runs a command in this process, with the configuration file unless the options name a stack. */
async function run<Flags extends object>(
  command: (operator: Operator, output: Output, flags: Flags) => Promise<number>,
  options: GlobalOptions,
  flags: Flags,
): Promise<{ readonly code: number; readonly stdout: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const given = options.stack === undefined ? { config: world.configPath, ...options } : options;
  const output = new Output({ stdout, stderr, env: { LANG: 'C.UTF-8' }, json: options.json === true });
  const before = process.env.AWS_REGION;
  if (options.region) process.env.AWS_REGION = options.region;
  try {
    const code = await command(new Operator(given), output, flags);
    stdout.end();
    const shown = await text(stdout);
    world.note(shown);
    return { code, stdout: shown };
  } finally {
    process.env.AWS_REGION = before;
  }
}

async function statusOf(options: GlobalOptions = {}) {
  const { code, stdout } = await run(status, { json: true, ...options }, {});
  return { code, view: JSON.parse(stdout) };
}

async function diagnose(options: GlobalOptions = {}) {
  const { code, stdout } = await run(doctor, { json: true, ...options }, {});
  const { healthy, cause, links } = JSON.parse(stdout) as {
    readonly healthy: boolean;
    readonly cause: string | null;
    readonly links: readonly CheckResult[];
  };
  const of = (id: string) => links.find((link) => link.id === id);
  const not = (status: string) => links.filter((link) => link.status !== status).map(({ id }) => id);
  return { code, healthy, cause, links, of, notOk: not('ok') };
}

/** Closes every connection of requests for a region. */
async function whileDown<Result>(region: string, action: () => Promise<Result>): Promise<Result> {
  const { aws, operatorAws, functionApi } = world.cloud;
  const isOfRegion = ({ headers }: ReceivedRequest) =>
    headers.authorization?.includes(`/${region}/`) === true;
  const faults: PlacedFault[] = [aws, operatorAws, functionApi].map((server) =>
    server.faults.add(isOfRegion, { reset: true }),
  );
  try {
    return await action();
  } finally {
    for (const fault of faults) fault.remove();
  }
}

function logGroupIn(region: string): string {
  const { stacks } = world.cloud.operatorAws.inRegion(region).stacks;
  const [stack] = stacks.values();
  return stack?.outputs.LogGroupName ?? '';
}

/** Empties the log of a region, as if it had not run for a long time. */
async function withoutRuns<Result>(
  regions: readonly string[],
  action: () => Promise<Result>,
): Promise<Result> {
  for (const region of regions)
    world.cloud.operatorAws.inRegion(region).observations.forget(logGroupIn(region));
  try {
    return await action();
  } finally {
    if (regions.includes(PRIMARY)) await run(refresh, {}, {});
    if (regions.includes(STANDBY)) await run(refresh, {}, { standby: true });
  }
}

describe('two healthy regions', () => {
  it('are healthy in status, with the region that wrote last, and the next fixed times', async () => {
    const { code, view } = await statusOf();

    expect(code).toBe(0);
    expect(view).toMatchObject({
      healthy: true,
      problems: [],
      side: 'primary',
      region: PRIMARY,
      stack: 'EcrCredentialRefresher',
      lastWritten: [{ target: 'prod', region: STANDBY, route: 'rest-v2' }],
      other: { side: 'standby', region: STANDBY, stack: STANDBY_STACK, alarms: [], warnings: [] },
    });
    expect(new Date(view.nextRun).getUTCHours() % 6).toBe(0);
    expect(new Date(view.other.nextRun).getUTCHours() % 6).toBe(3);
    expect(view.watch).toBeDefined();
    expect(view.other.watch).toBeUndefined();
  });

  it('are shown in blocks', async () => {
    const { stdout } = await run(status, {}, {});

    expect(stdout).toMatch(/^Target +Registry auth .* Written from$/m);
    expect(stdout).toMatch(/^prod .* us-west-2 *$/m);
    expect(stdout).toMatch(/^us-east-1: first region, stack EcrCredentialRefresher\nLast run {4}\d/m);
    expect(stdout).toMatch(/^us-west-2: standby, stack EcrCredentialRefresher-standby\nLast run {4}\d/m);
  });

  it('pass every check of doctor', async () => {
    const { code, notOk, links, of } = await diagnose();

    expect({ code, notOk }).toEqual({ code: 0, notOk: [] });
    expect(links.slice(-6).map(({ id, title }) => [id, title])).toEqual([
      ['standby-secrets', 'Standby: secrets'],
      ['other-stack', 'Standby: stack'],
      ['other-last-run', 'Standby: last run'],
      ['other-alarms', 'Standby: alarms'],
      ['other-paging', 'Standby: paging'],
      ['other-told', 'Success reports'],
    ]);
    expect(of('other-stack')?.found).toEqual([
      `${STANDBY_STACK} is CREATE_COMPLETE and the same as the configuration`,
    ]);
  });

  it('are known from the stack of the standby', async () => {
    const options = { stack: STANDBY_STACK, region: STANDBY };
    const { code, view } = await statusOf(options);
    const { of, cause } = await diagnose(options);

    expect(code).toBe(0);
    expect(view).toMatchObject({ side: 'standby', other: { side: 'primary', region: PRIMARY } });
    expect(view.other.watch).toBeDefined();
    expect(cause).toBeNull();
    expect(of('other-last-run')).toMatchObject({ title: 'First region: last run', status: 'ok' });
    expect(of('standby-secrets')).toMatchObject({ status: 'ok' });
  });
});

describe('refresh', () => {
  it('runs the function of the standby with --standby', async () => {
    const { code, stdout } = await run(refresh, {}, { standby: true, dryRun: true });

    expect(code).toBe(0);
    expect(stdout).toContain(`invoking ${STANDBY_STACK}-Refresher`);
  });

  it('names the command for the standby when the first region cannot be reached', async () => {
    const failed = whileDown(PRIMARY, () => run(refresh, {}, {}));

    await expect(failed).rejects.toThrow(
      new RegExp(
        `region ${PRIMARY}\\).*There is a standby in ${STANDBY}: npx runpod-ecr refresh --standby --config`,
      ),
    );
  });

  it('refuses --standby where there is none', async () => {
    world.writeConfig();
    const failed = run(refresh, {}, { standby: true });
    await expect(failed).rejects.toThrow('There is no standby.');
    world.writeConfig({}, { standby: { region: STANDBY } });
  });
});

describe('one region alone', () => {
  it('keeps the deployment healthy while the first region cannot be reached', async () => {
    const { code, view } = await whileDown(PRIMARY, () => statusOf());

    expect(code).toBe(0);
    expect(view).toMatchObject({
      healthy: true,
      unreadable: expect.stringContaining(`region ${PRIMARY}`),
      problems: [{ kind: 'region-unreadable', severity: 'warning', region: PRIMARY }],
      lastWritten: [{ target: 'prod', region: STANDBY }],
      other: { region: STANDBY, lastRun: { refreshed: 1 } },
    });
  });

  it('keeps doctor without a broken check while the first region cannot be reached', async () => {
    const { code, cause, of } = await whileDown(PRIMARY, () => diagnose());

    expect({ code, cause }).toEqual({ code: 0, cause: null });
    expect(of('identity')).toMatchObject({
      status: 'warning',
      found: [expect.any(String), expect.any(String)],
    });
    expect(of('stack')).toMatchObject({ status: 'not-checked', because: 'identity' });
    expect(of('other-last-run')).toMatchObject({ status: 'ok' });
    expect(of('standby-secrets')).toMatchObject({ status: 'warning' });
    expect(of('template')).toMatchObject({ status: 'ok' });
  });

  it('keeps the deployment healthy while the standby cannot be reached', async () => {
    const [{ code, view }, found] = await whileDown(STANDBY, () => Promise.all([statusOf(), diagnose()]));

    expect([code, found.code]).toEqual([0, 0]);
    expect(view).toMatchObject({ healthy: true, targets: [{ target: 'prod' }], other: { region: STANDBY } });
    expect(found.of('other-stack')).toMatchObject({ status: 'warning' });
  });

  it('is shown with the reason in one line when it cannot be reached', async () => {
    const { stdout } = await whileDown(STANDBY, () => run(status, {}, {}));

    expect(stdout).toMatch(
      /^us-west-2: standby, .*\n! could not be read: could not reach \S+ \(CloudFormation/m,
    );
  });

  it('is a warning when the first region has not run, and the life left is that of the standby', async () => {
    const [{ code, view }, found] = await withoutRuns([PRIMARY], () => Promise.all([statusOf(), diagnose()]));

    expect([code, found.code]).toEqual([0, 0]);
    expect(view.problems).toMatchObject([{ kind: 'not-refreshed', severity: 'warning', region: PRIMARY }]);
    expect(view.lastWritten).toMatchObject([{ region: STANDBY, minutesLeft: expect.any(Number) }]);
    expect(found.of('last-run')).toMatchObject({
      status: 'warning',
      found: [expect.any(String), `only a warning: ${STANDBY} refreshes every target in time`],
    });
  });

  it('is broken when both have not run', async () => {
    const [{ code, view }, found] = await withoutRuns([PRIMARY, STANDBY], () =>
      Promise.all([statusOf(), diagnose()]),
    );

    expect([code, found.code]).toEqual([1, 1]);
    expect(view.problems).toMatchObject([
      { kind: 'not-refreshed', severity: 'broken', region: PRIMARY },
      { kind: 'not-refreshed', severity: 'broken', region: STANDBY },
    ]);
    expect([found.of('last-run')?.status, found.of('other-last-run')?.status]).toEqual(['broken', 'broken']);
  });

  it('is broken when an alarm pages, and not when an alarm warns', async () => {
    const { alarms } = world.cloud.operatorAws.inRegion(STANDBY).observations;
    const alarm = (name: string) => alarms.get(`${STANDBY_STACK}-${name}`) ?? { state: 'OK' };
    alarm('OperatorActionNeeded').state = 'ALARM';
    const warned = await Promise.all([statusOf(), diagnose()]);
    alarm('RefreshSilent').state = 'ALARM';
    const paged = await Promise.all([statusOf(), diagnose()]);
    for (const name of ['OperatorActionNeeded', 'RefreshSilent']) alarm(name).state = 'OK';

    expect(warned.map(({ code }) => code)).toEqual([0, 0]);
    expect(warned[0].view.other.warnings).toEqual(['OperatorActionNeeded']);
    expect(paged.map(({ code }) => code)).toEqual([1, 1]);
    expect(paged[1].cause).toBe('other-alarms');
  });
});

describe('the standby in doctor', () => {
  it.each([
    ['is not deployed, and its region is not bootstrapped', false],
    ['is not deployed', true],
  ])('%s', async (_, isBootstrapped) => {
    const { stacks } = world.cloud.operatorAws.inRegion(STANDBY).stacks;
    const stack = stacks.get(STANDBY_STACK);
    if (!stack) throw new Error('The standby is not deployed.');
    stacks.delete(STANDBY_STACK);
    if (isBootstrapped) stacks.set('CDKToolkit', { ...stack, name: 'CDKToolkit' });
    const [{ code, view }, found] = await Promise.all([statusOf(), diagnose()]);
    stacks.delete('CDKToolkit');
    stacks.set(STANDBY_STACK, stack);

    const deploy = `npx cdk deploy --all -c config=${world.configPath}`;
    expect([code, found.code]).toEqual([0, 0]);
    expect(view.other.unreadable).toContain(`There is no stack ${STANDBY_STACK} in ${STANDBY}`);
    expect(found.of('other-stack')).toMatchObject({
      status: 'warning',
      fix: isBootstrapped ? deploy : `npx cdk bootstrap aws://123456789012/${STANDBY}; then ${deploy}`,
    });
    expect(found.of('other-last-run')).toMatchObject({ status: 'not-checked', because: 'other-stack' });
  });

  it('warns that it is being deleted', async () => {
    const stack = world.cloud.operatorAws.inRegion(STANDBY).stacks.stacks.get(STANDBY_STACK);
    if (!stack) throw new Error('There is no standby.');
    const { status: before } = stack;
    stack.status = 'DELETE_IN_PROGRESS';
    const { code, of } = await diagnose();
    stack.status = before;

    expect(code).toBe(0);
    expect(of('other-stack')).toMatchObject({
      status: 'warning',
      found: [`${STANDBY_STACK} is being deleted`, expect.any(String)],
      fix: `wait until it is gone, then: npx cdk deploy --all -c config=${world.configPath}`,
    });
  });

  it('warns of a schedule that is disabled, with its region in the command', async () => {
    const { rules, schedules } = world.cloud.operatorAws.inRegion(STANDBY).observations;
    const [rule = ''] = schedules.keys();
    rules.set(rule, 'DISABLED');
    const { code, of } = await diagnose();
    rules.set(rule, 'ENABLED');

    expect(code).toBe(0);
    expect(of('other-last-run')).toMatchObject({
      status: 'warning',
      fix: `aws events enable-rule --name ${rule} --region ${STANDBY}`,
    });
  });

  it('warns when its alarms reach nobody', async () => {
    const { topics } = world.cloud.operatorAws.topics;
    const subscribers = [...topics].flatMap(([arn, all]) => (arn.includes(STANDBY) ? all : []));
    for (const subscriber of subscribers) subscriber.confirmed = false;
    const { code, of } = await diagnose();
    for (const subscriber of subscribers) subscriber.confirmed = true;

    expect(code).toBe(0);
    expect(of('other-paging')).toMatchObject({
      status: 'warning',
      fix: expect.stringMatching(
        /aws sns subscribe --topic-arn arn:aws:sns:us-west-2:.* --region us-west-2$/,
      ),
    });
  });

  it('warns when one region could not report its success to the other one', async () => {
    const { observations } = world.cloud.operatorAws.inRegion(STANDBY);
    const why = 'cloudwatch:PutMetricData in us-east-1 answered 403';
    const line = { message: LOG_MESSAGES.otherRegionNotTold, timestamp: new Date().toISOString(), why };
    observations.log(logGroupIn(STANDBY), new Date(), JSON.stringify(line));
    const { code, of } = await diagnose();
    await withoutRuns([STANDBY], async () => undefined);

    expect(code).toBe(0);
    expect(of('other-told')).toMatchObject({
      status: 'warning',
      found: [`${STANDBY} could not report its success to the other region: ${why}`],
      fix: expect.stringMatching(/^npx cdk deploy --all .*--revert-drift/),
    });
  });
});

describe('the replicas in doctor', () => {
  const ADD = `aws secretsmanager replicate-secret-to-regions --secret-id ${KEY} --add-replica-regions Region=${STANDBY} --region ${PRIMARY}`;
  const REMOVE = `aws secretsmanager remove-regions-from-replication --secret-id ${KEY} --remove-replica-regions ${STANDBY} --region ${PRIMARY}`;

  const place = { SecretId: KEY, AddReplicaRegions: [{ Region: STANDBY }], RemoveReplicaRegions: [STANDBY] };
  const copies = () => world.cloud.aws.secretsIn(STANDBY);
  const replica = () => {
    const [one] = world.cloud.aws.secrets.replicasOf(KEY);
    if (!one) throw new Error('There is no replica.');
    return one;
  };

  it.each<[string, () => undefined | PlacedFault, RegExp, string]>([
    [
      'is missing',
      () => void world.cloud.aws.secrets.removeReplicas(place),
      /^runpod\/api-key has no replica in us-west-2$/,
      ADD,
    ],
    [
      'is a secret of its own',
      () => {
        world.cloud.aws.secrets.removeReplicas(place);
        copies().put(KEY, world.newKey());
        return undefined;
      },
      /^us-west-2 has a secret runpod\/api-key that is not a replica/,
      `this overwrites the value of the secret in ${STANDBY}: ${ADD} --force-overwrite-replica-secret`,
    ],
    [
      'could not be made because of a secret with its name',
      () => {
        world.cloud.aws.secrets.removeReplicas(place);
        copies().put(KEY, world.newKey());
        world.cloud.aws.secrets.replicate(place);
        return undefined;
      },
      /could not be replicated to us-west-2: .*already exists/,
      `this overwrites the value of the secret in ${STANDBY}: ${ADD} --force-overwrite-replica-secret`,
    ],
    [
      'could not be made because of its key',
      () =>
        void Object.assign(replica(), {
          status: 'Failed',
          message: 'Replication failed: KMS key is disabled.',
        }),
      /could not be replicated to us-west-2: .*KMS key is disabled/,
      `fix the cause in this message, such as a disabled KMS key, then: ${REMOVE}; then ${ADD}`,
    ],
    [
      'is being made',
      () => void Object.assign(replica(), { status: 'InProgress' }),
      /is being replicated to us-west-2$/,
      'wait a minute',
    ],
    [
      'has another value',
      () => copies().put(KEY, world.newKey()) as undefined,
      /has another value than the secret in us-east-1$/,
      `if the secret was not changed in the last minute: ${REMOVE}; then ${ADD}`,
    ],
    [
      'has a key that is gone',
      () =>
        world.cloud.aws.faults.add(
          ({ headers, operation }) =>
            operation === 'GetSecretValue' && headers.authorization?.includes(STANDBY) === true,
          {
            status: 400,
            headers: { 'x-amzn-errortype': 'AccessDeniedException' },
            body: { __type: 'AccessDeniedException', message: 'Access to KMS is not allowed' },
          },
        ),
      /cannot be read in us-west-2: its KMS key alias\/aws\/secretsmanager is not there, is disabled/,
      `enable the key in ${STANDBY} and allow its use; or replicate with another key: ${REMOVE}; then ${ADD}`,
    ],
  ])('a replica that %s is a warning with the command', async (_, breakIt, found, fix) => {
    const fault = breakIt();
    const result = await diagnose();
    fault?.remove();
    world.cloud.aws.secrets.removeReplicas(place);
    world.cloud.aws.secrets.replicate({ ...place, ForceOverwriteReplicaSecret: true });

    expect(result.code).toBe(0);
    expect(result.of('standby-secrets')).toMatchObject({ status: 'warning', fix });
    expect(result.of('standby-secrets')?.found[0]).toMatch(found);
  });
});

describe('a run of the standby that failed because of its secret', () => {
  it('names the check of the secrets first', async () => {
    const place = {
      SecretId: KEY,
      AddReplicaRegions: [{ Region: STANDBY }],
      RemoveReplicaRegions: [STANDBY],
    };
    world.cloud.aws.secrets.removeReplicas(place);
    await run(refresh, {}, { standby: true });
    const { code, of } = await diagnose();
    world.cloud.aws.secrets.replicate(place);
    await run(refresh, {}, { standby: true });

    expect(code).toBe(0);
    expect(of('other-last-run')).toMatchObject({
      status: 'warning',
      fix: expect.stringMatching(
        /^fix "Standby: secrets" first, then: npx runpod-ecr refresh --region us-west-2 --stack EcrCredentialRefresher-standby$/,
      ),
    });
  });
});

describe('the stack of one side', () => {
  const BOTH = `npx cdk deploy EcrCredentialRefresher ${STANDBY_STACK}`;

  it.each([
    ['the first region', PRIMARY, 'EcrCredentialRefresher', STANDBY, `AWS_REGION=${PRIMARY} ${BOTH}`],
    ['the standby', STANDBY, STANDBY_STACK, PRIMARY, `AWS_REGION=${PRIMARY} ${BOTH}`],
  ])(
    'gets the command that deploys both stacks when the other one is missing: %s',
    async (_, region, stack, otherRegion, fix) => {
      const { stacks } = world.cloud.operatorAws.inRegion(otherRegion).stacks;
      const kept = new Map(stacks);
      stacks.clear();
      for (const one of kept.values()) stacks.set('CDKToolkit', { ...one, name: 'CDKToolkit' });
      const { code, of } = await diagnose({ stack, region });
      stacks.clear();
      for (const [name, one] of kept) stacks.set(name, one);

      expect(code).toBe(0);
      expect(of('other-stack')).toMatchObject({ status: 'warning', fix });
    },
  );

  it('is no place to store a key when it is the standby, and the command for the first region is named', async () => {
    const failed = run(
      init,
      { stack: STANDBY_STACK, region: STANDBY },
      { storeKey: true, replaceKey: true, keyStdin: true },
    );

    await expect(failed).rejects.toThrow(
      /only the secret itself can be changed\. .*npx runpod-ecr init --store-key --replace-key --region us-east-1 --stack EcrCredentialRefresher$/,
    );
  });
});

describe('a configuration with a standby', () => {
  it('is refused with the region of the standby as the first region', async () => {
    const failed = statusOf({ region: STANDBY });

    await expect(failed).rejects.toThrow(
      `${STANDBY} is the region of the standby, and this command is about the first region.`,
    );
  });

  it.each<[string, (operator: Operator, output: Output) => Promise<number>]>([
    ['refresh', (operator, output) => refresh(operator, output, {})],
    ['usage', usage],
    [
      'init --store-key',
      (operator, output) => init(operator, output, { storeKey: true, replaceKey: true, keyStdin: true }),
    ],
  ])('is refused so by %s, which deploys and stores nothing there', async (_, command) => {
    const failed = run(command, { region: STANDBY }, {});

    await expect(failed).rejects.toMatchObject({
      exitCode: 2,
      fix: expect.stringContaining(`The standby alone: --stack ${STANDBY_STACK} --region ${STANDBY}`),
    });
  });
});
