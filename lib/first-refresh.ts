/** The refresh that is part of the deployment. */

import { Annotations, CfnResource, Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { InvocationType, Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import type { RefresherConfig } from './config/schema';
import type { RefreshRetries } from './refresh-retries';

/** What a run has time for at 60 requests a minute, which Runpod's published examples have. */
const TARGETS_OF_ONE_RUN = 250;

/** Id of what the CDK's `Trigger` makes, once in a stack. */
const PROVIDER_ID = 'AWSCDK.TriggerCustomResourceProviderCustomResourceProvider';

/** Properties of `FirstRefresh`. */
export interface FirstRefreshProps {
  /** `require` fails the deployment when the refresh fails, `attempt` goes on, `off` waits for the schedule. */
  readonly mode: RefresherConfig['firstRefresh'];
  /** How many targets share one account at Runpod, at the most. */
  readonly mostTargetsOfOneKey: number;
  readonly function: LambdaFunction;
  /** How long the refresh may last. */
  readonly timeout: Duration;
  /** What catches a failed attempt. */
  readonly retries: RefreshRetries;
  /** What the refresh needs: it runs when all of these are there. */
  readonly after: readonly Construct[];
}

/**
 * Refreshes when the stack is created, and again when the function or its configuration changes: the configuration
 * stands beside the code, so that either gives the function a new version.
 */
export class FirstRefresh extends Construct {
  constructor(scope: Construct, id: string, props: FirstRefreshProps) {
    super(scope, id);
    if (props.mode === 'off') {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:noFirstRefresh',
        'With "firstRefresh": "off" the alarm RefreshSilent rings from the deployment on until the first run of the schedule has succeeded.',
      );
      return;
    }
    Annotations.of(props.function).acknowledgeWarning(
      '@aws-cdk/aws-lambda:addPermissionsToVersionOrAlias',
      'The rule invokes the function unqualified, and the trigger may invoke its versions by its own role.',
    );
    const required = props.mode === 'require';
    if (required && props.mostTargetsOfOneKey > TARGETS_OF_ONE_RUN) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:firstRefreshTooLarge',
        `${props.mostTargetsOfOneKey} targets share a Runpod API key, and a quota of 60 requests a minute lets one run write some ${TARGETS_OF_ONE_RUN}: the first refresh may fail, and the deployment with it. Set "firstRefresh" to "attempt".`,
      );
    }
    const trigger = new Trigger(this, 'Trigger', {
      handler: props.function,
      invocationType: required ? InvocationType.REQUEST_RESPONSE : InvocationType.EVENT,
      // The provider must hear the function's own failure, also when that is its time-out.
      timeout: Duration.seconds(props.timeout.toSeconds() + 30),
      executeAfter: [...props.after],
    });
    createAnewForEachVersion(trigger, props);
    keepProviderLogForAMonth(this);
    if (!required) {
      const version = props.function.currentVersion;
      trigger.executeAfter(props.retries.catchFailures('FirstRefresh', props.function, version.version));
    }
  }
}

/** The trigger's own function would make a log group that nothing ever deletes. */
function keepProviderLogForAMonth(scope: Construct): void {
  const provider = Stack.of(scope).node.tryFindChild(PROVIDER_ID)?.node.tryFindChild('Handler');
  if (!CfnResource.isCfnResource(provider)) throw new Error(`${PROVIDER_ID} is expected to have a Handler.`);
  const logGroup = new LogGroup(scope, 'ProviderLog', {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  provider.addPropertyOverride('LoggingConfig', { LogGroup: logGroup.logGroupName });
}

/**
 * A new logical id per version, so that CloudFormation creates the trigger rather than updates it. A failed update
 * would be rolled back by another update, which invokes the old version: where the cause is the key or an outage
 * that fails as well, and the stack is stuck in UPDATE_ROLLBACK_FAILED. A failed creation is just deleted.
 */
function createAnewForEachVersion(trigger: Trigger, props: FirstRefreshProps): void {
  const resource = trigger.node.findChild('Default').node.defaultChild;
  const version = props.function.currentVersion.node.defaultChild;
  if (!CfnResource.isCfnResource(resource) || !CfnResource.isCfnResource(version)) {
    throw new Error('The trigger and the version are expected to be CloudFormation resources.');
  }
  const produce = () => `FirstRefresh${String(Stack.of(trigger).resolve(version.logicalId)).slice(-32)}`;
  resource.overrideLogicalId(Lazy.uncachedString({ produce }));
  // Should the provider vanish without an answer, CloudFormation would wait for an hour.
  resource.addPropertyOverride('ServiceTimeout', String(2 * props.timeout.toSeconds()));
}
