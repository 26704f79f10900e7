import { AwsError, escapeXml, LOCAL_ACCOUNT, queryAnswer } from '../aws/protocol';

const NAMESPACE = 'http://sns.amazonaws.com/doc/2010-03-31/';

/** A subscription to a topic. */
export interface Subscriber {
  readonly protocol: string;
  readonly endpoint: string;
  confirmed: boolean;
}

/** SNS, as far as the command line uses it. Its answers are XML. */
export class TopicsStandIn {
  /** Subscriptions by topic ARN. */
  readonly topics = new Map<string, Subscriber[]>();

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
