/** What every command works with: configuration, AWS clients, Runpod's APIs. */

import { join, resolve } from 'node:path';
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
import { createHttp, type RetryPolicy, type SendHttp } from '../lambda/core/http';
import type { RefresherSettings, Secret } from '../lambda/core/model';
import { createApiKeyReader, createSecretReader } from '../lambda/core/secrets';
import { sendOverNetwork } from '../lambda/core/transport';
import { readConfigFile } from '../lib/config/load';
import type { RefresherConfig } from '../lib/config/schema';
import { toSettings } from '../lib/config/settings';
import { CliError } from './errors';
import { DEFAULT_CONFIG, type GlobalOptions } from './options';

/** The project's root. The configuration file is here unless `--config` names another. */
export const PROJECT_ROOT = join(__dirname, '..');

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

  /** Name of the configuration file in messages: as it was given, or the default. */
  get configLabel(): string {
    const { config } = this.options;
    return config ?? DEFAULT_CONFIG;
  }

  /** Reads the configuration. @throws ConfigError when the file does not exist or has mistakes */
  config(): RefresherConfig {
    this.#config ??= readConfigFile(this.configPath, this.configLabel);
    return this.#config;
  }

  /** Returns the settings that this configuration gives to the function. @throws ConfigError */
  settings(): RefresherSettings {
    return toSettings(this.config());
  }

  /** Returns the name of each secret with a Runpod key. @throws ConfigError */
  secretNames(): string[] {
    return [...new Set(this.settings().targets.map(({ runpodApiKeySecretName: name }) => name))];
  }

  /** Asks AWS whose credentials these are. @throws the AWS client's error */
  identity(): Promise<Identity> {
    this.#identity ??= this.#sts.send(new GetCallerIdentityCommand({})).then(({ Account, Arn }) => ({
      account: Account ?? '',
      arn: Arn ?? '',
    }));
    return this.#identity;
  }

  /** Returns the region of the stack. @throws CliError when no region is set */
  async region(): Promise<string> {
    try {
      return await this.#sts.config.region();
    } catch (cause) {
      throw new CliError('No AWS region is set. Name it with --region, or set AWS_REGION.', { cause });
    }
  }

  /** Returns the ECR client of a region. @param region - @default - the stack's region */
  ecr(region?: string): ECRClient {
    const key = region ?? '';
    const client = this.#ecr.get(key) ?? new ECRClient({ ...AWS_CLIENT_DEFAULTS, ...(region && { region }) });
    this.#ecr.set(key, client);
    return client;
  }

  /** Returns an SNS client for the region of a topic. */
  topics(topicArn: string): SNSClient {
    return new SNSClient({ ...AWS_CLIENT_DEFAULTS, region: topicArn.split(':')[3] });
  }

  /** Reads a Runpod API key. @throws OperatorMustActError or TransientError */
  apiKey(secretName: string): Promise<Secret> {
    const readKey = createApiKeyReader(createSecretReader(this.secrets, systemClock));
    const read = async () => (await readKey(secretName, { deadlineMs: this.deadlineMs() })).key;
    const key = this.#keys.get(secretName) ?? read();
    this.#keys.set(secretName, key);
    return key;
  }

  /** Returns the deadline of a call that starts now: a moment of the steady clock, in milliseconds. */
  deadlineMs(): number {
    return systemClock.steady() + CALL_TIMEOUT_MS;
  }
}

/** Sets the environment variables from which AWS clients take profile and region. Call it before a client is made. */
export function adoptAwsOptions({ profile, region }: GlobalOptions, env: NodeJS.ProcessEnv): void {
  // The CDK reads AWS_DEFAULT_REGION too; the SDK does not.
  const wanted = region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (wanted !== undefined) env.AWS_REGION = wanted;
  if (profile === undefined) return;
  env.AWS_PROFILE = profile;
  // Credentials in the environment would take precedence over the named profile.
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete env[name];
}
