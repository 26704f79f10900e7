/** What to do about a target that failed in the function's dry run, by the reason that the function gives. */

import type { OperatorReason } from '../../lambda/core/errors';
import type { Registry } from '../../lambda/core/model';
import { runbookSection } from '../deployment/alarms';
import { isMissingSecret } from '../errors';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';

/** A target that failed, as the function's log has it. */
export interface TargetFailure {
  readonly target: string;
  /** Why a person must act. @default - the failure is transient, or the reason is not known to this version */
  readonly reason?: string;
  /** The message of the failure. */
  readonly why: string;
}

/** What a fix depends on. */
interface Failing extends TargetFailure {
  readonly operator: Operator;
  readonly registry?: Registry | undefined;
  /** The secret with the Runpod key. */
  readonly keySecret: string;
  /** The stack's region. */
  readonly region: string;
}

const FIXES: Readonly<Record<OperatorReason, (failing: Failing) => string>> = {
  'api-key-refused': ({ operator, keySecret }) =>
    `create a key at Runpod with secrets:write, then: ${storeKeyCommand(operator, keySecret)}`,
  'api-key-permission-missing': ({ operator, keySecret }) =>
    `give the key secrets:write at Runpod, or create another key and: ${storeKeyCommand(operator, keySecret)}`,
  'permission-missing': ({ operator }) =>
    `${revertDrift(operator)}; if that changes nothing, look for a Deny on this action in the policies of your organisation, and check what the secret's KMS key or the other account's role allows`,
  'secret-unusable': ({ operator, keySecret, registry, why }) =>
    registry && 'credentialSecretName' in registry
      ? `store the login again: ${storeSecret(operator, registry.credentialSecretName)}`
      : keySecretFix(operator, keySecret, why),
  'registry-auth-missing': ({ operator, target }) =>
    `in ${operator.configLabel}, give target ${target} a registryAuthName instead, which creates one, or an id that exists and that no other target has; then ${operator.deployCommand()}`,
  'no-route-left': () => 'see docs/runbook.md, "Runpod retires an API"',
  'value-refused': ({ operator, target }) =>
    `correct registryAuthId or registryAuthName of target ${target} in ${operator.configLabel}, or the login of its registry; then ${operator.deployCommand()}`,
  'credential-rejected': ({ operator, registry, why, region }) => {
    if (registry && 'credentialSecretName' in registry) {
      return `store a login that may pull: ${storeSecret(operator, registry.credentialSecretName)}`;
    }
    return policyFix(operator, { registry, repository: repositoryIn(why, registry), region });
  },
  'certificate-untrusted': ({ operator }) =>
    `use a certificate of a public authority for that host name, or correct the address in ${operator.configLabel}, then ${operator.deployCommand()}`,
  'image-unproved': ({ operator, target }) =>
    `push the image, or name another one in verifyImage of target ${target} in ${operator.configLabel}, then ${operator.deployCommand()}`,
  'configuration-wrong': ({ operator }) =>
    `correct ${operator.configLabel} as the message says, then ${operator.deployCommand()}`,
};

/** Returns what to do about these failures: each fix once, and first the fixes that a person must make. */
export async function fixFor(operator: Operator, failures: readonly TargetFailure[]): Promise<string> {
  const { targets } = await operator.settings();
  const region = await operator.region();
  const fixes = failures.map((failure) => {
    const target = targets.find(({ name }) => name === failure.target);
    const keySecret = (target ?? targets[0])?.runpodApiKeySecretName ?? '';
    return isKnown(failure.reason)
      ? FIXES[failure.reason]({ ...failure, operator, registry: target?.registry, keySecret, region })
      : undefined;
  });
  const known = [...new Set(fixes)].filter((fix) => fix !== undefined);
  return [...known, ...(fixes.includes(undefined) ? [waitFix(operator)] : [])].slice(0, 3).join('; and ');
}

/** Returns what to do about a run that failed without naming a target. @param error - the error of the invocation */
export function fixForCrash(
  operator: Operator,
  { type, message }: { readonly type: string; readonly message: string },
): string {
  // Lambda reports a timeout in the type or in the message.
  if (type === 'Sandbox.Timedout' || /Task timed out after/.test(message))
    return `${waitFix(operator)}; see ${runbookSection('RunningSlow')}`;
  if (type === 'RefreshFailedError') return `${commandLine('refresh', operator.options)} shows each target`;
  if (type === 'InvalidEventError') return operator.deployCommand();
  return revertDrift(operator);
}

/**
 * Returns the command that shows a repository's policy, for a person who looks for a Deny in it.
 *
 * @param place - `region` is the stack's, which a target without a region has
 */
export function policyFix(
  { options }: Operator,
  place: { readonly registry: Registry | undefined; readonly repository: string; readonly region: string },
): string {
  const { registry, repository } = place;
  const region = (registry?.type === 'ecr' ? registry.region : undefined) ?? place.region;
  const account = registry?.type === 'ecr' ? registry.roleArn?.split(':')[4] : undefined;
  const registryId = account ? ` --registry-id ${account}` : '';
  const command = `ecr get-repository-policy${registryId} --repository-name ${repository}`;
  return `look for a Deny in the repository's policy: ${awsCommand(command, { ...options, region })}`;
}

/** Returns the repository of a target that a message names; the first one where it names none. */
function repositoryIn(why: string, registry: Registry | undefined): string {
  const repositories = registry?.type === 'ecr' ? registry.repositories : [];
  const named = repositories.filter((repository) => why.includes(`/${repository}`));
  // A name may be the beginning of another one.
  const [longest] = [...named].sort((one, other) => other.length - one.length);
  return longest ?? repositories[0] ?? 'REPOSITORY';
}

/** Returns the command that asks for another Runpod key and stores it. */
export function storeKeyCommand(operator: Operator, secretName: string): string {
  const { stack } = operator.options;
  const isDefault = stack === undefined && secretName === operator.config().runpodApiKeySecretName;
  const secret = isDefault ? '' : ` --secret ${secretName}`;
  return commandLine(`init --store-key --replace-key${secret}`, operator.options);
}

/**
 * Returns what to do about a secret that holds no key. A secret that was deleted and created again has another ARN, so
 * storing a key under the old one cannot work.
 *
 * @param why - the message of the failed read
 */
export function keySecretFix(operator: Operator, secretName: string, why: string): string {
  if (!secretName.startsWith('arn:') || !isMissingSecret(why)) return storeKeyCommand(operator, secretName);
  const name = (secretName.split(':')[6] ?? '').replace(/-[A-Za-z0-9]{6}$/, '');
  const list = `secretsmanager list-secrets --filters Key=name,Values=${name} --query 'SecretList[].ARN'`;
  return `the ARN is wrong, or the secret was deleted: find its ARN with ${awsCommand(list, operator.options)}, put it into ${operator.configLabel}, then ${operator.deployCommand()}`;
}

function isKnown(reason: string | undefined): reason is OperatorReason {
  return reason !== undefined && Object.hasOwn(FIXES, reason);
}

/** The fix for a transient failure: the function retries by itself. */
function waitFix(operator: Operator): string {
  return `wait some minutes, since retries may fix it, then ${commandLine('doctor', operator.options)}`;
}

function revertDrift(operator: Operator): string {
  return `${operator.deployCommand()} --revert-drift undoes what was changed by hand`;
}

/** The command reads standard input, because an argument would end in the shell's history. */
function storeSecret(operator: Operator, secretName: string): string {
  return awsCommand(
    `secretsmanager put-secret-value --secret-id ${secretName} --secret-string file:///dev/stdin`,
    operator.options,
  );
}
