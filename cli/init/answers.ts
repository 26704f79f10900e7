/** The answers that `init` needs, from flags or from questions at the terminal. */

import { DescribeRepositoriesCommand, ECRClient } from '@aws-sdk/client-ecr';
import type { RunpodSettings } from '../../lambda/core/model';
import type { RegistryAuth } from '../../lambda/core/runpod/api';
import { email } from '../../lib/config/formats';
import { configSchema } from '../../lib/config/schema';
import { usageError } from '../errors';
import type { Operator } from '../operator';
import type { GlobalOptions } from '../options';
import type { Output } from '../output';
import { askChoice, askChoices, askText, mayAsk } from '../prompts';
import { visibleName } from '../visible';
import type { InitFlags } from './options';

const { delegationPrincipalArns: _, ...apis } = configSchema.shape.runpod.parse({});

/** The configuration's defaults for Runpod's APIs. */
export const RUNPOD_DEFAULTS: RunpodSettings = apis;

const EMAIL = email();

function isEmail(text: string): boolean {
  return EMAIL.safeParse(text).success;
}

/** The value of the option "a new one". No id is empty. */
const NEW_AUTH = '';

/** The settings of one target, and who is paged. */
export interface TargetAnswers {
  readonly name: string;
  readonly repositories: readonly string[];
  readonly auth: { readonly registryAuthId: string } | { readonly registryAuthName: string };
  readonly verifyImage?: string;
  readonly emails: readonly string[];
}

/** Checks the flags. @throws CliError (usage error) for a wrong address, or without a terminal for missing flags */
export function checkFlags(options: GlobalOptions, flags: InitFlags): void {
  const invalid = flags.email?.find((address) => !isEmail(address));
  if (invalid !== undefined) {
    throw usageError(`--email: expected an address such as oncall@example.com, found "${invalid}".`);
  }
  if (mayAsk(options)) return;
  const missing = [
    ...(flags.repository ? [] : ['--repository']),
    ...(flags.authId || flags.authName ? [] : ['--auth-id or --auth-name']),
  ];
  if (missing.length > 0) {
    const why = options.json ? 'With --json nothing is asked' : 'This is not a terminal';
    throw usageError(`${why}, so these flags are needed: ${missing.join(', ')}.`);
  }
}

/**
 * Asks for everything that no flag has answered.
 *
 * @param auths - the registry auths that exist at Runpod
 * @throws CliError (usage error) when the named registry auth does not exist, or there is no repository to choose
 */
export async function askTarget(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  auths: readonly RegistryAuth[],
): Promise<TargetAnswers> {
  const repositories = flags.repository ?? (await askRepositories(operator, output));
  const auth = await askAuth(flags, auths);
  const emails = flags.email ?? (await askEmails(operator.options));
  return {
    name: flags.targetName ?? 'prod',
    repositories,
    auth,
    ...(flags.image && { verifyImage: flags.image }),
    emails,
  };
}

async function askRepositories(operator: Operator, output: Output): Promise<string[]> {
  const names = await output.withSpinner('listing your ECR repositories', () => listRepositories(operator));
  if (names.length === 0) {
    throw usageError(
      `There is no ECR repository in ${await operator.region()}.`,
      'Create one, or name another region with --region.',
    );
  }
  return askChoices(
    'Which ECR repositories may Runpod pull? (type to search, Tab to choose)',
    names.map((name) => ({ value: name, label: name })),
  );
}

async function listRepositories(operator: Operator): Promise<string[]> {
  const names: string[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await operator
      .client(ECRClient)
      .send(new DescribeRepositoriesCommand({ ...(nextToken && { nextToken }) }));
    names.push(...(answer.repositories ?? []).flatMap(({ repositoryName }) => repositoryName ?? []));
    nextToken = answer.nextToken;
  } while (nextToken !== undefined);
  return names.sort();
}

async function askAuth(flags: InitFlags, auths: readonly RegistryAuth[]): Promise<TargetAnswers['auth']> {
  const { authId, authName } = flags;
  if (authId !== undefined) {
    if (auths.some(({ id }) => id === authId)) return { registryAuthId: authId };
    const known = auths.map(({ id, name }) => `${id} (${visibleName(name)})`).join(', ') || 'none';
    throw usageError(`Runpod has no registry auth ${authId}. The account has: ${known}.`);
  }
  if (authName !== undefined) return { registryAuthName: authName };
  const chosen =
    auths.length === 0
      ? NEW_AUTH
      : await askChoice('Which registry auth at Runpod should be kept fresh?', [
          ...auths.map(({ id, name }) => ({ value: id, label: `${visibleName(name)} (${id})` })),
          { value: NEW_AUTH, label: 'a new one' },
        ]);
  if (chosen !== NEW_AUTH) return { registryAuthId: chosen };
  const name = await askText('What is the name of the new registry auth?', 'ecr-prod', (answer) =>
    answer.trim() ? undefined : 'Enter a name.',
  );
  return { registryAuthName: name.trim() };
}

async function askEmails(options: GlobalOptions): Promise<string[]> {
  if (!mayAsk(options)) return [];
  const text = await askText('Who is paged? Enter e-mail addresses, or nothing for now', '', (answer) =>
    splitEmails(answer).every(isEmail)
      ? undefined
      : 'Enter addresses such as oncall@example.com, separated by commas.',
  );
  return splitEmails(text);
}

function splitEmails(text: string): string[] {
  return text.split(/[\s,;]+/).filter((email) => email !== '');
}
