import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { doctor } from '../../cli/commands/doctor';
import { status } from '../../cli/commands/status';
import type { CheckResult } from '../../cli/doctor/check';
import { workloadsCheck } from '../../cli/doctor/workloads-check';
import { Operator } from '../../cli/operator';
import { Output } from '../../cli/output';
import { routeAsker } from '../../cli/runpod/access';
import { LOG_MESSAGES, METADATA_KEY, type RefresherMetadata } from '../../lambda/core/contract';
import type { RefresherConfig } from '../../lib/config/schema';
import { toSettings } from '../../lib/config/settings';
import type { CloudFormationTemplate } from '../../lib/synthesise';
import type { StoredLogLine, StoredWorkload } from '../../local/runpod/accounts';
import { CommandWorld } from './command-world';

let world: CommandWorld;

beforeAll(async () => {
  world = await CommandWorld.start();
  await world.settle();
  world.cloud.registry.namesUnknownRepositories = true;
  Object.assign(process.env, world.environment());
}, 60_000);

afterEach(async () => {
  const { workloads } = world.user;
  workloads.pods.length = 0;
  workloads.templates.length = 0;
  workloads.serverless.length = 1;
  world.cloud.registry.denied.clear();
  world.cloud.registry.addImage('my-worker', '1.0.0');
  for (const { faults } of [world.cloud.operatorAws, world.cloud.runpod, world.cloud.registry])
    faults.clear();
  world.cloud.operatorAws.observations.forget(world.watchLogGroup);
  await world.lookAtPulls();
});

afterAll(async () => {
  const leaks = world.leaks();
  await world.stop();
  expect(leaks).toEqual([]);
});

/** The name of an image in the registry that the embedded ECR names. */
function image(name = 'my-worker:1.0.0'): string {
  return `${new URL(world.cloud.registry.url).host}/${name}`;
}

function addEndpoint(differences: Partial<StoredWorkload> = {}): void {
  world.user.workloads.serverless.push({
    id: 'ep1',
    name: 'chat',
    image: image(),
    registry: world.authId,
    ...differences,
  });
}

function addPod(differences: Partial<StoredWorkload> = {}): void {
  world.user.workloads.pods.push({
    id: 'pod1',
    name: 'lab',
    image: image(),
    registry: world.authId,
    ...differences,
  });
}

/** A line that ends the wait for a log. */
const QUIET: StoredLogLine = { source: 'system', line: 'container started', ts: new Date() };

function systemLine(line: string): StoredLogLine {
  return { source: 'system', line, ts: new Date(Date.now() - 60_000) };
}

interface Diagnosis {
  readonly healthy: boolean;
  readonly cause: string | null;
  readonly links: readonly CheckResult[];
}

/** Runs a command in this process. */
async function printed(
  command: typeof doctor,
  options: { readonly json?: boolean; readonly stack?: string } = {},
): Promise<string> {
  const { json = true, stack } = options;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = new Output({ stdout, stderr, json, env: {} });
  await command(new Operator(stack === undefined ? { config: world.configPath } : { stack }), output);
  stdout.end();
  const all = await text(stdout);
  world.note(all);
  return all;
}

async function diagnose(stack?: string): Promise<Diagnosis> {
  return JSON.parse(await printed(doctor, stack === undefined ? {} : { stack })) as Diagnosis;
}

async function check(id: string, stack?: string): Promise<CheckResult | undefined> {
  return (await diagnose(stack)).links.find((link) => link.id === id);
}

/** A problem of a workload. */
interface PullCase {
  readonly problem: string;
  readonly breakIt: () => void;
  readonly found: RegExp;
  readonly fix: RegExp;
}

const PULL_CASES: readonly PullCase[] = [
  {
    problem: 'image-missing of an endpoint',
    breakIt: () => addEndpoint({ image: image('my-worker:gone') }),
    found: /^endpoint ep1 \(chat\): the registry has no such tag or digest, .*: \S+\/my-worker:gone$/,
    fix: /^push it again, or deploy another: npx runpod-ecr deploy ep1 --image my-worker:TAG --target prod --config \S+$/,
  },
  {
    problem: 'image-missing of a pod',
    breakIt: () => addPod({ image: image('nowhere:1'), logs: [QUIET] }),
    found: /^pod pod1 \(lab\): the registry has no such repository, /,
    fix: /^push it again, or give the pod another image$/,
  },
  {
    problem: 'wrong-platform',
    breakIt: () => {
      world.cloud.registry.addImage('my-worker', 'arm', 'arm64');
      addEndpoint({ image: image('my-worker:arm') });
    },
    found: /^endpoint ep1 \(chat\): the image is for linux\/arm64 and /,
    fix: /^docker buildx build --platform linux\/amd64 --push -t \S+\/my-worker:arm \.$/,
  },
  {
    problem: 'not-attached of an endpoint',
    breakIt: () => addEndpoint({ registry: null }),
    found: /^endpoint ep1 \(chat\): the endpoint names no registry auth, /,
    fix: /^npx runpod-ecr deploy ep1 --image my-worker:1\.0\.0 --target prod --config \S+$/,
  },
  {
    problem: 'not-attached of a pod',
    breakIt: () => addPod({ registry: null, logs: [QUIET] }),
    found: /^pod pod1 \(lab\): the pod names no registry auth, /,
    fix: /^choose the registry auth reg\w+ in the pod at Runpod$/,
  },
  {
    problem: 'wrong-auth',
    breakIt: () => addEndpoint({ registry: 'regtheirs' }),
    found: /^endpoint ep1 \(chat\): the endpoint names the registry auth regtheirs, which is not kept fresh/,
    fix: /^npx runpod-ecr deploy ep1 --image my-worker:1\.0\.0 /,
  },
  {
    problem: 'pull-failed with an old credential',
    breakIt: () =>
      addPod({ logs: [systemLine('error pulling image: pull access denied for x, authorization failed')] }),
    found:
      /^pod pod1 \(lab\): its system log says once since .* that a pull failed \(the registry refused the credential\): \S+; the newest line: "error pulling image: .*"$/,
    fix: /^npx runpod-ecr refresh --config \S+, and wait some minutes/,
  },
  {
    problem: 'pull-failed on a full disk',
    breakIt: () => addPod({ logs: [systemLine('failed to register layer: no space left on device')] }),
    found: /^pod pod1 \(lab\): .*\(the worker has no disk space left\)/,
    fix: /^give the workload more container disk, or use a smaller image$/,
  },
];

describe('doctor', () => {
  it.each(PULL_CASES)('names $problem with its fix, before the alarm that it causes', async (one) => {
    one.breakIt();
    world.alarm('ImagesUnpullable').state = 'ALARM';

    const { cause, links } = await diagnose();
    world.alarm('ImagesUnpullable').state = 'OK';

    expect(cause).toBe('usage');
    expect(links.find(({ id }) => id === 'usage')).toEqual({
      id: 'usage',
      title: 'Workloads at Runpod',
      status: 'broken',
      found: [expect.stringMatching(one.found)],
      fix: expect.stringMatching(one.fix),
    });
  });

  it('names a command that attaches the registry auth', async () => {
    addEndpoint({ registry: null, workers: { min: 0, max: 3, running: [] } });
    const { fix = '' } = (await check('usage')) ?? {};
    const words = fix.split(' ').slice(2);

    const deployed = await world.run([...words, '--yes'], { config: false });

    expect(deployed).toMatchObject({ code: 0, stderr: '' });
    expect(world.user.workloads.serverless.at(-1)?.registry).toBe(world.authId);
    expect((await check('usage'))?.status).toBe('ok');
  });

  it("makes only the checked parts of an image's name part of a command", async () => {
    world.cloud.registry.addImage('my-worker', 'arm', 'arm64');
    addEndpoint({ image: `${image('my-worker:arm')}:$(reboot)` });

    expect((await check('usage'))?.fix).toMatch(/--push -t \S+\/my-worker:arm \.$/);
  });

  it('shows each problem with a fix of its own when there are several', async () => {
    addEndpoint({ image: image('my-worker:gone') });
    addPod({ registry: null, logs: [QUIET] });

    const shown = await printed(doctor, { json: false });
    const { problems } = (await check('usage')) ?? {};

    expect(shown).toMatch(
      /^✗ Workloads at Runpod {4}2 problems\n {25}✗ endpoint ep1 \(chat\): .*\n {27}→ push it again, .*\n {25}✗ pod pod1 \(lab\): .*\n {27}→ choose the registry auth /m,
    );
    expect(problems?.map(({ status: one }) => one)).toEqual(['broken', 'broken']);
  });

  it('says how many images can be pulled', async () => {
    addEndpoint();

    expect(await check('usage')).toMatchObject({
      status: 'ok',
      found: ['2 endpoints; 1 image can be pulled'],
    });
  });

  it('only warns about a template, because no worker runs from it by itself', async () => {
    world.user.workloads.templates.push({
      id: 't1',
      name: 'base',
      image: image('my-worker:gone'),
      registry: world.authId,
    });

    const { healthy, links } = await diagnose();

    expect(healthy).toBe(true);
    expect(links.find(({ id }) => id === 'usage')).toMatchObject({
      status: 'warning',
      found: ['1 endpoint, 1 template', expect.stringMatching(/^template t1 \(base\): the registry has no /)],
      fix: 'push it again, or give the template another image',
    });
  });

  it('takes no notice of old log lines, of endpoints without workers and of ended pods', async () => {
    const old = { ...systemLine('error pulling image: denied'), ts: new Date(Date.now() - 20 * 60_000) };
    addPod({ logs: [old, QUIET] });
    addPod({ id: 'pod2', image: image('my-worker:gone'), status: 'EXITED' });
    addEndpoint({ image: image('my-worker:gone'), workers: { min: 0, max: 0, running: [] } });

    expect((await check('usage'))?.status).toBe('ok');
  });

  it('warns that the key may not list workloads, and which right it lacks', async () => {
    world.cloud.runpod.faults.add({ path: /^\/v2\/(serverless|pods|templates)/ }, { status: 403, body: {} });

    const { healthy, links } = await diagnose();

    expect(healthy).toBe(true);
    expect(links.find(({ id }) => id === 'usage')).toMatchObject({
      status: 'warning',
      found: [
        expect.anything(),
        'blind for target prod: the key may not list endpoints: Runpod denies it (403); nor list pods: Runpod denies it (403)',
      ],
      fix: expect.stringMatching(/^give the key read access to endpoints and Pods at Runpod, or create /),
    });
  });

  it('says what it could not look at', async () => {
    addEndpoint();
    world.cloud.registry.faults.add({ path: /manifests/ }, { status: 503 });
    const unreachable = await check('usage');
    world.cloud.registry.faults.clear();
    const body = { __type: 'AccessDeniedException', message: 'you may not' };
    world.cloud.operatorAws.faults.add({ operation: 'GetAuthorizationToken' }, { status: 400, body });
    const denied = await check('usage');

    expect(unreachable).toMatchObject({
      status: 'warning',
      found: [
        '2 endpoints; 1 image can be pulled',
        expect.stringMatching(/^not looked at: the image of endpoint ep1: /),
      ],
    });
    expect(denied).toMatchObject({
      status: 'warning',
      found: [
        expect.any(String),
        expect.stringMatching(
          /^not looked at: the images of target prod: ecr:GetAuthorizationToken: AccessDeniedException: you may not/,
        ),
      ],
    });
  });

  it('ends at its time limit, and says which logs it did not read', async () => {
    for (let number = 0; number < 40; number += 1) addPod({ id: `silent${number}` });
    const operator = new Operator({ config: world.configPath });
    const { run, progress } = workloadsCheck(operator, {
      askRoutes: routeAsker(operator),
      readLastLook: async () => undefined,
      onLook: () => undefined,
      limitMs: 7_000,
    });
    const startedMs = performance.now();
    const finding = await run();

    expect(performance.now() - startedMs).toBeLessThan(12_000);
    expect(finding).toMatchObject({
      status: 'warning',
      found: [
        '1 endpoint, 40 pods; 1 image can be pulled',
        expect.stringMatching(
          /^not looked at: the log of pod silent\d+, .* and \d+ more: the time limit was over; the watch has more time$/,
        ),
      ],
    });
    expect(progress?.()).toMatch(/^1 image asked, \d+ logs read, at most 7 s$/);
  }, 30_000);

  it('believes the role of the watch when ECR refuses the own credentials of a person', async () => {
    world.writeConfig({ registry: { type: 'ecr', repositories: ['my-worker', 'team/batch'] } });
    await world.deploy();
    addEndpoint({ image: image('team/batch:2.0.0') });
    await world.lookAtPulls();
    world.cloud.registry.denied.add('team/batch');
    const own = await check('usage');
    await world.lookAtPulls();
    const both = await check('usage');
    world.writeConfig();
    await world.deploy();

    expect(own).toMatchObject({
      status: 'warning',
      found: [
        expect.any(String),
        expect.stringMatching(
          /^endpoint ep1 \(chat\): ECR refuses your own AWS credentials for \S+; with its own role the watch saw no problem at /,
        ),
      ],
    });
    expect(both).toMatchObject({
      status: 'broken',
      found: [
        expect.stringMatching(
          /^endpoint ep1 \(chat\): the registry refuses a fresh credential of target prod/,
        ),
      ],
      fix: expect.stringMatching(
        /^look for a Deny .*: aws ecr get-repository-policy --repository-name team\/batch --region us-east-1$/,
      ),
    });
  });

  it('waits for the next look when every pull works and an alarm of the watch has not ended yet', async () => {
    world.alarm('PullsFailing').state = 'ALARM';
    const { cause, links } = await diagnose();
    world.alarm('PullsFailing').state = 'OK';

    expect(cause).toBe('alarms');
    expect(links.find(({ id }) => id === 'alarms')?.fix).toBe(
      'wait for the next look of the watch, which ends the alarm within 1 h 0 min',
    );
  });
});

/** What can be wrong with the watch. */
interface WatchCase {
  readonly what: string;
  /** Returns a function that repairs it. */
  readonly breakIt: () => (fix: string) => void;
  readonly found: RegExp;
  readonly fix: RegExp;
}

const WATCH_CASES: readonly WatchCase[] = [
  {
    what: 'its schedule is disabled',
    breakIt: () => {
      const { rules } = world.cloud.operatorAws.observations;
      rules.set(watchRule(), 'DISABLED');
      return (fix) => rules.set(fix.split(' ').at(-1) ?? '', 'ENABLED');
    },
    found: /^its schedule is disabled, so it never looks$/,
    fix: /^aws events enable-rule --name \S+PullWatch\S+$/,
  },
  {
    what: 'no rule invokes it',
    breakIt: () => {
      const { ruleTargets } = world.cloud.operatorAws.observations;
      const [name, targets] = [watchRule(), ruleTargets.get(watchRule()) ?? []];
      ruleTargets.set(name, []);
      return () => ruleTargets.set(name, targets);
    },
    found: /^no rule invokes it, so it never looks$/,
    fix: /^npx cdk deploy .*--revert-drift$/,
  },
  {
    what: 'its function was deleted',
    breakIt: () => {
      const { functions } = world.cloud.functionApi;
      const [name = '', watch] = [...functions].find(([one]) => /PullWatch/.test(one)) ?? [];
      functions.delete(name);
      return () => watch && functions.set(name, watch);
    },
    found: /^its function or its rule was deleted$/,
    fix: /^npx cdk deploy .*--revert-drift$/,
  },
  {
    what: 'somebody raised its log level',
    breakIt: () => {
      const [, watch] = [...world.cloud.functionApi.functions].find(([name]) => /PullWatch/.test(name)) ?? [];
      const { logging } = watch ?? {};
      if (!logging) throw new Error('The watch has no logging.');
      logging.ApplicationLogLevel = 'WARN';
      return (fix) => {
        logging.ApplicationLogLevel = fix.split('=').at(-1) ?? '';
      };
    },
    found: /^its log level is WARN: /,
    fix: /^aws lambda update-function-configuration --function-name \S+PullWatch\S+ /,
  },
  {
    what: 'it has not looked for hours',
    breakIt: () => {
      deployedAgo(5);
      logLook({ minutesAgo: 140 });
      return () => logLook({ minutesAgo: 1 });
    },
    found: /^its last look was 2 h 20 min ago, and it should look every 1 h 0 min$/,
    fix: /^aws lambda invoke --function-name \S+PullWatch\S+ .* shows its error; see docs\/runbook\.md, "WatchSilent"$/,
  },
  {
    what: 'it has not looked for a day',
    breakIt: () => {
      deployedAgo(48);
      world.cloud.operatorAws.observations.forget(world.watchLogGroup);
      return () => logLook({ minutesAgo: 1 });
    },
    found: /^it has not looked for a day$/,
    fix: /^aws lambda invoke /,
  },
];

function watchRule(): string {
  const { rules } = world.cloud.operatorAws.observations;
  return [...rules.keys()].find((name) => /PullWatch/.test(name)) ?? '';
}

/** Changes when the stack was deployed, as CloudFormation says it. */
function deployedAgo(hours: number): void {
  const { stacks } = world.cloud.operatorAws.stacks;
  const stack = stacks.get('EcrCredentialRefresher');
  if (!stack) throw new Error('The stack is not deployed.');
  stacks.set(stack.name, { ...stack, deployedAt: new Date(Date.now() - hours * 3_600_000) });
}

/** Empties the log of the watch and writes one look into it. */
function logLook({
  minutesAgo,
  lines = [],
  scheduled = true,
}: {
  readonly minutesAgo: number;
  readonly lines?: readonly object[];
  readonly scheduled?: boolean;
}): void {
  const { observations } = world.cloud.operatorAws;
  const at = new Date(Date.now() - minutesAgo * 60_000);
  observations.forget(world.watchLogGroup);
  const base = { timestamp: at.toISOString(), function_request_id: 'r1', service: 'EcrCredentialRefresher' };
  const findings = lines.filter((line) => 'problem' in line).length;
  const end = { message: LOG_MESSAGES.watchFinished, workloads: 3, images: 2, findings, scheduled };
  for (const line of [...lines, end]) {
    // As Powertools writes it, with the message early in the line.
    observations.log(world.watchLogGroup, at, JSON.stringify({ ...line, ...base }));
  }
}

function problemLine(differences: object = {}): object {
  return {
    message: LOG_MESSAGES.pullProblem,
    target: 'prod',
    workload: 'endpoint ep1',
    image: 'x/my-worker:gone',
    problem: 'image-missing',
    detail: 'the registry has no such tag or digest; push it again',
    confirmed: true,
    ...differences,
  };
}

describe('the check of the watch', () => {
  afterEach(() => deployedAgo(0));

  it.each(WATCH_CASES)('is broken when $what, and its fix works', async ({ breakIt, found, fix }) => {
    const repair = breakIt();

    const before = await diagnose();
    const broken = before.links.find(({ status: one }) => one === 'broken');
    repair(broken?.fix ?? '');
    const after = await diagnose();

    expect(before.cause).toBe('watch');
    expect(broken).toMatchObject({
      found: [expect.stringMatching(found)],
      fix: expect.stringMatching(fix),
    });
    expect(after.cause).toBeNull();
  });

  it('only warns while the watch has not looked since a deployment', async () => {
    world.cloud.operatorAws.observations.forget(world.watchLogGroup);

    expect(await check('watch')).toMatchObject({
      status: 'warning',
      found: ['it has not looked since the deployment 0 min ago'],
    });
  });

  it('does not count a look that a person started', async () => {
    deployedAgo(48);
    logLook({ minutesAgo: 1, scheduled: false });

    expect((await check('watch'))?.found).toEqual(['it has not looked for a day']);
  });

  it('warns of what the last look was blind for, and of what it found and doctor does not', async () => {
    const blind = { message: LOG_MESSAGES.watchBlind, target: 'prod', reason: 'the key may not read logs' };
    logLook({ minutesAgo: 12, lines: [blind, problemLine()] });

    expect(await check('watch')).toMatchObject({
      status: 'warning',
      found: [
        'looked 12 min ago at 3 workloads: 1 problem',
        'it is blind for target prod: the key may not read logs',
        'found then and not now: endpoint ep1: the registry has no such tag or digest; push it again',
      ],
    });
  });

  it('warns when a person may not read the configuration of its function', async () => {
    const body = { __type: 'AccessDeniedException', message: 'you may not' };
    world.cloud.operatorAws.faults.add({ operation: 'ListRuleNamesByTarget' }, { status: 400, body });

    expect(await check('watch')).toMatchObject({
      status: 'warning',
      found: [
        expect.stringMatching(/^looked 0 min ago/),
        'whether it can run is not known: AccessDeniedException: you may not',
      ],
    });
  });
});

describe('status', () => {
  afterEach(() => deployedAgo(0));

  it('shows what the last look found, whether two looks saw it, and what it could not look at', async () => {
    const once = problemLine({ workload: 'pod pod1', confirmed: false });
    const blind = { message: LOG_MESSAGES.watchBlind, target: 'prod', reason: 'the key may not read logs' };
    const gap = {
      message: LOG_MESSAGES.watchNotLooked,
      because: 'no time was left',
      count: 7,
      targets: ['prod'],
    };
    logLook({ minutesAgo: 12, lines: [once, problemLine(), blind, gap] });

    const shown = await printed(status, { json: false });
    const { watch, healthy } = JSON.parse(await printed(status));

    expect(shown).toMatch(
      /^Watch {7}looked \d{4}-.* UTC \(12 min ago\) at 3 workloads, 2 images: 2 problems\n {2}✗ endpoint ep1: x\/my-worker:gone\n {4}the registry has no .* \(seen by two looks in a row\)\n {2}! pod pod1: .*\n {4}.* \(seen by one look so far\)\n {2}! blind for target prod: the key may not read logs\n {2}· not looked at \(7\): no time was left\n$/m,
    );
    expect(healthy).toBe(false);
    expect(watch).toMatchObject({
      lastLook: expect.stringMatching(/^\d{4}-.*Z$/),
      silent: false,
      workloads: 3,
      images: 2,
      findingCount: 2,
      findings: [
        { workload: 'endpoint ep1', problem: 'image-missing', confirmed: true },
        { workload: 'pod pod1', confirmed: false },
      ],
      blind: [{ target: 'prod', reason: 'the key may not read logs' }],
      notLooked: [{ because: 'no time was left', count: 7 }],
    });
  });

  it('is healthy while only one look saw a problem', async () => {
    logLook({ minutesAgo: 12, lines: [problemLine({ confirmed: false })] });

    expect(JSON.parse(await printed(status)).healthy).toBe(true);
  });

  it('is not healthy when the watch is silent', async () => {
    deployedAgo(48);
    logLook({ minutesAgo: 200 });
    const late = await printed(status, { json: false });
    world.cloud.operatorAws.observations.forget(world.watchLogGroup);
    const { watch, healthy } = JSON.parse(await printed(status));

    expect(late).toMatch(/^Watch {7}looked .* \(3 h 20 min ago\) and is late at 3 workloads/m);
    expect({ watch, healthy }).toEqual({ watch: { silent: true, healthy: false }, healthy: false });
  });

  it('shows the rest when the log of the watch cannot be read', async () => {
    const body = { __type: 'AccessDeniedException', message: 'you may not' };
    world.cloud.operatorAws.faults.add(
      ({ operation, body: asked }) => operation === 'FilterLogEvents' && asked.includes(world.watchLogGroup),
      { status: 400, body },
    );

    const shown = await printed(status, { json: false });

    expect(shown).toContain('Retries     0 waiting');
    expect(shown).toContain('Watch       unknown: AccessDeniedException: you may not\n');
  });

  it('shows the alarms of the watch among the alarms', async () => {
    world.alarm('ImagesUnpullable').state = 'ALARM';
    world.alarm('WatchSilent').state = 'ALARM';
    const view = JSON.parse(await printed(status));
    world.alarm('ImagesUnpullable').state = 'OK';
    world.alarm('WatchSilent').state = 'OK';

    expect(view).toMatchObject({ healthy: false, alarms: ['ImagesUnpullable'], warnings: ['WatchSilent'] });
  });
});

describe('secrets in a log', () => {
  it('do not appear in the output of doctor and status', async () => {
    const password = world.cloud.aws.ecr.issued.at(-1)?.password ?? '';
    const leaking = `error pulling image: denied for key ${world.key} with Basic ${Buffer.from(`AWS:${password}`).toString('base64')}`;
    addPod({ logs: [systemLine(leaking)] });
    await world.lookAtPulls();
    const [plain, json] = [await printed(doctor, { json: false }), await printed(doctor)];
    const ofWatch = await printed(status);
    logLook({ minutesAgo: 1, lines: [problemLine({ detail: leaking, image: `${world.key}:1` })] });
    const forged = [await printed(status), await printed(status, { json: false }), await printed(doctor)];

    for (const shown of [plain, json, ofWatch, ...forged]) {
      expect(shown).toContain('[secret]');
      expect(shown).not.toContain(world.key.slice(0, 12));
    }
    expect(world.leaks()).toEqual([]);
  });
});

describe('pullWatch.mode off', () => {
  it('leaves the watch out of doctor and status, and doctor still looks at the workloads', async () => {
    world.writeConfig({}, { pullWatch: { mode: 'off' } });
    await world.deploy();
    addEndpoint({ image: image('my-worker:gone') });

    const { links } = await diagnose();
    const view = JSON.parse(await printed(status));
    world.writeConfig();
    await world.deploy();

    expect(links.map(({ id }) => id)).not.toContain('watch');
    expect(links.find(({ id }) => id === 'usage')?.status).toBe('broken');
    expect(view).not.toHaveProperty('watch');
  });
});

/** Makes the template of somebody's own stack with a watch: it has no outputs of ours. */
function ownStack(
  { Resources, Outputs = {} }: CloudFormationTemplate,
  config: RefresherConfig,
): CloudFormationTemplate {
  const logicalIds = Object.entries(Outputs).flatMap(([name, { Value }]) =>
    typeof Value === 'object' && Value !== null && 'Ref' in Value ? [[name, String(Value.Ref)]] : [],
  );
  const resources: Readonly<Record<string, string>> = Object.fromEntries(logicalIds);
  const functionId = resources.FunctionName ?? '';
  const { ignore, intervalMinutes } = config.pullWatch;
  const settings = { ...toSettings(config), pullWatch: { ignore, intervalMinutes } };
  const metadata: RefresherMetadata = { settings, resources };
  const own = Resources[functionId];
  if (!own) throw new Error('The template has no function.');
  return {
    Resources: {
      ...Resources,
      [functionId]: { ...own, Metadata: { ...own.Metadata, [METADATA_KEY]: metadata } },
    },
  };
}

describe('--stack', () => {
  it('lets doctor and status find the watch of a stack without outputs', async () => {
    await world.deployWithin('Platform', ownStack);
    world.cloud.operatorAws.topics.confirmAll();
    const { functions } = world.cloud.functionApi;
    const named = (pattern: RegExp) => [...functions].find(([name]) => pattern.test(name))?.[1];
    const refresher = named(/^Platform-(?!.*PullWatch)/);
    refresher?.onInvoked(await refresher.runtime.invoke({}));
    const before = await check('watch', 'Platform');
    const watch = named(/^Platform-.*PullWatch/);
    const event = { source: 'aws.events', 'detail-type': 'Scheduled Event', time: new Date().toISOString() };
    watch?.onInvoked(await watch.runtime.invoke(event));
    addEndpoint({ image: image('my-worker:gone') });

    const after = await diagnose('Platform');
    const view = JSON.parse(await printed(status, { stack: 'Platform' }));

    expect(before).toMatchObject({
      status: 'warning',
      found: [expect.stringMatching(/^it has not looked since/)],
    });
    expect(after.links.find(({ id }) => id === 'usage')).toMatchObject({
      status: 'broken',
      fix: expect.stringMatching(
        /npx runpod-ecr deploy ep1 --image my-worker:TAG --target prod --stack Platform$/,
      ),
    });
    expect(view.watch).toMatchObject({ workloads: 1, findingCount: 0, silent: false });
  });
});
