/** What makes a changed secret reach Runpod at once rather than by the schedule. */

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
  /** Secrets Manager names or ARNs; one that is named twice is watched once. */
  readonly secrets: readonly string[];
  /** Keeps the events that could not be handed to the function. */
  readonly undeliveredQueue: IQueue;
}

/** Length of an event pattern (EventBridge quotas). */
const MAX_PATTERN = 2_048;

/** Each rule takes some room in the function's own policy, which holds 20 KB (Lambda quotas). */
const MAX_RULES = 20;

/** As long as what stands before a secret's name in an ARN can be. */
const LONGEST_ARN = 'arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:';

/**
 * Invokes the function when a secret has a new current value. Secrets Manager says so itself; CloudTrail says it
 * again where the account has a trail, for places in which Secrets Manager does not. The second run repeats the
 * first and changes nothing.
 */
export class SecretRotation extends Construct {
  readonly rules: readonly Rule[];

  constructor(scope: Construct, id: string, props: SecretRotationProps) {
    super(scope, id);
    const groups = groupByPatternSize([...new Set(props.secrets.map(nameOf))]);
    // Imported, so that no rule adds a statement of its own: the queue's policy holds 20 of them, and 8 KB.
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
        `${unwatched} secrets are more than ${MAX_RULES} rules can watch. A change of theirs reaches Runpod by the schedule.`,
      );
    }
  }
}

/** Every secret that a run reads. */
export function secretsOf({ targets }: RefresherSettings): string[] {
  return targets.flatMap(({ runpodApiKeySecretName, registry }) => [
    runpodApiKeySecretName,
    ...('credentialSecretName' in registry ? [registry.credentialSecretName] : []),
  ]);
}

interface WatchedSecret {
  readonly name: string;
  /** An ARN up to the six characters that Secrets Manager puts behind the name. */
  readonly arnPrefix: string;
}

/**
 * A request may name a secret by its name, its ARN, or its ARN without the six characters. A prefix also fits a
 * longer name, whose change then makes a run that changes nothing.
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

function groupByPatternSize(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (const name of names) {
    const group = groups.at(-1);
    if (group && patternSize([...group, name]) <= MAX_PATTERN) group.push(name);
    else groups.push([name]);
  }
  return groups;
}

/** Before the deployment nobody knows the length of region and account, so this is the longest that it can be. */
function patternSize(names: readonly string[]): number {
  const { detailType, ...pattern } = patternOf(
    names.map((name) => ({ name, arnPrefix: `${LONGEST_ARN}${name}` })),
  );
  return JSON.stringify({ ...pattern, 'detail-type': detailType }).length;
}

function nameOf(secret: string): string {
  return secret.replace(/^arn:.*:secret:(.*)-[A-Za-z0-9]{6}$/, '$1');
}

function arnPrefixOf(scope: Construct, secret: string): string {
  return secretArn(Stack.of(scope), secret).replace(/-(\?{6}|[A-Za-z0-9]{6})$/, '');
}
