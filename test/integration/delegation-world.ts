import { randomBytes } from 'node:crypto';
import {
  DELEGATION_RESOURCE_TYPE,
  type DelegationProperties,
  RUNPOD_PRINCIPAL_ARNS,
} from '../../lambda/delegate-repository/model';
import { type EmbeddedCloud, startEmbeddedCloud } from '../../local/cloud';
import type { ReceivedRequest, StandInAnswer } from '../../local/exchange';
import { type Invocation, LambdaRuntime } from '../../local/lambda-runtime';
import type { RunpodUser } from '../../local/runpod/accounts';
import { StandInServer } from '../../local/stand-in-server';
import { built } from '../support/built-once';
import { findLeaks, type Leak } from '../support/find-leaks';

/** Name of the secret that holds the API key of the Runpod user. */
export const KEY_SECRET = 'runpod/api-key';

/** The ARN of a repository in the function's account. */
export function repositoryArn(name: string, region = 'us-east-1'): string {
  return `arn:aws:ecr:${region}:123456789012:repository/${name}`;
}

/** The answer that CloudFormation receives. */
export interface CloudFormationAnswer {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly PhysicalResourceId: string;
  readonly Reason?: string;
  readonly Data?: { readonly delegationId?: string };
}

/** What a test says about one request of CloudFormation. */
export interface RequestSketch {
  readonly properties?: Partial<DelegationProperties>;
  readonly old?: Partial<DelegationProperties>;
  readonly physicalResourceId?: string;
}

/** Accepts the answers that the function sends to signed addresses. */
class ResponseBucket extends StandInServer {
  protected answer(_: ReceivedRequest): StandInAnswer {
    return { status: 200 };
  }
}

/** The embedded cloud, and the function's real bundle in its own process. The test takes CloudFormation's part. */
export class DelegationWorld {
  readonly apiKey = `rpa_${randomBytes(20).toString('hex')}`;
  readonly cloud: EmbeddedCloud;
  readonly bucket = new ResponseBucket();
  readonly user: RunpodUser;
  readonly #lambda: LambdaRuntime;
  readonly #signature = randomBytes(20).toString('hex');
  readonly #invocations: Invocation<null>[] = [];

  private constructor(cloud: EmbeddedCloud) {
    this.cloud = cloud;
    this.user = cloud.runpod.addUser(this.apiKey);
    cloud.aws.secrets.put(KEY_SECRET, this.apiKey);
    this.#lambda = new LambdaRuntime({
      assetDirectory: built('delegationAsset'),
      environment: cloud.environment(),
    });
  }

  static async start(): Promise<DelegationWorld> {
    const world = new DelegationWorld(await startEmbeddedCloud());
    await world.bucket.listen();
    return world;
  }

  /** The policy of a repository, parsed; undefined where there is none. */
  policyOf(arn: string): unknown {
    const text = this.cloud.aws.policies.textOf(arn);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Delivers a request as CloudFormation does. @returns the answer that CloudFormation received */
  async request(
    type: 'Create' | 'Update' | 'Delete',
    { properties = {}, old, physicalResourceId }: RequestSketch = {},
  ): Promise<CloudFormationAnswer> {
    const { error } = await this.deliver(this.event(type, { properties, old, physicalResourceId }));
    if (error) throw new Error(`${error.errorType}: ${error.errorMessage}`);
    return JSON.parse(this.bucket.requests.at(-1)?.body ?? '');
  }

  /** The event of a request. */
  event(type: string, { properties = {}, old, physicalResourceId }: Partial<RequestSketch>): object {
    return {
      RequestType: type,
      ServiceToken: 'arn:aws:lambda:us-east-1:123456789012:function:delegation',
      ResponseURL: `${this.bucket.url}/response?X-Amz-Signature=${this.#signature}`,
      StackId: 'arn:aws:cloudformation:us-east-1:123456789012:stack/Refresher/1',
      RequestId: 'a-request',
      LogicalResourceId: 'DelegationResource',
      ResourceType: DELEGATION_RESOURCE_TYPE,
      ResourceProperties: this.properties(properties),
      ...(old && { OldResourceProperties: this.properties(old) }),
      ...(physicalResourceId !== undefined && { PhysicalResourceId: physicalResourceId }),
    };
  }

  properties(differences: Partial<DelegationProperties>): DelegationProperties & { ServiceToken: string } {
    return {
      ServiceToken: 'arn:aws:lambda:us-east-1:123456789012:function:delegation',
      repositoryArn: repositoryArn('my-app'),
      principalArns: RUNPOD_PRINCIPAL_ARNS,
      runpodApiKeySecretName: KEY_SECRET,
      restV2Url: `${this.cloud.runpod.url}/v2`,
      ...differences,
    };
  }

  /** Invokes the function with any event. */
  async deliver(event: object): Promise<Invocation<null>> {
    const invocation = await this.#lambda.invoke<null>(event, 180_000);
    this.#invocations.push(invocation);
    return invocation;
  }

  /** Secrets in the function's output: its log, its errors and its answers to CloudFormation. */
  leaks(): Leak[] {
    const errors = JSON.stringify(this.#invocations.map(({ result, error }) => ({ result, error })));
    const output = this.#invocations.map(({ output: text }) => text).join('\n');
    const answers = this.bucket.requests.map(({ body }) => body).join('\n');
    return findLeaks(`${errors}\n${output}\n${answers}`, {
      'api key': this.apiKey,
      'signature of the address': this.#signature,
    });
  }

  async stop(): Promise<void> {
    await this.#lambda.stop();
    await Promise.all([this.cloud.close(), this.bucket.close()]);
  }
}
