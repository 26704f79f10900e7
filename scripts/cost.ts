/** `npm run cost [-- -c PATH]`: prints the monthly cost of a configuration. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import { synthesise } from '../lib/synthesise';
import { monthlyCost } from './cost-model';
import { costTable } from './cost-table';

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
const outdir = mkdtempSync(join(tmpdir(), 'cost-'));
try {
  // `-c config=PATH`, as for the CDK CLI, and `-c PATH` are both allowed.
  const path = values.config?.replace(/^config=/, '');
  const context = path === undefined ? {} : { config: path };
  const config = loadConfig(new App({ outdir, context, autoSynth: false }).node);
  const { template } = synthesise(config, join(outdir, 'cdk.out'));
  const targets = config.targets.length;
  const title = `${config.stackName}: ${targets} ${targets === 1 ? 'target' : 'targets'}, every ${config.refreshIntervalHours} h`;
  process.stdout.write(costTable(monthlyCost(template, { targets }), title));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(outdir, { recursive: true });
}
