/** The question of `init` for the registry auth at Runpod that the refresher will overwrite. */

import { RefresherError } from '../../lambda/core/errors';
import { parseImageName } from '../../lambda/core/images';
import type { RunpodSettings, Secret } from '../../lambda/core/model';
import type { RegistryAuth } from '../../lambda/core/runpod/api';
import { RunpodWorkloads, type Workload } from '../../lambda/core/runpod/workloads';
import { registryAuthName } from '../../lib/config/formats';
import { usageError } from '../errors';
import type { Operator } from '../operator';
import type { Output } from '../output';
import { askChoice, askText, askYes, mayAsk } from '../prompts';
import { MAX_IMAGE_CHARACTERS, visibleName } from '../visible';
import type { InitFlags } from './options';
import { holdsImage, type RegistryEntry, registryLabel } from './registry';

/** The values of the options for a new registry auth. No id is empty or has a space. */
const NEW_AUTH = '';
const OTHER_NAME = 'other name';

/** How many workloads are shown for each registry auth. */
const MAX_SHOWN = 3;

/** The registry auth of a target, as the configuration has it. */
export type AuthAnswer = { readonly registryAuthId: string } | { readonly registryAuthName: string };

/** The Runpod account of `init`: its registry auths and its workloads. */
export interface Account {
  readonly auths: readonly RegistryAuth[];
  readonly workloads: readonly Workload[];
  /** Why the workloads could not be listed. @default - they were */
  readonly unlisted?: string;
}

/** Lists endpoints, templates and Pods. A failure is part of the result. */
export async function readAccount(
  operator: Operator,
  output: Output,
  { auths, apiKey, runpod }: { auths: readonly RegistryAuth[]; apiKey: Secret; runpod: RunpodSettings },
): Promise<Account> {
  const client = new RunpodWorkloads(operator.http, runpod.restV2Url);
  const call = { apiKey, deadlineMs: operator.deadlineMs() };
  const kinds = ['endpoint', 'template', 'pod'] as const;
  try {
    const lists = await output.withSpinner('asking Runpod what uses the registry auths', () =>
      Promise.all(kinds.map((kind) => client.workloads(call, kind))),
    );
    return { auths, workloads: lists.flat() };
  } catch (error) {
    if (!(error instanceof RefresherError)) throw error;
    output.line(
      `${output.mark('warning')} Your endpoints, templates and Pods cannot be listed (${error.message}).`,
    );
    output.line('  So it is not known which images use each registry auth.');
    return { auths, workloads: [], unlisted: error.message };
  }
}

/** What `chooseAuth` needs to know. */
export interface AuthContext {
  readonly account: Account;
  readonly registry: RegistryEntry;
  /** The AWS account of the ECR registry. */
  readonly awsAccount: string;
}

/**
 * Finds out the registry auth, from the flags or by a question. One that workloads use with images of another registry
 * is taken only after a second consent, because these workloads could no longer pull.
 *
 * @throws CliError (usage error) when the named id does not exist, or consent is missing
 */
export async function chooseAuth(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  context: AuthContext,
): Promise<AuthAnswer> {
  const given = givenAuth(flags, context.account.auths);
  if (given === undefined) return askSafeAuth(output, flags, context);
  const overwritten = overwrittenForeign(given, flags, context);
  if (overwritten === undefined) return given;
  const { auth, foreign } = overwritten;
  if (mayAsk(operator.options) && (await agreesToOverwrite(auth, foreign, context))) return given;
  throw usageError(
    `${visibleName(auth.name)} (${auth.id}) is used ${inWords(foreign)}. With ${loginOf(context)}, they could no longer pull.`,
    'Name another registry auth, or add --overwrite-auth.',
  );
}

/** Asks until a registry auth is chosen that is safe to overwrite, or that the person agrees to overwrite. */
async function askSafeAuth(output: Output, flags: InitFlags, context: AuthContext): Promise<AuthAnswer> {
  const { auths, unlisted } = context.account;
  showForeign(output, context);
  for (;;) {
    const answer = await askAuth(context);
    const auth = authOf(answer, auths);
    const isUnknown = auth !== undefined && unlisted !== undefined && !flags.overwriteAuth;
    const overwritten =
      overwrittenForeign(answer, flags, context) ?? (isUnknown ? { auth, foreign: [] } : undefined);
    if (overwritten === undefined) return answer;
    if (await agreesToOverwrite(overwritten.auth, overwritten.foreign, context)) return answer;
  }
}

/** Returns the registry auth that an answer names, if workloads use it with images of other registries. */
function overwrittenForeign(
  answer: AuthAnswer,
  { overwriteAuth }: InitFlags,
  context: AuthContext,
): { readonly auth: RegistryAuth; readonly foreign: readonly Workload[] } | undefined {
  const auth = authOf(answer, context.account.auths);
  if (auth === undefined || overwriteAuth) return undefined;
  const foreign = foreignUses(auth, context);
  return foreign.length > 0 ? { auth, foreign } : undefined;
}

function givenAuth({ authId, authName }: InitFlags, auths: readonly RegistryAuth[]): AuthAnswer | undefined {
  if (authName !== undefined) return { registryAuthName: authName };
  if (authId === undefined) return undefined;
  if (auths.some(({ id }) => id === authId)) return { registryAuthId: authId };
  const known = auths.map(({ id, name }) => `${id} (${visibleName(name)})`).join(', ') || 'none';
  throw usageError(`Runpod has no registry auth ${authId}. The account has: ${known}.`);
}

/** Returns the registry auth that would be overwritten; undefined for a new one. */
function authOf(answer: AuthAnswer, auths: readonly RegistryAuth[]): RegistryAuth | undefined {
  return auths.find(({ id, name }) =>
    'registryAuthId' in answer ? id === answer.registryAuthId : name === answer.registryAuthName,
  );
}

/** Returns the workloads that use a registry auth with images of another registry than the target's. */
function foreignUses(auth: RegistryAuth, { account, registry, awsAccount }: AuthContext): Workload[] {
  return account.workloads.filter(
    ({ registryAuthId, image }) =>
      registryAuthId === auth.id && image !== '' && !holdsImage(registry, awsAccount, image),
  );
}

function showForeign(output: Output, context: AuthContext): void {
  for (const auth of context.account.auths) {
    const foreign = foreignUses(auth, context);
    if (foreign.length === 0) continue;
    output.line(
      `${output.mark('warning')} ${visibleName(auth.name)} (${auth.id}) is used with images of other registries:`,
    );
    for (const use of foreign.slice(0, MAX_SHOWN)) output.line(`    ${useInWords(use)}`);
    if (foreign.length > MAX_SHOWN) output.line(`    and ${foreign.length - MAX_SHOWN} more`);
  }
}

async function askAuth(context: AuthContext): Promise<AuthAnswer> {
  const { auths } = context.account;
  const free = freeName(context);
  const chosen =
    auths.length === 0
      ? OTHER_NAME
      : await askChoice('Which registry auth at Runpod should be kept fresh?', [
          ...auths.map((auth) => ({ value: auth.id, label: authLabel(auth, context) })),
          { value: NEW_AUTH, label: `a new one: ${free}` },
          { value: OTHER_NAME, label: 'a new one with another name' },
        ]);
  if (chosen === NEW_AUTH) return { registryAuthName: free };
  if (chosen !== OTHER_NAME) return { registryAuthId: chosen };
  const name = await askText('What is the name of the new registry auth?', free, (answer) =>
    registryAuthName().safeParse(answer.trim()).success ? undefined : 'Enter a name of 1 to 191 characters.',
  );
  return { registryAuthName: name.trim() };
}

/** Returns a name that no registry auth has. */
function freeName({ account, registry }: AuthContext): string {
  const wanted = `${registry.type}-prod`;
  const taken = new Set(account.auths.map(({ name }) => name));
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}-${number}`;
  return name;
}

function authLabel(auth: RegistryAuth, context: AuthContext): string {
  const [first] = foreignUses(auth, context);
  const mark = first && `: in use with ${hostInWords(first.image)}`;
  return `${visibleName(auth.name)} (${auth.id})${mark ?? ''}`;
}

function hostInWords(image: string): string {
  const name = parseImageName(image);
  if (name === undefined) return 'another image';
  return visibleName(name.host ?? 'Docker Hub');
}

function agreesToOverwrite(
  auth: RegistryAuth,
  foreign: readonly Workload[],
  context: AuthContext,
): Promise<boolean> {
  const what = visibleName(auth.name);
  if (foreign.length === 0) {
    return askYes(`It is not known what uses ${what}. Overwrite its login with ${loginOf(context)}?`);
  }
  return askYes(
    `${what} is used ${inWords(foreign)}. With ${loginOf(context)}, they could no longer pull. Overwrite it anyway?`,
  );
}

function loginOf({ registry }: AuthContext): string {
  return `the login of ${registryLabel(registry)}`;
}

function inWords(uses: readonly Workload[]): string {
  const shown = uses.slice(0, MAX_SHOWN).map((use) => `by ${useInWords(use)}`);
  const more = uses.length > MAX_SHOWN ? ` and ${uses.length - MAX_SHOWN} more` : '';
  return `${shown.join(', ')}${more}`;
}

function useInWords({ kind, name, id, image }: Workload): string {
  const what = kind === 'pod' ? 'Pod' : kind;
  const title = name === id ? id : `${visibleName(name)} (${id})`;
  return `${what} ${title} with ${visibleName(image, MAX_IMAGE_CHARACTERS)}`;
}
