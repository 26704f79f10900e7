import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createApiKeyReader } from '../core/api-key';
import { type ApiKeyAges, watchApiKeyAges } from '../core/api-key-age';
import { AWS_CLIENT_DEFAULTS } from '../core/aws';
import type { Clock } from '../core/clock';
import { createHttp } from '../core/http';
import { Memo } from '../core/memo';
import type { RefresherSettings } from '../core/model';
import { createProof } from '../core/registries/oci-proof';
import { createRegistries } from '../core/registries/registries';
import { DEFAULT_RETRY_POLICY } from '../core/retry';
import { RunpodAccount } from '../core/runpod/account';
import { createRoutes } from '../core/runpod/routes';
import { createSecretReader, type ReadSecret } from '../core/secret-value';
import { sendOverNetwork } from '../core/transport';
import type { RefreshPorts } from './refresh';

/** The use case's ports, and what is learnt in passing by the clients behind them. */
export interface WiredPorts {
  readonly ports: RefreshPorts;
  readonly apiKeyAges: ApiKeyAges;
}

/** Wires the real clients behind the use case. They may be kept from one invocation to the next. */
export function createPorts({ runpod }: Pick<RefresherSettings, 'runpod'>, clock: Clock): WiredPorts {
  const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
  const secretsManager = new SecretsManagerClient(AWS_CLIENT_DEFAULTS);
  const apiKeyAges = watchApiKeyAges(secretsManager);
  const secrets = new SecretsProvider({ awsSdkV3Client: secretsManager });
  const registries = createRegistries(clock, registrySecretReader(clock));
  const accounts = new Memo<string, RunpodAccount>();
  const ports: RefreshPorts = {
    clock,
    readApiKey: createApiKeyReader(secrets, clock),
    shareKey: registries.shareKey,
    issueCredential: registries.issue,
    prove: createProof(http),
    accountOf: (secretName) =>
      accounts.get(secretName, () => new RunpodAccount(createRoutes(http, runpod), clock)),
  };
  return { ports, apiKeyAges };
}

/**
 * A client of their own: the age of a registry's secret must not pass for the age of a Runpod key. Made when the first
 * is read: ECR has none.
 */
function registrySecretReader(clock: Clock): ReadSecret {
  let reader: ReadSecret | undefined;
  return (...secret) => {
    reader ??= createSecretReader(
      new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(AWS_CLIENT_DEFAULTS) }),
      clock,
    );
    return reader(...secret);
  };
}
