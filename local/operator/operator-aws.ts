import type { EcrStandIn } from '../aws/ecr';
import { AwsError, AwsServer, type Caller, callerOf, type JsonInput, jsonInput } from '../aws/protocol';
import type { ReceivedRequest } from '../exchange';
import type { ImagesStandIn } from './images';
import { KeysStandIn } from './keys';
import { Observations } from './observations';
import { StacksStandIn } from './stacks';
import { TopicsStandIn } from './topics';

/** The AWS APIs that only the command line uses, on one socket. Lambda's API is separate: see `FunctionApi`. */
export class OperatorAws extends AwsServer {
  readonly stacks = new StacksStandIn();
  readonly observations = new Observations();
  readonly topics = new TopicsStandIn();
  readonly keys = new KeysStandIn();
  readonly #json: Readonly<Record<string, (input: JsonInput, caller: Caller) => object>>;

  constructor(images: ImagesStandIn, ecr: EcrStandIn) {
    super();
    const { observations, keys } = this;
    this.#json = {
      GetAuthorizationToken: (_, caller) => ecr.getAuthorizationToken(caller),
      DescribeRepositories: (input) => images.describeRepositories(input),
      DescribeImages: (input) => images.describeImages(input),
      BatchGetImage: (input) => images.batchGetImage(input),
      GetDownloadUrlForLayer: (input) => images.downloadUrl(input),
      FilterLogEvents: (input) => observations.filterLogEvents(input),
      DescribeAlarms: (input) => observations.describeAlarms(input),
      GetMetricStatistics: (input) => observations.metricStatistics(input),
      GetQueueAttributes: (input) => observations.queueAttributes(input),
      DescribeAlarmHistory: (input) => observations.alarmHistory(input),
      DescribeKey: (input) => keys.describe(input),
      GetKeyPolicy: (input) => keys.policy(input),
      DescribeRule: (input) => observations.describeRule(input),
      ListRuleNamesByTarget: (input) => observations.rulesByTarget(input),
    };
  }

  protected answerJson(request: ReceivedRequest): object {
    const handle = this.#json[request.operation ?? ''];
    if (!handle) throw unknownAction(request);
    return handle(jsonInput(request), callerOf(request));
  }

  protected answerQuery(request: ReceivedRequest): string {
    const parameters = new URLSearchParams(request.body);
    switch (request.operation) {
      case 'DescribeStacks':
        return this.stacks.describe(parameters.get('StackName'));
      case 'GetTemplate':
        return this.stacks.template(parameters.get('StackName'));
      case 'ListStackResources':
        return this.stacks.resources(parameters.get('StackName'), parameters.get('NextToken'));
      case 'GetTopicAttributes':
        return this.topics.getAttributes(parameters.get('TopicArn') ?? '');
      case 'ListSubscriptionsByTopic':
        return this.topics.listSubscriptions(parameters.get('TopicArn') ?? '');
      default:
        throw unknownAction(request);
    }
  }
}

function unknownAction({ operation }: ReceivedRequest): AwsError {
  return new AwsError('UnknownOperationException', `the embedded cloud has no ${operation}`);
}
