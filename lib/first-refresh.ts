import { createHash } from 'node:crypto';
import { Annotations, CfnResource, Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { InvocationType, Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import type { RefresherConfig } from './config/schema';
import type { RefreshRetries } from './refresh-retries';

/** How many targets one run can write at 60 requests a minute, the quota in Runpod's published examples. */
const TARGETS_PER_RUN = 250;

/** Time for a metric to reach CloudWatch. It usually takes a minute or two after the run. */
const METRIC_DELAY = Duration.minutes(15);

/** Properties of a function that are not part of its versions (Lambda, PublishVersion). */
const NOT_IN_VERSIONS = ['CodeSigningConfigArn', 'ReservedConcurrentExecutions', 'Tags', 'TenancyConfig'];

/** Length of the hash at the end of a version's logical id, the same as the CDK's. */
const HASH_LENGTH = 32;

/** Maximum length of a logical id (CloudFormation quotas). */
const MAX_LOGICAL_ID = 255;

/** Id of the provider that the CDK's `Trigger` creates once for each stack. */
const PROVIDER_ID = 'AWSCDK.TriggerCustomResourceProviderCustomResourceProvider';

/** Properties of `FirstRefresh`. */
export interface FirstRefreshProps {
  /**
   * `require`: the deployment fails when the refresh fails. `attempt`: the deployment goes on, and the refresh is
   * retried. `off`: the first scheduled run is the first refresh.
   */
  readonly mode: RefresherConfig['firstRefresh'];
  /** The largest number of targets that share one Runpod API key, and so one account's rate limit. */
  readonly maxTargetsPerKey: number;
  readonly function: LambdaFunction;
  /** Hash of the function's code and settings. */
  readonly codeHash: string;
  /** Time from one scheduled refresh to the next. */
  readonly interval: Duration;
  /** Timeout of the function. */
  readonly timeout: Duration;
  /** Retries a failed attempt. */
  readonly retries: RefreshRetries;
  /** What the refresh needs. It runs after all of these are deployed. */
  readonly after: readonly Construct[];
}

/**
 * Refreshes as part of a deployment that creates the stack, or changes the function's code or settings.
 *
 * The settings are a file beside the code, so a change of either publishes a new version of the function.
 */
export class FirstRefresh extends Construct {
  /** In a new stack without a fault, the first success is visible in CloudWatch within this time after the deployment. */
  readonly successWithin: Duration;

  constructor(scope: Construct, id: string, props: FirstRefreshProps) {
    super(scope, id);
    this.successWithin = props.mode === 'require' ? METRIC_DELAY : props.interval.plus(Duration.hours(1));
    if (props.mode === 'off') {
      const { interval } = props;
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:noFirstRefresh',
        `With "firstRefresh": "off" nothing is refreshed until the first scheduled run, ${interval.toHumanString()} after the deployment, and RefreshSilent cannot go off for ${this.successWithin.toHumanString()}.`,
      );
      return;
    }
    nameVersionByContent(props);
    Annotations.of(props.function).acknowledgeWarning(
      '@aws-cdk/aws-lambda:addPermissionsToVersionOrAlias',
      'The rule invokes the function unqualified, and the role of the trigger may invoke every version.',
    );
    const required = props.mode === 'require';
    if (required && props.maxTargetsPerKey > TARGETS_PER_RUN) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:firstRefreshTooLarge',
        `${props.maxTargetsPerKey} targets share a Runpod API key. At a rate limit of 60 requests a minute, one run can write about ${TARGETS_PER_RUN}, so the first refresh may fail, and the deployment with it. Set "firstRefresh" to "attempt".`,
      );
    }
    const trigger = new Trigger(this, 'Trigger', {
      handler: props.function,
      invocationType: required ? InvocationType.REQUEST_RESPONSE : InvocationType.EVENT,
      // Longer than the function's timeout, so that the provider receives the function's own error.
      timeout: Duration.seconds(props.timeout.toSeconds() + 30),
      executeAfter: [...props.after],
    });
    recreateForEachVersion(trigger, props);
    keepProviderLogForAMonth(this);
    if (!required) {
      const version = props.function.currentVersion;
      trigger.executeAfter(props.retries.catchFailures('FirstRefresh', props.function, version.version));
    }
  }
}

/** The providers that have a log group with a retention. All refreshers of a stack share one provider. */
const providersWithLog = new WeakSet<CfnResource>();

/** Gives the provider's function a log group with a retention. Lambda would create one that is never deleted. */
function keepProviderLogForAMonth(scope: Construct): void {
  const provider = Stack.of(scope).node.tryFindChild(PROVIDER_ID)?.node.tryFindChild('Handler');
  if (!CfnResource.isCfnResource(provider)) throw new Error(`${PROVIDER_ID} is expected to have a Handler.`);
  if (providersWithLog.has(provider)) return;
  providersWithLog.add(provider);
  const logGroup = new LogGroup(scope, 'ProviderLog', {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  provider.addPropertyOverride('LoggingConfig', { LogGroup: logGroup.logGroupName });
}

/**
 * Gives the version of the function a logical id that follows the function's code, settings and configuration.
 *
 * The CDK hashes the address of the code instead. The address is a literal where the account is known and a reference
 * where it is not, so the same code would get two ids. Lambda refuses to publish the second: "A version for this Lambda
 * function exists".
 */
function nameVersionByContent({ function: fn, codeHash }: FirstRefreshProps): void {
  const stack = Stack.of(fn);
  const resource = fn.node.defaultChild;
  const version = fn.currentVersion.node.defaultChild;
  if (!CfnResource.isCfnResource(resource) || !CfnResource.isCfnResource(version)) {
    throw new Error('The function and its version are expected to be CloudFormation resources.');
  }
  const produce = () => {
    const { Resources } = stack.resolve(resource._toCloudFormation());
    const { Properties } = Resources[stack.resolve(resource.logicalId)];
    const names = Object.keys(Properties).filter((name) => !NOT_IN_VERSIONS.includes(name));
    const content = names.sort().map((name) => [name, name === 'Code' ? codeHash : Properties[name]]);
    const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, HASH_LENGTH);
    return `${stack.getLogicalId(version).slice(-(MAX_LOGICAL_ID - HASH_LENGTH))}${hash}`;
  };
  version.overrideLogicalId(Lazy.uncachedString({ produce }));
}

/**
 * Gives the trigger a new logical id for each version, so that CloudFormation creates it instead of updating it.
 *
 * CloudFormation rolls a failed update back with another update, which invokes the old version. When the cause is the
 * API key or an outage, that update fails too, and the stack is stuck in UPDATE_ROLLBACK_FAILED. A failed creation is
 * only deleted.
 */
function recreateForEachVersion(trigger: Trigger, props: FirstRefreshProps): void {
  const resource = trigger.node.findChild('Default').node.defaultChild;
  const version = props.function.currentVersion.node.defaultChild;
  if (!CfnResource.isCfnResource(resource) || !CfnResource.isCfnResource(version)) {
    throw new Error('The trigger and the version are expected to be CloudFormation resources.');
  }
  const produce = () =>
    `FirstRefresh${String(Stack.of(trigger).resolve(version.logicalId)).slice(-HASH_LENGTH)}`;
  resource.overrideLogicalId(Lazy.uncachedString({ produce }));
  // By default CloudFormation waits an hour for a provider that never answers.
  resource.addPropertyOverride('ServiceTimeout', String(2 * props.timeout.toSeconds()));
}
