import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
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

/** Synthesises a configuration's stack into a directory, as the CDK CLI does, under cdk.json's feature flags. */
export function synthesise(config: RefresherConfig, outdir: string): Synthesised {
  const { context } = JSON.parse(readFileSync(join(__dirname, '../cdk.json'), 'utf8')) as { context: object };
  const app = new App({ context, outdir });
  const stack = new RefresherStack(app, config.stackName, { config });
  const assembly = app.synth();
  const template = assembly.getStackByName(stack.stackName).template as CloudFormationTemplate;
  return { template, assetDirectory: join(outdir, `asset.${assetHash(template)}`) };
}

/** The refresher is the function with the handler of its bundle; a deployment's trigger brings a function of its own. */
export function refresherFunction(template: CloudFormationTemplate): CloudFormationResource {
  const functions = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const refresher = functions.find(
    ({ Properties }) => Properties.Handler === 'index.handler' && 'LoggingConfig' in Properties,
  );
  if (!refresher) throw new Error('the template has no refresher function');
  return refresher;
}

function assetHash(template: CloudFormationTemplate): string {
  const { S3Key } = refresherFunction(template).Properties.Code as { S3Key: string };
  return S3Key.replace(/\.zip$/, '');
}
