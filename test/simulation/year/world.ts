import { meaningOfAwsError } from '../../../lambda/core/aws';
import type { Clock } from '../../../lambda/core/clock';
import type { Credential, RouteName } from '../../../lambda/core/model';
import { decodeAuthorizationToken } from '../../../lambda/core/registries/ecr';
import type { ReadSecret } from '../../../lambda/core/secrets';
import type { HttpAnswer, HttpRequest, Transport } from '../../../lambda/core/transport';
import type { StoredAuth } from '../../../local/runpod/accounts';
import { misbehave, RunpodInMemory } from './runpod-in-memory';
import { needsPerson, type OperatorKind, type OutageKind, type Trouble, type YearPlan } from './trouble';

/** Where the simulated ECR says that its registry is. */
const REGISTRY_URL = 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com';
const ROUTE_OF_HOST: Readonly<Record<string, RouteName>> = { 'rest.runpod.io': 'rest-v1' };

/** A credential arrived at Runpod. */
export interface Write {
  readonly atMs: number;
  /** Name of the registry auth. */
  readonly auth: string;
  readonly expiresMs: number;
}

/** Runpod, ECR, Secrets Manager and the registry through a year of troubles, in virtual time. */
export class World {
  readonly writes: Write[] = [];
  readonly #plan: YearPlan;
  readonly #runpod = new RunpodInMemory();
  readonly #lifeMs: number;
  readonly #updatesSeen = new Map<string, number>();

  /** @param lifeMs - of a credential @param auths - the registry auths that exist, by id */
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

  /** The trouble of one of these kinds at a time, if any. */
  troubleAt(atMs: number, ...kinds: readonly (OutageKind | OperatorKind)[]): Trouble | undefined {
    for (const trouble of this.#plan.troubles) {
      if (trouble.fromMs > atMs) return undefined;
      if (atMs < trouble.toMs && kinds.includes(trouble.kind)) return trouble;
    }
    return undefined;
  }

  /** Whether a refresh that happened all at once at this time could succeed. */
  canRefreshAt(atMs: number): boolean {
    const { kind: blocked } =
      this.troubleAt(
        atMs,
        'rate-limit',
        'ecr',
        'secrets-manager',
        'delivery',
        'throttling',
        'ecr-denied',
        'secret-denied',
        'no-route-left',
        'schedule-denied',
        'schedule-disabled',
      ) ?? {};
    return blocked === undefined && this.keyIsValidAt(this.#keyAt(atMs), atMs) && this.#hasRouteAt(atMs);
  }

  /** Whether Runpod accepts the key that the secret holds. */
  secretIsValidAt(atMs: number): boolean {
    return this.keyIsValidAt(this.#keyAt(atMs), atMs);
  }

  keyIsValidAt(value: string, atMs: number): boolean {
    const version = this.#plan.keys.find((key) => key.value === value);
    return version !== undefined && atMs < version.diesMs && !this.#isRevoked(version, atMs);
  }

  /** A person mends everything that only a person can mend. @returns whether there was anything */
  mend(atMs: number): boolean {
    const broken = this.#plan.troubles.filter(
      (trouble) => needsPerson(trouble) && trouble.fromMs <= atMs && atMs < trouble.toMs,
    );
    const keyIsDead = !this.secretIsValidAt(atMs);
    if (keyIsDead) this.#storeNewKey(atMs);
    for (const trouble of broken) trouble.toMs = atMs;
    return broken.length > 0 || keyIsDead;
  }

  readSecret(clock: Clock): ReadSecret {
    return async () => {
      await clock.sleep(40);
      const call = {
        name: 'secretsmanager:GetSecretValue',
        deadlineMs: 0,
        reason: 'secret-unusable',
      } as const;
      await this.#meetAws(clock, call, 'secrets-manager', 'secret-denied');
      return { value: this.#keyAt(clock.now()), createdAt: undefined };
    };
  }

  issueCredential(clock: Clock): () => Promise<Credential> {
    return async () => {
      await clock.sleep(80);
      const call = {
        name: 'ecr:GetAuthorizationToken',
        deadlineMs: 0,
        reason: 'configuration-wrong',
      } as const;
      await this.#meetAws(clock, call, 'ecr', 'ecr-denied');
      const expiresAt = new Date(clock.now() + this.#lifeMs);
      const token = {
        authorizationToken: btoa(`AWS:${expiresAt.getTime()}`),
        expiresAt,
        proxyEndpoint: REGISTRY_URL,
      };
      return decodeAuthorizationToken(token, clock.now());
    };
  }

  transport(clock: Clock): Transport {
    return async (request, limits) => {
      await clock.sleep(60 + clock.random() * 80);
      const { host } = new URL(request.url);
      if (request.url.startsWith(REGISTRY_URL)) return this.#answerRegistry(request, clock);
      const route = request.url.endsWith('/graphql') ? 'graphql' : (ROUTE_OF_HOST[host] ?? 'rest-v2');
      const limit = this.troubleAt(clock.now(), 'rate-limit');
      if (limit) return { status: 429, headers: { 'retry-after': '30' }, body: '{"status":429}' };
      const trouble = this.troubleAt(clock.now(), 'runpod', route);
      if (trouble?.manner) {
        const answer = await misbehave(trouble.manner, limits, clock);
        if (answer) return answer;
      }
      return this.#answerRunpod(request, clock.now());
    };
  }

  #answerRunpod(request: HttpRequest, atMs: number): HttpAnswer {
    const key = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const answer = this.#runpod.respond(request, {
      keyIsValid: this.keyIsValidAt(key, atMs),
      retired: this.#retiredAt(atMs),
      updates: this.#plan.updates,
    });
    for (const auth of this.#runpod.user.auths) this.#noteWrite(auth, atMs);
    return answer;
  }

  /** A password is the time at which it expires. */
  #noteWrite(auth: StoredAuth, atMs: number): void {
    if (auth.password === 'old' || this.#updatesSeen.get(auth.name) === auth.updates) return;
    this.#updatesSeen.set(auth.name, auth.updates);
    this.writes.push({ atMs, auth: auth.name, expiresMs: Number(auth.password) });
  }

  #answerRegistry({ headers }: HttpRequest, clock: Clock): HttpAnswer {
    if (this.troubleAt(clock.now(), 'registry')) return { status: 503, headers: {}, body: '' };
    const [, encoded = ''] = (headers.authorization ?? '').split(' ');
    const [username, expiresMs] = atob(encoded).split(':');
    const isGood = username === 'AWS' && Number(expiresMs) > clock.now();
    const challenge = { 'www-authenticate': `Basic realm="${REGISTRY_URL}/",service="ecr.amazonaws.com"` };
    return isGood ? { status: 200, headers: {}, body: '' } : { status: 401, headers: challenge, body: '' };
  }

  /** The SDK tries for a while before it gives up; a refusal comes at once. */
  async #meetAws(
    clock: Clock,
    call: Parameters<typeof meaningOfAwsError>[1],
    outage: OutageKind,
    denial: OperatorKind,
  ): Promise<void> {
    if (this.troubleAt(clock.now(), denial)) {
      throw meaningOfAwsError(awsError('AccessDeniedException', 400, 'client'), call);
    }
    if (!this.troubleAt(clock.now(), outage)) return;
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
      const trouble = this.troubleAt(atMs, 'runpod', route);
      return trouble === undefined || trouble.manner === 'now and then';
    });
  }

  #retiredAt(atMs: number): readonly RouteName[] {
    if (this.troubleAt(atMs, 'no-route-left')) return ['rest-v2', 'rest-v1', 'graphql'];
    return (['rest-v1', 'graphql'] as const).filter((route) => {
      const fromMs = this.#plan.retiredFromMs[route];
      return fromMs !== undefined && fromMs <= atMs;
    });
  }

  #keyAt(atMs: number): string {
    return this.#plan.keys.findLast(({ storedMs }) => storedMs <= atMs)?.value ?? '';
  }

  /** A revocation kills the key that the secret held then. */
  #isRevoked({ value }: { readonly value: string }, atMs: number): boolean {
    return this.#plan.troubles.some(
      ({ kind, fromMs }) => kind === 'key-revoked' && fromMs <= atMs && this.#keyAt(fromMs) === value,
    );
  }

  #storeNewKey(atMs: number): void {
    const index = this.#plan.keys.findLastIndex(({ storedMs }) => storedMs <= atMs) + 1;
    const diesMs = this.#plan.keys[index - 1]?.diesMs ?? Number.POSITIVE_INFINITY;
    this.#plan.keys.splice(index, 0, {
      value: `rpa_simulated_${this.#plan.keys.length}`,
      storedMs: atMs,
      diesMs: diesMs > atMs ? diesMs : Number.POSITIVE_INFINITY,
    });
  }
}

function awsError(name: string, httpStatusCode: number, fault: 'client' | 'server'): Error {
  return Object.assign(new Error('simulated'), { name, $fault: fault, $metadata: { httpStatusCode } });
}
