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
  const muted = alarms.filter(({ pages, tells }) => pages && !tells).map(({ name }) => name);
  if (muted.length > 0) {
    const names = muted.map((name) => `${stack.name}-${name}`).join(' ');
    return breaks(
      [`nobody hears of ${muted.join(', ')}: muted by hand`],
      awsCommand(`cloudwatch enable-alarm-actions --alarm-names ${names}`, options),
    );
  }
  const { emails, httpsEndpoints, topicArns: theirs } = operator.config().alarms;
  const topicArns = alarms.find(({ name }) => name === PAGING_ALARM)?.topicArns ?? [];
  if (topicArns.length === 0) {
    return warns(
      ['nobody: the configuration names no one'],
      `put alarms.emails into ${configLabel}, then ${deployCommand(options)}`,
    );
  }
  const topics = await Promise.all(topicArns.map((arn) => lookAt(operator, arn)));
  const gone = topics.filter(({ exists }) => !exists).map(({ arn }) => arn);
  if (gone.length > 0) {
    return breaks(
      [`there is no topic ${gone.join(', ')}`],
      `put topics that exist into alarms.topicArns in ${configLabel}, then ${deployCommand(options)}`,
    );
  }
  const own = topics.find(({ arn }) => !theirs.includes(arn));
  const readable = own?.unknown === undefined;
  const expected = own && readable ? [...emails.map(byMail), ...httpsEndpoints.map(byHttps)] : [];
  const deaf = expected.filter(
    ({ endpoint }) => !own?.confirmed.some(({ Endpoint }) => Endpoint === endpoint),
  );
  return judge(
    operator,
    topics,
    deaf.map((recipient) => ({ ...recipient, topicArn: own?.arn ?? '' })),
  );
}

/** Somebody whom the configuration names. */
interface Recipient {
  readonly protocol: 'email' | 'https';
  readonly endpoint: string;
}

const byMail = (endpoint: string): Recipient => ({ protocol: 'email', endpoint });
const byHttps = (endpoint: string): Recipient => ({ protocol: 'https', endpoint });

/** A topic, and who would get what it is told. */
interface Topic {
  readonly arn: string;
  readonly exists: boolean;
  readonly confirmed: readonly Subscription[];
  /** Why it could not be looked at. */
  readonly unknown?: string;
}

async function lookAt(operator: Operator, arn: string): Promise<Topic> {
  const all: Subscription[] = [];
  try {
    const pages = paginateListSubscriptionsByTopic({ client: operator.topics(arn) }, { TopicArn: arn });
    for await (const { Subscriptions } of pages) all.push(...(Subscriptions ?? []));
  } catch (error) {
    if (nameOf(error) === 'NotFoundException') return { arn, exists: false, confirmed: [] };
    // A topic of another team need not let you look.
    return { arn, exists: true, confirmed: [], unknown: describeAwsError(error) };
  }
  return {
    arn,
    exists: true,
    confirmed: all.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith('arn:')),
  };
}

function judge(
  operator: Operator,
  topics: readonly Topic[],
  deaf: readonly (Recipient & { readonly topicArn: string })[],
): Finding {
  const who = topics.flatMap(({ confirmed }) => confirmed.map(describeSubscription));
  const unknown = topics.flatMap((topic) => topic.unknown ?? []);
  const problems = [
    ...(deaf.length > 0 ? [`not subscribed: ${deaf.map(nameRecipient).join(', ')}`] : []),
    ...unknown.map((why) => `cannot be told: ${why}`),
  ];
  const [first] = deaf;
  const mend = first && howToSubscribe(operator, first);
  if (problems.length === 0 && who.length > 0) return holds(who.join(', '));
  if (who.length > 0) return warns([who.join(', '), ...problems], mend);
  if (unknown.length > 0) return warns(problems, mend);
  return breaks(
    ['nobody', ...problems],
    mend ?? `subscribe somebody to ${topics.map(({ arn }) => arn).join(', ')}`,
  );
}

/** SNS forgets a subscription that nobody confirms for 48 hours; a deployment does not make it again. */
function howToSubscribe(
  operator: Operator,
  { topicArn, protocol, endpoint }: Recipient & { readonly topicArn: string },
): string {
  const target = protocol === 'email' ? endpoint : 'URL';
  const subscribe = awsCommand(
    `sns subscribe --topic-arn ${topicArn} --protocol ${protocol} --notification-endpoint ${target}`,
    operator.options,
  );
  return protocol === 'email'
    ? `follow the link in the mail from AWS Notifications, within 48 hours; for another mail: ${subscribe}`
    : `confirm it in the integration; to have AWS ask again: ${subscribe}`;
}

/** An integration's URL has its key in the path, so only the host is shown. */
function nameRecipient({
  protocol,
  endpoint,
}: {
  readonly protocol: string;
  readonly endpoint: string;
}): string {
  return protocol.startsWith('http') && URL.canParse(endpoint) ? `${new URL(endpoint).origin}/…` : endpoint;
}

function describeSubscription({ Protocol = '', Endpoint = '' }: Subscription): string {
  return nameRecipient({ protocol: Protocol, endpoint: Endpoint });
}
