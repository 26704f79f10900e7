import { Annotations, Stack } from 'aws-cdk-lib';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { hostAtStart } from './config/image-addresses';

/** Secrets Manager's hyphen and six characters at the end of an ARN, and what is before them. */
const ARN = /^arn:[^:]+:secretsmanager:([^:]+):\d+:secret:(.+)-([A-Za-z0-9]{6})$/;

/**
 * A word, with or without digits after it. Names often end like this, as in `my-secret` or `key-prod01`. Only about one
 * in 40 random endings looks like this.
 */
const WORD = /^([a-z]+|[A-Z][a-z]+|[A-Z]+)\d*$|^\d+$/;

/**
 * Warns of ARNs that may lack the six characters at their end. With such an ARN the policy permits nothing, and the
 * rule watches another secret.
 *
 * A stack warns of each ARN once.
 */
export function warnOfPartialArns(scope: Construct, secrets: readonly ISecret[]): void {
  for (const { secretFullArn = '' } of secrets) {
    const [arn, region, name, end] = ARN.exec(secretFullArn) ?? [];
    if (arn === undefined || !WORD.test(end ?? '')) continue;
    const partial = `${name}-${end}`;
    Annotations.of(Stack.of(scope)).addWarningV2(
      'runpod-ecr-credential-refresher:partialSecretArn',
      `${arn} may lack the six characters that Secrets Manager adds to a name, because it ends in "-${end}". In that case the function may not read the secret "${partial}". Write the name "${partial}", or the full ARN as this command prints it: aws secretsmanager describe-secret --secret-id ${partial} --region ${region} --query ARN --output text`,
    );
  }
}

/**
 * Warns of ECR repositories whose names begin with the host of another registry. Such a name is correct for a copy in
 * ECR, such as a pull-through cache makes. If it was meant as an address of the other registry, it permits nothing.
 */
export function warnOfHostsInNames(scope: Construct, repositories: readonly string[]): void {
  for (const repository of repositories) {
    const { host, type } = hostAtStart(repository) ?? {};
    if (host === undefined) continue;
    Annotations.of(Stack.of(scope)).addWarningV2(
      'runpod-ecr-credential-refresher:hostInRepositoryName',
      `The ECR repository "${repository}" begins with the host of another registry. If it is not a copy in ECR, it permits nothing: an image of ${host} needs a target of its own, with "type": "${type}".`,
    );
  }
}
