import { LOG_MESSAGES } from '../../lambda/core/contract';
import type { WatchReport } from '../../lambda/core/model';
import { aLine, eachTestInWatchWorld, FAILED_PULL, LOG_GROUP, type WatchWorld } from './watch-world';

let watch: WatchWorld;

eachTestInWatchWorld((fresh) => {
  watch = fresh;
});

/** The problems of a report, as `workload problem`. */
function problemsOf(report: WatchReport | undefined): string[] {
  return (report?.findings ?? []).map(({ workload, problem }) => `${workload} ${problem}`).sort();
}

describe('the watch', () => {
  it('returns what it looked at when nothing is wrong', async () => {
    await watch.deploy();
    watch.addEndpoint();
    watch.addPod({ logs: [aLine('create container')] });

    const { result, metrics, logs } = await watch.look();

    expect(result).toEqual({ workloads: 2, images: 1, blind: [], findings: [] });
    expect(metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
    expect(logs.map(({ message }) => message)).toEqual([LOG_MESSAGES.watchFinished]);
  });

  it('sends only GET and HEAD to Runpod and to registries', async () => {
    await watch.deploy();
    watch.addEndpoint({ running: [{ id: 'w1', logs: [aLine('start')] }] });
    watch.addEndpoint({ registry: null });

    await watch.look();

    const methods = [...watch.cloud.runpod.requests, ...watch.cloud.registry.requests].map(
      ({ method }) => method,
    );
    expect([...new Set(methods)].sort()).toEqual(['GET', 'HEAD']);
  });

  it('finds what is wrong with images and wiring before it happens', async () => {
    const { registry } = watch.cloud;
    await watch.deploy();
    registry.addImage('my-worker', 'arm', 'arm64');
    registry.addIndex('my-worker', 'index', ['linux/arm64', 'linux/amd64']);
    registry.addIndex('my-worker', 'arm-index', ['linux/arm64']);
    registry.addImage('secret', '1');
    registry.denied.add('secret');
    for (const [id, differences] of Object.entries({
      good: {},
      index: { image: watch.image('my-worker:index') },
      gone: { image: watch.image('my-worker:2.0.0') },
      arm: { image: watch.image('my-worker:arm') },
      armIndex: { image: watch.image('my-worker:arm-index') },
      denied: { image: watch.image('secret:1') },
      bare: { registry: null },
      other: { registry: 'somebody-elses' },
      foreign: { registry: null, image: 'runpod/pytorch:latest' },
    })) {
      watch.addEndpoint({ id, ...differences });
    }

    const { result } = await watch.look();

    expect(problemsOf(result)).toEqual([
      'endpoint arm wrong-platform',
      'endpoint armIndex wrong-platform',
      'endpoint bare not-attached',
      'endpoint denied pull-denied',
      'endpoint gone image-missing',
      'endpoint other wrong-auth',
    ]);
    expect(result).toMatchObject({ workloads: 8, images: 6 });
  });

  it('reads the configuration of an image where the registry redirects to', async () => {
    watch.cloud.registry.redirectBlobs = true;
    await watch.deploy();
    watch.cloud.registry.addImage('my-worker', 'arm', 'arm64');
    watch.addEndpoint({ image: watch.image('my-worker:arm') });

    const { result } = await watch.look();

    expect(problemsOf(result)).toEqual(['endpoint ep0 wrong-platform']);
  });

  it('asks one image once, however many workloads use it', async () => {
    await watch.deploy();
    for (let count = 0; count < 20; count += 1) watch.addEndpoint();

    const { result } = await watch.look();

    expect(result).toMatchObject({ workloads: 20, images: 1 });
    expect(watch.cloud.registry.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'GET']);
  });

  it('looks neither at ignored workloads nor at those that are switched off', async () => {
    await watch.deploy(undefined, { ignore: ['ignored'] });
    const image = watch.image('my-worker:gone');
    watch.addEndpoint({ id: 'ignored', image });
    watch.addEndpoint({ id: 'off', image, workers: { min: 0, max: 0, running: [] } });
    watch.addPod({ id: 'exited', image, status: 'EXITED' });
    watch.addPod({ id: 'terminated', image, status: 'TERMINATED' });

    const { result } = await watch.look();

    expect(result).toEqual({ workloads: 0, images: 0, blind: [], findings: [] });
  });

  it('reports no missing auth where a delegation covers the repository', async () => {
    await watch.deploy();
    watch.world.user.delegations.push({
      id: 'd1',
      name: null,
      delegatorUserId: 'u',
      awsUser: '123456789012',
      repository: 'my-worker',
      tag: 'latest',
      awsRegion: 'us-east-1',
      dockerRegistryUri: 'x',
      createdAt: new Date().toISOString(),
    });
    watch.addPod({ registry: null, logs: [aLine('start')] });

    const { result } = await watch.look();

    expect(result).toMatchObject({ workloads: 1, images: 1, findings: [] });
  });

  it('finds failed pulls in the logs of workers and pods', async () => {
    await watch.deploy();
    watch.addEndpoint({ running: [{ id: 'w1', logs: [aLine('start'), aLine(FAILED_PULL)] }] });
    watch.addPod({ logs: [aLine(FAILED_PULL, 2), aLine(FAILED_PULL, 1)] });
    watch.addPod({ logs: [aLine(FAILED_PULL, 1, 'container')] });

    const { result } = await watch.look();

    expect(problemsOf(result)).toEqual(['endpoint ep0 pull-failed', 'pod pod0 pull-failed']);
    expect(result?.findings.find(({ workload }) => workload === 'pod pod0')?.detail).toMatch(
      /^its system log says 2 times since .*Z that a pull failed \(no credential was sent\); attach .*no basic auth credentials"$/,
    );
  });

  it('pages for a problem that two looks in a row saw', async () => {
    await watch.deploy();
    watch.addEndpoint({ id: 'gone', image: watch.image('my-worker:gone') });
    watch.addPod({ id: 'failing', logs: [aLine(FAILED_PULL, 90), aLine(FAILED_PULL, 30)] });

    const first = await watch.look({ minutesAgo: 60 });
    const second = await watch.look();

    expect(problemsOf(first.result)).toEqual(problemsOf(second.result));
    expect(first.metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
    expect(second.metrics).toEqual({ PullsFailing: 1, ImagesUnpullable: 1 });
  });

  it('does not page when two looks in a row see different problems', async () => {
    await watch.deploy();
    const endpoint = watch.addEndpoint({ image: watch.image('my-worker:gone') });
    await watch.look({ minutesAgo: 60 });
    endpoint.image = watch.image('my-worker:also-gone');

    const { result, metrics } = await watch.look();

    expect(problemsOf(result)).toEqual(['endpoint ep0 image-missing']);
    expect(metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
  });

  it('counts a line of a log once', async () => {
    await watch.deploy();
    watch.addPod({ logs: [aLine(FAILED_PULL, 90)] });

    const first = await watch.look({ minutesAgo: 60 });
    const second = await watch.look();

    expect(problemsOf(first.result)).toEqual(['pod pod0 pull-failed']);
    expect(problemsOf(second.result)).toEqual([]);
  });

  it('takes a second delivery of an event for the same look', async () => {
    await watch.deploy();
    watch.addEndpoint({ image: watch.image('my-worker:gone') });

    await watch.look({ minutesAgo: 2 });
    const { metrics } = await watch.look({ minutesAgo: 2 });

    expect(metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
  });

  it('neither remembers nor sends metrics when a person starts the look', async () => {
    await watch.deploy();
    watch.addEndpoint({ image: watch.image('my-worker:gone') });

    const manual = await watch.invoke({}, new Date(Date.now() - 3_600_000));
    const scheduled = await watch.look();

    expect(problemsOf(manual.result)).toEqual(['endpoint ep0 image-missing']);
    expect(manual.metrics).toEqual({});
    expect(scheduled.metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
  });

  it('sends no metrics when it cannot read the look before', async () => {
    await watch.deploy();
    watch.addEndpoint();
    const denial = watch.cloud.aws.deny('logs:FilterLogEvents');

    const denied = await watch.look({ minutesAgo: 60 });
    denial.remove();
    const allowed = await watch.look();

    expect(denied.result?.workloads).toBe(1);
    expect(denied.metrics).toEqual({});
    expect(denied.logs.at(-1)?.memoryUnread).toContain('logs:FilterLogEvents');
    expect(allowed.metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
  });

  it('keeps a confirmed problem while it cannot look, and first looks at what waited', async () => {
    await watch.deploy();
    watch.addPod({
      id: 'failing',
      logs: [aLine(FAILED_PULL, 150), aLine(FAILED_PULL, 100), aLine(FAILED_PULL, 40)],
    });
    await watch.look({ minutesAgo: 120 });
    const confirmed = await watch.look({ minutesAgo: 60 });
    const down = watch.cloud.runpod.faults.add({ path: /logs$/ }, { status: 500 });

    const unseen = await watch.look({ minutesAgo: 1 });
    down.remove();

    expect(confirmed.metrics).toMatchObject({ PullsFailing: 1 });
    expect(unseen.result?.findings).toEqual([]);
    expect(unseen.metrics).toMatchObject({ PullsFailing: 1 });
    const { memory } = unseen.logs.at(-1) as { memory: { waiting: Record<string, number>; atMs: number } };
    expect(Date.now() - (memory.waiting['pod failing'] ?? 0)).toBeGreaterThan(59 * 60_000);
  });

  it('is blind with a key that may not list workloads, and does not throw', async () => {
    await watch.deploy();
    watch.addEndpoint({ image: watch.image('my-worker:gone') });
    watch.cloud.runpod.addUser(watch.world.apiKey, { user: watch.world.user, scope: 'registries-only' });

    const { result, metrics, logs } = await watch.look();

    expect(result).toEqual({
      workloads: 0,
      images: 0,
      blind: [
        { target: 'prod', reason: expect.stringMatching(/may not list endpoints: Runpod denies it \(403\)/) },
      ],
      findings: [],
    });
    expect(metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
    expect(logs.map(({ message }) => message)).toContain(LOG_MESSAGES.watchBlind);
  });

  it('stops in time, says what it did not look at, and looks at that first the next time', async () => {
    await watch.deploy();
    for (let count = 0; count < 12; count += 1)
      watch.addEndpoint({ id: `ep${String(count).padStart(2, '0')}` });
    watch.cloud.runpod.pages.size = 100;
    // A third of 30 is 10: three lists, and the workers of seven endpoints.
    watch.cloud.runpod.limit(watch.world.user, { limit: 30, windowSeconds: 60 });

    const first = await watch.look({ minutesAgo: 60, timeoutMs: 20_000 });
    watch.cloud.runpod.limit(watch.world.user);
    watch.cloud.runpod.requests.length = 0;
    await watch.world.deploy([], {}, () => undefined);
    const second = await watch.look();

    expect(first.ok).toBe(true);
    expect(first.logs.at(-1)).toMatchObject({ message: LOG_MESSAGES.watchFinished, notLooked: 5 });
    const asked = watch.cloud.runpod.requests.filter(({ path }) => path.endsWith('/workers'));
    expect(asked.slice(0, 5).map(({ path }) => path.split('/')[3])).toEqual([
      'ep07',
      'ep08',
      'ep09',
      'ep10',
      'ep11',
    ]);
    expect(second.logs.at(-1)).toMatchObject({ notLooked: 0 });
  });

  it('shows neither its secrets nor control characters of a log line', async () => {
    await watch.deploy();
    const password = 'iV8mQ2xW9kLm4Zs8tYp3';
    watch.cloud.aws.ecr.override = { password };
    const login = Buffer.from(`AWS:${password}`).toString('base64');
    const line = `${FAILED_PULL} \u001b[31mkey=${watch.world.apiKey} pw=${password} Basic ${login}\u202E`;
    watch.addPod({ logs: [aLine(line)] });

    const { output, result } = await watch.look();

    const [finding] = result?.findings ?? [];
    expect(finding?.detail).toContain('key=[secret] pw=[secret]');
    expect(output).not.toMatch(/\\u001b|\u202E/);
    expect(watch.world.leaks()).toEqual([]);
  });

  it('never has a line of the look before it in a log group that was emptied', async () => {
    await watch.deploy();
    watch.addEndpoint({ image: watch.image('my-worker:gone') });
    await watch.look({ minutesAgo: 60 });
    watch.cloud.aws.logs.forget(LOG_GROUP);

    const { metrics } = await watch.look();

    expect(metrics).toEqual({ PullsFailing: 0, ImagesUnpullable: 0 });
  });
});
