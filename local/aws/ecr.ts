import { randomBytes } from 'node:crypto';
import type { StandInClock } from '../stand-in-clock';
import { AwsError } from './aws-error';
import type { Caller } from './caller';

const LIFE_MS = 12 * 60 * 60_000;

/** A password that ECR issued: for whom, and until when. */
export interface IssuedPassword {
  readonly password: string;
  /** The ARN of an assumed role, or the access key of the one who asked. */
  readonly principal: string;
  readonly region: string;
  readonly expiresAt: Date;
}

/** What the next answers are made of instead of the usual. */
export interface TokenOverride {
  readonly password?: string;
  /** The token as it goes over the wire, whatever it is. */
  readonly authorizationToken?: string;
  readonly expiresAt?: Date;
}

/** Issues authorization tokens and knows which it has issued. */
export class EcrStandIn {
  readonly issued: IssuedPassword[] = [];
  /** Applies to every token until it is taken back. */
  override: TokenOverride = {};
  /** Addresses of the registries of single accounts, by account id; the others share the embedded one. */
  readonly registryUrls = new Map<string, string>();
  readonly #clock: StandInClock;
  readonly #registryUrl: () => string;

  constructor(clock: StandInClock, registryUrl: () => string) {
    this.#clock = clock;
    this.#registryUrl = registryUrl;
  }

  /** Whether the registry accepts this pair now. */
  accepts(username: string, password: string): boolean {
    const now = this.#clock.now();
    return username === 'AWS' && this.issued.some((one) => one.password === password && one.expiresAt > now);
  }

  /** A token issued long ago, as Runpod may still hold it. */
  issue(principal: string, region: string, issuedAt = this.#clock.now()): IssuedPassword {
    // A real password is base64 of an encrypted JSON document, some 2 KB long.
    const password = this.override.password ?? randomBytes(1_600).toString('base64');
    const expiresAt = this.override.expiresAt ?? new Date(issuedAt.getTime() + LIFE_MS);
    const issued = { password, principal, region, expiresAt };
    this.issued.push(issued);
    return issued;
  }

  /** `GetAuthorizationToken`, as it goes over the wire. */
  getAuthorizationToken(caller: Caller): object {
    const proxyEndpoint = this.registryUrls.get(caller.accountId) ?? this.#registryUrl();
    return { authorizationData: [{ ...this.#authorizationToken(caller), proxyEndpoint }] };
  }

  /** `GetAuthorizationToken` of ECR Public: one object, without the registry's address, in one region. */
  getPublicAuthorizationToken(caller: Caller): object {
    if (caller.region !== 'us-east-1') {
      throw new AwsError(
        'UnsupportedCommandException',
        'GetAuthorizationToken command is only supported in us-east-1.',
      );
    }
    return { authorizationData: this.#authorizationToken(caller) };
  }

  #authorizationToken({ principal, region }: Caller): object {
    const { password, expiresAt } = this.issue(principal, region);
    const authorizationToken =
      this.override.authorizationToken ?? Buffer.from(`AWS:${password}`).toString('base64');
    return { authorizationToken, expiresAt: expiresAt.getTime() / 1_000 };
  }
}
