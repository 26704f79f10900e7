import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import {
  ECRPUBLICClient,
  GetAuthorizationTokenCommand as GetPublicAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr-public';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { AWS_CLIENT_DEFAULTS, callAws } from '../aws';
import type { Clock } from '../clock';
import { TransientError } from '../errors';
import { type Credential, type EcrPublicRegistry, type EcrRegistry, Secret } from '../model';

/** Shown in the CloudTrail of the other account, so that its owner sees who asked. */
const ROLE_SESSION_NAME = 'runpod-ecr-refresher';

/** The only region that issues tokens of ECR Public, whatever region the function runs in (ECR Public API reference). */
const ECR_PUBLIC_REGION = 'us-east-1';

/** How many credentials ECR issues at most until one lives long enough. */
const MAX_ISSUES = 3;

/** Pause before ECR is asked again, in milliseconds. */
const ISSUE_PAUSE_MS = 1_000;

/** Changes an AWS client before its first call, for example the text of its errors. It returns the same client. */
export type PrepareClient = <Client>(client: Client) => Client;

/** Issues credentials of Amazon ECR. Its clients live as long as the process. */
export class EcrCredentials {
  readonly #clock: Clock;
  readonly #minLifeMs: number;
  readonly #prepare: PrepareClient;
  readonly #clients = new Map<string, ECRClient>();
  #publicClient: ECRPUBLICClient | undefined;

  /** @param minLifeMs - a credential with less life is issued again. The last one is used, however short its life is. */
  constructor(clock: Clock, minLifeMs: number, prepare: PrepareClient = (client) => client) {
    this.#clock = clock;
    this.#prepare = prepare;
    this.#minLifeMs = minLifeMs;
  }

  /**
   * Issues a credential for a private registry. It is valid for every repository of the region that the principal may
   * pull.
   *
   * @throws OperatorMustActError or TransientError
   */
  async issue(registry: EcrRegistry, deadlineMs: number): Promise<Credential> {
    const client = this.#clientFor(registry);
    const name = `ecr:GetAuthorizationToken${registry.roleArn ? ` as ${registry.roleArn}` : ''}`;
    const credential = await this.#longLived(deadlineMs, async () => {
      const answer = await callAws({ name, deadlineMs, reason: 'configuration-wrong' }, this.#clock, () =>
        client.send(new GetAuthorizationTokenCommand({})),
      );
      return decodeAuthorizationToken(answer.authorizationData?.[0], this.#clock.now());
    });
    const registryUrl = registryOfAccount(credential.registryUrl, registry.registryId);
    return { ...credential, registryUrl, basicAtOnce: true, rejectedBy400: true };
  }

  async #longLived(deadlineMs: number, issue: () => Promise<Credential>): Promise<Credential> {
    for (let issues = 1; ; issues += 1) {
      const credential = await issue();
      const lifeMs = (credential.expiresAt?.getTime() ?? 0) - this.#clock.now();
      const noTime = this.#clock.steady() + ISSUE_PAUSE_MS >= deadlineMs;
      if (lifeMs >= this.#minLifeMs || issues === MAX_ISSUES || noTime) return credential;
      await this.#clock.sleep(ISSUE_PAUSE_MS);
    }
  }

  /** Issues a credential for ECR Public, whose answer does not name the registry. @throws like `issue` */
  async issuePublic({ url }: EcrPublicRegistry, deadlineMs: number): Promise<Credential> {
    this.#publicClient ??= this.#prepare(
      new ECRPUBLICClient({ ...AWS_CLIENT_DEFAULTS, region: ECR_PUBLIC_REGION }),
    );
    const client = this.#publicClient;
    const name = 'ecr-public:GetAuthorizationToken';
    const credential = await this.#longLived(deadlineMs, async () => {
      const answer = await callAws({ name, deadlineMs, reason: 'configuration-wrong' }, this.#clock, () =>
        client.send(new GetPublicAuthorizationTokenCommand({})),
      );
      const data = { ...answer.authorizationData, proxyEndpoint: url };
      return decodeAuthorizationToken(data, this.#clock.now(), name);
    });
    return { ...credential, rejectedBy400: true };
  }

  #clientFor(registry: EcrRegistry): ECRClient {
    const key = ecrCacheKey(registry);
    const client = this.#clients.get(key) ?? this.#prepare(createClient(registry));
    this.#clients.set(key, client);
    return client;
  }
}

/**
 * Returns the address of another account's registry in the same region. A credential is valid for all accounts whose
 * repository policies allow the principal.
 *
 * @param registryId - the account. @default - the address is returned unchanged
 *
 * @example
 * registryOfAccount('https://123456789012.dkr.ecr.us-east-1.amazonaws.com', '210987654321');
 */
export function registryOfAccount(registryUrl: string, registryId: string | undefined): string {
  return registryId === undefined ? registryUrl : registryUrl.replace(/\/\/\d{12}\./, `//${registryId}.`);
}

/** Returns the same key for registries that share one credential: same region, account, role and external id. */
export function ecrCacheKey({ region, registryId, roleArn, externalId }: EcrRegistry): string {
  return JSON.stringify(['ecr', region, registryId, roleArn, externalId]);
}

function createClient({ region, roleArn, externalId }: EcrRegistry): ECRClient {
  return new ECRClient({
    ...AWS_CLIENT_DEFAULTS,
    ...(region && { region }),
    ...(roleArn && {
      credentials: fromTemporaryCredentials({
        params: { RoleArn: roleArn, ExternalId: externalId, RoleSessionName: ROLE_SESSION_NAME },
        // The STS endpoint of the function's own region exists in every partition.
        clientConfig: { ...AWS_CLIENT_DEFAULTS, region: process.env.AWS_REGION },
      }),
    }),
  });
}

/** The part of ECR's answer that holds the token. */
export interface AuthorizationData {
  readonly authorizationToken?: string | undefined;
  readonly expiresAt?: Date | undefined;
  readonly proxyEndpoint?: string | undefined;
}

/**
 * Decodes an ECR authorization token: base64 of `AWS:<password>`. It is split at the first colon, because a password
 * may hold colons itself (Amazon ECR API reference, AuthorizationData).
 *
 * @param nowMs - milliseconds since the epoch
 * @param action - the AWS action that answered, for the message
 * @throws TransientError when any part is missing, malformed or expired. It says which, and never quotes the token.
 */
export function decodeAuthorizationToken(
  data: AuthorizationData | undefined,
  nowMs: number,
  action = 'ecr:GetAuthorizationToken',
): Credential {
  const refused = (found: string) =>
    new TransientError(`${action} answered with ${found}; nothing was sent to Runpod`);
  const token = data?.authorizationToken;
  if (!token) throw refused('no token');
  const bytes = Buffer.from(token, 'base64');
  // Node skips characters that are not base64. Encoding again shows whether it skipped any.
  if (withoutPadding(bytes.toString('base64')) !== withoutPadding(token)) {
    throw refused('a token that is not base64');
  }
  const pair = bytes.toString('utf8');
  if (!Buffer.from(pair, 'utf8').equals(bytes)) throw refused('a token that is not text');
  const colon = pair.indexOf(':');
  if (colon < 0) throw refused('a token without a colon');
  const username = pair.slice(0, colon);
  const password = pair.slice(colon + 1);
  if (!username || !password) throw refused(`a token without a ${username ? 'password' : 'user name'}`);
  return { username, password: new Secret(password), ...validity(data, nowMs, refused) };
}

function withoutPadding(base64: string): string {
  return base64.replace(/={1,2}$/, '');
}

function validity(
  data: AuthorizationData,
  nowMs: number,
  refused: (found: string) => TransientError,
): Pick<Credential, 'expiresAt' | 'registryUrl'> {
  const { expiresAt, proxyEndpoint } = data;
  if (!expiresAt || Number.isNaN(expiresAt.getTime())) throw refused('no expiry time');
  if (expiresAt.getTime() <= nowMs) throw refused(`a token that expired at ${expiresAt.toISOString()}`);
  if (!proxyEndpoint) throw refused('no registry address');
  return { expiresAt, registryUrl: proxyEndpoint.replace(/\/+$/, '') };
}
