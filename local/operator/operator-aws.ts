import { AwsError } from '../aws/aws-error';
import { StsStandIn } from '../aws/sts';
import { type ReceivedRequest, type StandInAnswer, StandInServer } from '../stand-in-server';
import type { ImagesStandIn } from './images';
import { Observations } from './observations';
import { StacksStandIn } from './stacks';
import { TopicsStandIn } from './topics';

type Fields = Readonly<Record<string, unknown>>;

const JSON_1_1 = { 'content-type': 'application/x-amz-json-1.1' };
const XML = { 'content-type': 'text/xml' };

/** AWS as the operator's command line asks it, beside what the function asks for; Lambda has a socket of its own. */
export class OperatorAws extends StandInServer {
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

  protected override operationOf({ headers, body }: ReceivedRequest): string | undefined {
    const target = headers['x-amz-target'];
    if (typeof target === 'string') return target.split('.').at(-1);
    return new URLSearchParams(body).get('Action') ?? undefined;
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const isQuery = request.headers['x-amz-target'] === undefined;
    try {
      if (isQuery) return { status: 200, headers: XML, body: this.#answerQuery(request) };
      const handle = this.#json[request.operation ?? ''];
      if (!handle) throw unknown(request);
      return { status: 200, headers: JSON_1_1, body: handle(JSON.parse(request.body) as Fields) };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      if (isQuery) return { status: error.status, headers: XML, body: StsStandIn.errorXml(error) };
      return {
        status: error.status,
        headers: { ...JSON_1_1, 'x-amzn-errortype': error.code },
        body: { __type: error.code, message: error.message },
      };
    }
  }

  #answerQuery(request: ReceivedRequest): string {
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
