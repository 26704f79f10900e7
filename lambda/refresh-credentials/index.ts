import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from './clock';
import { createHandler } from './handler';
import { embeddedMetricLine } from './metrics';
import { type RefresherSettings, SETTINGS_FILE } from './model';
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
  publishMetrics: (metrics, nowMs) => {
    process.stdout.write(`${embeddedMetricLine(settings.service, metrics, nowMs)}\n`);
  },
  ...createPorts(settings, systemClock),
});
