/** The operator's view of the world: configuration, AWS clients, Runpod's APIs. Each thing is looked up once. */

import { isAbsolute, join, resolve } from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { ECRClient } from '@aws-sdk/client-ecr';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { AWS_CLIENT_DEFAULTS } from '../lambda/core/aws';
import { systemClock } from '../lambda/core/clock';
import type { RetryPolicy } from '../lambda/core/http';
import { createHttp, type SendHttp } from '../lambda/core/http';
import type { RefresherSettings, Secret } from '../lambda/core/model';
import { createApiKeyReader, createSecretReader } from '../lambda/core/secrets';
import { sendOverNetwork } from '../lambda/core/transport';
import { readConfigFile } from '../lib/config/load';
import type { RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { CliError } from './errors';
import type { GlobalOptions } from './options';
import { DEFAULT_CONFIG } from './options';

/** The project's root, where the configuration is unless `--config` says otherwise. */
export const PROJECT_ROOT = join(__dirname, '..');

/** A person waits, so less patience than the function has. */
const POLICY: RetryPolicy = { maxAttempts: 2, baseDelayMs: 300, maxDelayMs: 1_000, attemptTimeoutMs: 8_000 };

/** How long one question may take, in milliseconds. */
const PATIENCE_MS = 30_000;

/** Who asks AWS. */
export interface Identity {
  readonly account: string;
  readonly arn: string;
}

/** What every command works with. */
export class Operator {
  readonly options: GlobalOptions;
  readonly http: SendHttp = createHttp({ transport: sendOverNetwork, clock: systemClock, policy: POLICY });
  readonly cloudFormation = new CloudFormationClient(AWS_CLIENT_DEFAULTS);
  readonly cloudWatch = new CloudWatchClient(AWS_CLIENT_DEFAULTS);
  readonly logs = new CloudWatchLogsClient(AWS_CLIENT_DEFAULTS);
  readonly events = new EventBridgeClient(AWS_CLIENT_DEFAULTS);
  readonly queues = new SQSClient(AWS_CLIENT_DEFAULTS);
  readonly secrets = new SecretsManagerClient(AWS_CLIENT_DEFAULTS);
  readonly #sts = new STSClient(AWS_CLIENT_DEFAULTS);
  readonly #ecr = new Map<string, ECRClient>();
  readonly #keys = new Map<string, Promise<Secret>>();
  #identity: Promise<Identity> | undefined;
  #config: RefresherConfig | undefined;

  constructor(options: GlobalOptions) {
    this.options = options;
  }

  /** Path of the configuration file. */
  get configPath(): string {
    const { config } = this.options;
    return config === undefined ? join(PROJECT_ROOT, DEFAULT_CONFIG) : resolve(config);
  }

  /** What to call the configuration file in messages. */
  get configLabel(): string {
    const { config } = this.options;
    return config ?? DEFAULT_CONFIG;
  }

  /** @throws ConfigError when there is none, or when it has mistakes */
  config(): RefresherConfig {
    this.#config ??= readConfigFile(this.configPath, this.configLabel);
    return this.#config;
  }

  /** What the function is told by this configuration. @throws ConfigError */
  settings(): RefresherSettings {
    return toSettings(this.config());
  }

  /** The names of all secrets with a Runpod key. @throws ConfigError */
  secretNames(): string[] {
    return [...new Set(this.settings().targets.map(({ runpodApiKeySecretName: name }) => name))];
  }

  /** Who asks AWS, as AWS sees it. */
  identity(): Promise<Identity> {
    this.#identity ??= this.#sts.send(new GetCallerIdentityCommand({})).then(({ Account, Arn }) => ({
      account: Account ?? '',
      arn: Arn ?? '',
    }));
    return this.#identity;
  }

  /** The region of the stack. @throws CliError when none is set */
  async region(): Promise<string> {
    try {
      return await this.#sts.config.region();
    } catch (cause) {
      throw new CliError('No AWS region is set. Name it with --region, or set AWS_REGION.', { cause });
    }
  }

  /** A client for the repositories of a region; by default the stack's. */
  ecr(region?: string): ECRClient {
    const key = region ?? '';
    const client = this.#ecr.get(key) ?? new ECRClient({ ...AWS_CLIENT_DEFAULTS, ...(region && { region }) });
    this.#ecr.set(key, client);
    return client;
  }

  /** A client for a topic, which may be in another region. */
  topics(topicArn: string): SNSClient {
    return new SNSClient({ ...AWS_CLIENT_DEFAULTS, region: topicArn.split(':')[3] });
  }

  /** A Runpod API key, read once. @throws OperatorMustActError or TransientError */
  apiKey(secretName: string): Promise<Secret> {
    const readKey = createApiKeyReader(createSecretReader(this.secrets, systemClock));
    const read = async () => (await readKey(secretName, { deadlineMs: this.deadlineMs() })).key;
    const key = this.#keys.get(secretName) ?? read();
    this.#keys.set(secretName, key);
    return key;
  }

  /** When one question has taken too long: a moment of the steady clock, in milliseconds. */
  deadlineMs(): number {
    return systemClock.steady() + PATIENCE_MS;
  }
}

/** Gives the AWS clients the profile and the region of the command line, before any of them is made. */
export function adoptAwsOptions({ profile, region }: GlobalOptions, env: NodeJS.ProcessEnv): void {
  // The CDK knows the older variable, the SDK does not.
  const wanted = region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (wanted !== undefined) env.AWS_REGION = wanted;
  if (profile === undefined) return;
  env.AWS_PROFILE = profile;
  // A profile that was named goes before what happens to stand in the environment.
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete env[name];
}

/** A path from the command line, for messages: as short as it can be. */
export function shortPath(path: string): string {
  return isAbsolute(path) && path.startsWith(`${process.cwd()}/`)
    ? path.slice(process.cwd().length + 1)
    : path;
}
