/** The answers that `init` needs, from flags or from questions at the terminal. */

import type { RunpodSettings } from '../../lambda/core/model';
import {
  apiUrl,
  email,
  imageReference,
  location,
  pageUrl,
  registryAuthName,
  registryUrl,
  repositoryName,
  secretId,
  targetName,
} from '../../lib/config/formats';
import { describeFound } from '../../lib/config/mistakes';
import { configSchema } from '../../lib/config/schema';
import { usageError } from '../errors';
import type { Operator } from '../operator';
import type { GlobalOptions } from '../options';
import type { Output } from '../output';
import { askText, mayAsk } from '../prompts';
import { type AuthAnswer, chooseAuth, readAccount } from './auths';
import { chooseImage } from './image';
import type { CheckedKey } from './key';
import type { InitFlags } from './options';
import { askRegistry, checkRegistryFlags, missingRegistryFlags, type RegistryEntry } from './registry';

const { delegationPrincipalArns: _, ...apis } = configSchema.shape.runpod.parse({});

/** The configuration's defaults for Runpod's APIs. */
export const RUNPOD_DEFAULTS: RunpodSettings = apis;

const EMAIL = email();

function isEmail(text: string): boolean {
  return EMAIL.safeParse(text).success;
}

/** The settings of one target, and who is paged. */
export interface TargetAnswers {
  readonly name: string;
  readonly registry: RegistryEntry;
  readonly auth: AuthAnswer;
  readonly verifyImage?: string;
  readonly emails: readonly string[];
  readonly runbookUrl?: string;
}

/** The formats of flags, as the configuration file has them. */
const FORMATS = {
  '--secret': secretId(),
  '--target-name': targetName(),
  '--repository': repositoryName(),
  '--credential-secret': secretId(),
  '--location': location(),
  '--registry-url': registryUrl(),
  '--image': imageReference(),
  '--auth-name': registryAuthName(),
  '--rest-v2-url': apiUrl(),
  '--rest-v1-url': apiUrl(),
  '--graphql-url': apiUrl(),
};

/**
 * Checks the values of the flags. It comes before anything is asked, and before the key is sent to an address.
 *
 * @param runpod - Runpod's addresses, which the environment can name too
 * @throws CliError (usage error)
 */
export function checkFormats(flags: InitFlags, runpod: RunpodSettings): void {
  const values: Readonly<Record<keyof typeof FORMATS, unknown>> = {
    '--secret': flags.secret,
    '--target-name': flags.targetName,
    '--repository': flags.repository,
    '--credential-secret': flags.credentialSecret,
    '--location': flags.location,
    '--registry-url': flags.registryUrl,
    // An empty one means none, as --no-image does.
    '--image': flags.image || undefined,
    '--auth-name': flags.authName,
    '--rest-v2-url': runpod.restV2Url,
    '--rest-v1-url': runpod.restV1Url,
    '--graphql-url': runpod.graphqlUrl,
  };
  for (const [flag, format] of Object.entries(FORMATS)) {
    for (const value of [values[flag as keyof typeof FORMATS]].flat()) {
      const issue = value === undefined ? undefined : format.safeParse(value).error?.issues[0];
      if (issue)
        throw usageError(`${flag}: expected ${issue.message}; found ${describeFound(value, [flag])}.`);
    }
  }
}

/** Checks the flags. @throws CliError (usage error) for a wrong address, or without a terminal for missing flags */
export function checkFlags(options: GlobalOptions, flags: InitFlags): void {
  const invalid = flags.email?.find((address) => !isEmail(address));
  if (invalid !== undefined) {
    throw usageError(`--email: expected an address such as oncall@example.com, found "${invalid}".`);
  }
  if (flags.runbookUrl !== undefined && !pageUrl().safeParse(flags.runbookUrl).success) {
    throw usageError(`--runbook-url: expected an https: address, found "${flags.runbookUrl}".`);
  }
  checkRegistryFlags(flags);
  if (mayAsk(options)) return;
  const missing = [
    ...missingRegistryFlags(flags),
    ...(flags.authId || flags.authName ? [] : ['--auth-id or --auth-name']),
  ];
  if (missing.length > 0) {
    const why = options.json ? 'With --json nothing is asked' : 'This is not a terminal';
    const key = flags.keyStdin ? [] : ['--key-stdin (unless the key is stored)'];
    throw usageError(`${why}, so these flags are needed: ${[...missing, ...key].join(', ')}.`);
  }
}

/**
 * Asks for everything that no flag has answered.
 *
 * @param key - the checked key, with the registry auths that exist at Runpod
 * @throws CliError (usage error) when the named registry auth or repository does not exist, or may not be overwritten
 */
export async function askTarget(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  { key, runpod }: { readonly key: CheckedKey; readonly runpod: RunpodSettings },
): Promise<TargetAnswers> {
  const registry = await askRegistry(operator, output, flags);
  const account = await readAccount(operator, output, { auths: key.auths, apiKey: key.apiKey, runpod });
  const awsAccount = (await operator.identity()).account;
  const auth = await chooseAuth(operator, output, flags, { account, registry, awsAccount });
  const { workloads } = account;
  const verifyImage = await chooseImage(operator, output, flags, { registry, awsAccount, workloads });
  const emails = flags.email ?? (await askEmails(operator.options));
  if (emails.length === 0) {
    output.line(
      `${output.mark('warning')} Nobody is notified when a refresh fails. To change that, put addresses into alarms.emails.`,
    );
  }
  return {
    name: flags.targetName ?? 'prod',
    registry,
    auth,
    ...(verifyImage !== undefined && { verifyImage }),
    emails,
    ...(flags.runbookUrl !== undefined && { runbookUrl: flags.runbookUrl }),
  };
}

async function askEmails(options: GlobalOptions): Promise<string[]> {
  if (!mayAsk(options)) return [];
  const question =
    'Who is paged when a refresh fails? Enter e-mail addresses, or nothing: then nobody is notified';
  const text = await askText(question, '', (answer) =>
    splitEmails(answer).every(isEmail)
      ? undefined
      : 'Enter addresses such as oncall@example.com, separated by commas.',
  );
  return splitEmails(text);
}

function splitEmails(text: string): string[] {
  return text.split(/[\s,;]+/).filter((email) => email !== '');
}
