/** The CDK app: a configuration file becomes one stack. */

import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import { RefresherStack } from '../lib/refresher-stack';

const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;

// Without automatic synthesis an app that failed half-way writes nothing.
const app = new App({ autoSynth: false });
try {
  const config = loadConfig(app.node);
  new RefresherStack(app, config.stackName, {
    config,
    // Without credentials the CDK CLI gives a region all the same: its default, not where the stack goes.
    env: account && region ? { account, region } : undefined,
  });
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
