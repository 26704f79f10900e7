import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RefresherSettings, RefreshReport, RunpodSettings, Target } from '../../lambda/core/model';
import { type EmbeddedCloud, startEmbeddedCloud } from '../../local/cloud';
import { type Invocation, LambdaRuntime } from '../../local/lambda-runtime';
import type { RunpodUser } from '../../local/runpod/accounts';
import { pullAsWorker } from '../../local/worker';
import { findLeaks, type Leak } from '../support/find-leaks';
import { putFunction } from '../support/put-function';

/** Name of the secret that holds the API key of the Runpod user. */
export const KEY_SECRET = 'runpod/api-key';

/** The image in the world's registry. */
export const IMAGE = 'my-worker:1.0.0';

/** What a test says about a target; `World.target` adds the rest. */
export type TargetSketch = Partial<Target> & Pick<Target, 'name'>;

/** The embedded cloud with a Runpod user, and the function's real bundle in its own process. */
export class World {
  readonly cloud: EmbeddedCloud;
  readonly apiKey = `rpa_${randomBytes(20).toString('hex')}`;
  readonly user: RunpodUser;
  readonly #directory = mkdtempSync(join(tmpdir(), 'world-'));
  readonly #secrets = new Map<string, string>();
  readonly #invocations: Invocation<RefreshReport>[] = [];
  #lambda: LambdaRuntime | undefined;

  private constructor(cloud: EmbeddedCloud) {
    this.cloud = cloud;
    this.user = cloud.runpod.addUser(this.apiKey);
    cloud.aws.secrets.put(KEY_SECRET, this.apiKey);
    cloud.registry.addImage('my-worker', '1.0.0');
  }

  static async start(): Promise<World> {
    return new World(await startEmbeddedCloud());
  }

  /** Makes a registry auth that holds an old password. @returns its id */
  addAuth(name: string): string {
    const auth = this.user.create({ name, username: 'AWS', password: 'old' });
    this.user.creates = 0;
    return auth?.id ?? '';
  }

  /**
   * Stores a secret.
   *
   * @param secretPart - the part that `leaks` searches for. @default - the whole value
   */
  putSecret(name: string, value: string, secretPart = value): void {
    this.cloud.aws.secrets.put(name, value);
    this.#secrets.set(`${name} ${this.#secrets.size}`, secretPart);
  }

  /** A target that writes to a registry auth of this world. */
  target(sketch: TargetSketch): Target {
    const byName = sketch.registryAuthName !== undefined;
    return {
      ...(byName ? {} : { registryAuthId: sketch.registryAuthId ?? this.addAuth(sketch.name) }),
      runpodApiKeySecretName: KEY_SECRET,
      registry: { type: 'ecr', repositories: ['my-worker'] },
      verify: 'best-effort',
      ...sketch,
    };
  }

  /**
   * Deploys the function with these targets. The next invocation is a cold start.
   *
   * @param put - writes the function into a folder. @default - the bundle that supports every registry type
   */
  async deploy(
    sketches: readonly TargetSketch[],
    runpod: Partial<RunpodSettings> = {},
    put: (directory: string, settings: RefresherSettings) => unknown = putFunction,
  ): Promise<void> {
    await this.#lambda?.stop();
    put(this.#directory, {
      service: 'Test',
      targets: sketches.map((sketch) => this.target(sketch)),
      runpod: { ...this.cloud.runpod.settings(), ...runpod },
      minCredentialMinutes: 600,
    });
    this.#lambda = new LambdaRuntime({
      assetDirectory: this.#directory,
      environment: this.cloud.environment(),
    });
  }

  /** Invokes the function. @param event - by default a full run */
  async invoke(event: unknown = {}, timeoutMs?: number): Promise<Invocation<RefreshReport>> {
    if (!this.#lambda) throw new Error('call deploy before invoke');
    const invocation = await this.#lambda.invoke<RefreshReport>(event, timeoutMs);
    this.#invocations.push(invocation);
    return invocation;
  }

  /** The registry auth of this name at Runpod. */
  auth(name: string): { username: string; password: string } | undefined {
    return this.user.auths.find((auth) => auth.name === name);
  }

  /** Whether a worker can pull with the registry auth of this name. */
  async canPull(name: string): Promise<boolean> {
    const { username, password } = this.auth(name) ?? { username: '', password: '' };
    const registryUrl = this.cloud.registry.url;
    return (await pullAsWorker({ registryUrl, username, password }, 'my-worker', '1.0.0')).ok;
  }

  /** Secrets in the function's output: its log, its metrics, its results and its errors. */
  leaks(): Leak[] {
    const answers = JSON.stringify(this.#invocations.map(({ result, error }) => ({ result, error })));
    const { aws, otherRegistries } = this.cloud;
    const passwords = [...aws.ecr.issued, ...aws.ecrPublic.issued].map(({ password }) => password);
    const unnamed = [...passwords, ...otherRegistries.tokens].map(
      (secret, index) => [`password or token ${index}`, secret] as const,
    );
    const output = this.#invocations.map(({ output: text }) => text).join('\n');
    const secrets = { 'api key': this.apiKey, ...Object.fromEntries([...this.#secrets, ...unnamed]) };
    return findLeaks(`${answers}\n${output}`, secrets);
  }

  async stop(): Promise<void> {
    await this.#lambda?.stop();
    await this.cloud.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Gives each test its own world, and searches the output of the function for secrets afterwards. */
export function eachTestIn(use: (world: World) => void): void {
  let world: World;

  beforeEach(async () => {
    world = await World.start();
    use(world);
  });

  afterEach(async () => {
    await world.stop();
    expect(world.leaks()).toEqual([]);
  });
}
