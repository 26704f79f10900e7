/** Prints what a deployment costs a month: `npm run cost`, or `npm run cost -- -c PATH` for another configuration. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import { RefresherStack } from '../lib/refresher-stack';
import { monthlyCost } from './cost-model';
import { costTable } from './cost-table';

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c' } } });
const outdir = mkdtempSync(join(tmpdir(), 'cost-'));
try {
  // As the CDK CLI writes it: -c config=PATH. A path alone does as well.
  const path = values.config?.replace(/^config=/, '');
  const context = path === undefined ? {} : { config: path };
  // A bill needs no check of the template, which takes most of the time.
  const app = new App({ outdir, context, builtinCloudFormationValidation: false });
  const config = loadConfig(app.node);
  const { artifactId } = new RefresherStack(app, config.stackName, { config });
  const { template } = app.synth().getStackArtifact(artifactId);
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
