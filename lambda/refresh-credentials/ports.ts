import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createApiKeyReader } from './api-key';
import { AWS_CLIENT_DEFAULTS } from './aws';
import type { Clock } from './clock';
import { createHttp } from './http';
import { Memo } from './memo';
import type { RefresherSettings } from './model';
import type { RefreshPorts } from './refresh';
import { createEcr } from './registries/ecr';
import { createProof } from './registries/oci-proof';
import { DEFAULT_RETRY_POLICY } from './retry';
import { RunpodAccount } from './runpod/account';
import { createRoutes } from './runpod/routes';
import { sendOverNetwork } from './transport';

/** The real clients behind the use case. They may be kept from one invocation to the next. */
export function createPorts({ runpod }: Pick<RefresherSettings, 'runpod'>, clock: Clock): RefreshPorts {
  const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
  const secrets = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(AWS_CLIENT_DEFAULTS) });
  const ecr = createEcr(clock);
  const accounts = new Memo<string, RunpodAccount>();
  return {
    clock,
    readApiKey: createApiKeyReader(secrets, clock),
    shareKey: ecr.shareKey,
    issueCredential: ecr.issue,
    prove: createProof(http),
    accountOf: (secretName) =>
      accounts.get(secretName, () => new RunpodAccount(createRoutes(http, runpod), clock)),
  };
}
