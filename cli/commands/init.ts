/** `init`: stores the Runpod key and writes a configuration that can be deployed. */

import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { RunpodSettings } from '../../lambda/core/model';
import { parseConfig } from '../../lib/config/parse';
import { name as PACKAGE_NAME } from '../../package.json';
import { usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { askTarget, checkFlags, RUNPOD_DEFAULTS, type TargetAnswers } from '../init/answers';
import { type AppPlan, installPackages, planApp, writeApp } from '../init/app';
import { chooseDestination, writeTo } from '../init/destination';
import { storeKey, takeKey } from '../init/key';
import type { InitFlags } from '../init/options';
import { CLONE_ROOT } from '../installation';
import type { Operator } from '../operator';
import { cdkCommand, commandLine, deployCommand, type GlobalOptions } from '../options';
import type { Output } from '../output';

const DEFAULT_SECRET = 'runpod/api-key';

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
  if (flags.authId !== undefined && flags.authName !== undefined) {
    throw usageError('Give --auth-id or --auth-name, not both.');
  }
  const destination = await chooseDestination(operator, flags);
  const region = await operator.region();
  const { arn } = await output.withSpinner('asking AWS who you are', () => operator.identity());
  output.line(`${output.mark('ok')} ${arn} in ${region}`);
  const secretName = flags.secret ?? DEFAULT_SECRET;
  const runpod = runpodOf(flags);
  const key = await takeKey(operator, output, flags, { secretName, runpod });
  output.line(
    `${output.mark('ok')} Runpod accepts the key${key.store === 'keep' ? ` in ${secretName}` : ''}`,
  );
  const answers = await askTarget(operator, output, flags, key.auths);
  const app = await planApp(operator, flags);
  const text = configText({ answers, secretName, region, runpod, schema: schemaFor(operator.configPath) });
  parseConfig(text, operator.configLabel);
  await withoutInterruption(() => writeTo(destination, text, () => storeKey(operator, secretName, key)));
  if (key.store !== 'keep') output.line(`${output.mark('ok')} stored the key in ${secretName}`);
  output.line(`${output.mark('ok')} wrote ${operator.configLabel}`);
  if (app) await makeApp(output, app);
  const files = app?.files.map(({ path }) => path);
  output.data({
    config: operator.configPath,
    secret: secretName,
    key: key.store,
    ...(files && { app: files }),
  });
  printNextSteps(operator, output, app);
  return EXIT.ok;
}

async function storeKeyOnly(operator: Operator, output: Output, flags: InitFlags): Promise<number> {
  const present = await presentKey(operator);
  const secretName = flags.secret ?? present?.secretName ?? DEFAULT_SECRET;
  const runpod = { ...(present?.runpod ?? RUNPOD_DEFAULTS), ...urlsOf(flags) };
  const key = await takeKey(operator, output, flags, { secretName, runpod });
  await withoutInterruption(() => storeKey(operator, secretName, key));
  output.data({ secret: secretName, key: key.store });
  output.line(
    key.store === 'keep'
      ? `${output.mark('ok')} ${secretName} is unchanged, and Runpod accepts its key`
      : `${output.mark('ok')} stored the key in ${secretName}, and Runpod accepts it`,
  );
  return EXIT.ok;
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

async function makeApp(output: Output, app: AppPlan): Promise<void> {
  writeApp(app);
  for (const { label, replaces } of app.files) {
    output.line(`${output.mark('ok')} ${replaces ? 'changed' : 'wrote'} ${label}`);
  }
  if (!app.install) return;
  output.line(`${output.colors.dim('running')} npm install`);
  await installPackages(app);
}

/** The schema in a clone, from its root. */
const SCHEMA = './refresher.schema.json';

/** Returns where an editor finds the schema, from the folder of the configuration file. */
function schemaFor(configPath: string): string {
  if (CLONE_ROOT !== undefined) return SCHEMA;
  const inPackage = join('node_modules', PACKAGE_NAME, SCHEMA);
  const folder = dirname(configPath);
  // A workspace installs packages in a folder above.
  for (let above = folder; above !== dirname(above); above = dirname(above)) {
    if (existsSync(join(above, inPackage))) return asUrl(relative(folder, join(above, inPackage)));
  }
  return asUrl(inPackage);
}

function asUrl(path: string): string {
  const text = path.replaceAll('\\', '/');
  return text.startsWith('.') ? text : `./${text}`;
}

interface ConfigParts {
  readonly schema: string;
  readonly answers: TargetAnswers;
  readonly secretName: string;
  readonly region: string;
  readonly runpod: RunpodSettings;
}

function configText({ answers, secretName, region, runpod, schema }: ConfigParts): string {
  const { name, repositories, auth, verifyImage, emails } = answers;
  const defaults = new Map<string, string>(Object.entries(RUNPOD_DEFAULTS));
  const changed = Object.entries(runpod).filter(([key, value]) => defaults.get(key) !== value);
  const config = {
    $schema: schema,
    runpodApiKeySecretName: secretName,
    targets: [
      {
        name,
        ...auth,
        registry: { type: 'ecr', region, repositories },
        ...(verifyImage && { verifyImage }),
      },
    ],
    alarms: { emails },
    ...(changed.length > 0 && { runpod: Object.fromEntries(changed) }),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
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

function printNextSteps(operator: Operator, output: Output, app: AppPlan | undefined): void {
  const { options, configPath } = operator;
  const folder = dirname(configPath);
  output.line();
  if (CLONE_ROOT === undefined && app === undefined && !existsSync(join(folder, 'cdk.json'))) {
    output.line(
      `Next: in a CDK app, RefresherStack.fromFile(app, '${basename(configPath)}') of ${PACKAGE_NAME}.`,
    );
    output.line(`To write such an app here: ${commandLine('init --app', options)}`);
    return;
  }
  output.line(`Next${whereToGo(options, CLONE_ROOT ?? folder)}:`);
  if (app && !app.install) output.line('  npm install');
  output.line(`  ${cdkCommand('bootstrap', options)}   once per account and region`);
  output.line(`  ${deployCommand(options)}`);
  output.line(`  ${commandLine('doctor', options)}`);
}

/** Names the folder of the app, unless the person is there. In a clone, `-c config=PATH` works from any folder. */
function whereToGo({ config }: GlobalOptions, folder: string): string {
  if (folder === process.cwd() || (CLONE_ROOT !== undefined && config)) return '';
  return ` (in ${relative(process.cwd(), folder)})`;
}
