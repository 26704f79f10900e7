import { CfnElement, type IResolvable, Reference, Stack, Token, Tokenization } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Length of the longest partition, account or region that a token can become: `ap-southeast-1`. */
const PSEUDO_PARAMETER_LENGTH = 14;

/** Length of `arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:`, the longest text before a name. */
const ARN_PREFIX_LENGTH = 64;

/** What CloudFormation adds to the logical id when it makes up a name: hyphens and up to 12 characters. */
const RANDOM_SUFFIX_LENGTH = 14;

/** Assumed length of a token that refers to no resource, such as a function of other tokens. */
const UNKNOWN_LENGTH = 128;

/** What `Repository.fromLookup` and `StringParameter.valueFromLookup` return before the CDK has looked a value up. */
const LOOKUP_DUMMY = /DUMMY_ARN|dummy-value-for-[^\s:@]*/g;

/**
 * Whether a text has parts that are not known yet: tokens, or dummies of a lookup. The CDK looks a value up only after a
 * first synthesis with the dummy, so a check must not refuse it.
 */
export function isKnownLater(text: string): boolean {
  return Token.isUnresolved(text) || text.search(LOOKUP_DUMMY) >= 0;
}

/** Returns a text with something else in the place of each part that is not known yet. */
export function mapKnownLater(text: string, replace: (part: string) => string): string {
  const withoutTokens = mapTokens(text, (token) => replace(token.toString()));
  return withoutTokens.replace(LOOKUP_DUMMY, replace);
}

/**
 * Returns a text in which each token stands as the path and attribute that it refers to.
 *
 * The text of a token contains a running number, which changes when unrelated constructs change. This text does not.
 */
export function stableText(scope: IConstruct, text: string): string {
  return mapTokens(text, (token) =>
    Reference.isReference(token)
      ? `{${token.target.node.path}.${token.displayName}}`
      : JSON.stringify(Stack.of(scope).resolve(token)),
  );
}

/** Returns about how long a text is at most once CloudFormation has put values in the place of its tokens. */
export function estimatedLength(scope: IConstruct, text: string): number {
  return mapTokens(text, (token) => 'x'.repeat(lengthOfToken(scope, token))).length;
}

/** Returns a text with something else in the place of each token. */
export function mapTokens(text: string, replace: (token: IResolvable) => string): string {
  return Tokenization.reverseString(text)
    .mapTokens({ mapToken: replace })
    .join({ join: (left, right) => `${left ?? ''}${right ?? ''}` });
}

function lengthOfToken(scope: IConstruct, token: IResolvable): number {
  if (Reference.isReference(token) && CfnElement.isCfnElement(token.target)) {
    const { target } = token;
    const stack = Stack.of(target);
    const nameLength = stack.stackName.length + stack.getLogicalId(target).length + RANDOM_SUFFIX_LENGTH;
    return ARN_PREFIX_LENGTH + nameLength;
  }
  const value = Stack.of(scope).resolve(token);
  return String(value?.Ref).startsWith('AWS::') ? PSEUDO_PARAMETER_LENGTH : UNKNOWN_LENGTH;
}
