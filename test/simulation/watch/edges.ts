/** What the watch depends on, in virtual time: Runpod, registries, AWS, the clock and the watch's own log. */

import type { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { Clock } from '../../../lambda/core/clock';
import { ApiKeyRefusedError, OperatorMustActError, TransientError } from '../../../lambda/core/errors';
import { type Credential, Secret, type Target } from '../../../lambda/core/model';
import type { LookServices } from '../../../lambda/core/pulls/model';
import type { ImageState } from '../../../lambda/core/registries/manifests';
import type { RegistryAuth, RunpodCall } from '../../../lambda/core/runpod/api';
import {
  type DelegatedRepository,
  type LogOwner,
  type LogWindow,
  RunpodWorkloads,
  type Worker,
  type Workload,
  type WorkloadKind,
  type WorkloadLog,
} from '../../../lambda/core/runpod/workloads';
import type { AccountTrouble } from './troubles';
import { authIdOf, registryAccountOf, registryHost, type SimulatedWorkload } from './workloads';
import type { WatchWorld } from './world';

const HOUR_MS = 3_600_000;

/** The clock of the invocations, in virtual time. The edges let time pass, one request after the other. */
export class PassingClock implements Clock {
  readonly random: () => number;
  #nowMs = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  readonly now = (): number => this.#nowMs;

  readonly steady = (): number => this.#nowMs;

  readonly sleep = async (ms: number): Promise<void> => this.pass(ms);

  /** Lets this much time pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the time to the start of the next invocation. */
  restart(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

/** What a log says about a failed pull, in the words of Docker and containerd. */
const FAILED_PULLS = [
  'error pulling image: Error response from daemon: Head "https://x/v2/w/manifests/1": no basic auth credentials',
  'error pulling image: Error response from daemon: manifest for x/w:1 not found: manifest unknown',
  'failed to pull image: toomanyrequests: Rate exceeded',
  'error pulling image: pull access denied for x/w, repository does not exist',
];

/** What a log says when nothing is wrong. */
const HARMLESS = 'worker is ready';

/** One Runpod account, without its HTTP. */
class AccountInMemory extends RunpodWorkloads {
  readonly #world: WatchWorld;
  readonly #clock: PassingClock;
  readonly #keySecret: string;
  readonly #auths: readonly RegistryAuth[];

  constructor(world: WatchWorld, clock: PassingClock, keySecret: string, auths: readonly RegistryAuth[]) {
    super(() => Promise.reject(new Error('nothing is sent')), 'https://rest.example');
    this.#world = world;
    this.#clock = clock;
    this.#keySecret = keySecret;
    this.#auths = auths;
  }

  override async registryAuths(call: RunpodCall): Promise<RegistryAuth[]> {
    this.#request(call, 'auth-list-down');
    return [...this.#auths];
  }

  override async workloads(call: RunpodCall, kind: WorkloadKind): Promise<Workload[]> {
    this.#request(call, kind === 'pod' ? 'pod-list-down' : 'endpoint-list-down', 'key-may-not-list');
    return this.#own()
      .filter((one) => one.kind === kind)
      .map((one) => {
        const { active, image, authId } = this.#world.stateOf(one, this.#clock.now());
        return { kind, id: one.id, name: one.id, image, active, ...(authId && { registryAuthId: authId }) };
      });
  }

  override async delegations(call: RunpodCall): Promise<DelegatedRepository[]> {
    this.#request(call, 'delegations-down');
    return [];
  }

  override async workers(call: RunpodCall, endpointId: string): Promise<Worker[]> {
    this.#request(call, 'logs-down', 'key-may-not-list', 'key-may-not-read-logs');
    return [{ id: `worker-of-${endpointId}`, status: 'INITIALIZING', uptimeSeconds: 0, isStale: false }];
  }

  override async systemLog(call: RunpodCall, owner: LogOwner, window: LogWindow): Promise<WorkloadLog> {
    this.#request(call, 'logs-down', 'key-may-not-list', 'key-may-not-read-logs');
    const id = 'podId' in owner ? owner.podId : owner.endpointId;
    const workload = this.#own().find((one) => one.id === id);
    // The stream stays open, and the reader ends it after a second without a line.
    this.#clock.pass(1_000);
    const failed = workload ? this.#world.failedPulls(workload, window.sinceMs, window.endMs) : [];
    const lines = [
      { text: HARMLESS, atMs: window.sinceMs },
      ...failed.map((atMs, index) => ({ text: FAILED_PULLS[index % FAILED_PULLS.length] ?? '', atMs })),
    ];
    const cut = this.#world.has('logs-cut', this.#keySecret, this.#clock.now());
    return { lines: cut ? lines.slice(0, lines.length / 2) : lines, cut };
  }

  #own(): readonly SimulatedWorkload[] {
    return this.#world.workloads.filter(({ keySecret }) => keySecret === this.#keySecret);
  }

  /** Lets the time of one request pass. @throws as the client does, when one of these troubles is there */
  #request({ deadlineMs }: RunpodCall, ...troubles: readonly AccountTrouble[]): void {
    const clock = this.#clock;
    if (clock.steady() >= deadlineMs) throw new TransientError('no time is left for this request');
    clock.pass(50 + clock.random() * 100);
    if (this.#world.troublesOfHour(clock.now()).length === 0) return;
    const has = (kind: AccountTrouble) => this.#world.has(kind, this.#keySecret, clock.now());
    if (has('key-refused')) throw new ApiKeyRefusedError('Runpod refused the API key');
    const kind = (['runpod-down', ...troubles] as const).find(has);
    if (kind === undefined) return;
    if (kind === 'key-may-not-list' || kind === 'key-may-not-read-logs') {
      throw new OperatorMustActError('api-key-permission-missing', 'the API key may not read');
    }
    // Some failures are answers, and others are timeouts.
    clock.pass(clock.random() * 5_000);
    throw new TransientError('no answer from Runpod');
  }
}

/** Makes the services of the watch. */
export function servicesIn(world: WatchWorld, targets: readonly Target[], clock: PassingClock): LookServices {
  const accounts = new Map<string, RunpodWorkloads>();
  for (const { runpodApiKeySecretName: keySecret } of targets) {
    const auths = targets
      .filter(({ runpodApiKeySecretName }) => runpodApiKeySecretName === keySecret)
      .map((target) => ({ id: authIdOf(target), name: target.registryAuthName ?? target.name }));
    accounts.set(keySecret, new AccountInMemory(world, clock, keySecret, auths));
  }
  return {
    clock,
    createSecretReader: () => async (secretName) => {
      clock.pass(40);
      if (world.has('secrets-manager', '', clock.now())) {
        throw new TransientError('secretsmanager:GetSecretValue: no answer');
      }
      return { value: `rpa_simulated_${secretName}`, createdAt: undefined };
    },
    issueCredential: async (registry) => {
      clock.pass(80);
      const account = (registry.type === 'ecr' ? registry.registryId : undefined) ?? '';
      return issue(world, account === '' ? defaultAccount(targets) : account, clock);
    },
    inspectImage: async ({ registryUrl }, { repository, reference }) => {
      clock.pass(100);
      const image = `${new URL(registryUrl).host}/${repository}:${reference}`;
      return imageState(world, image, clock);
    },
    workloadsOf: (keySecret) => {
      const account = accounts.get(keySecret);
      if (!account) throw new Error(`no account has the key ${keySecret}`);
      return account;
    },
  };
}

function defaultAccount(targets: readonly Target[]): string {
  const target = targets.find(({ registry }) => registry.type === 'ecr' && registry.registryId === undefined);
  return target ? registryAccountOf(target) : '';
}

function issue(world: WatchWorld, account: string, clock: PassingClock): Credential {
  if (world.has('token-denied', account, clock.now())) {
    throw new OperatorMustActError('permission-missing', 'ecr:GetAuthorizationToken: AccessDeniedException');
  }
  return {
    username: 'AWS',
    password: new Secret(`token of ${account}`),
    expiresAt: new Date(clock.now() + 12 * HOUR_MS),
    registryUrl: `https://${registryHost(account)}`,
  };
}

/** A tag belongs to one workload, so its state is that of the workload. An older tag is there. */
function imageState(world: WatchWorld, image: string, clock: PassingClock): ImageState {
  const nowMs = clock.now();
  const workload = world.workloads.find(({ id }) => image.includes(`:${id}-`));
  if (workload && world.has('registry-down', workload.registryAccount, nowMs)) {
    clock.pass(clock.random() * 10_000);
    return { found: 'unknown', because: 'the registry does not answer' };
  }
  const state = workload && world.stateOf(workload, nowMs);
  if (state?.image !== image) return { found: 'image', platforms: ['linux/amd64'] };
  switch (state.pull) {
    case 'image-missing':
      return { found: 'no-image', missing: 'tag or digest' };
    case 'pull-denied':
      return { found: 'denied', because: '403' };
    case 'wrong-platform':
      return { found: 'image', platforms: ['linux/arm64'] };
    case 'possible':
      return { found: 'image', platforms: ['linux/amd64', 'linux/arm64'] };
  }
}

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}

/** The log group of the watch, as far back as it is read. */
export class OwnLog {
  readonly #world: WatchWorld;
  readonly #clock: PassingClock;
  #events: LogEvent[] = [];

  constructor(world: WatchWorld, clock: PassingClock) {
    this.#world = world;
    this.#clock = clock;
  }

  /** Writes a line. */
  write(line: Readonly<Record<string, unknown>>): void {
    const timestamp = this.#clock.now();
    if (this.#events.length > 50) this.#events = this.#events.slice(-25);
    this.#events.push({ timestamp, message: JSON.stringify(line) });
  }

  /** The client with which the watch reads it. Only the one command is played. */
  client(): CloudWatchLogsClient {
    const send = async ({ input }: FilterLogEventsCommand) => {
      this.#clock.pass(60);
      if (this.#world.has('own-log-unreadable', '', this.#clock.now())) {
        throw Object.assign(new Error('simulated'), {
          name: 'ServiceUnavailableException',
          $fault: 'server',
          $metadata: { httpStatusCode: 503 },
        });
      }
      return { events: this.#events.filter(({ timestamp }) => timestamp >= (input.startTime ?? 0)) };
    };
    return { send } as unknown as CloudWatchLogsClient;
  }
}
