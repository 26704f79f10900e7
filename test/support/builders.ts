import type { Context } from 'aws-lambda';
import {
  type Credential,
  type EcrRegistry,
  type RefresherSettings,
  Secret,
  type Target,
} from '../../lambda/core/model';
import type { HttpAnswer } from '../../lambda/core/transport';
import type { TargetSuccess } from '../../lambda/refresh-credentials/refresh';
import { NOON } from './fake-clock';

/** ECR in the function's own region and account. */
export function anEcrRegistry(differences: Partial<EcrRegistry> = {}): EcrRegistry {
  return { type: 'ecr', region: 'us-east-1', repositories: ['worker'], ...differences };
}

/** A target that is updated by its id. */
export function aTarget(differences: Partial<Target> = {}): Target {
  return {
    name: 'prod',
    ...(differences.registryAuthName === undefined && { registryAuthId: 'auth-prod' }),
    runpodApiKeySecretName: 'runpod/api-key',
    registry: anEcrRegistry(),
    verify: 'best-effort',
    ...differences,
  };
}

/** A credential that expires in twelve hours. */
export function aCredential(differences: Partial<Credential> = {}): Credential {
  return {
    username: 'AWS',
    password: new Secret('a:password'),
    expiresAt: new Date(NOON + 12 * 3_600_000),
    registryUrl: 'https://123456789012.dkr.ecr.us-east-1.amazonaws.com',
    basicAtOnce: true,
    ...differences,
  };
}

/** Settings with Runpod's real addresses. */
export function someSettings(differences: Partial<RefresherSettings> = {}): RefresherSettings {
  return {
    service: 'EcrCredentialRefresher',
    targets: [aTarget()],
    runpod: {
      api: 'auto',
      restV2Url: 'https://api.runpod.io/v2',
      restV1Url: 'https://rest.runpod.io/v1',
      graphqlUrl: 'https://api.runpod.io/graphql',
    },
    minCredentialMinutes: 600,
    ...differences,
  };
}

/** A target that was refreshed. */
export function aSuccess(differences: Partial<TargetSuccess> = {}): TargetSuccess {
  return {
    target: 'prod',
    registryAuthId: 'auth-prod',
    route: 'rest-v2',
    expiresAt: new Date(NOON + 12 * 3_600_000).toISOString(),
    verified: true,
    fallback: false,
    durationMs: 120,
    ...differences,
  };
}

/** An HTTP answer. A text is the body as it is; any other value becomes JSON. */
export function anAnswer(
  status: number,
  body: unknown = '',
  headers: HttpAnswer['headers'] = {},
): HttpAnswer {
  const isText = typeof body === 'string';
  return {
    status,
    headers: { 'content-type': isText ? 'text/plain' : 'application/json', ...headers },
    body: isText ? body : JSON.stringify(body),
  };
}

/** An error that the AWS SDK throws when a service refuses a call. */
export function anAwsError(
  name: string,
  status: number,
  { message = 'the service says so', fault = status < 500 ? 'client' : 'server' } = {},
): Error {
  const error = new Error(message);
  return Object.assign(error, { name, $fault: fault, $metadata: { httpStatusCode: status } });
}

/** The context that Lambda passes to a handler with every event. */
export function aLambdaContext({
  remainingMs = 300_000,
  awsRequestId = '11111111-2222-3333-4444-555555555555',
} = {}): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'refresher',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:refresher',
    memoryLimitInMB: '256',
    awsRequestId,
    logGroupName: '/aws/lambda/refresher',
    logStreamName: 'stream',
    getRemainingTimeInMillis: () => remainingMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
