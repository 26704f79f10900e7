/** `init`: stores the Runpod key and writes a configuration that can be deployed. */

import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { RunpodSettings } from '../../lambda/core/model';
import { parseConfig } from '../../lib/config/parse';
import { usageError } from '../errors';
import { EXIT } from '../exit-codes';
import { askTarget, checkFlags, RUNPOD_DEFAULTS, type TargetAnswers } from '../init/answers';
import { chooseDestination, writeTo } from '../init/destination';
import { storeKey, takeKey } from '../init/key';
import type { InitFlags } from '../init/options';
import { DEFAULT_FOLDER, type Operator } from '../operator';
import { cdkCommand, commandLine, deployCommand } from '../options';
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
  const text = configText({ answers, secretName, region, runpod });
  parseConfig(text, operator.configLabel);
  await withoutInterruption(() => writeTo(destination, text, () => storeKey(operator, secretName, key)));
  if (key.store !== 'keep') output.line(`${output.mark('ok')} stored the key in ${secretName}`);
  output.line(`${output.mark('ok')} wrote ${operator.configLabel}`);
  output.data({ config: operator.configPath, secret: secretName, key: key.store });
  printNextSteps(operator, output);
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

function urlsOf({ restV2Url, restV1Url, graphqlUrl }: InitFlags): Partial<RunpodSettings> {
  return {
    ...(restV2Url && { restV2Url }),
    ...(restV1Url && { restV1Url }),
    ...(graphqlUrl && { graphqlUrl }),
  };
}

interface ConfigParts {
  readonly answers: TargetAnswers;
  readonly secretName: string;
  readonly region: string;
  readonly runpod: RunpodSettings;
}

function configText({ answers, secretName, region, runpod }: ConfigParts): string {
  const { name, repositories, auth, verifyImage, emails } = answers;
  const defaults = new Map<string, string>(Object.entries(RUNPOD_DEFAULTS));
  const changed = Object.entries(runpod).filter(([key, value]) => defaults.get(key) !== value);
  const config = {
    $schema: './refresher.schema.json',
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

function printNextSteps(operator: Operator, output: Output): void {
  const { options } = operator;
  const inRoot = dirname(operator.configPath) === DEFAULT_FOLDER;
  const where =
    inRoot || options.config ? '' : ` (in ${relative(process.cwd(), join(DEFAULT_FOLDER)) || '.'})`;
  output.line();
  output.line(`Next${where}:`);
  output.line(`  ${cdkCommand('bootstrap', options)}   once per account and region`);
  output.line(`  ${deployCommand(options)}`);
  output.line(`  ${commandLine('doctor', options)}`);
}
