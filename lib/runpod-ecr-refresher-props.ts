import type { Duration, Stack } from 'aws-cdk-lib';
import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Peer } from './peer';
import type { RunpodTarget } from './runpod-target';

/** Whether a deployment refreshes. */
export enum FirstRefreshMode {
  /** The deployment fails when the refresh fails. */
  REQUIRE = 'require',
  /** The deployment goes on, and a failed refresh is retried. */
  ATTEMPT = 'attempt',
  /** The first scheduled run is the first refresh. */
  OFF = 'off',
}

/** Which of Runpod's APIs the function uses. */
export enum RunpodApi {
  /** The first of `REST_V2`, `REST_V1` and `GRAPHQL` that can update a registry auth. */
  AUTO = 'auto',
  /** REST API v2. */
  REST_V2 = 'rest-v2',
  /** REST API v1, which Runpod has retired. */
  REST_V1 = 'rest-v1',
  /** GraphQL API. */
  GRAPHQL = 'graphql',
}

/** Options of the function that looks whether workers can pull their images. */
export interface PullWatchOptions {
  /**
   * Whether there is a watch.
   * @default true
   */
  readonly enabled?: boolean;
  /**
   * Time from one look to the next: 15 minutes to six hours.
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;
  /**
   * Ids of endpoints and pods that are not looked at.
   * @default - all that use a target, or whose image is in a target's registry, are looked at
   */
  readonly ignore?: string[];
}

/** A second refresher, in another region. */
export interface StandbyOptions {
  /**
   * The stack that receives the second refresher. Its region must be known and must not be the region of the first one.
   * The account must be the same. It must not be a nested stack.
   */
  readonly stack: Stack;
  /**
   * The replica of `runpodApiKey` in the standby's region.
   * @default - the secret of the same name in the standby's region
   */
  readonly runpodApiKey?: ISecret;
  /**
   * Topics in the standby's region that receive pages: neither region has refreshed for too long.
   * @default - nobody is paged by the standby, and synthesis warns of that
   */
  readonly pageTopics?: ITopic[];
  /**
   * Topics in the standby's region that receive warnings, such as failed runs of the standby alone.
   * @default - nobody receives the standby's warnings
   */
  readonly warningTopics?: ITopic[];
}

/** Properties of `RunpodEcrRefresher`. */
export interface RunpodEcrRefresherProps {
  /**
   * The secret with the Runpod API key: the key itself, or a JSON object with the field `apiKey`. The key needs the
   * permission to write registry auths.
   */
  readonly runpodApiKey: ISecret;
  /** The Runpod registry auths to keep fresh; at least one. */
  readonly targets: RunpodTarget[];
  /**
   * Time from one refresh to the next, in whole hours: at least one, and at most six, half of an ECR credential's life.
   * @default Duration.hours(6)
   */
  readonly interval?: Duration;
  /**
   * Whether the deployment refreshes.
   * @default FirstRefreshMode.REQUIRE
   */
  readonly firstRefresh?: FirstRefreshMode;
  /**
   * Topics that receive pages: a person must act before the old credential expires. At most five, not FIFO, and in the
   * region of the stack.
   *
   * @default - nobody is paged, and synthesis warns of that
   */
  readonly pageTopics?: ITopic[];
  /**
   * Topics that receive warnings, which can wait until morning. At most five.
   * @default - nobody receives warnings
   */
  readonly warningTopics?: ITopic[];
  /**
   * Address of the runbook that alarms link to. Each alarm adds its heading, such as `#refreshsilent`.
   * @default - the dashboard, which has the runbook of this project with the names of this refresher. Without a
   *   dashboard the alarms name the file `docs/runbook.md` of the package.
   */
  readonly runbookUrl?: string;
  /**
   * A warning is sent when a Runpod API key is older than this.
   * @default Duration.days(90)
   */
  readonly apiKeyMaxAge?: Duration;
  /**
   * The function that looks every hour whether workers can pull their images. The API key must be allowed to read
   * endpoints and pods.
   *
   * @default - it looks every hour
   */
  readonly pullWatch?: PullWatchOptions;
  /**
   * A second refresher in another region for the same targets, which keeps refreshing when this region is down.
   * @default - there is none
   */
  readonly standby?: StandbyOptions;
  /**
   * Whether to create the dashboard for the person on call. By default the alarms link to it, and it has the runbook.
   * @default true
   */
  readonly dashboard?: boolean;
  /**
   * Processor of the function. Some partitions of AWS lack ARM for Lambda.
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;
  /**
   * Name of the refresher in its metrics, logs and alarms. It must be unique in the account's region.
   * @default - made from the stack's name and the path of the construct
   */
  readonly serviceName?: string;
  /**
   * AWS regions that the installed CDK does not know yet.
   * @default - unknown regions are refused
   */
  readonly additionalRegions?: string[];
  /**
   * Which of Runpod's APIs the function uses.
   * @default RunpodApi.AUTO
   */
  readonly runpodApi?: RunpodApi;
  /**
   * Base address of Runpod's REST API v2.
   * @default 'https://api.runpod.io/v2'
   */
  readonly restV2Url?: string;
  /**
   * Base address of Runpod's REST API v1.
   * @default 'https://rest.runpod.io/v1'
   */
  readonly restV1Url?: string;
  /**
   * Address of Runpod's GraphQL API.
   * @default 'https://api.runpod.io/graphql'
   */
  readonly graphqlUrl?: string;
  /**
   * The first refresher, when this one is its standby.
   * @internal
   */
  readonly _peer?: Peer;
}
