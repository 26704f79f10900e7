import { meaningOfAwsError } from '../../../lambda/core/aws';
import type { Clock } from '../../../lambda/core/clock';
import type { Side } from '../../../lambda/core/contract';
import type { Credential, RouteName } from '../../../lambda/core/model';
import { decodeAuthorizationToken } from '../../../lambda/core/registries/ecr';
import type { ReadSecret } from '../../../lambda/core/secrets';
import type { HttpAnswer, HttpRequest, Transport } from '../../../lambda/core/transport';
import type { StoredAuth } from '../../../local/runpod/accounts';
import {
  type Incident,
  needsOperator,
  type OperatorKind,
  type TransientKind,
  type YearPlan,
} from './incidents';
import { misbehave, RunpodInMemory } from './runpod-in-memory';

/** Address of the simulated ECR registry. */
const REGISTRY_URL = 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com';
const ROUTE_OF_HOST: Readonly<Record<string, RouteName>> = { 'rest.runpod.io': 'rest-v1' };

/** What keeps a refresher from running. */
const NOTHING_RUNS = ['delivery', 'throttling', 'lambda', 'region'] as const;

/** What keeps Secrets Manager from answering. */
const NO_SECRETS = ['secrets-manager', 'region'] as const;

/** A write of a credential at Runpod. */
export interface Write {
  readonly atMs: number;
  /** The refresher that wrote it. */
  readonly side: Side;
  /** Name of the registry auth. */
  readonly auth: string;
  readonly expiresMs: number;
}

/**
 * Runpod, ECR, Secrets Manager and the registry with a year's incidents, in virtual time. A deployment in one region is
 * the side `primary`.
 */
export class World {
  /** Every write of a credential. */
  readonly writes: Write[] = [];
  readonly #plan: YearPlan;
  readonly #runpod = new RunpodInMemory();
  readonly #lifeMs: number;
  readonly #updatesSeen = new Map<string, number>();

  /**
   * @param lifeMs - life of a new credential
   * @param auths - the registry auths that exist at the start
   */
  constructor(
    plan: YearPlan,
    lifeMs: number,
    auths: readonly { readonly id: string; readonly name: string }[],
  ) {
    this.#plan = plan;
    this.#lifeMs = lifeMs;
    for (const auth of auths) this.#runpod.user.create({ ...auth, username: 'AWS', password: 'old' });
  }

  get plan(): YearPlan {
    return this.#plan;
  }

  /** Returns an incident of one of these kinds that concerns a side at this time, if any. */
  incidentAt(
    atMs: number,
    kinds: readonly (TransientKind | OperatorKind)[],
    side: Side = 'primary',
  ): Incident | undefined {
    for (const incident of this.#plan.incidents) {
      if (incident.fromMs > atMs) return undefined;
      if (atMs < incident.toMs && kinds.includes(incident.kind) && concerns(incident, side)) return incident;
    }
    return undefined;
  }

  /** Returns whether a refresh of a side could succeed if all of it happened at this time. */
  canRefreshAt(atMs: number, side: Side = 'primary'): boolean {
    return (
      this.incidentAt(atMs, PREVENTS_REFRESH, side) === undefined &&
      this.secretIsValidAt(atMs, side) &&
      this.#hasRouteAt(atMs)
    );
  }

  /** Returns whether ECR, Runpod and its key work, even if something else that a refresher needs does not. */
  servicesWorkAt(atMs: number): boolean {
    const shared = this.incidentAt(atMs, ['rate-limit', 'ecr', 'no-route-left']);
    return shared === undefined && this.secretIsValidAt(atMs) && this.#hasRouteAt(atMs);
  }

  /** Returns whether a side's Lambda can be invoked at this time. */
  canInvokeAt(atMs: number, side: Side): boolean {
    return this.incidentAt(atMs, NOTHING_RUNS, side) === undefined;
  }

  /** Returns whether Runpod accepts the key that a side's secret holds. */
  secretIsValidAt(atMs: number, side: Side = 'primary'): boolean {
    return this.keyIsValidAt(this.#keyAt(atMs, side), atMs);
  }

  /** Returns whether Runpod accepts this key. */
  keyIsValidAt(value: string, atMs: number): boolean {
    const version = this.#plan.keys.find((key) => key.value === value);
    return version !== undefined && atMs < version.validUntilMs && !this.#isRevoked(version, atMs);
  }

  /** Fixes everything of a side that only the operator can fix. Returns whether there was anything to fix. */
  fix(atMs: number, side: Side): boolean {
    const broken = this.#plan.incidents.filter(
      (incident) =>
        needsOperator(incident) &&
        incident.fromMs <= atMs &&
        atMs < incident.toMs &&
        concerns(incident, side),
    );
    const keyIsInvalid = !this.secretIsValidAt(atMs);
    if (keyIsInvalid) this.#storeNewKey(atMs);
    for (const incident of broken) incident.toMs = atMs;
    return broken.length > 0 || keyIsInvalid;
  }

  /** Returns a function that reads the API key's secret of a side in virtual time. */
  readSecret(clock: Clock, side: Side): ReadSecret {
    return async () => {
      await clock.sleep(40);
      const call = {
        name: 'secretsmanager:GetSecretValue',
        deadlineMs: 0,
        reason: 'secret-unusable',
      } as const;
      await this.#failDuring(clock, call, { side, outages: NO_SECRETS, denial: 'secret-denied' });
      return { value: this.#keyAt(clock.now(), side), createdAt: undefined };
    };
  }

  /** Returns a function that issues an ECR credential in virtual time. Both sides ask the region of the images. */
  issueCredential(clock: Clock, side: Side): () => Promise<Credential> {
    return async () => {
      await clock.sleep(80);
      const call = {
        name: 'ecr:GetAuthorizationToken',
        deadlineMs: 0,
        reason: 'configuration-wrong',
      } as const;
      await this.#failDuring(clock, call, { side, outages: ['ecr'], denial: 'ecr-denied' });
      const expiresAt = new Date(clock.now() + this.#lifeMs);
      const token = {
        authorizationToken: btoa(`AWS:${expiresAt.getTime()}`),
        expiresAt,
        proxyEndpoint: REGISTRY_URL,
      };
      return decodeAuthorizationToken(token, clock.now());
    };
  }

  /** Returns a transport that answers a side for Runpod and the registry in virtual time. */
  transport(clock: Clock, side: Side): Transport {
    return async (request, limits) => {
      await clock.sleep(60 + clock.random() * 80);
      const { host } = new URL(request.url);
      if (request.url.startsWith(REGISTRY_URL)) return this.#answerRegistry(request, clock);
      const route = request.url.endsWith('/graphql') ? 'graphql' : (ROUTE_OF_HOST[host] ?? 'rest-v2');
      const limit = this.incidentAt(clock.now(), ['rate-limit']);
      if (limit) return { status: 429, headers: { 'retry-after': '30' }, body: '{"status":429}' };
      const incident = this.incidentAt(clock.now(), ['runpod', route]);
      if (incident?.mode) {
        const answer = await misbehave(incident.mode, limits, clock);
        if (answer) return answer;
      }
      return this.#answerRunpod(request, clock.now(), side);
    };
  }

  #answerRunpod(request: HttpRequest, atMs: number, side: Side): HttpAnswer {
    const key = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const answer = this.#runpod.respond(request, {
      keyIsValid: this.keyIsValidAt(key, atMs),
      retired: this.#retiredAt(atMs),
      updates: this.#plan.updates,
    });
    for (const auth of this.#runpod.user.auths) this.#noteWrite(auth, atMs, side);
    return answer;
  }

  /** Records a write. A simulated password is its own expiry time. */
  #noteWrite(auth: StoredAuth, atMs: number, side: Side): void {
    if (auth.password === 'old' || this.#updatesSeen.get(auth.name) === auth.updates) return;
    this.#updatesSeen.set(auth.name, auth.updates);
    this.writes.push({ atMs, side, auth: auth.name, expiresMs: Number(auth.password) });
  }

  #answerRegistry({ headers }: HttpRequest, clock: Clock): HttpAnswer {
    if (this.incidentAt(clock.now(), ['registry'])) return { status: 503, headers: {}, body: '' };
    const [, encoded = ''] = (headers.authorization ?? '').split(' ');
    const [username, expiresMs] = atob(encoded).split(':');
    const isGood = username === 'AWS' && Number(expiresMs) > clock.now();
    const challenge = { 'www-authenticate': `Basic realm="${REGISTRY_URL}/",service="ecr.amazonaws.com"` };
    return isGood ? { status: 200, headers: {}, body: '' } : { status: 401, headers: challenge, body: '' };
  }

  /** Throws when AWS is down or denies the call. An outage takes a while, because the SDK retries; a denial is immediate. */
  async #failDuring(
    clock: Clock,
    call: Parameters<typeof meaningOfAwsError>[1],
    {
      side,
      outages,
      denial,
    }: {
      readonly side: Side;
      readonly outages: readonly TransientKind[];
      readonly denial: OperatorKind;
    },
  ): Promise<void> {
    if (this.incidentAt(clock.now(), [denial], side)) {
      throw meaningOfAwsError(awsError('AccessDeniedException', 400, 'client'), call);
    }
    if (!this.incidentAt(clock.now(), outages, side)) return;
    await clock.sleep(2_000 + clock.random() * 20_000);
    throw meaningOfAwsError(awsError('ServiceUnavailableException', 503, 'server'), call);
  }

  #hasRouteAt(atMs: number): boolean {
    const retired = this.#retiredAt(atMs);
    const { updates } = this.#plan;
    const able: readonly RouteName[] = [
      'graphql',
      ...(['rest-v2', 'rest-v1'] as const).filter((route) => updates[route]),
    ];
    return able.some((route) => {
      if (retired.includes(route)) return false;
      const incident = this.incidentAt(atMs, ['runpod', route]);
      return incident === undefined || incident.mode === 'intermittent';
    });
  }

  #retiredAt(atMs: number): readonly RouteName[] {
    if (this.incidentAt(atMs, ['no-route-left'])) return ['rest-v2', 'rest-v1', 'graphql'];
    return (['rest-v1', 'graphql'] as const).filter((route) => {
      const fromMs = this.#plan.retiredFromMs[route];
      return fromMs !== undefined && fromMs <= atMs;
    });
  }

  #keyAt(atMs: number, side: Side = 'primary'): string {
    const version = this.#plan.keys.findLast(
      ({ storedMs }) => storedMs <= atMs && (side === 'primary' || this.#replicatedMs(storedMs) <= atMs),
    );
    return version?.value ?? '';
  }

  /** Returns when the standby's replica has a key. Replication waits until Secrets Manager works in both regions. */
  #replicatedMs(storedMs: number): number {
    const outage =
      this.incidentAt(storedMs, NO_SECRETS, 'primary') ?? this.incidentAt(storedMs, NO_SECRETS, 'standby');
    return outage ? this.#replicatedMs(outage.toMs) : storedMs;
  }

  /** A revocation makes the key invalid that the secret holds at that time. */
  #isRevoked({ value }: { readonly value: string }, atMs: number): boolean {
    return this.#plan.incidents.some(
      ({ kind, fromMs }) => kind === 'key-revoked' && fromMs <= atMs && this.#keyAt(fromMs) === value,
    );
  }

  #storeNewKey(atMs: number): void {
    const index = this.#plan.keys.findLastIndex(({ storedMs }) => storedMs <= atMs) + 1;
    const validUntilMs = this.#plan.keys[index - 1]?.validUntilMs ?? Number.POSITIVE_INFINITY;
    this.#plan.keys.splice(index, 0, {
      value: `rpa_simulated_${this.#plan.keys.length}`,
      storedMs: atMs,
      validUntilMs: validUntilMs > atMs ? validUntilMs : Number.POSITIVE_INFINITY,
    });
  }
}

const PREVENTS_REFRESH: readonly (TransientKind | OperatorKind)[] = [
  ...NOTHING_RUNS,
  ...NO_SECRETS,
  'event-bridge',
  'rate-limit',
  'ecr',
  'ecr-denied',
  'secret-denied',
  'no-route-left',
  'schedule-denied',
  'schedule-disabled',
];

function concerns(incident: Incident, side: Side): boolean {
  return incident.side === undefined || incident.side === side;
}

function awsError(name: string, httpStatusCode: number, fault: 'client' | 'server'): Error {
  return Object.assign(new Error('simulated'), { name, $fault: fault, $metadata: { httpStatusCode } });
}
