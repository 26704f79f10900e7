/** The entry of the bundle: reads the settings and wires the real clients behind the handler. */

import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AWS_CLIENT_DEFAULTS } from '../core/aws';
import { systemClock as clock } from '../core/clock';
import { SETTINGS_FILE } from '../core/contract';
import { createHttp, DEFAULT_RETRY_POLICY } from '../core/http';
import { embeddedMetricLine } from '../core/metrics';
import type { RefresherSettings } from '../core/model';
import { createProof } from '../core/registries/proof';
import { createCredentialIssuer } from '../core/registries/registries';
import { createRoutes, RunpodAccount } from '../core/runpod/account';
import { createSecretReader } from '../core/secrets';
import { parseSettings } from '../core/settings';
import { nameSourcesInStackTraces } from '../core/stack-trace';
import { sendOverNetwork } from '../core/transport';
import { createHandler } from './handler';
import { createOtherRegion } from './other-region';

// This variable would switch off the verification of certificates in the AWS SDK.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
nameSourcesInStackTraces(new URL('index.mjs.map', import.meta.url));

const settings = parseSettings(readFileSync(new URL(SETTINGS_FILE, import.meta.url), 'utf8'), process.env);

const http = createHttp({ transport: sendOverNetwork, clock, policy: DEFAULT_RETRY_POLICY });
const secretsManager = new SecretsManagerClient(AWS_CLIENT_DEFAULTS);

/** Refreshes the credentials that Runpod holds. See `createHandler`. */
export const handler = createHandler({
  settings,
  logger: new Logger({ serviceName: settings.service }),
  publishMetrics: (metrics, nowMs) => {
    process.stdout.write(`${embeddedMetricLine(settings.service, metrics, nowMs)}\n`);
  },
  tellOtherRegion:
    settings.otherRegion &&
    createOtherRegion({ http, other: settings.otherRegion, signing: secretsManager.config }),
  services: {
    clock,
    createSecretReader: () => createSecretReader(secretsManager, clock, originalsIn(settings)),
    issueCredential: createCredentialIssuer(clock, settings.minCredentialMinutes * 60_000),
    prove: createProof(http),
    createAccount: () => new RunpodAccount(createRoutes(http, settings.runpod), clock),
  },
});

/** Returns the region of the original secrets, if the secrets of this region are replicas. */
function originalsIn({ otherRegion }: RefresherSettings): string | undefined {
  return otherRegion?.hasOriginalSecrets ? otherRegion.region : undefined;
}
