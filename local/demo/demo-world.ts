/** The world of `runpod-ecr demo`: the example configuration, deployed and settled a day ago. */

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WatchReport } from '../../lambda/core/model';
import { readConfigFile } from '../../lib/config/load';
import { checkConfig } from '../../lib/config/parse';
import { toSettings } from '../../lib/config/settings';
import example from '../../refresher.config.example.json';
import { LOCAL_ACCOUNT } from '../aws/protocol';
import { LOCAL_REGION } from '../cloud';
import type { Invocation } from '../lambda-runtime';
import type { ObservedAlarm } from '../operator/observations';
import { type OperatorCloud, startOperatorCloud } from '../operator/operator-cloud';
import { OperatorWorld } from '../operator/operator-world';
import type { DeployedStack } from '../operator/stacks';
import type { RunpodUser, StoredLogLine, StoredWorker, StoredWorkload } from '../runpod/accounts';
import { seed } from '../seed';
import { StandInClock } from '../stand-in-clock';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Name of the demo's configuration file, which the command line finds by default. */
export const DEMO_CONFIG = 'refresher.config.json';

/** Name of the file with a Runpod key that works and that nothing uses yet. */
export const SPARE_KEY_FILE = 'new-runpod-key.txt';

/** The secret with the Runpod key. */
export const KEY_SECRET = example.runpodApiKeySecretName;

const ECR_HOST = `${LOCAL_ACCOUNT}.dkr.ecr.${LOCAL_REGION}.amazonaws.com`;
const [PROD_EXAMPLE] = example.targets;
const STAGING_AUTH_NAME = 'ecr-staging';

/** Id of the registry auth of target prod. */
export const PROD_AUTH_ID = PROD_EXAMPLE?.registryAuthId ?? '';

/** Repository and tag of the image that target prod proves. */
export const PROD_IMAGE = ['my-serverless-worker', '1.4.2'] as const;

/** All images, by repository and tag. */
const IMAGES = [PROD_IMAGE, ['my-serverless-worker', '1.5.0-rc1'], ['team/batch-worker', '2.0.0']] as const;

/** The runs that the log has, in hours before now. The first one followed the deployment. */
const RUNS_HOURS_AGO = [25, 19, 13, 7, 1];

/** The looks of the watch that its log has, in minutes before now. Workers run since shortly before the last one. */
const LOOKS_MINUTES_AGO = [129, 69];
const LAST_LOOK_MINUTES_AGO = 9;
const WORKERS_STARTED_MINUTES_AGO = 11;

/** Time between two beats of what goes on by itself. */
const BEAT_MS = 15_000;

/** Two looks confirm a problem when at least half an interval, which is an hour, lies between them. */
const CONFIRMED_AFTER_MS = 40 * MINUTE_MS;

/** How the line of a failed pull begins in the system log of a worker. */
export const FAILED_PULL = 'error pulling image: ';

/** The alarms that only a look of the watch ends. */
const WATCH_ALARMS = ['PullsFailing', 'ImagesUnpullable'] as const;

/** A deployed refresher with a history, and everything that a break changes. */
export class DemoWorld extends OperatorWorld {
  readonly #user: RunpodUser;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #denials: { remove(): void }[] = [];
  #deployedConfig = '';
  /** Names of what was broken since the start or since the last `fix`. */
  readonly broken = new Set<string>();

  private constructor(cloud: OperatorCloud) {
    super(cloud, { folder: 'runpod-ecr-demo-', config: DEMO_CONFIG });
    this.#user = cloud.runpod.addUser(newKey());
    // A failed run is in the log, as in production.
    cloud.aws.secrets.onChanged = (name) => {
      this.#refreshAfterChange(name).catch(() => undefined);
    };
  }

  /** Starts the cloud, deploys, and makes the history of a day. */
  static async start(): Promise<DemoWorld> {
    const clock = new StandInClock();
    const world = new DemoWorld(await startOperatorCloud({ clock, registryHost: ECR_HOST }));
    try {
      await world.#makeHistory(clock);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** The Runpod account that all keys belong to. */
  get user(): RunpodUser {
    return this.#user;
  }

  /** The outputs of the deployed stack. */
  get outputs(): Readonly<Record<string, string>> {
    return this.cloud.operatorAws.stacks.stacks.get(example.stackName)?.outputs ?? {};
  }

  /** The configuration file as it was deployed last. */
  get deployedConfig(): string {
    return this.#deployedConfig;
  }

  /** Whether the configuration file is the one that was deployed last. */
  get isDeployed(): boolean {
    return readFileSync(this.configPath, 'utf8') === this.#deployedConfig;
  }

  /** Whether the functions' roles lack a permission that the stack gives them. */
  get hasDenials(): boolean {
    return this.#denials.length > 0;
  }

  /** Returns an endpoint by its name. @throws Error when there is none */
  endpoint(name: string): StoredWorkload {
    const found = this.user.workloads.serverless.find((endpoint) => endpoint.name === name);
    if (!found) throw new Error(`There is no endpoint ${name}.`);
    return found;
  }

  /** Writes the configuration. @param changes - top-level fields that replace those of the example */
  writeConfig(changes: object = {}): void {
    const { $schema: _, ...rest } = example;
    const config = { ...rest, runpod: this.cloud.runpod.settings(), ...changes };
    writeFileSync(this.configPath, `${JSON.stringify(config, null, 2)}\n`);
  }

  /** Makes another key that works at Runpod, and writes it into a file for the person to store. */
  writeSpareKey(): void {
    const key = newKey();
    this.cloud.runpod.addUser(key, { user: this.user });
    writeFileSync(join(this.directory, SPARE_KEY_FILE), `${key}\n`, { mode: 0o600 });
  }

  /** Returns the key that the secret holds. */
  get storedKey(): string {
    return String(this.cloud.aws.secrets.get(KEY_SECRET)?.value ?? '');
  }

  /** Stores a new key with these rights. */
  storeKey(scope: 'all' | 'read-only'): void {
    const key = newKey();
    this.cloud.runpod.addUser(key, { user: this.user, scope });
    this.cloud.aws.secrets.put(KEY_SECRET, key, new Date(Date.now() - 20 * DAY_MS));
  }

  /** Takes an action from the functions' roles. @param action - as a policy names it */
  deny(action: string): void {
    this.#denials.push(this.cloud.aws.deny(action));
  }

  /** Undoes what was changed by hand in the stack's resources, as `cdk deploy --revert-drift` does. */
  revertDrift(): void {
    for (const denial of this.#denials.splice(0)) denial.remove();
    const { rules, alarms } = this.cloud.operatorAws.observations;
    for (const name of rules.keys()) rules.set(name, 'ENABLED');
    for (const alarm of alarms.values()) alarm.muted = false;
  }

  /** Runs the refresher as the schedule does, so that its log says what happens now. */
  refresh(): Promise<Invocation<unknown>> {
    return this.invokeOnSchedule('refresher', new Date());
  }

  /** Runs the refresher if a rule of the stack waits for changes of this secret. */
  async #refreshAfterChange(secretName: string): Promise<void> {
    const stack = this.cloud.operatorAws.stacks.stacks.get(example.stackName);
    const { rules } = this.cloud.operatorAws.observations;
    const waits = Object.entries(stack?.template.Resources ?? {}).some(([id, { Type, Properties }]) => {
      const pattern = Type === 'AWS::Events::Rule' ? JSON.stringify(Properties?.EventPattern ?? '') : '';
      const name = stack?.physicalIds.get(id) ?? '';
      return pattern.includes(JSON.stringify(secretName)) && rules.get(name) === 'ENABLED';
    });
    if (waits) await this.refresh();
  }

  /**
   * Does what `npx cdk deploy` does. The first refresh is part of a deployment that changes the function's code or settings.
   *
   * @param revert - also undo what was changed by hand, as `--revert-drift` does
   * @throws Error when the first refresh fails. The stack is then as it was before.
   */
  async deployWithRefresh({ revert = false } = {}): Promise<void> {
    const { stacks } = this.cloud.operatorAws.stacks;
    const before = stacks.get(example.stackName);
    const deployedConfig = this.#deployedConfig;
    await this.#deployOver(before);
    if (revert) this.revertDrift();
    const known = firstRefreshesOf(before);
    if (firstRefreshesOf(stacks.get(example.stackName)).every((id) => known.includes(id))) return;
    const { error } = await this.refresh();
    // A first refresh that is only attempted is retried after the deployment.
    if (error === undefined || readConfigFile(this.configPath).firstRefresh !== 'require') return;
    if (before) await this.#rollBack(before, deployedConfig);
    else stacks.delete(example.stackName);
    throw new Error(`The first refresh failed, so the deployment was rolled back: ${error.errorMessage}`);
  }

  override async deploy(): ReturnType<OperatorWorld['deploy']> {
    const outputs = await super.deploy();
    this.#deployedConfig = readFileSync(this.configPath, 'utf8');
    return outputs;
  }

  /** Deploys. The alarms of an existing stack stay as they are. */
  async #deployOver(before: DeployedStack | undefined): Promise<void> {
    const { alarms } = this.cloud.operatorAws.observations;
    const known = [...alarms].map(([name, { state, muted }]) => ({ name, state, muted }));
    await this.deploy();
    if (!before) return;
    for (const { name, state, muted } of known) {
      const alarm = alarms.get(name);
      if (alarm) Object.assign(alarm, { state, muted });
    }
  }

  async #rollBack(before: DeployedStack, config: string): Promise<void> {
    const wanted = readFileSync(this.configPath, 'utf8');
    writeFileSync(this.configPath, config);
    await this.#deployOver(before);
    writeFileSync(this.configPath, wanted);
  }

  /**
   * Lets the watch look twice, as if the second look were one interval after the first. So its findings are confirmed.
   */
  async lookTwice(): Promise<void> {
    const { clock } = this.cloud;
    clock.advance(-CONFIRMED_AFTER_MS);
    try {
      await this.invokeOnSchedule('watch', clock.now());
    } finally {
      clock.advance(CONFIRMED_AFTER_MS);
    }
    await this.invokeOnSchedule('watch', clock.now());
  }

  /** Repairs everything, whatever was broken, refreshes, and lets the watch look. */
  async fix(): Promise<void> {
    this.broken.clear();
    this.writeConfig();
    this.#restoreCloud();
    await this.deploy();
    this.#restoreDeployment();
    await this.refresh();
    this.#placeWorkloads(new Date());
    await this.invokeOnSchedule('watch', new Date());
  }

  override async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    await super.stop();
  }

  async #makeHistory(clock: StandInClock): Promise<void> {
    const startedMs = Date.now();
    const goTo = (agoMs: number) => clock.advance(startedMs - agoMs - clock.now().getTime());
    const [firstRun = 0, ...laterRuns] = RUNS_HOURS_AGO.map((hours) => hours * HOUR_MS);
    goTo(firstRun);
    this.writeConfig();
    await seed(this.cloud, toSettings(checkConfig(example, DEMO_CONFIG)).targets);
    this.#restoreCloud();
    const { RuleName = '' } = await this.deploy();
    this.#restoreDeployment();
    // Both functions start at the same time.
    await Promise.all([
      this.invokeOnSchedule('refresher', clock.now()),
      this.invokeOnSchedule('watch', clock.now()),
    ]);
    for (const agoMs of laterRuns) {
      goTo(agoMs);
      await this.invokeOnSchedule('refresher', clock.now());
    }
    this.cloud.operatorAws.observations.fired.set(
      RuleName,
      laterRuns.map((agoMs) => new Date(startedMs - agoMs)),
    );
    this.#placeWorkloads(new Date(startedMs - WORKERS_STARTED_MINUTES_AGO * MINUTE_MS), { workers: false });
    for (const minutes of LOOKS_MINUTES_AGO) {
      goTo(minutes * MINUTE_MS);
      await this.invokeOnSchedule('watch', clock.now());
    }
    goTo(LAST_LOOK_MINUTES_AGO * MINUTE_MS);
    this.#placeWorkloads(new Date(startedMs - WORKERS_STARTED_MINUTES_AGO * MINUTE_MS));
    await this.invokeOnSchedule('watch', clock.now());
    clock.advance(Date.now() - clock.now().getTime());
    this.#beat();
    this.#heartbeat = setInterval(() => this.#beat(), BEAT_MS).unref();
    this.writeSpareKey();
  }

  /** Restores everything outside of the stack: faults, permissions, the key, registry auths and images. */
  #restoreCloud(): void {
    const { aws, registry, runpod, operatorAws, functionApi } = this.cloud;
    for (const server of [aws, registry, runpod, operatorAws, functionApi]) server.faults.clear();
    for (const denial of this.#denials.splice(0)) denial.remove();
    registry.denied.clear();
    for (const [repository, tag] of IMAGES) registry.addImage(repository, tag);
    this.storeKey('all');
    if (!this.user.find(PROD_AUTH_ID)) {
      this.user.create({ id: PROD_AUTH_ID, name: 'ecr-prod', username: 'AWS', password: 'expired' });
    }
  }

  /** Restores what a deployment leaves as it is: queues, alarms, subscriptions. */
  #restoreDeployment(): void {
    const { observations, topics } = this.cloud.operatorAws;
    for (const url of observations.queues.keys()) observations.queues.set(url, 0);
    for (const alarm of observations.alarms.values()) {
      alarm.state = 'OK';
      alarm.muted = false;
    }
    topics.confirmAll();
  }

  /** Puts the endpoints, the template and the Pod into the account. @param startedAt - when the workers pulled */
  #placeWorkloads(startedAt: Date, { workers = true } = {}): void {
    const staging = this.user.auths.find(({ name }) => name === STAGING_AUTH_NAME)?.id ?? null;
    const image = ([repository, tag]: readonly [string, string]) => `${ECR_HOST}/${repository}:${tag}`;
    const [prod, candidate, batch] = IMAGES;
    const endpoint = (id: string, name: string, of: readonly [string, string], registry: string | null) => ({
      id,
      name,
      image: image(of),
      registry,
      workers: { min: 0, max: 3, running: workers ? [workerOf(id, image(of), startedAt)] : [] },
    });
    const { workloads } = this.user;
    workloads.serverless.splice(
      0,
      Infinity,
      endpoint('k3v9x2m7q1', 'images', prod, PROD_AUTH_ID),
      endpoint('w8ztq5r2n4', 'images-staging', candidate, staging),
      endpoint('h6j1c0p9d7', 'batch', batch, staging),
    );
    workloads.templates.splice(0, Infinity, {
      id: 't4b8y6u3e2',
      name: 'images-base',
      image: image(prod),
      registry: PROD_AUTH_ID,
    });
    const pod = { id: 'p9s2f7g1l5', name: 'notebook', image: image(batch), registry: staging };
    const status = workers ? 'RUNNING' : 'EXITED';
    workloads.pods.splice(0, Infinity, { ...pod, status, logs: startOf(pod.image, startedAt) });
  }

  /** What goes on by itself: workers write their logs, and the watch looks while an alarm of it fires. */
  #beat(): void {
    const { serverless, pods } = this.user.workloads;
    for (const endpoint of serverless) this.#replaceFailedWorkers(endpoint);
    const workers = serverless.flatMap((endpoint) => endpoint.workers?.running ?? []);
    // An empty log takes its reader seconds.
    for (const { logs } of [...workers, ...pods]) {
      logs?.push({ source: 'system', line: 'worker is ready', ts: new Date() });
    }
    const firing = WATCH_ALARMS.map((name) => this.alarm(name)).filter(({ state }) => state === 'ALARM');
    // After a failure the next beat tries again.
    if (firing.length > 0) this.#lookAgain(firing).catch(() => undefined);
  }

  /** Replaces the workers that could not pull as soon as the credential at Runpod works. */
  #replaceFailedWorkers({ id, image, registry, workers }: StoredWorkload): void {
    const auth = this.user.find(registry ?? '');
    if (!auth || !workers || !this.cloud.aws.ecr.accepts(auth.username, auth.password)) return;
    for (const [index, { logs = [] }] of workers.running.entries()) {
      if (logs.some(({ line }) => line.startsWith(FAILED_PULL))) {
        workers.running[index] = workerOf(id, image, new Date());
      }
    }
  }

  async #lookAgain(firing: readonly ObservedAlarm[]): Promise<void> {
    const { result } = await this.invokeOnSchedule('watch', new Date());
    const report = result as WatchReport | undefined;
    // A watch that is blind has not seen that the problem is over.
    if (report?.findings.length !== 0 || report.blind.length > 0) return;
    for (const alarm of firing) alarm.state = 'OK';
  }
}

/** Returns the logical ids of the resources that refresh as a part of the deployment that creates them. */
function firstRefreshesOf(stack: DeployedStack | undefined): string[] {
  return Object.keys(stack?.template.Resources ?? {}).filter((id) => /^FirstRefresh[0-9a-f]{32}$/i.test(id));
}

function workerOf(endpointId: string, image: string, startedAt: Date): StoredWorker {
  return { id: `${endpointId}-1`, status: 'RUNNING', logs: startOf(image, startedAt) };
}

/** The log of a worker that could pull. */
function startOf(image: string, ts: Date): StoredLogLine[] {
  return [`create container ${image}`, `Status: Downloaded newer image for ${image}`, 'start container'].map(
    (line) => ({ source: 'system', line, ts }),
  );
}

function newKey(): string {
  return `rpa_${randomBytes(20).toString('hex').toUpperCase()}`;
}
