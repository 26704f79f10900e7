/**
 * Edits the text of a repository's policy: adds or removes our statement and keeps every other one.
 *
 * The policy belongs to the repository's owner. A text that is not understood is refused and never replaced.
 */

import { OperatorMustActError } from '../core/errors';
import { isJsonObject, type JsonObject } from '../core/runpod/api';
import { STATEMENT_SID } from './model';

/** What a pull needs. `ecr:GetAuthorizationToken` has no effect in a repository's policy, because it takes no resource. */
const PULL_ACTIONS = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];

/** The policy language's current version, for a repository that has no policy yet. */
const POLICY_VERSION = '2012-10-17';

/**
 * The statement that lets only these roles pull. The account is the principal, and the role is a condition
 * (docs/decisions/0009). A policy that named a role as its principal would break when that role is missing or created
 * again.
 *
 * @throws OperatorMustActError when an ARN has no account
 */
export function pullStatement(principalArns: readonly string[]): JsonObject {
  const roots = principalArns.map((arn) => {
    const [, partition, account] = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/.+$/.exec(arn) ?? [];
    if (partition && account) return `arn:${partition}:iam::${account}:root`;
    throw new OperatorMustActError('configuration-wrong', 'expected the ARN of a role as each principal');
  });
  return {
    Sid: STATEMENT_SID,
    Effect: 'Allow',
    Principal: { AWS: [...new Set(roots)] },
    Action: PULL_ACTIONS,
    Condition: { StringEquals: { 'aws:PrincipalArn': [...principalArns] } },
  };
}

/**
 * Adds a statement, or replaces the one with the same `Sid`.
 *
 * @param text - the current policy; undefined when there is none
 * @param where - the repository's name for messages
 * @returns the same text when the policy already has the statement
 * @throws OperatorMustActError when the text is not a policy
 */
export function withStatement(text: string | undefined, statement: JsonObject, where: string): string {
  if (text === undefined) return JSON.stringify({ Version: POLICY_VERSION, Statement: [statement] });
  const { document, statements, single } = parsePolicy(text, where);
  const [own, ...surplus] = statements.filter(isOwn);
  if (own && surplus.length === 0 && meansTheSame(own, statement)) return text;
  if (own) {
    const replaced = statements.flatMap((one) => (isOwn(one) ? (one === own ? [statement] : []) : [one]));
    return JSON.stringify({ ...document, Statement: replaced });
  }
  // A statement outside a list comes after ours. In a list ours is the last. So a removal can restore the form.
  const joined = single ? [statement, ...statements] : [...statements, statement];
  return JSON.stringify({ ...document, Statement: joined });
}

/**
 * Removes our statement.
 *
 * @returns the same text when the policy does not have it; undefined when no statement is left
 * @throws OperatorMustActError when the text is not a policy
 */
export function withoutStatement(text: string | undefined, where: string): string | undefined {
  if (text === undefined) return undefined;
  const { document, statements } = parsePolicy(text, where);
  const others = statements.filter((one) => !isOwn(one));
  if (others.length === statements.length) return text;
  if (others.length === 0) return undefined;
  const stoodAlone = others.length === 1 && isOwn(statements[0]);
  return JSON.stringify({ ...document, Statement: stoodAlone ? others[0] : others });
}

/** Finds our statement in a policy. @throws OperatorMustActError when the text is not a policy */
export function ownStatement(text: string | undefined, where: string): JsonObject | undefined {
  return text === undefined ? undefined : parsePolicy(text, where).statements.find(isOwn);
}

interface Policy {
  readonly document: JsonObject;
  readonly statements: readonly unknown[];
  /** Whether the policy has one statement outside a list. */
  readonly single: boolean;
}

function parsePolicy(text: string, where: string): Policy {
  const document = parseJson(text);
  if (!isJsonObject(document)) throw notAPolicy(where, 'its text is not a JSON object');
  const { Statement: found } = document;
  if (found === undefined) return { document, statements: [], single: false };
  if (Array.isArray(found)) return { document, statements: found, single: false };
  if (isJsonObject(found)) return { document, statements: [found], single: true };
  throw notAPolicy(where, 'its Statement is neither an object nor a list');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAPolicy(where: string, what: string): OperatorMustActError {
  return new OperatorMustActError(
    'configuration-wrong',
    `the policy of ${where} is not understood: ${what}; nothing was changed, correct the policy first`,
  );
}

function isOwn(statement: unknown): statement is JsonObject {
  return isJsonObject(statement) && statement.Sid === STATEMENT_SID;
}

/** Whether two statements mean the same. AWS may return lists and accounts in another form than they were written. */
function meansTheSame(one: JsonObject, other: JsonObject): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  if (isJsonObject(value)) {
    const fields = Object.keys(value).sort();
    return `{${fields.map((field) => `${field}:${canonical(value[field])}`).join()}}`;
  }
  if (Array.isArray(value)) return value.length === 1 ? canonical(value[0]) : list(value);
  const account = /^arn:aws[a-z-]*:iam::(\d{12}):root$/.exec(String(value))?.[1];
  return JSON.stringify(account ?? value);
}

function list(values: readonly unknown[]): string {
  return `[${values.map(canonical).sort().join()}]`;
}
