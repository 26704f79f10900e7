/** Who hears of an alarm. */

import { Annotations, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import type { IAlarmAction } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { AlarmsConfig } from './config/schema';

/** Whom one kind of message goes to. */
interface Recipients {
  readonly emails: readonly string[];
  readonly httpsEndpoints: readonly string[];
  /** Existing topics. */
  readonly topicArns: readonly string[];
}

/** Properties of `Notifications`. */
export interface NotificationsProps {
  readonly recipients: AlarmsConfig;
}

/** Two channels: pages ask for a person now, warnings for one some day. */
export class Notifications extends Construct {
  /** Rings, and says so when all is well again: an incident closes itself. */
  readonly pages: Channel;
  /** Only rings. */
  readonly warnings: Channel;

  constructor(scope: Construct, id: string, { recipients }: NotificationsProps) {
    super(scope, id);
    this.pages = new Channel(this, 'Pages', recipients);
    this.warnings = new Channel(this, 'Warnings', {
      emails: recipients.warningEmails,
      httpsEndpoints: [],
      topicArns: recipients.warningTopicArns,
    });
    if (this.pages.actions.length === 0) {
      Annotations.of(this).addWarningV2(
        'runpod-ecr-credential-refresher:nobodyIsPaged',
        'Nobody is paged when credentials are about to expire: give alarms.emails, alarms.httpsEndpoints or alarms.topicArns in the configuration.',
      );
    }
  }
}

/** The actions of one kind of message: existing topics, and one of our own where there is anybody to subscribe to it. */
export class Channel extends Construct {
  readonly actions: readonly IAlarmAction[];

  constructor(scope: Construct, id: string, { emails, httpsEndpoints, topicArns }: Recipients) {
    super(scope, id);
    const subscribed = emails.length + httpsEndpoints.length > 0;
    const own = subscribed ? [this.#topic(emails, httpsEndpoints).topicArn] : [];
    this.actions = [...new Set([...own, ...topicArns])].map((alarmActionArn) => ({
      bind: () => ({ alarmActionArn }),
    }));
  }

  /**
   * Not encrypted: CloudWatch cannot publish under the AWS managed key, and a customer managed key would cost most of
   * what everything else costs. A message is an alarm's name, state and description: nothing secret.
   */
  #topic(emails: readonly string[], httpsEndpoints: readonly string[]): Topic {
    const topic = new Topic(this, 'Topic', { enforceSSL: true });
    for (const email of new Set(emails)) topic.addSubscription(new EmailSubscription(email));
    for (const url of new Set(httpsEndpoints)) topic.addSubscription(new UrlSubscription(url));
    topic.addToResourcePolicy(onlyAlarmsOf(topic));
    Validations.of(topic).acknowledge({
      id: 'Serverless-SNSRedrivePolicy',
      reason:
        'A notification that SNS could not deliver after its own retries is not lost: the alarm keeps its state and its history, and other alarms follow.',
    });
    return topic;
  }
}

/** Alarms of this account and region may publish, and no other service or principal that has no right of its own. */
function onlyAlarmsOf(topic: Topic): PolicyStatement {
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
