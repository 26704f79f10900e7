import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import type { AlarmsConfig } from './config/schema';

/** Who is notified of the alarms of one severity. */
interface Recipients {
  readonly emails: readonly string[];
  readonly httpsEndpoints: readonly string[];
  /** ARNs of existing topics. */
  readonly topicArns: readonly string[];
}

/** Properties of `Notifications`. */
export interface NotificationsProps {
  /** Recipients of pages and of warnings. */
  readonly recipients: AlarmsConfig;
}

/**
 * The SNS topics that the alarms notify, separate for pages and for warnings.
 *
 * Without recipients of their own, warnings go to the e-mail addresses of the pages, and never to pagers.
 */
export class Notifications extends Construct {
  readonly pageTopics: ITopic[];
  readonly warningTopics: ITopic[];

  constructor(scope: Construct, id: string, { recipients }: NotificationsProps) {
    super(scope, id);
    const pages = new NotificationTopics(this, 'Pages', recipients);
    const warnsOthers = recipients.warningEmails.length + recipients.warningTopicArns.length > 0;
    const warnings = new NotificationTopics(this, 'Warnings', {
      emails: warnsOthers ? recipients.warningEmails : recipients.emails,
      httpsEndpoints: [],
      topicArns: recipients.warningTopicArns,
    });
    this.pageTopics = pages.topics;
    this.warningTopics = warnings.topics;
  }
}

/** The existing topics of one severity, and a new topic when there is an address to subscribe to it. */
class NotificationTopics extends Construct {
  readonly topics: ITopic[];

  constructor(scope: Construct, id: string, { emails, httpsEndpoints, topicArns }: Recipients) {
    super(scope, id);
    const hasSubscribers = emails.length + httpsEndpoints.length > 0;
    const own = hasSubscribers ? [this.#createTopic(emails, httpsEndpoints)] : [];
    const existing = [...new Set(topicArns)].map((arn) => Topic.fromTopicArn(this, arn, arn));
    this.topics = [...own, ...existing];
  }

  /**
   * The topic is not encrypted. CloudWatch cannot publish under the AWS managed key, and a customer managed key
   * would cost almost as much as the rest of the stack. A message holds an alarm's name, state and description,
   * and no secret.
   */
  #createTopic(emails: readonly string[], httpsEndpoints: readonly string[]): Topic {
    const topic = new Topic(this, 'Topic', { enforceSSL: true });
    for (const email of new Set(emails)) topic.addSubscription(new EmailSubscription(email));
    for (const url of new Set(httpsEndpoints)) topic.addSubscription(new UrlSubscription(url));
    topic.addToResourcePolicy(alarmsMayPublish(topic));
    acknowledge(topic, {
      id: 'Serverless-SNSRedrivePolicy',
      reason:
        'SNS retries a notification by itself. If it still cannot deliver it, the alarm keeps its state and its history, and other alarms follow.',
    });
    return topic;
  }
}

/** Allows only alarms of this account and region to publish to the topic. */
function alarmsMayPublish(topic: Topic): PolicyStatement {
  const stack = Stack.of(topic);
  const alarms = stack.formatArn({
    service: 'cloudwatch',
    resource: 'alarm',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return new PolicyStatement({
    sid: 'AlarmsPublish',
    principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['sns:Publish'],
    resources: [topic.topicArn],
    conditions: {
      StringEquals: { 'aws:SourceAccount': stack.account },
      ArnLike: { 'aws:SourceArn': alarms },
    },
  });
}
