/** The entry of the bundle: reads the settings and wires the real clients behind the handler. */

import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AWS_CLIENT_DEFAULTS } from '../core/aws';
import { systemClock as clock } from '../core/clock';
import { once } from '../core/concurrency';
import { SETTINGS_FILE } from '../core/contract';
import { createHttp } from '../core/http';
import { embeddedMetricLine } from '../core/metrics';
import { RateLimiter } from '../core/rate-limit';
import { createInspectImage } from '../core/registries/manifests';
import { createCredentialIssuer } from '../core/registries/registries';
import { RunpodWorkloads, watchAllowance } from '../core/runpod/workloads';
import { createSecretReader } from '../core/secrets';
import { parseSettings } from '../core/settings';
import { nameSourcesInStackTraces } from '../core/stack-trace';
import { sendOverNetwork } from '../core/transport';
import { createWatchHandler } from './handler';
import { createReadMemory } from './own-log';

// This variable would switch off the verification of certificates in the AWS SDK.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
nameSourcesInStackTraces(new URL('index.mjs.map', import.meta.url));

const settings = parseSettings(readFileSync(new URL(SETTINGS_FILE, import.meta.url), 'utf8'), process.env);
const { intervalMinutes = 60 } = settings.pullWatch ?? {};

/** Fewer and shorter attempts than the refresher's: what fails is looked at again in the next look. */
const POLICY = { maxAttempts: 3, baseDelayMs: 300, maxDelayMs: 4_000, attemptTimeoutMs: 10_000 };

const http = createHttp({ transport: sendOverNetwork, clock, policy: POLICY });
const secretsManager = new SecretsManagerClient(AWS_CLIENT_DEFAULTS);
const logs = new CloudWatchLogsClient(AWS_CLIENT_DEFAULTS);
const accounts = new Map<string, RunpodWorkloads>();

/** Looks whether workers can pull. See `createWatchHandler`. */
export const handler = createWatchHandler({
  settings,
  logger: new Logger({ serviceName: settings.service }),
  publishMetrics: (metrics, nowMs) => {
    process.stdout.write(`${embeddedMetricLine(settings.service, metrics, nowMs)}\n`);
  },
  readMemory: createReadMemory(logs, clock, process.env.AWS_LAMBDA_LOG_GROUP_NAME),
  services: {
    clock,
    createSecretReader: () => createSecretReader(secretsManager, clock),
    issueCredential: createCredentialIssuer(clock),
    inspectImage: createInspectImage(http),
    workloadsOf: (secretName) =>
      once(accounts, secretName, () => {
        const rateLimiter = new RateLimiter(watchAllowance(intervalMinutes * 60));
        return new RunpodWorkloads(http, settings.runpod.restV2Url, rateLimiter);
      }),
  },
});
