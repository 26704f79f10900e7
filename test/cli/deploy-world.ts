import type { Fault, FaultWhen } from '../../local/faults';
import { noRollouts } from '../../local/runpod/rollouts';
import { type CommandOptions, type CommandRun, CommandWorld, ECR_HOST } from './command-world';

/** An image without a fault. */
export const NEW_TAG = '1.1.0';

/** What the endpoint has before each test. */
export const OLD_IMAGE = `${ECR_HOST}/my-worker:1.0.0`;

const ENDPOINT = /^\/v2\/serverless\/e1$/;

/** The world of the tests of one file. */
export let world: CommandWorld;

/** The digest of the new image. */
export let digest: string;

/** Starts a world with the endpoint `e1`, before the tests of a file, and finds leaks after them. */
export function useDeployWorld(): void {
  beforeAll(async () => {
    world = await CommandWorld.start();
    await world.settle();
    world.cloud.registry.namesUnknownRepositories = true;
    digest = world.cloud.registry.addImage('my-worker', NEW_TAG);
    world.cloud.registry.addImage('my-worker', 'arm', 'arm64');
    world.user.create({ id: 'regother', name: 'other', username: 'AWS', password: 'not-valid' });
  }, 60_000);

  beforeEach(() => {
    const { registry, runpod } = world.cloud;
    const { pull } = runpod.rollouts;
    Object.assign(runpod.rollouts, {
      ...noRollouts(),
      pull: realPull ?? pull,
      enabled: true,
      replaceMs: 100,
    });
    realPull ??= pull;
    runpod.faults.clear();
    registry.faults.clear();
    registry.denied.clear();
    registry.addImage('my-worker', '1.0.0');
    world.user.workloads.serverless.splice(0, Number.POSITIVE_INFINITY, {
      id: 'e1',
      name: 'images',
      image: OLD_IMAGE,
      registry: world.authId,
      workers: { min: 1, max: 3, running: [{ id: 'w1' }, { id: 'w2' }] },
    });
    runpod.requests.length = 0;
  });

  afterAll(async () => {
    const leaks = world.leaks();
    await world.stop();
    expect(leaks).toEqual([]);
  });
}

let realPull: CommandWorld['cloud']['runpod']['rollouts']['pull'] | undefined;

/** One run of `deploy`. */
export interface Deployment extends Pick<CommandOptions, 'onStart'> {
  readonly endpoint?: string | undefined;
  readonly image?: string | undefined;
  readonly timeout?: string;
  readonly flags?: readonly string[] | undefined;
}

/** Runs `deploy` in a script. */
export function deploy({
  endpoint: id = 'e1',
  image = `my-worker:${NEW_TAG}`,
  timeout = '20s',
  flags = [],
  ...options
}: Deployment = {}): Promise<CommandRun> {
  const time = flags.includes('--timeout') ? [] : ['--timeout', timeout];
  return world.run(['deploy', id, '--image', image, '--yes', ...time, ...flags], options);
}

/** The endpoint of the test. */
export function endpoint() {
  const [found] = world.user.workloads.serverless;
  if (!found) throw new Error('There is no endpoint.');
  return found;
}

/** The host of the registry in the embedded cloud. */
export function registryHost(): string {
  return new URL(world.cloud.registry.url).host;
}

/** The name that the endpoint gets for the new image. */
export function newImage(): string {
  return `${registryHost()}/my-worker:${NEW_TAG}@${digest}`;
}

/** The changes of the endpoint that reached Runpod, in order. */
export function patches(): unknown[] {
  return world.cloud.runpod.requests
    .filter(({ method, path }) => method === 'PATCH' && ENDPOINT.test(path))
    .map(({ body }) => JSON.parse(body));
}

/** Waits until a change has reached Runpod. */
export async function untilPatched(): Promise<void> {
  while (patches().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Adds a fault to a stand-in. */
export function fault(server: 'runpod' | 'registry', when: FaultWhen, what: Fault, times?: number): void {
  world.cloud[server].faults.add(when, what, times);
}

/** The registry gives workers the manifest and not the layers. */
export function failLayers(): void {
  const text = world.cloud.registry.manifests.get(`my-worker:${NEW_TAG}`)?.text ?? '';
  const [layer] = JSON.parse(text).layers;
  fault('registry', { path: new RegExp(layer.digest) }, { status: 500 });
}

/** What a CI machine has: AWS credentials and a key, and no configuration. */
export function withoutConfiguration(): Record<string, string | undefined> {
  return {
    RUNPOD_API_KEY: world.key,
    RUNPOD_REST_V2_URL: `${world.cloud.runpod.url}/v2`,
  };
}
