/** What every command works with: configuration, AWS clients, Runpod's APIs. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { systemClock } from '../lambda/core/clock';
import { type OtherRefresher, type Side, STANDBY_SUFFIX } from '../lambda/core/contract';
import { createHttp, type RetryPolicy, type SendHttp } from '../lambda/core/http';
import type { PullWatchSettings, RefresherSettings, Secret } from '../lambda/core/model';
import { sendOverNetwork } from '../lambda/core/transport';
import { REGION } from '../lib/config/formats';
import { noConfigError, readConfigFile } from '../lib/config/load';
import type { AlarmsConfig, RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { AwsClients, type AwsClientType } from './aws-clients';
import type { DeployedRefresher } from './deployment/deployed-refresher';
import { CliError, usageError } from './errors';
import { CLONE_ROOT, DEMO_VARIABLES } from './installation';
import { commandLine, DEFAULT_CONFIG, deployCommand, type GlobalOptions } from './options';

/** The default configuration file is here: in a demo its folder, in a clone its root, otherwise the working directory. */
const DEFAULT_FOLDER = process.env[DEMO_VARIABLES.folder] ?? CLONE_ROOT ?? process.cwd();

/** Shorter than the function's retries, because a person is waiting. */
const POLICY: RetryPolicy = { maxAttempts: 2, baseDelayMs: 300, maxDelayMs: 1_000, attemptTimeoutMs: 8_000 };

/** Time limit of one call to Runpod or one read of a secret, retries included, in milliseconds. */
const CALL_TIMEOUT_MS = 30_000;

/** The AWS identity of the person who runs the command. */
export interface Identity {
  readonly account: string;
  readonly arn: string;
}

/** Configuration and clients for one run of a command. The configuration, the identity and each key are read once. */
export class Operator {
  readonly options: GlobalOptions;
  /** The operator that made this one for its other region. @default - this one has the options that the person gave */
  readonly beside: Operator | undefined;
  readonly http: SendHttp = createHttp({ transport: sendOverNetwork, clock: systemClock, policy: POLICY });
  readonly #clients: AwsClients;
  readonly #keys = new Map<string, Promise<Secret>>();
  #identity: Promise<Identity> | undefined;
  #config: RefresherConfig | undefined;
  #deployed: Promise<DeployedRefresher> | undefined;
  #found: DeployedRefresher | undefined;
  #other: Operator | undefined;

  constructor(options: GlobalOptions, beside?: Operator) {
    this.options = options;
    this.beside = beside;
    this.#clients = new AwsClients(beside && options.region);
  }

  /** Path of the configuration file. */
  get configPath(): string {
    const { config } = this.options;
    return config === undefined ? join(DEFAULT_FOLDER, DEFAULT_CONFIG) : resolve(config);
  }

  /** Where the settings are edited, in messages: the configuration file, as it was given, or the app of `--stack`. */
  get configLabel(): string {
    if (this.beside) return this.beside.configLabel;
    const { config, stack } = this.options;
    return stack === undefined ? (config ?? DEFAULT_CONFIG) : 'your CDK app';
  }

  /** Whether there are settings to read: `--stack`, or a configuration file that is named or is in its default place. */
  get hasSettings(): boolean {
    const { config, stack } = this.options;
    return stack !== undefined || config !== undefined || existsSync(this.configPath);
  }

  /** Whether a configuration file has the settings. The other region's settings are in the same one. */
  get hasConfigFile(): boolean {
    return this.beside?.hasConfigFile ?? this.options.stack === undefined;
  }

  /** Reads the configuration. With `--stack` there is none. @throws ConfigError when the file does not exist or has mistakes */
  config(): RefresherConfig {
    if (this.options.config === undefined && !existsSync(this.configPath)) {
      const others = 'name another with --config PATH, or a deployed stack with --stack NAME';
      throw noConfigError(DEFAULT_FOLDER, others);
    }
    this.#config ??= readConfigFile(this.configPath, this.configLabel);
    return this.#config;
  }

  /** Finds the refresher that `--stack` names; undefined when a configuration file is used. @throws CliError */
  async deployed(): Promise<DeployedRefresher | undefined> {
    const { stack } = this.options;
    if (stack === undefined) return undefined;
    const { findRefresher } = await import('./deployment/deployed-refresher');
    this.#deployed ??= findRefresher(this.#clients, { ...this.options, stack }, this.deployCommand());
    this.#found = await this.#deployed;
    return this.#found;
  }

  /**
   * Returns the operator of the other region; undefined when only one region refreshes the targets.
   *
   * Its options name the other stack and its region, so the commands that it suggests are about that region.
   *
   * @throws ConfigError or CliError
   */
  async other(): Promise<Operator | undefined> {
    if (this.beside) return this.beside;
    const place = await this.otherPlace();
    if (!place) return undefined;
    await this.#refuseRegionOf(place);
    const { config: _, refresher: __, ...rest } = this.options;
    const { region, stackName: stack, service } = place;
    this.#other ??= new Operator(
      { ...rest, region, stack, ...(service !== stack && { refresher: service }) },
      this,
    );
    return this.#other;
  }

  /** Refuses the standby's region as the first region, which comes from the environment. @throws CliError (usage error) */
  async #refuseRegionOf({ region, stackName }: OtherRefresher): Promise<void> {
    if ((await this.region().catch(() => undefined)) !== region) return;
    throw usageError(
      `${region} is the region of the standby, and this command is about the first region.`,
      `Name the first region with --region. The standby alone: --stack ${stackName} --region ${region}, instead of a configuration file.`,
    );
  }

  /** Returns where the refresher of the other region is; undefined without one. @throws ConfigError or CliError */
  async otherPlace(): Promise<OtherRefresher | undefined> {
    return this.#configuredOther() ?? (await this.deployed())?.other;
  }

  /** Which of two refreshers this is; undefined when there is only one. @throws ConfigError or CliError */
  async side(): Promise<Side | undefined> {
    const beside = await this.beside?.otherPlace();
    if (beside) return beside.side === 'primary' ? 'standby' : 'primary';
    return (await this.otherPlace())?.side;
  }

  #configuredOther(): OtherRefresher | undefined {
    if (this.options.stack !== undefined) return undefined;
    const { standby, stackName } = this.config();
    if (!standby) return undefined;
    const name = `${stackName}${STANDBY_SUFFIX}`;
    return { side: 'primary', region: standby.region, stackName: name, service: name };
  }

  /** Returns the command that deploys the refresher: both of its stacks where there is a standby. */
  deployCommand(): string {
    if (this.beside) return this.beside.deployCommand();
    const { options } = this;
    const { stack } = options;
    if (stack === undefined) return deployCommand(options, this.#hasStandby() ? ['--all'] : []);
    const other = this.#found?.other;
    if (!other) return deployCommand(options);
    const isPrimary = other.side === 'primary';
    const both = isPrimary ? [stack, other.stackName] : [other.stackName, stack];
    // The app gives the standby's region itself.
    return deployCommand(isPrimary || !options.region ? options : { ...options, region: other.region }, both);
  }

  /** A configuration that cannot be read counts as one without a standby. */
  #hasStandby(): boolean {
    try {
      return this.#configuredOther() !== undefined;
    } catch {
      return false;
    }
  }

  /** Returns who receives alarms; undefined when no configuration file says it. @throws ConfigError */
  recipients(): AlarmsConfig | undefined {
    if (!this.hasConfigFile) return undefined;
    if (!this.beside) return this.config().alarms;
    const { alarms, standby } = this.beside.config();
    return {
      ...alarms,
      topicArns: standby?.topicArns ?? [],
      warningTopicArns: standby?.warningTopicArns ?? [],
    };
  }

  /** Returns the name of the stack. @throws ConfigError */
  stackName(): string {
    return this.options.stack ?? this.config().stackName;
  }

  /**
   * Returns the settings of the function: those of the configuration, or with `--stack` those that are deployed.
   *
   * @throws ConfigError, or CliError such as for the standby's region with a configuration file
   */
  async settings(): Promise<RefresherSettings> {
    const place = this.beside ? undefined : this.#configuredOther();
    if (place) await this.#refuseRegionOf(place);
    return (await this.deployed())?.settings ?? toSettings(this.config());
  }

  /**
   * Returns the settings of the function that watches pulls; undefined when there is to be none.
   *
   * @throws ConfigError or CliError
   */
  async pullWatch(): Promise<PullWatchSettings | undefined> {
    const deployed = await this.deployed();
    if (deployed) return deployed.settings.pullWatch;
    const { targets, pullWatch } = this.config();
    const { mode, ignore, intervalMinutes } = pullWatch;
    return mode === 'off' || targets.length === 0 ? undefined : { ignore, intervalMinutes };
  }

  /**
   * Returns the settings of a function that refreshes something.
   *
   * @throws CliError (usage error) when repositories are delegated and nothing is refreshed
   * @throws ConfigError or CliError
   */
  async refresherSettings(): Promise<RefresherSettings> {
    const settings = await this.settings();
    if (settings.targets.length > 0) return settings;
    throw usageError(
      `There are no targets in ${this.configLabel}, so nothing is refreshed: Runpod pulls from the delegated repositories without a password.`,
      `To check the delegations: ${commandLine('doctor', this.options)}`,
    );
  }

  /** Returns the name of each secret with a Runpod key. @throws ConfigError or CliError */
  async secretNames(): Promise<string[]> {
    const { targets } = await this.settings();
    const users = targets.length > 0 ? targets : this.#delegations();
    return [...new Set(users.map(({ runpodApiKeySecretName: name }) => name))];
  }

  #delegations(): { readonly runpodApiKeySecretName: string }[] {
    const { runpodApiKeySecretName, delegations } = this.config();
    return delegations.map((delegation) => ({ runpodApiKeySecretName, ...delegation }));
  }

  /** Asks AWS whose credentials these are. @throws the AWS client's error */
  identity(): Promise<Identity> {
    this.#identity ??= this.client(STSClient)
      .send(new GetCallerIdentityCommand({}))
      .then(({ Account, Arn }) => ({
        account: Account ?? '',
        arn: Arn ?? '',
      }));
    return this.#identity;
  }

  /** Returns the region of the stack. @throws CliError when no region is set */
  async region(): Promise<string> {
    try {
      return await this.client(STSClient).config.region();
    } catch (cause) {
      throw new CliError('No AWS region is set.', {
        fix: 'Name it with --region, or set AWS_REGION.',
        cause,
      });
    }
  }

  /** Returns an AWS client. @param region - @default - the stack's region */
  client<Client>(type: AwsClientType<Client>, region?: string): Client {
    return this.#clients.get(type, region);
  }

  /** Reads a Runpod API key. @throws OperatorMustActError or TransientError */
  apiKey(secretName: string): Promise<Secret> {
    const read = async () => {
      const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
      const { createApiKeyReader, createSecretReader } = await import('../lambda/core/secrets');
      const readKey = createApiKeyReader(createSecretReader(this.client(SecretsManagerClient), systemClock));
      return (await readKey(secretName, { deadlineMs: this.deadlineMs() })).key;
    };
    const key = this.#keys.get(secretName) ?? read();
    this.#keys.set(secretName, key);
    return key;
  }

  /** Returns the deadline of a call that starts now: a moment of the steady clock, in milliseconds. */
  deadlineMs(): number {
    return systemClock.steady() + CALL_TIMEOUT_MS;
  }
}

/**
 * Sets the environment variables from which AWS clients take profile and region. Call it before a client is made.
 *
 * @throws CliError (usage error) for a region that could not be a part of a host's name
 */
export function adoptAwsOptions({ profile, region }: GlobalOptions, env: NodeJS.ProcessEnv): void {
  // The CDK reads AWS_DEFAULT_REGION too; the SDK does not.
  const wanted = region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION);
  if (wanted && !/^[\w-]+$/.test(wanted)) {
    const name = region !== undefined ? '--region' : env.AWS_REGION ? 'AWS_REGION' : 'AWS_DEFAULT_REGION';
    throw usageError(`${name}: expected ${REGION.expected}, found "${wanted}".`);
  }
  if (wanted) env.AWS_REGION = wanted;
  if (profile === undefined) return;
  env.AWS_PROFILE = profile;
  // Credentials in the environment would take precedence over the named profile.
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete env[name];
}
