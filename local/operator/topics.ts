import { AwsError, escapeXml, LOCAL_ACCOUNT, queryAnswer } from '../aws/protocol';

const NAMESPACE = 'http://sns.amazonaws.com/doc/2010-03-31/';

/** A subscription to a topic. */
export interface Subscriber {
  readonly protocol: string;
  readonly endpoint: string;
  confirmed: boolean;
}

/** The attributes of a topic that decide who may publish. */
export interface TopicAttributes {
  /** IAM's JSON. @default - the policy that SNS gives to a new topic */
  readonly policy?: string;
  /** Id, ARN or alias of a key. @default - the topic is not encrypted */
  readonly keyId?: string;
}

/** SNS, as far as the command line uses it. Its answers are XML. */
export class TopicsStandIn {
  /** Subscriptions by topic ARN. */
  readonly topics = new Map<string, Subscriber[]>();
  /** Attributes by topic ARN. */
  readonly attributes = new Map<string, TopicAttributes>();

  /** Creates a topic. An existing topic keeps its subscriptions. */
  create(topicArn: string): void {
    this.topics.set(topicArn, this.topics.get(topicArn) ?? []);
  }

  /** Adds an unconfirmed subscription, unless the endpoint has one already. */
  subscribe(topicArn: string, protocol: string, endpoint: string): void {
    const subscribers = this.topics.get(topicArn) ?? [];
    if (subscribers.some((other) => other.protocol === protocol && other.endpoint === endpoint)) return;
    this.topics.set(topicArn, [...subscribers, { protocol, endpoint, confirmed: false }]);
  }

  /** Confirms every subscription, as if each subscriber followed the link in the mail. */
  confirmAll(): void {
    for (const subscriber of [...this.topics.values()].flat()) subscriber.confirmed = true;
  }

  /** Answers `GetTopicAttributes`. */
  getAttributes(topicArn: string): string {
    if (!this.topics.has(topicArn)) throw new AwsError('NotFound', 'Topic does not exist', 404);
    const { policy = defaultPolicy(topicArn), keyId } = this.attributes.get(topicArn) ?? {};
    const entries = Object.entries({
      TopicArn: topicArn,
      Policy: policy,
      ...(keyId && { KmsMasterKeyId: keyId }),
    });
    const xml = entries.map(
      ([key, value]) => `<entry><key>${key}</key><value>${escapeXml(value)}</value></entry>`,
    );
    return queryAnswer(NAMESPACE, 'GetTopicAttributes', `<Attributes>${xml.join('')}</Attributes>`);
  }

  /** Answers `ListSubscriptionsByTopic` on one page. */
  listSubscriptions(topicArn: string): string {
    const subscribers = this.topics.get(topicArn);
    if (!subscribers) throw new AwsError('NotFound', 'Topic does not exist', 404);
    const members = subscribers.map(
      ({ protocol, endpoint, confirmed }, index) =>
        `<member><TopicArn>${topicArn}</TopicArn><Protocol>${protocol}</Protocol><Endpoint>${escapeXml(endpoint)}</Endpoint>
<SubscriptionArn>${confirmed ? `${topicArn}:${index}` : 'PendingConfirmation'}</SubscriptionArn><Owner>${LOCAL_ACCOUNT}</Owner></member>`,
    );
    const result = `<Subscriptions>${members.join('')}</Subscriptions>`;
    return queryAnswer(NAMESPACE, 'ListSubscriptionsByTopic', result);
  }
}

/** The policy that SNS gives to a new topic: everybody in the topic's own account. */
function defaultPolicy(topicArn: string): string {
  const statement = {
    Sid: '__default_statement_ID',
    Effect: 'Allow',
    Principal: { AWS: '*' },
    Action: ['SNS:GetTopicAttributes', 'SNS:Subscribe', 'SNS:Publish'],
    Resource: topicArn,
    Condition: { StringEquals: { 'AWS:SourceOwner': topicArn.split(':')[4] } },
  };
  return JSON.stringify({ Version: '2008-10-17', Id: '__default_policy_ID', Statement: [statement] });
}
