import { Token } from 'aws-cdk-lib';
import * as z from 'zod';
import { isKnownLater } from '../tokens';
import { apiUrl, delegationName, region, repositoryName, roleArn, secretId } from './formats';
import { repositoryMistakes } from './image-addresses';
import type { Path } from './json-values';
import { describeFound, type Mistake, mistakesError } from './mistakes';
import { arnMistakes, partitionMistakes } from './regions';
import { pastedKeys } from './rules';
import { unknownRegion } from './unknown-regions';

/** Says where the properties of a delegation are described: the last line of a message about mistakes in them. */
export const DELEGATION_HELP = 'Every property is described in RunpodEcrDelegationProps.';

/** The properties of a delegation that are checked. */
export interface CheckedDelegationProps {
  readonly repository: string;
  readonly region?: string | undefined;
  readonly additionalRegions?: readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly runpodApiKeySecretName: string;
  readonly principalArns: readonly string[];
  readonly restV2Url: string;
}

/** Where a delegation is deployed. Both can be tokens. */
export interface DelegationPlace {
  readonly account: string;
  readonly region: string;
}

/**
 * Checks the properties of a delegation by the rules of the configuration file. Tokens are not checked.
 *
 * @param subject - name of the construct in the message
 * @throws ConfigError that names every mistake: its path, what was expected, and what was found
 */
export function checkDelegationProps(
  subject: string,
  props: CheckedDelegationProps,
  stack: DelegationPlace,
): void {
  const mistakes = [
    ...pastedKeys(props, []),
    ...repositoryAndRegion(props, stack),
    ...misfits(['name'], props.name, delegationName().optional()),
    ...secretMistakes(props.runpodApiKeySecretName, known(stack.region)),
    ...misfits(['principalArns'], props.principalArns, z.array(z.string()).min(1, 'at least one role ARN')),
    ...(known(props.principalArns) ?? []).flatMap((arn, index) =>
      misfits(['principalArns', index], arn, roleArn()),
    ),
    ...misfits(['restV2Url'], props.restV2Url, apiUrl()),
  ];
  const wording = {
    help: DELEGATION_HELP,
    rename: (path: Path) => path.map((step) => (step === 'runpodApiKeySecretName' ? 'runpodApiKey' : step)),
  };
  if (mistakes.length > 0) throw mistakesError(subject, mistakes, wording);
}

function repositoryAndRegion(props: CheckedDelegationProps, stack: DelegationPlace): Mistake[] {
  const { repository, principalArns, additionalRegions = [] } = props;
  const place = known(props.region ?? stack.region);
  const accountAdvice = (account: string) =>
    account === stack.account
      ? undefined
      : `${account} must be the account of the stack: a delegation covers no other.`;
  const roles = (known(principalArns) ?? []).filter((arn) => roleArn().safeParse(known(arn)).success);
  return [
    ...repositoryMistakes(known(repository), ['repository'], { region: place, accountAdvice }),
    ...misfits(['repository'], repository, repositoryName()),
    ...unknownRegion(known(props.region), ['region'], [...additionalRegions, stack.region]),
    ...misfits(['region'], props.region, region().optional()),
    ...(place === undefined
      ? []
      : partitionMistakes(['region'], place, { principalArns: roles, key: 'principalArns' })),
  ];
}

function secretMistakes(secret: string, stackRegion: string | undefined): Mistake[] {
  const path = ['runpodApiKeySecretName'];
  const misfit = misfits(path, secret, secretId());
  const isArn = misfit.length === 0 && known(secret)?.startsWith('arn:');
  return isArn ? arnMistakes(path, secret, stackRegion) : misfit;
}

/** Returns the value; undefined when it is not known yet. */
function known<Value>(value: Value): Value | undefined {
  return isUnknown(value) ? undefined : value;
}

function isUnknown(value: unknown): boolean {
  return typeof value === 'string' ? isKnownLater(value) : Token.isUnresolved(value);
}

function misfits(path: Path, value: unknown, format: z.ZodType): Mistake[] {
  const issue = isUnknown(value) ? undefined : format.safeParse(value).error?.issues[0];
  return issue ? [{ path, expected: issue.message, found: describeFound(value, path) }] : [];
}
