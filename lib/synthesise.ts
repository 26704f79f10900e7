/** Synthesises a configuration's stack outside of the CDK CLI: for the command line, the demo and the tests. */

import { join } from 'node:path';
import { App, type Environment } from 'aws-cdk-lib';
import { context as ownContext } from '../cdk.json';
import type { RefresherConfig } from './config/schema';
import { standbyName } from './peer';
import { RefresherStack } from './refresher-stack';

/** A synthesised stack. */
export interface Synthesised {
  readonly template: CloudFormationTemplate;
  /** The stack of the standby. @default - the configuration has none */
  readonly standbyTemplate?: CloudFormationTemplate;
  /** Directory of the refresher's asset. @throws Error when the configuration has no targets */
  readonly assetDirectory: string;
}

/** The part of a template that the project reads. */
export interface CloudFormationTemplate {
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/** A resource of a template. */
export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

/** Switches off the report on standard error, and the stack trace of each construct, which takes time. */
const QUIET = {
  '@aws-cdk/core:failSynthOnValidationErrors': false,
  'aws:cdk:disable-stack-trace': true,
  'aws:cdk:disable-creation-stack-traces': true,
};

/**
 * Creates the stack of a configuration in an app of its own, with the feature flags of `cdk.json`.
 *
 * The app prints no validation report and does not check the template: `cdk synth` and `cdk deploy` do both.
 *
 * @param outdir - directory of the cloud assembly
 * @param env - account and region; by default the stack can be deployed anywhere
 * @throws ConfigError when the stack cannot hold the configuration
 */
export function stackInApp(config: RefresherConfig, outdir: string, env?: Environment): RefresherStack {
  return addStack(createApp(outdir), config, env);
}

/**
 * Synthesises the stack of a configuration into a directory.
 *
 * @param env - account and region; by default the stack can be deployed anywhere
 * @param context - context with the feature flags; by default that of this project's `cdk.json`
 * @throws ConfigError when the stack cannot hold the configuration
 */
export function synthesise(
  config: RefresherConfig,
  outdir: string,
  env?: Environment,
  context?: Readonly<Record<string, unknown>>,
): Synthesised {
  const app = createApp(outdir, context);
  const { stackName } = addStack(app, config, env);
  const assembly = app.synth();
  const template: CloudFormationTemplate = assembly.getStackByName(stackName).template;
  return {
    template,
    ...(config.standby && { standbyTemplate: assembly.getStackByName(standbyName(stackName)).template }),
    get assetDirectory() {
      return join(outdir, `asset.${assetHash(refresherFunction(template))}`);
    },
  };
}

function createApp(outdir: string, context: Readonly<Record<string, unknown>> = ownContext): App {
  return new App({
    context: { ...context, ...QUIET },
    builtinCloudFormationValidation: false,
    autoSynth: false,
    outdir,
  });
}

function addStack(app: App, config: RefresherConfig, env?: Environment): RefresherStack {
  return new RefresherStack(app, config.stackName, { config, ...(env && { env }) });
}

/** Returns the refresher among the functions of a template. @throws Error when there is none */
export function refresherFunction(template: CloudFormationTemplate): CloudFormationResource {
  return functionNamed(template, 'RefresherFunction');
}

/** Returns the directory of the delegation function's asset. @throws Error when nothing is delegated */
export function delegationAsset(template: CloudFormationTemplate, outdir: string): string {
  return join(outdir, `asset.${assetHash(functionNamed(template, 'DelegationFunction'))}`);
}

/** Construct ids are a contract, so the beginning of a logical id identifies a function. */
function functionNamed(template: CloudFormationTemplate, prefix: string): CloudFormationResource {
  const found = Object.entries(template.Resources).find(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith(prefix),
  );
  if (!found) throw new Error(`the template has no ${prefix}`);
  return found[1];
}

function assetHash({ Properties }: CloudFormationResource): string {
  const { S3Key } = Properties.Code as { S3Key: string };
  return S3Key.replace(/\.zip$/, '');
}
