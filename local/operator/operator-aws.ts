import type { EcrStandIn } from '../aws/ecr';
import { AwsError, AwsServer, type Caller, callerOf, type JsonInput, jsonInput } from '../aws/protocol';
import { LOCAL_REGION } from '../cloud';
import type { ReceivedRequest } from '../exchange';
import type { ImagesStandIn } from './images';
import { KeysStandIn } from './keys';
import { Observations } from './observations';
import { StacksStandIn } from './stacks';
import { TopicsStandIn } from './topics';

/** What each region has separately. */
export class OperatorRegion {
  readonly stacks = new StacksStandIn();
  readonly observations = new Observations();
}

/** The AWS APIs that only the command line uses, on one socket. Lambda's API is separate: see `FunctionApi`. */
export class OperatorAws extends AwsServer {
  readonly #regions = new Map([[LOCAL_REGION, new OperatorRegion()]]);
  /** Topics of all regions, because their ARNs name the region. */
  readonly topics = new TopicsStandIn();
  readonly keys = new KeysStandIn();
  readonly #json: Readonly<Record<string, (input: JsonInput, caller: Caller) => object>>;

  constructor(images: ImagesStandIn, ecr: EcrStandIn) {
    super();
    const { keys } = this;
    const ofRegion = (answer: (observations: Observations, input: JsonInput) => object) => {
      return (input: JsonInput, { region }: Caller) => answer(this.#regionOf(region).observations, input);
    };
    this.#json = {
      GetAuthorizationToken: (_, caller) => ecr.getAuthorizationToken(caller),
      DescribeRepositories: (input) => images.describeRepositories(input),
      DescribeImages: (input) => images.describeImages(input),
      BatchGetImage: (input) => images.batchGetImage(input),
      GetDownloadUrlForLayer: (input) => images.downloadUrl(input),
      FilterLogEvents: ofRegion((observations, input) => observations.filterLogEvents(input)),
      DescribeAlarms: ofRegion((observations, input) => observations.describeAlarms(input)),
      GetMetricStatistics: ofRegion((observations, input) => observations.metricStatistics(input)),
      GetQueueAttributes: ofRegion((observations, input) => observations.queueAttributes(input)),
      DescribeAlarmHistory: ofRegion((observations, input) => observations.alarmHistory(input)),
      DescribeKey: (input) => keys.describe(input),
      GetKeyPolicy: (input) => keys.policy(input),
      DescribeRule: ofRegion((observations, input) => observations.describeRule(input)),
      ListRuleNamesByTarget: ofRegion((observations, input) => observations.rulesByTarget(input)),
    };
  }

  /** Stacks of the region in which most worlds live. */
  get stacks(): StacksStandIn {
    return this.inRegion(LOCAL_REGION).stacks;
  }

  /** Alarms, logs, queues and rules of the region in which most worlds live. */
  get observations(): Observations {
    return this.inRegion(LOCAL_REGION).observations;
  }

  /** Returns what a region has separately. It is created on first use. */
  inRegion(region: string): OperatorRegion {
    const known = this.#regions.get(region) ?? new OperatorRegion();
    this.#regions.set(region, known);
    return known;
  }

  /** A region without deployments shares everything with the first one. */
  #regionOf(region: string): OperatorRegion {
    return this.#regions.get(region) ?? this.inRegion(LOCAL_REGION);
  }

  protected answerJson(request: ReceivedRequest): object {
    const handle = this.#json[request.operation ?? ''];
    if (!handle) throw unknownAction(request);
    return handle(jsonInput(request), callerOf(request));
  }

  protected answerQuery(request: ReceivedRequest): string {
    const parameters = new URLSearchParams(request.body);
    const { stacks } = this.#regionOf(callerOf(request).region);
    switch (request.operation) {
      case 'DescribeStacks':
        return stacks.describe(parameters.get('StackName'));
      case 'GetTemplate':
        return stacks.template(parameters.get('StackName'));
      case 'ListStackResources':
        return stacks.resources(parameters.get('StackName'), parameters.get('NextToken'));
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
