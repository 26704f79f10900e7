import { jsonObject } from '../exchange';
import { AwsError, type JsonInput } from './protocol';

const MAX_CHARACTERS = 10_240;
const PULL_ACTIONS = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];

/** What a request does with a policy. */
export type PolicyAction = 'get' | 'set' | 'delete';

/** ECR repositories by ARN, with their policies. */
export class RepositoryPoliciesStandIn {
  /** Plays a second writer: returns the text that replaces a policy right after it was set. Undefined keeps it. */
  rival: ((text: string) => string | undefined) | undefined;
  readonly #policies = new Map<string, string | undefined>();

  /** Creates a repository, or replaces its policy without a request. */
  put(arn: string, policyText?: string): void {
    this.#policies.set(arn, policyText);
  }

  /** Deletes a repository. */
  remove(arn: string): void {
    this.#policies.delete(arn);
  }

  /** Returns a repository's policy, or undefined when it has none. */
  textOf(arn: string): string | undefined {
    return this.#policies.get(arn);
  }

  /**
   * Returns whether the policy lets a role of another account pull.
   *
   * Understands `Allow` statements and the condition `StringEquals` on `aws:PrincipalArn`.
   */
  mayPull(arn: string, principalArn: string): boolean {
    const { Statement = [] } = jsonObject(this.#policies.get(arn) ?? '');
    return list(Statement).some((statement) => {
      const { Effect, Action, Principal, Condition } = jsonObject(JSON.stringify(statement));
      const actions = list(Action);
      return (
        Effect === 'Allow' &&
        PULL_ACTIONS.every((action) => actions.includes(action)) &&
        isNamed(Principal, principalArn) &&
        isMet(Condition, principalArn)
      );
    });
  }

  /**
   * Answers `GetRepositoryPolicy`, `SetRepositoryPolicy` and `DeleteRepositoryPolicy`.
   *
   * @throws AwsError
   */
  answer(action: PolicyAction, region: string, input: JsonInput): object {
    const { registryId, repositoryName, policyText } = input;
    const arn = `arn:aws:ecr:${region}:${registryId}:repository/${repositoryName}`;
    if (!this.#policies.has(arn)) {
      const message = `The repository with name '${repositoryName}' does not exist in the registry with id '${registryId}'`;
      throw new AwsError('RepositoryNotFoundException', message);
    }
    const ids = { registryId, repositoryName };
    if (action === 'set') {
      this.#set(arn, String(policyText));
      return { ...ids, policyText };
    }
    const text = this.#policies.get(arn);
    if (text === undefined) {
      const message = `Repository policy does not exist for the repository with name '${repositoryName}' in the registry with id '${registryId}'`;
      throw new AwsError('RepositoryPolicyNotFoundException', message);
    }
    if (action === 'delete') this.#policies.set(arn, undefined);
    return { ...ids, policyText: text };
  }

  /** ECR keeps the meaning of a policy but not its white space. */
  #set(arn: string, text: string): void {
    const valid = text.length <= MAX_CHARACTERS && Object.keys(jsonObject(text)).length > 0;
    if (!valid) throw new AwsError('InvalidParameterException', "Invalid parameter at 'PolicyText'");
    this.#policies.set(arn, JSON.stringify(JSON.parse(text), null, 2));
    const replaced = this.rival?.(text);
    if (replaced !== undefined) this.#policies.set(arn, replaced);
  }
}

function isNamed(principal: unknown, principalArn: string): boolean {
  const account = /^arn:aws:iam::(\d{12}):/.exec(principalArn)?.[1];
  const named = typeof principal === 'string' ? [principal] : list(jsonObject(JSON.stringify(principal)).AWS);
  return ['*', account, `arn:aws:iam::${account}:root`].some((one) => named.includes(one));
}

function isMet(condition: unknown, principalArn: string): boolean {
  if (condition === undefined) return true;
  const { StringEquals } = jsonObject(JSON.stringify(condition));
  return list(jsonObject(JSON.stringify(StringEquals ?? {}))['aws:PrincipalArn']).includes(principalArn);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
