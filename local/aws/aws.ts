import type { StandInClock } from '../stand-in-clock';
import { type ReceivedRequest, type StandInAnswer, StandInServer } from '../stand-in-server';
import { AwsError } from './aws-error';
import { EcrStandIn } from './ecr';
import { SecretsManagerStandIn } from './secrets-manager';
import { principalOf, StsStandIn } from './sts';

/** ECR, Secrets Manager and STS on one socket, as the real AWS SDK speaks to them through `AWS_ENDPOINT_URL`. */
export class AwsStandIn extends StandInServer {
  readonly ecr: EcrStandIn;
  readonly secrets: SecretsManagerStandIn;
  readonly sts = new StsStandIn();
  readonly #clock: StandInClock;

  constructor(clock: StandInClock, registryUrl: () => string) {
    super();
    this.#clock = clock;
    this.ecr = new EcrStandIn(clock, registryUrl);
    this.secrets = new SecretsManagerStandIn(clock);
  }

  /** How often an action was asked for, such as `GetAuthorizationToken`. */
  countOf(action: string): number {
    return this.requests.filter(({ operation }) => operation === action).length;
  }

  protected override operationOf({ headers, body }: ReceivedRequest): string | undefined {
    const target = headers['x-amz-target'];
    if (typeof target === 'string') return target.split('.').at(-1);
    return new URLSearchParams(body).get('Action') ?? undefined;
  }

  protected answer(request: ReceivedRequest): StandInAnswer {
    const isQuery = request.headers['x-amz-target'] === undefined;
    try {
      return isQuery
        ? this.#answerSts(request)
        : { status: 200, headers: JSON_1_1, body: this.#answerJson(request) };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      if (isQuery) return { status: error.status, headers: XML, body: StsStandIn.errorXml(error) };
      return {
        status: error.status,
        headers: { ...JSON_1_1, 'x-amzn-errortype': error.code },
        body: { __type: error.code, message: error.message, Message: error.message },
      };
    }
  }

  #answerJson(request: ReceivedRequest): object {
    const { accessKey, region } = callerOf(request);
    switch (request.operation) {
      case 'GetAuthorizationToken':
        return this.ecr.getAuthorizationToken(principalOf(accessKey), region);
      case 'GetSecretValue':
        return this.secrets.getSecretValue((JSON.parse(request.body) as { SecretId?: unknown }).SecretId);
      default:
        throw new AwsError('UnknownOperationException', `the embedded cloud has no ${request.operation}`);
    }
  }

  #answerSts({ operation, body }: ReceivedRequest): StandInAnswer {
    if (operation !== 'AssumeRole') {
      throw new AwsError('InvalidAction', `the embedded cloud has no ${operation}`);
    }
    return {
      status: 200,
      headers: XML,
      body: this.sts.assumeRole(new URLSearchParams(body), this.#clock.now()),
    };
  }
}

const JSON_1_1 = { 'content-type': 'application/x-amz-json-1.1' };
const XML = { 'content-type': 'text/xml' };

/** Who asks, and for which region: both stand in the credential scope of the signature. */
function callerOf({ headers }: ReceivedRequest): { accessKey: string; region: string } {
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(headers.authorization ?? '');
  if (!scope)
    throw new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  return { accessKey: scope[1] ?? '', region: scope[2] ?? '' };
}
