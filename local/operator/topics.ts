import { AwsError } from '../aws/aws-error';
import { escapeXml, queryAnswer } from '../aws/query-protocol';

const NAMESPACE = 'http://sns.amazonaws.com/doc/2010-03-31/';

/** Somebody who would hear of what a topic is told. */
export interface Subscriber {
  readonly protocol: string;
  readonly endpoint: string;
  confirmed: boolean;
}

/** SNS, as far as the command line asks it. Its answers are XML. */
export class TopicsStandIn {
  /** By ARN. */
  readonly topics = new Map<string, Subscriber[]>();

  /** Makes a topic; one that is there keeps its subscribers. */
  create(topicArn: string): void {
    this.topics.set(topicArn, this.topics.get(topicArn) ?? []);
  }

  /** Asks an endpoint to confirm; one that was asked is not asked again. */
  subscribe(topicArn: string, protocol: string, endpoint: string): void {
    const subscribers = this.topics.get(topicArn) ?? [];
    if (subscribers.some((other) => other.protocol === protocol && other.endpoint === endpoint)) return;
    this.topics.set(topicArn, [...subscribers, { protocol, endpoint, confirmed: false }]);
  }

  /** Everybody follows the link in the mail. */
  confirmAll(): void {
    for (const subscriber of [...this.topics.values()].flat()) subscriber.confirmed = true;
  }

  /** `ListSubscriptionsByTopic`, on one page. */
  listSubscriptions(topicArn: string): string {
    const subscribers = this.topics.get(topicArn);
    if (!subscribers) throw new AwsError('NotFound', 'Topic does not exist', 404);
    const members = subscribers.map(
      ({ protocol, endpoint, confirmed }, index) =>
        `<member><TopicArn>${topicArn}</TopicArn><Protocol>${protocol}</Protocol><Endpoint>${escapeXml(endpoint)}</Endpoint>
<SubscriptionArn>${confirmed ? `${topicArn}:${index}` : 'PendingConfirmation'}</SubscriptionArn><Owner>123456789012</Owner></member>`,
    );
    const result = `<Subscriptions>${members.join('')}</Subscriptions>`;
    return queryAnswer(NAMESPACE, 'ListSubscriptionsByTopic', result);
  }
}
