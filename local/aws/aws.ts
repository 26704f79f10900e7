import type { ReceivedRequest } from '../exchange';
import type { StandInClock } from '../stand-in-clock';
import { EcrStandIn } from './ecr';
import { LogsStandIn } from './logs';
import { MetricsStandIn } from './metrics';
import { AwsError, AwsServer, type Caller, callerOf, type JsonInput, jsonInput } from './protocol';
import { type PolicyAction, RepositoryPoliciesStandIn } from './repository-policies';
import { SecretsManagerStandIn } from './secrets-manager';
import { StsStandIn } from './sts';

type JsonAction = (input: JsonInput, caller: Caller) => object;
type QueryAction = (parameters: URLSearchParams, caller: Caller) => string;

/** The region whose secrets exist from the start. */
const FIRST_REGION = 'us-east-1';

/** Selects the requests that a denial applies to. A request must match every field that is given. */
export interface DenialMatch {
  /** The secret or role that is asked for, as the request names it. */
  readonly resource?: string;
  /** The ARN of the assumed role, or the access key. */
  readonly principal?: string;
}

/** A denial that has been added. */
export interface PlacedDenial {
  remove(): void;
}

interface Denial extends DenialMatch {
  readonly action: string;
}

/** ECR, ECR Public, Secrets Manager, STS, CloudWatch and CloudWatch Logs on one socket. The AWS SDK finds it through `AWS_ENDPOINT_URL`. */
export class AwsStandIn extends AwsServer {
  readonly ecr: EcrStandIn;
  readonly ecrPublic: EcrStandIn;
  /** The log groups that functions read. Nothing fills them by itself. */
  readonly logs = new LogsStandIn();
  readonly metrics = new MetricsStandIn();
  readonly policies = new RepositoryPoliciesStandIn();
  /** The secrets of the region in which most worlds live. */
  readonly secrets: SecretsManagerStandIn;
  readonly sts = new StsStandIn();
  readonly #clock: StandInClock;
  readonly #secretsOfOthers = new Map<string, SecretsManagerStandIn>();
  readonly #denials = new Set<Denial>();
  readonly #jsonActions: Readonly<Record<string, JsonAction>>;
  readonly #queryActions: Readonly<Record<string, QueryAction>>;

  constructor(clock: StandInClock, registryUrl: () => string) {
    super();
    const ecr = new EcrStandIn(clock, registryUrl);
    this.secrets = new SecretsManagerStandIn(clock, FIRST_REGION, (region) => this.secretsIn(region));
    this.#clock = clock;
    const ecrPublic = new EcrStandIn(clock, registryUrl);
    this.ecr = ecr;
    this.ecrPublic = ecrPublic;
    const onPolicy =
      (action: PolicyAction): JsonAction =>
      (input, { region }) =>
        this.policies.answer(action, region, input);
    this.#jsonActions = {
      'ecr:GetAuthorizationToken': (_, caller) => ecr.getAuthorizationToken(caller),
      'ecr-public:GetAuthorizationToken': (_, caller) => ecrPublic.getPublicAuthorizationToken(caller),
      'ecr:GetRepositoryPolicy': onPolicy('get'),
      'ecr:SetRepositoryPolicy': onPolicy('set'),
      'ecr:DeleteRepositoryPolicy': onPolicy('delete'),
      'secretsmanager:GetSecretValue': (input, { region }) =>
        this.#secretsOf(region).getSecretValue(input.SecretId, input),
      'secretsmanager:CreateSecret': (input, { region }) => this.#secretsOf(region).createSecret(input),
      'secretsmanager:PutSecretValue': (input, { region }) => this.#secretsOf(region).putSecretValue(input),
      'secretsmanager:ReplicateSecretToRegions': (input, { region }) =>
        this.#secretsOf(region).replicate(input),
      'secretsmanager:RemoveRegionsFromReplication': (input, { region }) =>
        this.#secretsOf(region).removeReplicas(input),
      'logs:FilterLogEvents': (input) => this.logs.filterLogEvents(input),
      'secretsmanager:DescribeSecret': (input, { region }) => this.#secretsOf(region).describeSecret(input),
    };
    this.#queryActions = {
      'cloudwatch:PutMetricData': (parameters, { region }) => this.metrics.putMetricData(parameters, region),
      'sts:AssumeRole': (parameters, caller) => this.sts.assumeRole(parameters, caller, clock.now()),
      'sts:GetCallerIdentity': (_, caller) => this.sts.getCallerIdentity(caller),
    };
  }

  /** Returns the secrets of a region. Before the first call, the region has the secrets of the first one. */
  secretsIn(region: string): SecretsManagerStandIn {
    if (region === FIRST_REGION) return this.secrets;
    const known =
      this.#secretsOfOthers.get(region) ??
      new SecretsManagerStandIn(this.#clock, region, (name) => this.secretsIn(name));
    this.#secretsOfOthers.set(region, known);
    return known;
  }

  #secretsOf(region: string): SecretsManagerStandIn {
    return this.#secretsOfOthers.get(region) ?? this.secrets;
  }

  /** Returns how many requests asked for an action, such as `GetAuthorizationToken`. */
  countOf(action: string): number {
    return this.requests.filter(({ operation }) => operation === action).length;
  }

  /**
   * Denies an action, as if no policy allowed it, until the denial is removed.
   *
   * @param action - as a policy names it, such as `ecr:GetAuthorizationToken`
   */
  deny(action: string, match: DenialMatch = {}): PlacedDenial {
    const denial = { action, ...match };
    this.#denials.add(denial);
    return { remove: () => this.#denials.delete(denial) };
  }

  protected answerJson(request: ReceivedRequest): object {
    const service = SERVICES[String(request.headers['x-amz-target']).split('.')[0] ?? ''];
    const name = `${service}:${request.operation}`;
    const action = this.#jsonActions[name];
    if (!action) throw new AwsError('UnknownOperationException', `the embedded cloud has no ${name}`);
    const caller = callerOf(request);
    const input = jsonInput(request);
    this.#refuseDenied(name, String(input.SecretId ?? input.Name ?? '*'), caller);
    return action(input, caller);
  }

  protected answerQuery(request: ReceivedRequest): string {
    const caller = callerOf(request);
    const name = `${QUERY_SERVICES[caller.service] ?? caller.service}:${request.operation}`;
    const action = this.#queryActions[name];
    if (!action) throw new AwsError('InvalidAction', `the embedded cloud has no ${name}`);
    const parameters = new URLSearchParams(request.body);
    this.#refuseDenied(name, parameters.get('RoleArn') ?? '*', caller);
    return action(parameters, caller);
  }

  #refuseDenied(action: string, resource: string, { arn, principal }: Caller): void {
    const isDenied = [...this.#denials].some(
      (denial) =>
        denial.action === action &&
        (denial.resource ?? resource) === resource &&
        (denial.principal ?? principal) === principal,
    );
    if (!isDenied) return;
    const message = `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
    throw action in this.#queryActions
      ? new AwsError('AccessDenied', message, 403)
      : new AwsError('AccessDeniedException', message);
  }
}

/** Services of the Query protocol whose policies use another name than their signatures. */
const QUERY_SERVICES: Readonly<Record<string, string>> = { monitoring: 'cloudwatch' };

const SERVICES: Readonly<Record<string, string>> = {
  AmazonEC2ContainerRegistry_V20150921: 'ecr',
  SpencerFrontendService: 'ecr-public',
  secretsmanager: 'secretsmanager',
  Logs_20140328: 'logs',
};
