import type { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { type AwsCall, callAws } from './aws';
import type { Clock } from './clock';

/**
 * Reads a secret's current value, never from a cache. Text, or bytes where it is binary.
 *
 * Throws OperatorMustActError `secret-unusable` where it is missing, with the command that makes it, and
 * TransientError where AWS cannot be asked.
 *
 * @param what - what a person pastes into the command, such as `the key`
 */
export type ReadSecret = (secretName: string, deadlineMs: number, what: string) => Promise<unknown>;

/** Reads secrets from Secrets Manager. */
export function createSecretReader(provider: SecretsProvider, clock: Clock): ReadSecret {
  return (secretName, deadlineMs, what) => {
    const call: AwsCall = {
      name: `secretsmanager:GetSecretValue ${secretName}`,
      deadlineMs,
      reason: 'secret-unusable',
      mends: { ResourceNotFoundException: howToMake(secretName, what) },
    };
    return callAws(call, clock, () => provider.get(secretName, { forceFetch: true }));
  };
}

/** Reads from standard input: an argument would end in the shell's history and in the process list. */
function howToMake(secretName: string, what: string): string {
  return `Make it with: aws secretsmanager create-secret --name ${secretName} --secret-string file:///dev/stdin (then paste ${what} and press Ctrl-D twice)`;
}
