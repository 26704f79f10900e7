import { readFileSync } from 'node:fs';
import { Logger } from '@aws-lambda-powertools/logger';
import { systemClock } from '../core/clock';
import { SETTINGS_FILE } from '../core/contract';
import type { RefresherSettings } from '../core/model';
import { nameSourcesInStackTraces } from '../core/stack-trace';
import { createHandler } from './handler';
import { embeddedMetricLine } from './metrics';
import { createPorts } from './ports';

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
