/**
 * Whether CloudWatch can publish to a topic. Where it cannot, nobody is paged, and the only trace is in the history of
 * the alarms (Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms"; AWS re:Post, "Why didn't I receive an SNS
 * notification for my CloudWatch alarm trigger?").
 */

import {
  type AlarmHistoryItem,
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
} from '@aws-sdk/client-cloudwatch';
import { DescribeKeyCommand, GetKeyPolicyCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { describeAwsError } from '../errors';
import { formatTime } from '../format';
import type { Operator } from '../operator';
import { awsCommand } from '../options';
import { visibleName } from '../visible';
import { ALARMS_PRINCIPAL, type AlarmRequest, allowsAlarm } from './resource-policy';

/** What is known about publishing to a topic. */
export type TopicAccess =
  | { readonly can: 'yes' }
  | { readonly can: 'no'; readonly why: string; readonly fix: string }
  | { readonly can: 'unknown'; readonly why: string };

/** Returns the region in an ARN. */
export function regionOf(arn: string): string | undefined {
  return arn.split(':')[3];
}

/** Finds out whether an alarm may publish to a topic: by the topic's policy, its key and the key's policy. */
export async function topicAccess(
  operator: Operator,
  topicArn: string,
  alarm: Pick<AlarmRequest, 'alarmArn' | 'account'>,
): Promise<TopicAccess> {
  try {
    const { Attributes } = await operator
      .client(SNSClient, regionOf(topicArn))
      .send(new GetTopicAttributesCommand({ TopicArn: topicArn }));
    const { Policy: policy = '', KmsMasterKeyId: key } = Attributes ?? {};
    const byPolicy = readTopicPolicy(policy, { ...alarm, resource: topicArn, action: 'sns:Publish' });
    if (byPolicy.can !== 'yes' || !key) return byPolicy;
    return await keyAccess(operator, { topicArn, key, alarm });
  } catch (error) {
    return unknown(topicArn, describeAwsError(error));
  }
}

function readTopicPolicy(policy: string, request: AlarmRequest): TopicAccess {
  const { resource: topicArn, account } = request;
  const verdict = allowsAlarm(policy, request);
  if (verdict === 'yes') return { can: 'yes' };
  if (verdict === 'unknown')
    return unknown(topicArn, 'its policy has a condition that doctor does not understand');
  const statement = {
    Effect: 'Allow',
    Principal: { Service: ALARMS_PRINCIPAL },
    Action: 'sns:Publish',
    Resource: topicArn,
    Condition: { StringEquals: { 'aws:SourceAccount': account } },
  };
  return {
    can: 'no',
    why: `CloudWatch may not publish to ${topicArn}: the topic's policy does not let ${ALARMS_PRINCIPAL} in for account ${account}`,
    fix: `add this statement to the topic's policy: ${JSON.stringify(statement)}`,
  };
}

/** The actions on the key of an encrypted topic that an alarm needs. */
const KEY_ACTIONS = ['kms:GenerateDataKey', 'kms:Decrypt'];

interface TopicKey {
  readonly topicArn: string;
  /** Id, ARN or alias. */
  readonly key: string;
  readonly alarm: Pick<AlarmRequest, 'alarmArn' | 'account'>;
}

async function keyAccess(operator: Operator, { topicArn, key, alarm }: TopicKey): Promise<TopicAccess> {
  if (/(^|:)alias\/aws\//.test(key)) return managedByAws(operator, topicArn, key);
  const kms = operator.client(KMSClient, regionOf(topicArn));
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: key }));
  if (KeyMetadata?.KeyManager === 'AWS') return managedByAws(operator, topicArn, key);
  const keyArn = KeyMetadata?.Arn ?? key;
  if (KeyMetadata?.Enabled === false) {
    return {
      can: 'no',
      why: `CloudWatch cannot publish to ${topicArn}: the topic's key ${keyArn} is disabled`,
      fix: awsCommand(`kms enable-key --key-id ${keyArn}`, operator.options),
    };
  }
  const { Policy = '' } = await kms.send(new GetKeyPolicyCommand({ KeyId: keyArn, PolicyName: 'default' }));
  const verdicts = KEY_ACTIONS.map((action) => allowsAlarm(Policy, { ...alarm, resource: keyArn, action }));
  if (verdicts.includes('no')) {
    const statement = {
      Effect: 'Allow',
      Principal: { Service: ALARMS_PRINCIPAL },
      Action: ['kms:GenerateDataKey*', 'kms:Decrypt'],
      Resource: '*',
    };
    return {
      can: 'no',
      why: `CloudWatch may not publish to ${topicArn}: the policy of the topic's key ${keyArn} does not let ${ALARMS_PRINCIPAL} in`,
      fix: `add this statement to the key's policy: ${JSON.stringify(statement)}`,
    };
  }
  if (!verdicts.includes('unknown')) return { can: 'yes' };
  return unknown(topicArn, 'the policy of its key has a condition that doctor does not understand');
}

function managedByAws(operator: Operator, topicArn: string, key: string): TopicAccess {
  const plain = awsCommand(
    `sns set-topic-attributes --topic-arn ${topicArn} --attribute-name KmsMasterKeyId --attribute-value ''`,
    operator.options,
  );
  return {
    can: 'no',
    why: `CloudWatch may not publish to ${topicArn}: it is encrypted with the AWS-managed key ${key}, whose policy cannot be changed`,
    fix: `encrypt it with a key of your own whose policy lets ${ALARMS_PRINCIPAL} call kms:GenerateDataKey* and kms:Decrypt, or remove the encryption: ${plain}`,
  };
}

function unknown(topicArn: string, why: string): TopicAccess {
  return { can: 'unknown', why: `it is unknown whether CloudWatch may publish to ${topicArn}: ${why}` };
}

/** CloudWatch keeps the history of an alarm for 30 days. */
const HISTORY_MS = 30 * 24 * 60 * 60_000;

/** The last attempt of an alarm to notify a topic, which failed. */
export interface FailedAction {
  readonly topicArn: string;
  readonly alarmName: string;
  readonly at: Date;
  /** The message of AWS; empty when there is none. */
  readonly why: string;
}

/**
 * Returns the topics that the alarms could not notify when they last tried.
 *
 * @param alarmNames - full names
 * @throws the AWS client's error
 */
export async function failedActions(
  operator: Operator,
  alarmNames: readonly string[],
): Promise<FailedAction[]> {
  const histories = await Promise.all(
    alarmNames.map(async (AlarmName) => {
      const { AlarmHistoryItems } = await operator.client(CloudWatchClient).send(
        new DescribeAlarmHistoryCommand({
          AlarmName,
          HistoryItemType: 'Action',
          StartDate: new Date(Date.now() - HISTORY_MS),
          EndDate: new Date(),
          ScanBy: 'TimestampDescending',
        }),
      );
      return AlarmHistoryItems ?? [];
    }),
  );
  const newest = new Map<string, ReturnType<typeof readAction>>();
  for (const item of histories.flat().sort((a, b) => timeOf(b) - timeOf(a))) {
    const action = readAction(item);
    if (!newest.has(action.topicArn)) newest.set(action.topicArn, action);
  }
  return [...newest.values()].filter(({ failed, topicArn }) => failed && topicArn !== '');
}

function readAction(item: AlarmHistoryItem): FailedAction & { readonly failed: boolean } {
  const { AlarmName = '', HistorySummary = '', HistoryData = '' } = item;
  const data = objectIn(HistoryData);
  return {
    topicArn: String(data.notificationResource ?? /arn:\S+/.exec(HistorySummary)?.[0] ?? ''),
    alarmName: AlarmName,
    at: new Date(timeOf(item)),
    why: typeof data.error === 'string' ? visibleName(data.error, 300) : '',
    failed: data.actionState === 'Failed' || HistorySummary.startsWith('Failed to execute action'),
  };
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function timeOf({ Timestamp }: AlarmHistoryItem): number {
  return Timestamp?.getTime() ?? 0;
}

/** Describes a failed action in one line. */
export function describeFailedAction({ topicArn, alarmName, at, why }: FailedAction): string {
  return `${alarmName} could not notify ${topicArn} at ${formatTime(at)}${why ? `: ${why}` : ''}`;
}

/** Returns the command that makes an alarm notify its topics. CloudWatch restores the alarm's real state within minutes. */
export function testPageCommand(operator: Operator, { alarmName }: FailedAction): string {
  const test = `cloudwatch set-alarm-state --alarm-name ${alarmName} --state-value ALARM --state-reason test`;
  return awsCommand(test, operator.options);
}
