import { AwsError } from '../aws/aws-error';
import { AwsServer } from '../aws/aws-server';
import type { ReceivedRequest } from '../stand-in-server';
import type { ImagesStandIn } from './images';
import { Observations } from './observations';
import { StacksStandIn } from './stacks';
import { TopicsStandIn } from './topics';

type Fields = Readonly<Record<string, unknown>>;

/** AWS as the operator's command line asks it, beside what the function asks for; Lambda has a socket of its own. */
export class OperatorAws extends AwsServer {
  readonly stacks = new StacksStandIn();
  readonly observations = new Observations();
  readonly topics = new TopicsStandIn();
  readonly #json: Readonly<Record<string, (fields: Fields) => object>>;

  constructor(images: ImagesStandIn) {
    super();
    const { observations } = this;
    this.#json = {
      DescribeRepositories: (fields) => images.describeRepositories(fields),
      BatchGetImage: (fields) => images.batchGetImage(fields),
      GetDownloadUrlForLayer: (fields) => images.downloadUrl(fields),
      FilterLogEvents: (fields) => observations.filterLogEvents(fields),
      DescribeAlarms: (fields) => observations.describeAlarms(fields),
      GetMetricStatistics: (fields) => observations.metricStatistics(fields),
      GetQueueAttributes: (fields) => observations.queueAttributes(fields),
      DescribeRule: (fields) => observations.describeRule(fields),
    };
  }

  protected answerJson(request: ReceivedRequest): object {
    const handle = this.#json[request.operation ?? ''];
    if (!handle) throw unknown(request);
    return handle(JSON.parse(request.body) as Fields);
  }

  protected answerQuery(request: ReceivedRequest): string {
    const parameters = new URLSearchParams(request.body);
    switch (request.operation) {
      case 'DescribeStacks':
        return this.stacks.describe(parameters.get('StackName'));
      case 'GetTemplate':
        return this.stacks.template(parameters.get('StackName'));
      case 'ListSubscriptionsByTopic':
        return this.topics.listSubscriptions(parameters.get('TopicArn') ?? '');
      default:
        throw unknown(request);
    }
  }
}

function unknown({ operation }: ReceivedRequest): AwsError {
  return new AwsError('UnknownOperationException', `the embedded cloud has no ${operation}`);
}
