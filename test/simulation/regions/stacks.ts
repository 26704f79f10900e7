import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS_FILE } from '../../../lambda/core/contract';
import type { RefresherConfig } from '../../../lib/config/schema';
import { type CloudFormationTemplate, refresherFunction, synthesise } from '../../../lib/synthesise';
import type { DeployedStack } from '../year/deployment';
import type { TwoRegionStacks } from './year';

/** A region where most deployments are, and the region of its standby. */
const ENV = { account: '123456789012', region: 'us-east-1' };
const STANDBY = { region: 'us-west-2', topicArns: [], warningTopicArns: [] };

/**
 * Synthesises a configuration without a standby and with one.
 *
 * @param outdir - existing directory; it is not needed afterwards
 */
export function twoRegionStacks(config: RefresherConfig, outdir: string): TwoRegionStacks {
  const single = join(outdir, 'alone');
  const double = join(outdir, 'together');
  const alone = synthesise(config, single, ENV);
  const { template, standbyTemplate } = synthesise({ ...config, standby: STANDBY }, double, ENV);
  if (standbyTemplate === undefined) throw new Error('a configuration with a standby has no second stack');
  return {
    alone: deployed(alone.template, single),
    primary: deployed(template, double),
    standby: deployed(standbyTemplate, double),
  };
}

function deployed(template: CloudFormationTemplate, outdir: string): DeployedStack {
  const { S3Key } = refresherFunction(template).Properties.Code as { readonly S3Key: string };
  const asset = join(outdir, `asset.${S3Key.replace(/\.zip$/, '')}`);
  return { template, settings: JSON.parse(readFileSync(join(asset, SETTINGS_FILE), 'utf8')) };
}
