import type { StandInClock } from '../stand-in-clock';
import type { ReceivedRequest } from '../stand-in-server';
import { AwsError } from './aws-error';
import { AwsServer } from './aws-server';
import { type Caller, callerOf } from './caller';
import { type DenialMatch, Denials, type PlacedDenial } from './denials';
import { EcrStandIn } from './ecr';
import { type PolicyAction, RepositoryPoliciesStandIn } from './repository-policies';
import { type SecretsManagerInput, SecretsManagerStandIn } from './secrets-manager';
import { StsStandIn } from './sts';

type JsonAction = (input: SecretsManagerInput, caller: Caller) => object;
type QueryAction = (parameters: URLSearchParams, caller: Caller) => string;

/** ECR, Secrets Manager and STS on one socket, as the real AWS SDK speaks to them through `AWS_ENDPOINT_URL`. */
export class AwsStandIn extends AwsServer {
  readonly ecr: EcrStandIn;
  /** ECR Public, which issues tokens of its own. */
  readonly ecrPublic: EcrStandIn;
  readonly policies = new RepositoryPoliciesStandIn();
  readonly secrets: SecretsManagerStandIn;
  readonly sts = new StsStandIn();
  readonly #denials = new Denials();
  readonly #jsonActions: Readonly<Record<string, JsonAction>>;
  readonly #queryActions: Readonly<Record<string, QueryAction>>;

  constructor(clock: StandInClock, registryUrl: () => string) {
    super();
    const ecr = new EcrStandIn(clock, registryUrl);
    const secrets = new SecretsManagerStandIn(clock);
    const ecrPublic = new EcrStandIn(clock, registryUrl);
    this.ecr = ecr;
    this.ecrPublic = ecrPublic;
    this.secrets = secrets;
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
      'secretsmanager:GetSecretValue': (input) => secrets.getSecretValue(input.SecretId, input),
      'secretsmanager:CreateSecret': (input) => secrets.createSecret(input),
      'secretsmanager:PutSecretValue': (input) => secrets.putSecretValue(input),
      'secretsmanager:DescribeSecret': (input) => secrets.describeSecret(input),
    };
    this.#queryActions = {
      'sts:AssumeRole': (parameters, caller) => this.sts.assumeRole(parameters, caller, clock.now()),
      'sts:GetCallerIdentity': (_, caller) => this.sts.getCallerIdentity(caller),
    };
  }

  /** How often an action was asked for, such as `GetAuthorizationToken`. */
  countOf(action: string): number {
    return this.requests.filter(({ operation }) => operation === action).length;
  }

  /** Lets no policy allow an action, such as `ecr:GetAuthorizationToken`, until the denial is removed. */
  deny(action: string, match?: DenialMatch): PlacedDenial {
    return this.#denials.add(action, match);
  }

  protected answerJson(request: ReceivedRequest): object {
    const service = SERVICES[String(request.headers['x-amz-target']).split('.')[0] ?? ''];
    const name = `${service}:${request.operation}`;
    const action = this.#jsonActions[name];
    if (!action) throw new AwsError('UnknownOperationException', `the embedded cloud has no ${name}`);
    const caller = callerOf(request);
    const input = inputOf(request.body);
    this.#denials.check(name, String(input.SecretId ?? input.Name ?? '*'), caller);
    return action(input, caller);
  }

  protected answerQuery(request: ReceivedRequest): string {
    const name = `sts:${request.operation}`;
    const action = this.#queryActions[name];
    if (!action) throw new AwsError('InvalidAction', `the embedded cloud has no ${name}`);
    const caller = callerOf(request);
    const parameters = new URLSearchParams(request.body);
    this.#denials.check(name, parameters.get('RoleArn') ?? '*', caller);
    return action(parameters, caller);
  }
}

const SERVICES: Readonly<Record<string, string>> = {
  AmazonEC2ContainerRegistry_V20150921: 'ecr',
  SpencerFrontendService: 'ecr-public',
  secretsmanager: 'secretsmanager',
};

function inputOf(body: string): SecretsManagerInput {
  try {
    const input: unknown = JSON.parse(body);
    if (typeof input === 'object' && input !== null) return { ...input };
  } catch {
    // Answered below, as anything else that is no object.
  }
  throw new AwsError('SerializationException', 'the body is not a JSON object');
}
