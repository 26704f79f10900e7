/** The CDK app: creates one stack from a configuration file. */

import { App } from 'aws-cdk-lib';
import { loadConfig } from '../lib/config/load';
import { ConfigError } from '../lib/config/mistakes';
import { RefresherStack } from '../lib/refresher-stack';

const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;

// Automatic synthesis would write an assembly even after an error.
const app = new App({ autoSynth: false });
try {
  const config = loadConfig(app.node);
  new RefresherStack(app, config.stackName, {
    config,
    // Without credentials the CDK CLI passes its default region, which may not be the region of the stack.
    env: account && region ? { account, region } : undefined,
  });
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
