import { Annotations, Stack } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { RefresherSettings } from '../lambda/core/model';
import { ruleTarget } from './delivery';
import { secretArn } from './execution-role';

/** Properties of `SecretRotation`. */
export interface SecretRotationProps {
  readonly function: IFunction;
  /** Secrets Manager names or ARNs. Duplicates are ignored. */
  readonly secrets: readonly string[];
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
    const groups = groupByPatternLength([...new Set(props.secrets.map(nameOf))]);
    // The queue is imported, because each rule would add a statement to its policy, which holds only 20 statements.
    const queue = Queue.fromQueueArn(this, 'Undelivered', props.undeliveredQueue.queueArn);
    const target = ruleTarget(props.function, queue);
    const arns = new Map(props.secrets.map((secret) => [nameOf(secret), arnPrefixOf(this, secret)]));
    this.rules = groups.slice(0, MAX_RULES).map(
      (names, index) =>
        new Rule(this, `Rule${index + 1}`, {
          description: 'Refreshes the credentials at Runpod when a secret has changed',
          eventPattern: patternOf(names.map((name) => ({ name, arnPrefix: arns.get(name) ?? name }))),
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

/** Returns the names or ARNs of all secrets that a run reads, possibly with duplicates. */
export function secretsOf({ targets }: RefresherSettings): string[] {
  return targets.flatMap(({ runpodApiKeySecretName, registry }) => [
    runpodApiKeySecretName,
    ...('credentialSecretName' in registry ? [registry.credentialSecretName] : []),
  ]);
}

interface WatchedSecret {
  readonly name: string;
  /** The ARN without the hyphen and six characters that Secrets Manager appends to the name. */
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

/** Divides the names, in order, into groups whose patterns are short enough for one rule each. */
function groupByPatternLength(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (const name of names) {
    const group = groups.at(-1);
    if (group && patternLength([...group, name]) <= MAX_PATTERN_LENGTH) group.push(name);
    else groups.push([name]);
  }
  return groups;
}

/** Returns the maximum length of a pattern. Region and account may be unknown at synth, so the longest are assumed. */
function patternLength(names: readonly string[]): number {
  const { detailType, ...pattern } = patternOf(
    names.map((name) => ({ name, arnPrefix: `${LONGEST_ARN_PREFIX}${name}` })),
  );
  return JSON.stringify({ ...pattern, 'detail-type': detailType }).length;
}

function nameOf(secret: string): string {
  return secret.replace(/^arn:.*:secret:(.*)-[A-Za-z0-9]{6}$/, '$1');
}

function arnPrefixOf(scope: Construct, secret: string): string {
  return secretArn(Stack.of(scope), secret).replace(/-(\?{6}|[A-Za-z0-9]{6})$/, '');
}
