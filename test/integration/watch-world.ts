import type { PullWatchSettings, RefresherSettings, WatchReport } from '../../lambda/core/model';
import type { Invocation } from '../../local/lambda-runtime';
import type { StoredLogLine, StoredWorker, StoredWorkload } from '../../local/runpod/accounts';
import { putWatch } from '../support/put-function';
import { type TargetSketch, World } from './world';

/** The log group that the embedded Lambda names in the function's environment. */
export const LOG_GROUP = '/aws/lambda/refresher';

const MINUTE_MS = 60_000;

/** An error of a pull, in Docker's words. */
export const FAILED_PULL =
  'error pulling image: Error response from daemon: Head "https://x/v2/my-worker/manifests/1.0.0": no basic auth credentials';

/** The embedded cloud with endpoints and pods, and the watch's real bundle in its own process. */
export class WatchWorld {
  readonly world: World;
  /** The registry auth of the first target. */
  authId = '';

  private constructor(world: World) {
    this.world = world;
  }

  static async start(): Promise<WatchWorld> {
    const watch = new WatchWorld(await World.start());
    // The log group exists before the first look.
    watch.cloud.aws.logs.put(LOG_GROUP, new Date(), []);
    return watch;
  }

  get cloud() {
    return this.world.cloud;
  }

  /** Deploys the watch. The first target has a registry auth unless the sketch says otherwise. */
  async deploy(
    sketches: readonly TargetSketch[] = [{ name: 'prod' }],
    pullWatch: Partial<PullWatchSettings> = {},
    runpod: Parameters<World['deploy']>[1] = {},
  ): Promise<void> {
    const put = (directory: string, settings: RefresherSettings) => {
      const [first] = settings.targets;
      this.authId = first?.registryAuthId ?? '';
      putWatch(directory, { ...settings, pullWatch: { ignore: [], intervalMinutes: 60, ...pullWatch } });
    };
    await this.world.deploy(sketches, runpod, put);
  }

  /** The name of an image in ECR's registry. */
  image(name = 'my-worker:1.0.0'): string {
    return `${new URL(this.cloud.registry.url).host}/${name}`;
  }

  /** Adds an endpoint that uses the first target's auth. Call `deploy` before. */
  addEndpoint(differences: Partial<StoredWorkload> & { running?: StoredWorker[] } = {}): StoredWorkload {
    const { running = [], ...rest } = differences;
    const count = this.world.user.workloads.serverless.length;
    const endpoint = {
      id: `ep${count}`,
      name: `endpoint ${count}`,
      image: this.image(),
      registry: this.authId,
      workers: { min: 0, max: 3, running },
      ...rest,
    };
    this.world.user.workloads.serverless.push(endpoint);
    return endpoint;
  }

  /** Adds a running pod that uses the first target's auth, with this log. Call `deploy` before. */
  addPod(differences: Partial<StoredWorkload> = {}): StoredWorkload {
    const count = this.world.user.workloads.pods.length;
    const pod = {
      id: `pod${count}`,
      name: `pod ${count}`,
      image: this.image(),
      registry: this.authId,
      ...differences,
    };
    this.world.user.workloads.pods.push(pod);
    return pod;
  }

  /** Looks for the schedule's event of some minutes ago. The look's output goes into its log group. */
  async look({
    minutesAgo = 0,
    timeoutMs = 60_000,
  }: {
    readonly minutesAgo?: number;
    readonly timeoutMs?: number;
  } = {}): Promise<Invocation<WatchReport>> {
    const at = new Date(Date.now() - minutesAgo * MINUTE_MS);
    const event = { source: 'aws.events', 'detail-type': 'Scheduled Event', time: at.toISOString() };
    return this.invoke(event, at, timeoutMs);
  }

  /** Looks for any event. */
  async invoke(event: unknown, at = new Date(), timeoutMs = 60_000): Promise<Invocation<WatchReport>> {
    // The watch is the only function here that returns a report of its own.
    const invocation = (await this.world.invoke(event, timeoutMs)) as unknown as Invocation<WatchReport>;
    this.cloud.aws.logs.put(LOG_GROUP, at, invocation.stdout);
    return invocation;
  }

  async stop(): Promise<void> {
    await this.world.stop();
  }
}

/** A line of a system log, some minutes ago. */
export function aLine(
  line: string,
  minutesAgo = 1,
  source: StoredLogLine['source'] = 'system',
): StoredLogLine {
  return { source, line, ts: new Date(Date.now() - minutesAgo * MINUTE_MS) };
}

/** Each test has a world of its own. The output of the watch is searched for secrets afterwards. */
export function eachTestInWatchWorld(use: (world: WatchWorld) => void): void {
  let watch: WatchWorld;

  beforeEach(async () => {
    watch = await WatchWorld.start();
    use(watch);
  });

  afterEach(async () => {
    await watch.stop();
    expect(watch.world.leaks()).toEqual([]);
  });
}
