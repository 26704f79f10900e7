import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AWS_CLIENT_DEFAULTS } from '../core/aws';
import { systemClock as clock } from '../core/clock';
import { createHttp, DEFAULT_RETRY_POLICY } from '../core/http';
import { createApiKeyReader, createSecretReader } from '../core/secrets';
import { sendOverNetwork } from '../core/transport';
import { createDelegationHandler } from './handler';
import { createRepositoryPolicies } from './repository-policy';
import { createRunpodDelegations } from './runpod-delegations';

// This variable would switch off the verification of certificates in the AWS SDK.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;

const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
const secretsManager = new SecretsManagerClient(AWS_CLIENT_DEFAULTS);

/** Lets Runpod pull a repository, and revokes that. See `createDelegationHandler`. */
export const handler = createDelegationHandler({
  http,
  logger: new Logger({ serviceName: 'delegate-repository' }),
  ports: {
    clock,
    policies: createRepositoryPolicies(clock),
    delegations: createRunpodDelegations(http, clock),
    readApiKey: (...key) => createApiKeyReader(createSecretReader(secretsManager, clock))(...key),
  },
});
