import { Annotations } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ruleTarget } from './delivery';
import { secretArnPrefix } from './secrets';
import { estimatedLength } from './tokens';

/** Properties of `SecretRotation`. */
export interface SecretRotationProps {
  readonly function: IFunction;
  /** Several with the same name count as one. */
  readonly secrets: readonly ISecret[];
  /** Receives the events that could not be delivered to the function. */
  readonly undeliveredQueue: IQueue;
}

/** Maximum length of an event pattern, in characters (EventBridge quotas). */
const MAX_PATTERN_LENGTH = 2_048;

/** Each rule adds a statement to the function's resource policy, which holds 20 KB (Lambda quotas). */
const MAX_RULES = 20;

/** The longest text that can stand before the secret's name in an ARN. */
const LONGEST_ARN_PREFIX = 'arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:';

/**
 * Invokes the function when a secret has a new current value, so that the change does not wait for the schedule.
 *
 * Secrets Manager sends an event of its own. Some regions do not have it; there CloudTrail's event starts the run, if
 * the account has a trail. When both events arrive, the second run repeats the first, which is harmless.
 */
export class SecretRotation extends Construct {
  readonly rules: readonly Rule[];

  constructor(scope: Construct, id: string, props: SecretRotationProps) {
    super(scope, id);
    const watched = new Map(
      props.secrets.map((secret) => [
        secret.secretName,
        { name: secret.secretName, arnPrefix: secretArnPrefix(secret) },
      ]),
    );
    const groups = groupByPatternLength(this, [...watched.values()]);
    // The queue is imported, because each rule would add a statement to its policy, which holds only 20 statements.
    const queue = Queue.fromQueueArn(this, 'Undelivered', props.undeliveredQueue.queueArn);
    const target = ruleTarget(props.function, queue);
    this.rules = groups.slice(0, MAX_RULES).map(
      (secrets, index) =>
        new Rule(this, `Rule${index + 1}`, {
          description: 'Refreshes the credentials at Runpod when a secret has changed',
          eventPattern: patternOf(secrets),
          targets: [target],
        }),
    );
    props.undeliveredQueue.addToResourcePolicy(
      new PolicyStatement({
        sid: 'SecretRulesSend',
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [props.undeliveredQueue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': this.rules.map(({ ruleArn }) => ruleArn) } },
      }),
    );
    if (groups.length > MAX_RULES) {
      const unwatched = groups.slice(MAX_RULES).flat().length;
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:unwatchedSecrets',
        `${unwatched} secrets are more than ${MAX_RULES} rules can watch. Changes of these secrets reach Runpod with the next scheduled run.`,
      );
    }
  }
}

interface WatchedSecret {
  readonly name: string;
  /** The ARN, where possible without the hyphen and six characters that Secrets Manager appends to the name. */
  readonly arnPrefix: string;
}

/**
 * Returns a pattern for both kinds of event.
 *
 * An API call can name a secret by its name, its ARN, or its ARN without the six characters at the end. A prefix
 * also matches longer names. Such a match starts a run that changes nothing.
 */
function patternOf(secrets: readonly WatchedSecret[]): EventPattern {
  const names = secrets.map(({ name }) => name);
  return {
    source: ['aws.secretsmanager'],
    detailType: ['Secret Label Updated', 'AWS API Call via CloudTrail'],
    detail: {
      $or: [
        { labelUpdated: ['AWSCURRENT'], name: names },
        {
          eventName: ['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage'],
          errorCode: [{ exists: false }],
          requestParameters: {
            secretId: [...names, ...secrets.map(({ arnPrefix }) => ({ prefix: arnPrefix }))],
          },
        },
      ],
    },
  };
}

/** Divides the secrets, in order, into groups whose patterns are short enough for one rule each. */
function groupByPatternLength(scope: Construct, secrets: readonly WatchedSecret[]): WatchedSecret[][] {
  const groups: WatchedSecret[][] = [];
  for (const secret of secrets) {
    const group = groups.at(-1);
    if (group && patternLength(scope, [...group, secret]) <= MAX_PATTERN_LENGTH) group.push(secret);
    else groups.push([secret]);
  }
  return groups;
}

/** Returns the maximum length of a pattern. Region and account may be unknown at synth, so the longest are assumed. */
function patternLength(scope: Construct, secrets: readonly WatchedSecret[]): number {
  const longest = secrets.map(({ name }) => {
    const written = 'x'.repeat(estimatedLength(scope, name));
    return { name: written, arnPrefix: `${LONGEST_ARN_PREFIX}${written}` };
  });
  const { detailType, ...pattern } = patternOf(longest);
  return JSON.stringify({ ...pattern, 'detail-type': detailType }).length;
}
