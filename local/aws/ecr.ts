import { randomBytes } from 'node:crypto';
import type { StandInClock } from '../stand-in-clock';
import { AwsError, type Caller } from './protocol';

const LIFE_MS = 12 * 60 * 60_000;

/** A password that ECR issued. */
export interface IssuedPassword {
  readonly password: string;
  /** Who asked for it: the ARN of an assumed role, or an access key. */
  readonly principal: string;
  readonly region: string;
  readonly expiresAt: Date;
}

/** Replaces parts of the tokens that are issued. */
export interface TokenOverride {
  readonly password?: string;
  /** The encoded token. It may be malformed. */
  readonly authorizationToken?: string;
  readonly expiresAt?: Date;
}

/** Issues authorization tokens, and checks user names and passwords against the issued ones. */
export class EcrStandIn {
  readonly issued: IssuedPassword[] = [];
  /** Applies to every token that is issued while it is set. */
  override: TokenOverride = {};
  /** Registry addresses by account id. An account without an entry has the embedded registry. */
  readonly registryUrls = new Map<string, string>();
  readonly #clock: StandInClock;
  readonly #registryUrl: () => string;

  constructor(clock: StandInClock, registryUrl: () => string) {
    this.#clock = clock;
    this.#registryUrl = registryUrl;
  }

  /** Returns whether the registry accepts this user name and password now. */
  accepts(username: string, password: string): boolean {
    const now = this.#clock.now();
    return username === 'AWS' && this.issued.some((one) => one.password === password && one.expiresAt > now);
  }

  /** Issues a password. With an `issuedAt` in the past it may already have expired. */
  issue(principal: string, region: string, issuedAt = this.#clock.now()): IssuedPassword {
    // A real password is base64 of an encrypted JSON document, some 2 KB long.
    const password = this.override.password ?? randomBytes(1_600).toString('base64');
    const expiresAt = this.override.expiresAt ?? new Date(issuedAt.getTime() + LIFE_MS);
    const issued = { password, principal, region, expiresAt };
    this.issued.push(issued);
    return issued;
  }

  /** Answers `GetAuthorizationToken`. */
  getAuthorizationToken(caller: Caller): object {
    const proxyEndpoint = this.registryUrls.get(caller.accountId) ?? this.#registryUrl();
    return { authorizationData: [{ ...this.#authorizationToken(caller), proxyEndpoint }] };
  }

  /** Answers ECR Public's `GetAuthorizationToken`: one object without the registry's address, in us-east-1 only. */
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
