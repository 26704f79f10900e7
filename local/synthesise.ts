import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, type Environment } from 'aws-cdk-lib';
import type { RefresherConfig } from '../lib/config/schema';
import { RefresherStack } from '../lib/refresher-stack';

/** A synthesised stack: its template, and the folder of the function's asset that the template names. */
export interface Synthesised {
  readonly template: CloudFormationTemplate;
  readonly assetDirectory: string;
}

/** As much of a template as is read here. */
export interface CloudFormationTemplate {
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/** A resource of a template. */
export interface CloudFormationResource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

/**
 * Synthesises a configuration's stack into a directory, as the CDK CLI does, under cdk.json's feature flags.
 *
 * @param env - where it is to be deployed; by default it may be anywhere
 */
export function synthesise(config: RefresherConfig, outdir: string, env?: Environment): Synthesised {
  const { context } = JSON.parse(readFileSync(join(__dirname, '../cdk.json'), 'utf8')) as { context: object };
  // The CDK CLI checks a template before it deploys; the check takes most of the time, and nothing is deployed here.
  const app = new App({ context, outdir, builtinCloudFormationValidation: false });
  const stack = new RefresherStack(app, config.stackName, { config, ...(env && { env }) });
  const assembly = app.synth();
  const template = assembly.getStackByName(stack.stackName).template as CloudFormationTemplate;
  return { template, assetDirectory: join(outdir, `asset.${assetHash(refresherFunction(template))}`) };
}

/** The refresher. A deployment's trigger and the delegations bring functions of their own. */
export function refresherFunction(template: CloudFormationTemplate): CloudFormationResource {
  return functionNamed(template, 'RefresherFunction');
}

/** Folder of the asset that delegates repositories. @throws Error where the configuration has no delegation */
export function delegationAsset(template: CloudFormationTemplate, outdir: string): string {
  return join(outdir, `asset.${assetHash(functionNamed(template, 'DelegationFunction'))}`);
}

/** Construct ids are a contract, so that a function is known by the beginning of its logical id. */
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
