import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createApiKeyReader } from './api-key';
import { AWS_CLIENT_DEFAULTS } from './aws';
import { systemClock as clock } from './clock';
import { createHandler } from './handler';
import { createHttp } from './http';
import { Memo } from './memo';
import { METRIC_NAMESPACE, type RefresherSettings, SETTINGS_FILE } from './model';
import { createEcr } from './registries/ecr';
import { createProof } from './registries/oci-proof';
import { DEFAULT_RETRY_POLICY } from './retry';
import { RunpodAccount } from './runpod/account';
import { createRoutes } from './runpod/routes';
import { sendOverNetwork } from './transport';

// Wires the real clients, once per process; everything below may be kept from one invocation to the next.
const settings = JSON.parse(
  readFileSync(new URL(SETTINGS_FILE, import.meta.url), 'utf8'),
) as RefresherSettings;
const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
const secrets = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(AWS_CLIENT_DEFAULTS) });
const ecr = createEcr(clock);
const accounts = new Memo<string, RunpodAccount>();

/** Refreshes the credentials that Runpod holds; see `createHandler`. */
export const handler = createHandler({
  settings,
  logger: new Logger({ serviceName: settings.service }),
  metrics: new Metrics({ namespace: METRIC_NAMESPACE, serviceName: settings.service }),
  ports: {
    clock,
    readApiKey: createApiKeyReader(secrets, clock),
    shareKey: ecr.shareKey,
    issueCredential: ecr.issue,
    prove: createProof(http),
    accountOf: (secretName) =>
      accounts.get(secretName, () => new RunpodAccount(createRoutes(http, settings.runpod), clock)),
  },
});
