import { randomBytes } from 'node:crypto';
import { jsonObject, type StandInAnswer } from '../exchange';
import type { StoredDelegation } from './accounts';
import { problem, type RestCall } from './rest';

/** Which registrations the stand-in accepts. */
export interface DelegationRules {
  /** Form of `resource`: Runpod's specification says a repository's ARN, one client sends an image address with a tag. */
  takes: 'arn' | 'image' | 'both';
  /** Returns whether Runpod's roles can pull the repository. Called for each registration. */
  canPull(repositoryArn: string): boolean;
}

const ARN = /^arn:aws:ecr:(?<region>[a-z0-9-]+):(?<account>\d{12}):repository\/(?<repository>.+)$/;
const IMAGE =
  /^(?<account>\d{12})\.dkr\.ecr\.(?<region>[a-z0-9-]+)\.amazonaws\.com\/(?<repository>[^:]+):(?<tag>.+)$/;

/** Answers requests to `/registries/delegations` of REST v2. */
export function answerDelegations(call: RestCall, rules: DelegationRules): StandInAnswer {
  const { request, user, mayWrite, path } = call;
  const id = /^\/registries\/delegations\/([^/]+)$/.exec(path)?.[1];
  if (request.method === 'GET' && id === undefined) {
    return { status: 200, body: { delegations: user.delegations } };
  }
  if (!mayWrite) return problem(403, 'Forbidden', 'access denied');
  if (request.method === 'POST' && id === undefined) return register(call, rules);
  if (request.method === 'DELETE' && id !== undefined) {
    const index = user.delegations.findIndex((delegation) => delegation.id === decodeURIComponent(id));
    if (index < 0) return problem(404, 'Not Found', 'delegation not found');
    user.delegations.splice(index, 1);
    return { status: 204 };
  }
  return problem(405, 'Method Not Allowed', 'method not allowed');
}

function register({ request, user }: RestCall, rules: DelegationRules): StandInAnswer {
  const { resource, name = null, ...unknown } = jsonObject(request.body);
  const named = name === null || typeof name === 'string';
  if (typeof resource !== 'string' || !named || Object.keys(unknown).length > 0) {
    return problem(422, 'Unprocessable Entity', 'Request validation failed.', ['$: invalid body']);
  }
  const match = (rules.takes === 'image' ? undefined : ARN.exec(resource)) ?? IMAGE.exec(resource);
  const taken = rules.takes === 'arn' ? ARN.exec(resource) : match;
  if (!taken?.groups) return problem(400, 'Bad Request', 'resource is not valid');
  const { account = '', region = '', repository = '', tag = 'latest' } = taken.groups;
  if (!rules.canPull(`arn:aws:ecr:${region}:${account}:repository/${repository}`)) {
    return problem(400, 'Bad Request', 'the repository policy does not let Runpod pull');
  }
  const isSame = (other: StoredDelegation) =>
    other.awsUser === account && other.awsRegion === region && other.repository === repository;
  if (user.delegations.some(isSame)) return problem(400, 'Bad Request', 'a delegation for it exists');
  const delegation: StoredDelegation = {
    id: `deleg_${randomBytes(6).toString('hex')}`,
    name,
    delegatorUserId: 'user_embedded',
    awsUser: account,
    repository,
    tag,
    awsRegion: region,
    dockerRegistryUri: `${account}.dkr.ecr.${region}.amazonaws.com`,
    createdAt: new Date().toISOString(),
  };
  user.delegations.push(delegation);
  return { status: 201, body: delegation };
}
