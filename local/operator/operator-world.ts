/** A configuration that is deployed in the embedded cloud, with the folder that the command line works in. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AlarmName, type OutputName, STANDBY_SUFFIX } from '../../lambda/core/contract';
import { readConfigFile } from '../../lib/config/load';
import type { RefresherConfig } from '../../lib/config/schema';
import type { CloudFormationTemplate, Synthesised } from '../../lib/synthesise';
import type { Invocation } from '../lambda-runtime';
import type { InvocableFunction } from './function-api';
import type { ObservedAlarm } from './observations';
import { OPERATOR_PLACE, type OperatorCloud } from './operator-cloud';

/** Changes a template before it is deployed. */
export type ChangeTemplate = (
  template: CloudFormationTemplate,
  config: RefresherConfig,
) => CloudFormationTemplate;

/** What an operator has: a cloud, a folder, and a configuration file in it. */
export class OperatorWorld {
  readonly cloud: OperatorCloud;
  /** Temporary. `stop` removes it. */
  readonly directory: string;
  readonly configPath: string;
  readonly #assemblies = new Map<string, Synthesised>();

  /** @param names - prefix of the folder's name, and name of the configuration file */
  constructor(cloud: OperatorCloud, names: { readonly folder: string; readonly config: string }) {
    this.cloud = cloud;
    this.directory = mkdtempSync(join(tmpdir(), names.folder));
    this.configPath = join(this.directory, names.config);
  }

  /** Does what `npx cdk deploy` does, without the first refresh. @returns the stack's outputs */
  async deploy(): Promise<Readonly<Partial<Record<OutputName, string>>>> {
    const config = readConfigFile(this.configPath);
    return this.cloud.deploy(config.stackName, await this.#synthesised(config));
  }

  /** Deploys the standby of the configuration, without its first refresh. @returns the stack's outputs */
  async deployStandby(): Promise<Readonly<Partial<Record<OutputName, string>>>> {
    const config = readConfigFile(this.configPath);
    const { standbyTemplate, assetDirectory } = await this.#synthesised(config);
    if (!config.standby || !standbyTemplate) throw new Error('The configuration has no standby.');
    const name = `${config.stackName}${STANDBY_SUFFIX}`;
    return this.cloud.deploy(name, { template: standbyTemplate, assetDirectory }, config.standby.region);
  }

  /** Deploys the refresher of the configuration as a part of another stack. @param change - makes that stack's template */
  async deployWithin(stackName: string, change: ChangeTemplate): Promise<void> {
    const config = readConfigFile(this.configPath);
    const { template, assetDirectory } = await this.#synthesised(config);
    await this.cloud.deploy(stackName, { template: change(template, config), assetDirectory });
  }

  /** Invokes a deployed function as its schedule does. The output goes into its log group. @param time - of the event */
  async invokeOnSchedule(which: 'refresher' | 'watch', time: Date): Promise<Invocation<unknown>> {
    const deployed = this.deployedFunction(which);
    const event = { source: 'aws.events', 'detail-type': 'Scheduled Event', time: time.toISOString() };
    const invocation = await deployed.runtime.invoke(event);
    deployed.onInvoked(invocation);
    return invocation;
  }

  /** Returns a function of the first deployed stack. @throws Error when it is not deployed */
  deployedFunction(which: 'refresher' | 'watch'): InvocableFunction {
    const isWatch = which === 'watch';
    const found = [...this.cloud.functionApi.functions].find(([name]) => /PullWatch/.test(name) === isWatch);
    if (!found) throw new Error(`No ${which} is deployed.`);
    return found[1];
  }

  /** Returns an alarm of the deployed stack, to change its state. */
  alarm(name: AlarmName): ObservedAlarm {
    const alarm = this.cloud.operatorAws.observations.alarms.get(`EcrCredentialRefresher-${name}`);
    if (!alarm) throw new Error(`There is no alarm ${name}.`);
    return alarm;
  }

  /** Stops every process and server, and removes the folder. */
  async stop(): Promise<void> {
    await this.cloud.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Synthesises each configuration once. Most worlds deploy nothing, so the CDK is loaded when one does. */
  async #synthesised(config: RefresherConfig): Promise<Synthesised> {
    const { synthesise } = await import('../../lib/synthesise');
    const key = JSON.stringify(config);
    const outdir = join(this.directory, `.cdk-${this.#assemblies.size}`);
    const assembly = this.#assemblies.get(key) ?? synthesise(config, outdir, OPERATOR_PLACE);
    this.#assemblies.set(key, assembly);
    return assembly;
  }
}
