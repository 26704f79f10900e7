/** Finds out from a resource's policy (IAM's JSON) whether CloudWatch's alarms may use the resource. */

import { isJsonObject, type JsonObject } from '../../lambda/core/runpod/api';

/** The request that an alarm makes to a resource. */
export interface AlarmRequest {
  /** Such as `sns:Publish`. */
  readonly action: string;
  /** ARN of the resource. */
  readonly resource: string;
  /** ARN of the alarm, and the account that it is in. */
  readonly alarmArn: string;
  readonly account: string;
}

/** The service principal of CloudWatch's alarms. */
export const ALARMS_PRINCIPAL = 'cloudwatch.amazonaws.com';

/** `unknown`: it depends on something that this file does not understand. */
export type Verdict = 'yes' | 'no' | 'unknown';

/**
 * Returns whether a policy allows a request. No other policy counts, because CloudWatch has no IAM policy of its own.
 *
 * @param policy - the policy's text
 */
export function allowsAlarm(policy: string, request: AlarmRequest): Verdict {
  const statements = statementsOf(policy);
  if (statements === undefined) return 'unknown';
  const matching = (effect: string) =>
    statements.filter(({ Effect }) => Effect === effect).map((statement) => matches(statement, request));
  // A Deny with an unknown condition is ignored, because most of them only deny requests without TLS.
  if (matching('Deny').includes('yes')) return 'no';
  const allowed = matching('Allow');
  if (allowed.includes('yes')) return 'yes';
  return allowed.includes('unknown') ? 'unknown' : 'no';
}

function statementsOf(policy: string): JsonObject[] | undefined {
  try {
    const document: unknown = JSON.parse(policy);
    return isJsonObject(document) ? listOf(document.Statement).filter(isJsonObject) : undefined;
  } catch {
    return undefined;
  }
}

function matches(statement: JsonObject, request: AlarmRequest): Verdict {
  const { Principal, Action, Resource, Condition } = statement;
  const negated = ['NotPrincipal', 'NotAction', 'NotResource'].some((name) => name in statement);
  if (negated) return 'unknown';
  const here =
    isForAlarms(Principal) &&
    textsOf(Action).some((pattern) => isLike(pattern.toLowerCase(), request.action.toLowerCase())) &&
    (Resource === undefined || textsOf(Resource).some((pattern) => isLike(pattern, request.resource)));
  return here ? all(conditionsOf(Condition).map((condition) => holds(condition, request))) : 'no';
}

function isForAlarms(principal: unknown): boolean {
  if (principal === '*') return true;
  if (!isJsonObject(principal)) return false;
  return textsOf(principal.AWS).includes('*') || textsOf(principal.Service).includes(ALARMS_PRINCIPAL);
}

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

function conditionsOf(condition: unknown): Condition[] {
  return Object.entries(isJsonObject(condition) ? condition : {}).flatMap(([operator, tests]) =>
    Object.entries(isJsonObject(tests) ? tests : {}).map(([key, values]) => ({
      operator: operator.toLowerCase(),
      key: key.toLowerCase(),
      values: textsOf(values),
    })),
  );
}

/** Operators that compare for equality. The operators for ARNs and `StringLike` allow wildcards. */
const EQUAL =
  /^(foranyvalue:)?(stringequals|stringequalsignorecase|stringlike|arnequals|arnlike|bool)(ifexists)?$/;

function holds({ operator, key, values }: Condition, request: AlarmRequest): Verdict {
  const facts: Readonly<Record<string, string>> = {
    'aws:sourceaccount': request.account,
    'aws:sourceowner': request.account,
    'aws:sourcearn': request.alarmArn,
    'aws:securetransport': 'true',
  };
  const fact = facts[key];
  if (fact === undefined || !EQUAL.test(operator)) return 'unknown';
  const wildcards = /like|arn/.test(operator);
  return values.some((value) => (wildcards ? isLike(value, fact) : value === fact)) ? 'yes' : 'no';
}

function all(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('no')) return 'no';
  return verdicts.includes('unknown') ? 'unknown' : 'yes';
}

/** Compares with a pattern in which `*` stands for any characters and `?` for one. */
function isLike(pattern: string, text: string): boolean {
  const expression = pattern
    .replace(/\*+/g, '*')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function textsOf(value: unknown): string[] {
  return listOf(value).map(String);
}
