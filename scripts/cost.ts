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

/** The bill does not depend on it, but a standby needs a known region. */
const ANYWHERE = { account: '123456789012', region: 'us-east-1' };

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
const outdir = mkdtempSync(join(tmpdir(), 'cost-'));
try {
  // `-c config=PATH`, as for the CDK CLI, and `-c PATH` are both allowed.
  const path = values.config?.replace(/^config=/, '');
  const context = path === undefined ? {} : { config: path };
  const config = loadConfig(new App({ outdir, context, autoSynth: false }).node);
  const { template, standbyTemplate } = synthesise(config, join(outdir, 'cdk.out'), ANYWHERE);
  const targets = config.targets.length;
  const rhythm = `${targets} ${targets === 1 ? 'target' : 'targets'}, every ${config.refreshIntervalHours} h`;
  process.stdout.write(costTable(monthlyCost(template, { targets }), `${config.stackName}: ${rhythm}`));
  if (standbyTemplate) {
    const lines = monthlyCost(standbyTemplate, { targets, isStandby: true });
    process.stdout.write(`\n${costTable(lines, `The standby in ${config.standby?.region}: ${rhythm}`)}`);
  }
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(outdir, { recursive: true });
}
