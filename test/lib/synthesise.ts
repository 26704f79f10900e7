import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Environment } from 'aws-cdk-lib';
import type { RefresherConfig } from '../../lib/config/schema';
import { RefresherStack } from '../../lib/refresher-stack';

const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8'));

const outdir = mkdtempSync(join(tmpdir(), 'synthesise-'));
let stacks = 0;

afterAll(() => rmSync(outdir, { recursive: true }));

/** A stack in an app of its own, under the feature flags of cdk.json. Its assembly is removed after the tests. */
export function stackOf(config: RefresherConfig, env?: Environment): RefresherStack {
  stacks += 1;
  const app = new App({ context, outdir: join(outdir, String(stacks)) });
  return new RefresherStack(app, config.stackName, { config, env });
}
