/** The check of who is paged, and whether a page reaches them. */

import { paginateListSubscriptionsByTopic, SNSClient, type Subscription } from '@aws-sdk/client-sns';
import type { AlarmName } from '../../lambda/core/contract';
import type { AlarmsConfig } from '../../lib/config/schema';
import { type DeployedAlarm, listAlarms } from '../deployment/alarms';
import { requireStack } from '../deployment/stack';
import { describeAwsError, errorName } from '../errors';
import type { Operator } from '../operator';
import { awsCommand } from '../options';
import { type Check, type Finding, fail, NO_CAUSE, ok, warn } from './check';
import { describeFailedAction, failedActions, regionOf, testPageCommand, topicAccess } from './topic-access';

/** All alarms that page notify the same topics, so one alarm represents all of them. */
const PAGING_ALARM: AlarmName = 'RefreshSilent';

/** Makes the check that CloudWatch can publish the pages, and that every recipient in the configuration is subscribed. */
export function pagingCheck(operator: Operator): Check {
  return {
    id: 'paging',
    title: 'Who is paged',
    needs: ['stack'],
    run: (causeAmong = NO_CAUSE) => checkPaging(operator, causeAmong(['stack']) !== undefined),
  };
}

/** @param isStale - the deployed stack is not the one of the configuration, so it may lack recipients */
async function checkPaging(operator: Operator, isStale: boolean): Promise<Finding> {
  const { options, configLabel } = operator;
  await requireStack(operator);
  const { service } = await operator.settings();
  const alarms = await listAlarms(operator, service);
  const pages = alarms.filter(({ severity }) => severity === 'page');
  const muted = pages.filter(({ actionsEnabled }) => !actionsEnabled).map(({ name }) => name);
  if (muted.length > 0) {
    const names = muted.map((name) => `${service}-${name}`).join(' ');
    return fail(
      [`muted by hand, so nobody is paged: ${muted.join(', ')}`],
      awsCommand(`cloudwatch enable-alarm-actions --alarm-names ${names}`, options),
    );
  }
  const topicArns = pages.find(({ name }) => name === PAGING_ALARM)?.topicArns ?? [];
  if (topicArns.length === 0) {
    return warn(
      ['nobody: the configuration names no recipient'],
      operator.hasConfigFile
        ? `put alarms.emails into ${configLabel}, then ${operator.deployCommand()}`
        : `give the refresher a topic in pageTopics in ${configLabel}, then ${operator.deployCommand()}`,
    );
  }
  const topics = await Promise.all(topicArns.map((arn) => readTopic(operator, arn)));
  const topicsKey = operator.beside ? 'standby.topicArns' : 'alarms.topicArns';
  const missing = topics.filter(({ exists }) => !exists).map(({ arn }) => arn);
  if (missing.length > 0) {
    return fail(
      [`there is no topic ${missing.join(', ')}`],
      `put topics that exist into ${operator.hasConfigFile ? topicsKey : 'pageTopics'} in ${configLabel}, then ${operator.deployCommand()}`,
    );
  }
  const delivery = await checkDelivery(operator, { service, alarms, pageTopics: topicArns });
  if (delivery.broken) return delivery.broken;
  const recipients = operator.recipients();
  const unsubscribed = recipients
    ? missingSubscriptions(recipients, topics)
    : topics.flatMap(({ pending }) => pending);
  const [first] = unsubscribed;
  const fix = first && howToReach(operator, topics, first, isStale);
  return findingOf(topics, { unsubscribed, warnings: delivery.warnings, fix });
}

/** A deployment subscribes a recipient that was added to the configuration. */
function howToReach(
  operator: Operator,
  topics: readonly Topic[],
  recipient: MissingSubscription,
  isStale: boolean,
): string {
  const isPending = topics.some(({ pending }) =>
    pending.some(({ endpoint }) => endpoint === recipient.endpoint),
  );
  return isStale && !isPending ? operator.deployCommand() : howToSubscribe(operator, recipient);
}

/** Returns the recipients of the configuration that are not subscribed to the stack's own topic. */
function missingSubscriptions(
  { emails, httpsEndpoints, topicArns }: AlarmsConfig,
  topics: readonly Topic[],
): MissingSubscription[] {
  const ownTopic = topics.find(({ arn }) => !topicArns.includes(arn));
  if (ownTopic === undefined) return [];
  const recipients = [
    ...emails.map((endpoint) => ({ protocol: 'email', endpoint }) as const),
    ...httpsEndpoints.map((endpoint) => ({ protocol: 'https', endpoint }) as const),
  ];
  return recipients
    .filter((recipient) => !isSubscribed(ownTopic, recipient))
    .map((recipient) => ({ ...recipient, topicArn: ownTopic.arn }));
}

/** The alarms of a refresher, and the topics that the pages go to. */
interface Deliveries {
  /** The beginning of the alarms' names. */
  readonly service: string;
  readonly alarms: readonly DeployedAlarm[];
  readonly pageTopics: readonly string[];
}

/** Checks that CloudWatch may publish to the topics, and that its last attempt worked. Topics of warnings only warn. */
async function checkDelivery(
  operator: Operator,
  { service, alarms, pageTopics }: Deliveries,
): Promise<{ readonly broken?: Finding; readonly warnings: readonly string[] }> {
  const topicArns = [...new Set([...pageTopics, ...alarms.flatMap((alarm) => alarm.topicArns)])];
  const { account } = await operator.identity();
  const region = await operator.region();
  const alarmArn = (topicArn: string) =>
    `arn:${topicArn.split(':')[1]}:cloudwatch:${region}:${account}:alarm:${service}-${PAGING_ALARM}`;
  const known = await Promise.all(
    topicArns.map(async (topicArn) => ({
      topicArn,
      access: await topicAccess(operator, topicArn, { account, alarmArn: alarmArn(topicArn) }),
    })),
  );
  const refused = known.flatMap(({ topicArn, access }) =>
    access.can === 'no' ? [{ topicArn, ...access }] : [],
  );
  const page = refused.filter(({ topicArn }) => pageTopics.includes(topicArn));
  if (page[0])
    return {
      broken: fail(
        page.map(({ why }) => why),
        page[0].fix,
      ),
      warnings: [],
    };
  const history = await lastAttempts(operator, service, alarms);
  const failed = history.failed.filter(({ topicArn }) => pageTopics.includes(topicArn));
  if (failed[0]) {
    const test = testPageCommand(operator, failed[0]);
    return {
      broken: fail(
        failed.map(describeFailedAction),
        `fix what AWS reports, then send a page to see whether it arrives: ${test}`,
      ),
      warnings: [],
    };
  }
  const unknown = known.flatMap(({ access }) => (access.can === 'unknown' ? [access.why] : []));
  return {
    warnings: [
      ...refused.map(({ why, fix }) => `warnings: ${why}; ${fix}`),
      ...history.failed.map((action) => `warnings: ${describeFailedAction(action)}`),
      ...unknown,
      ...history.warnings,
    ],
  };
}

async function lastAttempts(operator: Operator, service: string, alarms: readonly DeployedAlarm[]) {
  try {
    const names = alarms.map(({ name }) => `${service}-${name}`);
    return { failed: await failedActions(operator, names), warnings: [] };
  } catch (error) {
    return { failed: [], warnings: [`the history of the alarms cannot be read: ${describeAwsError(error)}`] };
  }
}

/** A person or an integration that the configuration names. */
interface Recipient {
  readonly protocol: 'email' | 'https';
  readonly endpoint: string;
}

/** A recipient and the topic to which it should be subscribed. */
interface MissingSubscription extends Recipient {
  readonly topicArn: string;
}

/** A topic with its confirmed subscriptions. */
interface Topic {
  readonly arn: string;
  readonly exists: boolean;
  readonly confirmed: readonly Subscription[];
  /** The subscriptions by e-mail and to HTTPS endpoints that nobody has confirmed yet. */
  readonly pending: readonly MissingSubscription[];
  /** Why the subscriptions cannot be listed. @default - they were listed */
  readonly unreadable?: string;
}

async function readTopic(operator: Operator, arn: string): Promise<Topic> {
  const all: Subscription[] = [];
  try {
    const pages = paginateListSubscriptionsByTopic(
      { client: operator.client(SNSClient, regionOf(arn)) },
      { TopicArn: arn },
    );
    for await (const { Subscriptions } of pages) all.push(...(Subscriptions ?? []));
  } catch (error) {
    if (errorName(error) === 'NotFoundException') return { arn, exists: false, confirmed: [], pending: [] };
    // The topic may belong to another team, which may not allow the operator to list its subscriptions.
    return { arn, exists: true, confirmed: [], pending: [], unreadable: describeAwsError(error) };
  }
  return {
    arn,
    exists: true,
    confirmed: all.filter(isConfirmed),
    pending: all
      .filter((subscription) => !isConfirmed(subscription))
      .flatMap(({ Protocol: protocol, Endpoint: endpoint = '' }) =>
        protocol === 'email' || protocol === 'https' ? [{ protocol, endpoint, topicArn: arn }] : [],
      ),
  };
}

function isConfirmed({ SubscriptionArn }: Subscription): boolean {
  return SubscriptionArn?.startsWith('arn:') === true;
}

/** A topic that cannot be read counts as subscribed: nothing is known about it. */
function isSubscribed({ confirmed, unreadable }: Topic, { endpoint }: Recipient): boolean {
  return unreadable !== undefined || confirmed.some(({ Endpoint }) => Endpoint === endpoint);
}

/** What is wrong with the recipients. */
interface Unreached {
  readonly unsubscribed: readonly MissingSubscription[];
  readonly warnings: readonly string[];
  /** What to do about the first recipient that is not subscribed. */
  readonly fix: string | undefined;
}

function findingOf(topics: readonly Topic[], { unsubscribed, warnings, fix }: Unreached): Finding {
  const paged = topics
    .flatMap(({ confirmed }) => confirmed)
    .map(({ Protocol = '', Endpoint = '' }) => displayName(Protocol, Endpoint))
    .join(', ');
  const unreadable = topics.flatMap((topic) => topic.unreadable ?? []);
  const names = unsubscribed.map(({ protocol, endpoint }) => displayName(protocol, endpoint)).join(', ');
  const problems = [
    ...(unsubscribed.length > 0 ? [`not subscribed: ${names}`] : []),
    ...unreadable.map((why) => `subscriptions cannot be listed: ${why}`),
    ...warnings,
  ];
  if (problems.length === 0 && paged !== '') return ok(paged);
  if (paged !== '') return warn([paged, ...problems], fix);
  if (unreadable.length > 0) return warn(problems, fix);
  return fail(
    ['nobody', ...problems],
    fix ?? `subscribe somebody to ${topics.map(({ arn }) => arn).join(', ')}`,
  );
}

/** SNS deletes a subscription that is not confirmed within 48 hours, and a deployment does not create it again. */
function howToSubscribe(operator: Operator, { topicArn, protocol, endpoint }: MissingSubscription): string {
  const target = protocol === 'email' ? endpoint : 'URL';
  const subscribe = awsCommand(
    `sns subscribe --topic-arn ${topicArn} --protocol ${protocol} --notification-endpoint ${target}`,
    operator.options,
  );
  return protocol === 'email'
    ? `follow the link in the mail from AWS Notifications, within 48 hours; to get a new mail: ${subscribe}`
    : `confirm it in the integration; to request a new confirmation: ${subscribe}`;
}

/** An integration's URL has its key in the path, so only the origin is shown. */
function displayName(protocol: string, endpoint: string): string {
  return protocol.startsWith('http') && URL.canParse(endpoint) ? `${new URL(endpoint).origin}/…` : endpoint;
}
