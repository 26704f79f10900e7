import { type IResource, type Stack, Token, TokenComparison } from 'aws-cdk-lib';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Path } from './config/json-values';
import type { Mistake } from './config/mistakes';

/**
 * Returns the ARN of a secret for a policy.
 *
 * Secrets Manager appends a hyphen and six random characters to a secret's name. Where the CDK knows only the name, the
 * ARN ends in six wildcards of one character each.
 */
export function secretArn(secret: ISecret): string {
  return secret.secretFullArn ?? `${secret.secretArn}-??????`;
}

/** Returns the ARN of a secret without the six characters at its end, where they are known. */
export function secretArnPrefix(secret: ISecret): string {
  const { secretFullArn, secretArn: partialArn } = secret;
  if (secretFullArn === undefined) return partialArn;
  return Token.isUnresolved(secretFullArn) ? secretFullArn : secretFullArn.replace(/-[A-Za-z0-9]{6}$/, '');
}

/**
 * Returns the id with which the function reads a secret: its ARN where the CDK knows the whole of it, else its name. A
 * partial ARN of another account or region is returned as it is, and is refused later.
 */
export function secretId(secret: ISecret, stack: Stack): string {
  if (secret.secretFullArn !== undefined) return secret.secretFullArn;
  const isForeign = differs(secret.env.region, stack.region) || differs(secret.env.account, stack.account);
  return isForeign ? secret.secretArn : secret.secretName;
}

/**
 * Finds a secret that the function cannot read although its ARN is a token: one of another region, or one of another
 * account of which only the name is known. `arnMistakes` checks the ARNs that are known at synth.
 */
export function secretPlaceMistakes(secret: ISecret, path: Path, stack: Stack): Mistake[] {
  if (!Token.isUnresolved(secretId(secret, stack))) return [];
  const mistakes = regionMistakes('a secret', secret, path, stack);
  const isForeign = secret.secretFullArn === undefined && differs(secret.env.account, stack.account);
  if (mistakes.length > 0 || !isForeign) return mistakes;
  return [{ path, expected: 'the full ARN of a secret of another account', found: 'its name' }];
}

/** Returns the mistake of a resource that is known to be in another region than the stack. */
export function regionMistakes(what: string, { env }: IResource, path: Path, { region }: Stack): Mistake[] {
  if (!differs(env.region, region)) return [];
  return [{ path, expected: `${what} of ${region}, the region of the stack`, found: `one of ${env.region}` }];
}

/** Whether two accounts or regions are known to be different. */
export function differs(one: string, other: string): boolean {
  return Token.compareStrings(one, other) === TokenComparison.DIFFERENT;
}

/** Returns the conditions under which only Secrets Manager uses a permission for a KMS key. */
export function onlySecretsManager({ region }: Stack): Record<string, Record<string, string>> {
  return { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } };
}
