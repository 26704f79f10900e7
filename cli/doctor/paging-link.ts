/** The link to a person: who is paged, and whether the page would arrive. */

import { paginateListSubscriptionsByTopic, type Subscription } from '@aws-sdk/client-sns';
import { alarmsOf } from '../deployment/alarms';
import { requireStack } from '../deployment/stack';
import { describeAwsError, nameOf } from '../errors';
import type { Operator } from '../operator';
import { awsCommand, deployCommand } from '../options';
import { breaks, type Finding, holds, type Link, warns } from './chain';

/** All alarms that page tell the same topics, so one stands for all. */
const PAGING_ALARM = 'RefreshSilent';

/** Who is paged. */
export function pagingLink(operator: Operator): Link {
  return { id: 'paging', title: 'Who is paged', check: () => checkPaging(operator) };
}

async function checkPaging(operator: Operator): Promise<Finding> {
  const { options, configLabel } = operator;
  const stack = await requireStack(operator);
  const alarms = await alarmsOf(operator, stack.name);
  const muted = alarms.filter(({ tells }) => !tells).map(({ name }) => name);
  if (muted.length > 0) {
    const names = muted.map((name) => `${stack.name}-${name}`).join(' ');
    return breaks(
      [`nobody hears of ${muted.join(', ')}: muted by hand`],
      awsCommand(`cloudwatch enable-alarm-actions --alarm-names ${names}`, options),
    );
  }
  const topicArns = alarms.find(({ name }) => name === PAGING_ALARM)?.topicArns ?? [];
  if (topicArns.length === 0) {
    return warns(
      ['nobody: the configuration names no one'],
      `put alarms.emails into ${configLabel}, then ${deployCommand(options)}`,
    );
  }
  return judge(operator, await Promise.all(topicArns.map((arn) => subscribersOf(operator, arn))));
}

/** Who would get what a topic is told. */
interface Subscribers {
  readonly topicArn: string;
  readonly confirmed: readonly Subscription[];
  readonly pending: readonly Subscription[];
  /** Why it could not be looked at. */
  readonly unknown?: string;
}

async function subscribersOf(operator: Operator, topicArn: string): Promise<Subscribers> {
  const all: Subscription[] = [];
  try {
    const pages = paginateListSubscriptionsByTopic(
      { client: operator.topics(topicArn) },
      { TopicArn: topicArn },
    );
    for await (const { Subscriptions } of pages) all.push(...(Subscriptions ?? []));
  } catch (error) {
    if (nameOf(error) === 'NotFoundException') return { topicArn, confirmed: [], pending: [] };
    // A topic of another team need not let you look.
    return { topicArn, confirmed: [], pending: [], unknown: describeAwsError(error) };
  }
  return {
    topicArn,
    confirmed: all.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith('arn:')),
    pending: all.filter(({ SubscriptionArn }) => SubscriptionArn === 'PendingConfirmation'),
  };
}

function judge(operator: Operator, topics: readonly Subscribers[]): Finding {
  const confirmed = topics.flatMap((topic) => topic.confirmed);
  const pending = topics.flatMap((topic) => topic.pending);
  const unknown = topics.flatMap((topic) => topic.unknown ?? []);
  const who = confirmed.map(describeSubscription).join(', ');
  if (confirmed.length > 0 && pending.length === 0) return holds(who);
  const unconfirmed = `not confirmed by ${pending.map(describeSubscription).join(', ')}`;
  const subscribe = subscribeCommand(operator, pending[0] ?? { TopicArn: topics[0]?.topicArn });
  // SNS forgets a subscription that nobody confirms for 48 hours.
  const confirm = `follow the link in the mail from AWS Notifications, within 48 hours; for another mail: ${subscribe}`;
  if (confirmed.length > 0) return warns([who, unconfirmed], confirm);
  if (unknown.length > 0) return warns([`cannot be told: ${unknown.join('; ')}`]);
  return pending.length > 0
    ? breaks([`nobody yet: ${unconfirmed}`], confirm)
    : breaks(['nobody: the topic has no subscription'], subscribe);
}

function subscribeCommand(
  operator: Operator,
  { TopicArn, Protocol = 'email', Endpoint }: Subscription,
): string {
  const [address = 'ADDRESS'] = operator.config().alarms.emails;
  const endpoint = Protocol === 'email' ? (Endpoint ?? address) : 'ENDPOINT';
  return awsCommand(
    `sns subscribe --topic-arn ${TopicArn} --protocol ${Protocol} --notification-endpoint ${endpoint}`,
    operator.options,
  );
}

/** An integration's URL has its key in the path, so only the host is shown. */
function describeSubscription({ Protocol, Endpoint = '' }: Subscription): string {
  return Protocol?.startsWith('http') && URL.canParse(Endpoint) ? `${new URL(Endpoint).origin}/…` : Endpoint;
}
