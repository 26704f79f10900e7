import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { RefresherConfig } from '../../lib/config/schema';
import { standbyName } from '../../lib/peer';
import type { RefresherStack } from '../../lib/refresher-stack';
import { stackInApp } from '../../lib/synthesise';
import { config, type Json } from './config/builder';

const outdir = mkdtempSync(join(tmpdir(), 'synthesise-'));
let stacks = 0;

afterAll(() => rmSync(outdir, { recursive: true }));

/** Creates a stack whose cloud assembly is removed after the tests of a file. */
export function stackOf(settings: RefresherConfig, env?: Environment): RefresherStack {
  stacks += 1;
  return stackInApp(settings, join(outdir, String(stacks)), env);
}

const ENV = { account: '123456789012', region: 'us-east-1' };

/** The stacks of a configuration with a standby. */
export interface BothStacks {
  readonly primary: Stack;
  readonly standby: Stack;
}

/** Creates the stacks of a configuration in us-east-1, by default with a standby in us-west-2. */
export function bothStacks(overrides: Json = {}): BothStacks {
  const settings = config({ standby: { region: 'us-west-2' }, ...overrides });
  const primary = stackOf(settings, ENV);
  return { primary, standby: primary.node.root.node.findChild(standbyName(settings.stackName)) as Stack };
}

const templates = new Map<string, Template>();

/** Returns the template of a configuration for any account. Each configuration is synthesised once. */
export function templateOf(overrides: Json = {}): Template {
  const key = JSON.stringify(overrides);
  const template = templates.get(key) ?? Template.fromStack(stackOf(config(overrides)));
  templates.set(key, template);
  return template;
}

/** Returns the warnings that synthesis shows to a person. */
export function warningsOf(stack: Stack): string[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .flatMap(({ type, data }) => (type === 'aws:cdk:warning' ? [String(data)] : []));
}
