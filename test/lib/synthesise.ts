import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Environment, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { RefresherConfig } from '../../lib/config/schema';
import { RefresherStack } from '../../lib/refresher-stack';
import { config, type Json } from './config/builder';

const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8'));
/** CloudFormation's own rules take three seconds to load in every test file; bin/app.test.ts runs with them. */
const builtinCloudFormationValidation = false;

const outdir = mkdtempSync(join(tmpdir(), 'synthesise-'));
let stacks = 0;

afterAll(() => rmSync(outdir, { recursive: true }));

/** A stack in an app of its own, under the feature flags of cdk.json. Its assembly is removed after the tests. */
export function stackOf(settings: RefresherConfig, env?: Environment): RefresherStack {
  stacks += 1;
  const app = new App({ context, outdir: join(outdir, String(stacks)), builtinCloudFormationValidation });
  return new RefresherStack(app, settings.stackName, { config: settings, env });
}

const templates = new Map<string, Template>();

/** The template for a configuration, for any account. The same one twice is synthesised once. */
export function templateOf(overrides: Json = {}): Template {
  const key = JSON.stringify(overrides);
  const template = templates.get(key) ?? Template.fromStack(stackOf(config(overrides)));
  templates.set(key, template);
  return template;
}

/** What synth says to the person in front of it. */
export function warningsOf(stack: Stack): string[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .flatMap(({ type, data }) => (type === 'aws:cdk:warning' ? [String(data)] : []));
}
