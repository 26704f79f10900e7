import { Annotations, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { hostAtStart } from './config/image-addresses';

/** Secrets Manager's hyphen and six characters at the end of an ARN, and what is before them. */
const ARN = /^arn:[^:]+:secretsmanager:([^:]+):\d+:secret:(.+)-([A-Za-z0-9]{6})$/;

/**
 * A word, with digits after it or without. People end names like this, as in `my-secret` or `key-prod01`. Six random
 * characters look like this once in 40 times.
 */
const WORD = /^([a-z]+|[A-Z][a-z]+|[A-Z]+)\d*$|^\d+$/;

/**
 * Warns of ARNs that may lack the six characters at their end. With such an ARN the policy permits nothing, and the
 * rule watches another secret.
 *
 * @param secrets - names or ARNs; the same one is warned of once in a stack
 */
export function warnOfPartialArns(scope: Construct, secrets: readonly string[]): void {
  for (const secret of secrets) {
    const [arn, region, name, end] = ARN.exec(secret) ?? [];
    if (arn === undefined || !WORD.test(end ?? '')) continue;
    const partial = `${name}-${end}`;
    Annotations.of(Stack.of(scope)).addWarningV2(
      'runpod-ecr-credential-refresher:partialSecretArn',
      `${arn} may lack the six characters that Secrets Manager adds to a name, because it ends in "-${end}". In that case the function may not read the secret "${partial}". Write the name "${partial}", or the full ARN as this command prints it: aws secretsmanager describe-secret --secret-id ${partial} --region ${region} --query ARN --output text`,
    );
  }
}

/**
 * Warns of ECR repositories whose names begin with the host of another registry. They are right for copies of images,
 * as pull-through caches make them. As an address of the other registry, such a name permits nothing.
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
