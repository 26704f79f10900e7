import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createApiKeyReader } from '../core/api-key';
import { AWS_CLIENT_DEFAULTS } from '../core/aws';
import { systemClock as clock } from '../core/clock';
import { createHttp } from '../core/http';
import { DEFAULT_RETRY_POLICY } from '../core/retry';
import { sendOverNetwork } from '../core/transport';
import { createDelegationHandler } from './handler';
import { createRepositoryPolicies } from './repository-policy';
import { createRunpodDelegations } from './runpod-delegations';

const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
const secrets = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(AWS_CLIENT_DEFAULTS) });

/** Lets Runpod pull a repository, and takes that back; see `createDelegationHandler`. */
export const handler = createDelegationHandler({
  http,
  logger: new Logger({ serviceName: 'delegate-repository' }),
  ports: {
    clock,
    policies: createRepositoryPolicies(clock),
    delegations: createRunpodDelegations(http, clock),
    readApiKey: createApiKeyReader(secrets, clock),
  },
});
