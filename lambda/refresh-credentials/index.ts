import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { systemClock } from './clock';
import { createHandler } from './handler';
import { METRIC_NAMESPACE, type RefresherSettings, SETTINGS_FILE } from './model';
import { createPorts } from './ports';
import { nameSourcesInStackTraces } from './stack-trace';

nameSourcesInStackTraces(new URL('index.mjs.map', import.meta.url));

const settings = JSON.parse(
  readFileSync(new URL(SETTINGS_FILE, import.meta.url), 'utf8'),
) as RefresherSettings;

/** Refreshes the credentials that Runpod holds; see `createHandler`. */
export const handler = createHandler({
  settings,
  logger: new Logger({ serviceName: settings.service }),
  metrics: new Metrics({ namespace: METRIC_NAMESPACE, serviceName: settings.service }),
  ...createPorts(settings, systemClock),
});
