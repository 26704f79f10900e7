/** `init`: stores the Runpod key and writes a configuration that can be deployed. */

import { existsSync } from 'node:fs';
import type { RunpodSettings } from '../../lambda/core/model';
import { parseConfig } from '../../lib/config/parse';
import { findStack } from '../deployment/stack';
import { CliError, usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { askTarget, checkFlags, checkFormats, RUNPOD_DEFAULTS } from '../init/answers';
import { type AppPlan, appFiles, planApp, wantsApp, writeApp } from '../init/app';
import { configText, schemaFor } from '../init/config-file';
import { chooseDestination, writeTo } from '../init/destination';
import { type CheckedKey, hasSecret, storeKey, takeKey } from '../init/key';
import type { InitFlags } from '../init/options';
import { credentialFormat, type RegistryEntry } from '../init/registry';
import { checkStandby, refuseReplica, replicateCommand, replicateSecrets } from '../init/standby';
import { followUp } from '../init/steps';
import type { Operator } from '../operator';
import { awsCommand, commandLine } from '../options';
import type { Output } from '../output';
import { askChoice, mayAsk } from '../prompts';

const DEFAULT_SECRET = 'runpod/api-key';

const NOTHING_WRITTEN = 'Cancelled. Nothing was stored or written.';

/**
 * Asks every question before it stores or writes anything. A person who cancels has changed nothing.
 *
 * @returns the exit code
 */
export async function init(operator: Operator, output: Output, flags: InitFlags): Promise<number> {
  if (flags.storeKey) return storeKeyOnly(operator, output, flags);
  if (operator.options.stack !== undefined) {
    throw usageError('init writes a configuration, and --stack needs none.', 'Leave --stack out.');
  }
  checkFlags(operator.options, flags);
  checkFormats(flags, runpodOf(flags));
  await checkStandby(operator, flags);
  if (flags.authId !== undefined && flags.authName !== undefined) {
    throw usageError('Give --auth-id or --auth-name, not both.');
  }
  const destination = await chooseDestination(operator, flags);
  const wanted = wantsApp(operator, flags);
  const region = await operator.region();
  const { arn } = await output.withSpinner('asking AWS who you are', () => operator.identity());
  output.line(`${output.mark('ok')} ${arn} in ${region}`);
  const secretName = flags.secret ?? DEFAULT_SECRET;
  const runpod = runpodOf(flags);
  const key = await takeKey(operator, output, flags, { secretName, runpod });
  output.line(
    `${output.mark('ok')} Runpod accepts the key${key.store === 'keep' ? ` in ${secretName}` : ''}`,
  );
  const answers = await askTarget(operator, output, flags, { key, runpod });
  const before = await credentialCommands(operator, output, answers.registry);
  const textFor = (withApp: boolean) => {
    const schema = schemaFor(destination.path, withApp);
    const text = configText({ answers, secretName, runpod, schema, standby: flags.standby });
    parseConfig(text, operator.configLabel);
    return text;
  };
  const planned = wanted ? await planApp(operator, flags) : undefined;
  const withApp = await agreeToWrite(operator, output, flags, { text: textFor(wanted !== false), wanted });
  const app = planned ?? (withApp ? await planApp(operator, flags) : undefined);
  const text = textFor(withApp);
  await withoutInterruption(() => writeTo(destination, text, () => storeKey(operator, secretName, key)));
  output.note({ config: operator.configPath, secret: secretName, key: key.store });
  if (key.store !== 'keep') output.line(`${output.mark('ok')} stored the key in ${secretName}`);
  output.line(`${output.mark('ok')} wrote ${operator.configLabel}`);
  if (app) makeApp(output, app);
  const { standby } = flags;
  const left = await replicate(operator, output, flags, { secretName, registry: answers.registry, before });
  const files = app?.files.map(({ path }) => path);
  output.note({ ...(files && { app: files }), ...(standby !== undefined && { standby }) });
  const written = { app: withApp, install: flags.install, before: [...before, ...left], standby };
  const code = await followUp(operator, output, flags, written);
  output.data(output.done);
  if (standby === undefined) output.line(output.colors.dim(STANDBY_HINT));
  return code;
}

const STANDBY_HINT = 'To survive the loss of an AWS region: init --standby REGION (docs/standby.md)';

/**
 * Replicates the secrets to the region of the standby, if one is wanted.
 *
 * @returns the commands that are left for a person
 */
async function replicate(
  operator: Operator,
  output: Output,
  { standby }: InitFlags,
  {
    secretName,
    registry,
    before,
  }: { readonly secretName: string; readonly registry: RegistryEntry; readonly before: readonly string[] },
): Promise<string[]> {
  if (standby === undefined) return [];
  const credential = credentialOf(registry);
  const isStored = before.length === 0;
  const stored = [secretName, ...(credential && isStored ? [credential] : [])];
  const failed = await replicateSecrets(operator, output, stored, standby);
  // A login that is not stored yet cannot be replicated now, so the command is returned.
  return [...(credential && !isStored ? [replicateCommand(operator, credential, standby)] : []), ...failed];
}

/** The secret with the login of a registry. ECR needs none. */
function credentialOf(registry: RegistryEntry): string | undefined {
  return 'credentialSecretName' in registry ? registry.credentialSecretName : undefined;
}

/**
 * Shows the configuration and asks whether to write it, at a terminal and without `--yes`.
 *
 * @param wanted - whether an app is written too; undefined when that is asked in the same question
 * @returns whether an app is written too
 * @throws CliError when the person does not agree
 */
async function agreeToWrite(
  { options, configLabel }: Operator,
  output: Output,
  { yes }: InitFlags,
  { text, wanted }: { readonly text: string; readonly wanted: boolean | undefined },
): Promise<boolean> {
  if (!mayAsk(options) || (yes && wanted !== undefined)) return wanted === true;
  if (!yes) {
    output.line();
    for (const line of text.trimEnd().split('\n')) output.line(line);
    output.line();
  }
  const answer = await askChoice(`Write ${configLabel}?`, [
    ...(wanted === undefined ? [{ value: 'app', label: `yes, and a minimal CDK app (${appFiles()})` }] : []),
    { value: 'yes', label: wanted === undefined ? 'yes, only this file' : 'yes' },
    { value: 'no', label: 'no: store and write nothing' },
  ]);
  if (answer === 'no') throw new CliError(NOTHING_WRITTEN, { exitCode: EXIT.interrupted });
  return wanted ?? answer === 'app';
}

/** Returns the commands that store the login of another registry, when there is no such secret yet. */
async function credentialCommands(
  operator: Operator,
  output: Output,
  registry: RegistryEntry,
): Promise<string[]> {
  const name = credentialOf(registry);
  if (name === undefined) return [];
  const { type } = registry;
  if (await hasSecret(operator, name)) return [];
  output.line(
    `${output.mark('warning')} There is no secret ${name} yet. It must hold ${credentialFormat(type)}.`,
  );
  const command = `secretsmanager create-secret --name ${name} --secret-string file://FILE`;
  return [awsCommand(command, operator.options)];
}

async function storeKeyOnly(operator: Operator, output: Output, flags: InitFlags): Promise<number> {
  if (flags.standby !== undefined) {
    throw usageError('--standby belongs to the questions of init.', 'Leave --standby or --store-key out.');
  }
  checkFormats(flags, runpodOf(flags));
  const present = await presentKey(operator);
  if (present) await refuseReplica(operator);
  const secretName = flags.secret ?? present?.secretName ?? DEFAULT_SECRET;
  const runpod = { ...(present?.runpod ?? RUNPOD_DEFAULTS), ...urlsOf(flags) };
  const key = await takeKey(operator, output, flags, { secretName, runpod });
  await withoutInterruption(() => storeKey(operator, secretName, key));
  const replica = present && (await operator.otherPlace())?.region;
  output.data({ secret: secretName, key: key.store, ...(replica && { replica }) });
  output.line(
    key.store === 'keep'
      ? `${output.mark('ok')} ${secretName} is unchanged, and Runpod accepts its key`
      : `${output.mark('ok')} stored the key in ${secretName}, and Runpod accepts it`,
  );
  if (key.store === 'keep') return EXIT.ok;
  if (replica) output.line(`Secrets Manager updates the replica in ${replica} by itself.`);
  const isDeployed = present !== undefined && !output.json && (await isStackDeployed(operator));
  if (isDeployed) output.line(nextStep(operator, key));
  return EXIT.ok;
}

/** Says what happens after a key was stored. EventBridge's rule waits for changes of a secret, not for a new one. */
function nextStep({ options }: Operator, { store }: CheckedKey): string {
  return store === 'replace'
    ? `The changed secret starts a run by itself. To see it: ${commandLine('status', options)}`
    : `To refresh with it now: ${commandLine('refresh', options)}`;
}

/** Whether there is a stack. Where that cannot be read, the answer is no. */
async function isStackDeployed(operator: Operator): Promise<boolean> {
  try {
    return (await findStack(operator)) !== undefined;
  } catch {
    return false;
  }
}

/** Returns where the key is used now; undefined when nothing is configured yet. */
async function presentKey(
  operator: Operator,
): Promise<{ readonly secretName: string | undefined; readonly runpod: RunpodSettings } | undefined> {
  const deployed = await operator.deployed();
  if (deployed) {
    const { targets, runpod } = deployed.settings;
    return { secretName: targets[0]?.runpodApiKeySecretName, runpod };
  }
  if (!existsSync(operator.configPath)) return undefined;
  const { runpodApiKeySecretName: secretName, runpod } = operator.config();
  return { secretName, runpod };
}

function runpodOf(flags: InitFlags): RunpodSettings {
  return { ...RUNPOD_DEFAULTS, ...urlsOf(flags) };
}

/** In a demo the environment names the addresses, so that no key is sent to Runpod. */
function urlsOf(flags: InitFlags): Partial<RunpodSettings> {
  const { env } = process;
  const {
    restV2Url = env.RUNPOD_REST_V2_URL,
    restV1Url = env.RUNPOD_REST_V1_URL,
    graphqlUrl = env.RUNPOD_GRAPHQL_URL,
  } = flags;
  return {
    ...(restV2Url && { restV2Url }),
    ...(restV1Url && { restV1Url }),
    ...(graphqlUrl && { graphqlUrl }),
  };
}

function makeApp(output: Output, app: AppPlan): void {
  writeApp(app);
  for (const { label, replaces } of app.files) {
    output.line(`${output.mark('ok')} ${replaces ? 'changed' : 'wrote'} ${label}`);
  }
}

/** Ignores Ctrl-C while `action` runs: it takes two short steps, and must not stop between them. */
async function withoutInterruption(action: () => Promise<void>): Promise<void> {
  const listeners = process.rawListeners('SIGINT');
  const ignore = () => undefined;
  process.removeAllListeners('SIGINT').on('SIGINT', ignore);
  try {
    await action();
  } finally {
    process.off('SIGINT', ignore);
    for (const listener of listeners) process.on('SIGINT', () => Reflect.apply(listener, process, []));
  }
}
