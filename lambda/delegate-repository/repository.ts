import { OperatorMustActError } from '../core/errors';

/** The parts of a repository's ARN. */
export interface Repository {
  readonly arn: string;
  readonly region: string;
  readonly account: string;
  readonly name: string;
}

/** Parses the ARN of an ECR repository. @throws OperatorMustActError when it is not one */
export function parseRepositoryArn(arn: string): Repository {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:ecr:([a-z0-9-]+):(\d{12}):repository\/([a-z0-9._/-]{2,256})$/.exec(arn) ?? [];
  if (region && account && name) return { arn, region, account, name };
  throw new OperatorMustActError('configuration-wrong', 'expected the ARN of an ECR repository');
}

/** The repository's name for messages. */
export function describeRepository({ name, region }: Repository): string {
  return `repository ${name} in ${region}`;
}
