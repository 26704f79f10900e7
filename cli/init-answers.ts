/** What `init` asks, by flag or at the terminal. */

import { DescribeRepositoriesCommand } from '@aws-sdk/client-ecr';
import type { RunpodSettings } from '../lambda/core/model';
import type { RegistryAuth } from '../lambda/core/runpod/api';
import { wrongUse } from './errors';
import type { InitFlags } from './init-options';
import type { Operator } from './operator';
import type { Output } from './output';
import { askChoice, askChoices, askText, isInteractive } from './prompts';

/** Where Runpod's APIs are unless a flag says otherwise; the same as the configuration's defaults. */
export const RUNPOD: RunpodSettings = {
  api: 'auto',
  restV2Url: 'https://api.runpod.io/v2',
  restV1Url: 'https://rest.runpod.io/v1',
  graphqlUrl: 'https://api.runpod.io/graphql',
};

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;

/** The answer that makes a new registry auth: no id looks like it. */
const NEW_AUTH = '';

/** Repositories, registry auth, name and pages of one target. */
export interface TargetAnswers {
  readonly name: string;
  readonly repositories: readonly string[];
  readonly auth: { readonly registryAuthId: string } | { readonly registryAuthName: string };
  readonly verifyImage?: string;
  readonly emails: readonly string[];
}

/** @throws CliError (wrong use) naming every flag that is missing where nobody can be asked */
export function requireFlags(flags: InitFlags): void {
  const strange = flags.email?.find((email) => !EMAIL.test(email));
  if (strange !== undefined) {
    throw wrongUse(`--email: expected an address such as oncall@example.com, found "${strange}".`);
  }
  if (isInteractive()) return;
  const missing = [
    ...(flags.repository ? [] : ['--repository']),
    ...(flags.authId || flags.authName ? [] : ['--auth-id or --auth-name']),
  ];
  if (missing.length > 0) {
    throw wrongUse(`Nobody can be asked here (not a terminal), so these are needed: ${missing.join(', ')}.`);
  }
}

/** Asks for everything that no flag has answered. */
export async function askTarget(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  auths: readonly RegistryAuth[],
): Promise<TargetAnswers> {
  const repositories = flags.repository ?? (await askRepositories(operator, output));
  const auth = await askAuth(flags, auths);
  const emails = flags.email ?? (await askEmails());
  return {
    name: flags.targetName ?? 'prod',
    repositories,
    auth,
    ...(flags.image && { verifyImage: flags.image }),
    emails,
  };
}

async function askRepositories(operator: Operator, output: Output): Promise<string[]> {
  const names = await output.during('looking at your ECR repositories', () => listRepositories(operator));
  if (names.length === 0) {
    throw wrongUse(
      `There is no ECR repository in ${await operator.region()}. Make one, or name another region with --region.`,
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
      .ecr()
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
    const known = auths.map(({ id, name }) => `${id} (${name})`).join(', ') || 'none';
    throw wrongUse(`Runpod has no registry auth ${authId}. There are: ${known}.`);
  }
  if (authName !== undefined) return { registryAuthName: authName };
  const chosen =
    auths.length === 0
      ? NEW_AUTH
      : await askChoice('Which registry auth at Runpod is to be kept fresh?', [
          ...auths.map(({ id, name }) => ({ value: id, label: `${name} (${id})` })),
          { value: NEW_AUTH, label: 'a new one' },
        ]);
  if (chosen !== NEW_AUTH) return { registryAuthId: chosen };
  const name = await askText('What is the new registry auth to be called?', 'ecr-prod', (answer) =>
    answer.trim() ? undefined : 'It needs a name.',
  );
  return { registryAuthName: name.trim() };
}

async function askEmails(): Promise<string[]> {
  if (!isInteractive()) return [];
  const text = await askText('Who is paged? E-mail addresses, or nothing for now', '', (answer) =>
    splitEmails(answer).every((email) => EMAIL.test(email))
      ? undefined
      : 'Addresses such as oncall@example.com, with commas between them.',
  );
  return splitEmails(text);
}

function splitEmails(text: string): string[] {
  return text.split(/[\s,;]+/).filter((email) => email !== '');
}
