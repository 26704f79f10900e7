import { OperatorMustActError } from '../core/errors';

/** An ECR repository, taken apart. */
export interface Repository {
  readonly arn: string;
  readonly region: string;
  readonly account: string;
  readonly name: string;
}

/** Takes a repository's ARN apart. @throws OperatorMustActError when it is none */
export function parseRepositoryArn(arn: string): Repository {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:ecr:([a-z0-9-]+):(\d{12}):repository\/([a-z0-9._/-]{2,256})$/.exec(arn) ?? [];
  if (region && account && name) return { arn, region, account, name };
  throw new OperatorMustActError('configuration-wrong', 'expected the ARN of an ECR repository');
}

/** How messages name a repository. */
export function describeRepository({ name, region }: Repository): string {
  return `repository ${name} in ${region}`;
}
