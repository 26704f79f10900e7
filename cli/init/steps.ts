/** The commands that follow `init`: npm install, cdk bootstrap, cdk deploy and doctor. `init` offers to run them. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { name as PACKAGE_NAME } from '../../package.json';
import { hasBootstrap } from '../deployment/stack';
import { CliError, isOwnError } from '../errors';
import { EXIT } from '../exit-codes';
import { CLONE_ROOT, DEMO_VARIABLES } from '../installation';
import { whileInterruptible } from '../interrupts';
import type { Operator } from '../operator';
import { cdkCommand, commandLine, deployCommand, type GlobalOptions } from '../options';
import type { Output } from '../output';
import { askWhich, mayAsk } from '../prompts';
import type { InitFlags } from './options';

/** A command that follows `init`. */
interface Step {
  readonly name: 'install' | 'bootstrap' | 'deploy' | 'doctor';
  /** The command as a person types it. */
  readonly command: string;
  /** Remark after the command in a list. @default - none */
  readonly note?: string;
  readonly program: 'npm' | 'npx';
  readonly args: readonly string[];
}

/** What was written, for `followUp`. */
export interface Written {
  /** Whether `init` wrote an app. */
  readonly app: boolean;
  /** Whether `npm install` is wanted; undefined when nobody has said. */
  readonly install: boolean | undefined;
  /** Commands that a person must run first. @default - none */
  readonly before: readonly string[];
  /** Region of the standby. */
  readonly standby: string | undefined;
}

const CANCELLED = 'Cancelled. What was stored and written stays, and nothing was run.';

const NOT_INSTALLED = 'Nothing was run, because the packages of the app are not installed.';

/**
 * Offers to run what comes next, runs what is wanted, and shows the commands that are left.
 *
 * @returns the exit code: that of `doctor` when it ran
 * @throws CliError when a command fails, after the commands that are left have been shown
 */
export async function followUp(
  operator: Operator,
  output: Output,
  flags: InitFlags,
  written: Written,
): Promise<number> {
  const folder = process.env[DEMO_VARIABLES.folder] ?? CLONE_ROOT ?? dirname(operator.configPath);
  const isForeignApp = CLONE_ROOT === undefined && !written.app;
  if (isForeignApp && !showConstruct(operator, output, folder)) return EXIT.ok;
  // An app that init did not write may have other stacks, and the refresher may not be in it yet.
  const asks = flags.deploy === undefined && !isForeignApp && mayAsk(operator.options);
  const isBootstrapped =
    (asks || flags.deploy === true) &&
    (await output.withSpinner('looking for the CDK bootstrap', () => areBootstrapped(operator, written)));
  const environments = await environmentsOf(operator, written);
  const steps = stepsOf(operator, { folder, isBootstrapped, installs: written.app, environments });
  const left = new Set(steps);
  const showLeft = () => {
    if (left.size > 0) showSteps(output, folder, [...left], written.before);
  };
  try {
    const wanted = asks
      ? await ask(steps, written)
      : steps.filter(({ name }) => isWanted(name, flags, written));
    if (wanted.length > 0 && !canRun(wanted, folder, written)) {
      if (!asks) throw new CliError(NOT_INSTALLED, { fix: 'Run npm install first.' });
      output.line(`${output.mark('warning')} ${NOT_INSTALLED}`);
      wanted.length = 0;
    }
    const code = await runSteps(output, folder, wanted, left);
    showLeft();
    return code;
  } catch (error) {
    if (isOwnError(error)) showLeft();
    throw error;
  }
}

/** Whether the regions are bootstrapped. */
async function areBootstrapped(operator: Operator, { standby }: Written): Promise<boolean> {
  const regions = [undefined, ...(standby === undefined ? [] : [standby])];
  const all = await Promise.all(regions.map((region) => hasBootstrap(operator, region)));
  return all.every((one) => one);
}

/** Returns the environments to bootstrap, as the CDK names them. One region needs no name. */
async function environmentsOf(operator: Operator, { standby }: Written): Promise<string[]> {
  if (standby === undefined) return [];
  const { account } = await operator.identity();
  return [await operator.region(), standby].map((region) => `aws://${account}/${region}`);
}

/** Says what to add to an app that `init` did not write. @returns whether there is an app */
function showConstruct({ options, configPath }: Operator, output: Output, folder: string): boolean {
  const construct = `RefresherStack.fromFile(app, '${basename(configPath)}') of ${PACKAGE_NAME}`;
  output.line();
  if (existsSync(join(folder, 'cdk.json'))) {
    output.line(`If your app does not have it yet, add ${construct}.`);
    return true;
  }
  output.line(`Next: in a CDK app, ${construct}.`);
  output.line(`To write such an app here: ${commandLine('init --app', options)}`);
  return false;
}

/** Whether the packages of a new app are installed, or the first step installs them. Without them nothing can run. */
function canRun(steps: readonly Step[], folder: string, { app }: Written): boolean {
  return !app || steps[0]?.name === 'install' || existsSync(join(folder, 'node_modules', 'aws-cdk'));
}

/** Runs steps one after the other, and removes each from `left`. @returns the exit code of the last one */
async function runSteps(
  output: Output,
  folder: string,
  steps: readonly Step[],
  left: Set<Step>,
): Promise<number> {
  let code: number = EXIT.ok;
  for (const step of steps) {
    code = await runStep(output, folder, step);
    left.delete(step);
  }
  return code;
}

/** Asks which commands to run. A flag may already have decided about `npm install`. */
async function ask(steps: readonly Step[], { install, before }: Written): Promise<Step[]> {
  const open = steps.filter(({ name }) => name !== 'install' || install === undefined);
  const isReady = before.length === 0;
  const names = await askWhich(
    'Run these now?',
    open.map(({ name, command, note }) => ({ value: name, label: note ? `${command} (${note})` : command })),
    {
      chosen: open.map(({ name }) => name).filter((name) => isReady || name === 'install'),
      cancelled: CANCELLED,
    },
  );
  return steps.filter(({ name }) => names.includes(name) || (name === 'install' && install));
}

/** A deployment needs the packages of a new app, so `--deploy` includes `npm install` unless `--no-install` is given. */
function isWanted(name: Step['name'], { deploy = false }: InitFlags, { install }: Written): boolean {
  return name === 'install' ? (install ?? deploy) : deploy;
}

interface StepsContext {
  /** The folder in which the commands run. */
  readonly folder: string;
  readonly isBootstrapped: boolean;
  readonly installs: boolean;
  /** The environments of the two regions. Empty without a standby. */
  readonly environments: readonly string[];
}

function stepsOf(
  { options, configPath }: Operator,
  { folder, isBootstrapped, installs, environments }: StepsContext,
): Step[] {
  // The commands run in the folder of the app, where a relative path would lead elsewhere.
  const own: GlobalOptions =
    options.config === undefined || folder === process.cwd() ? options : { ...options, config: configPath };
  const { config, profile, region } = own;
  const cdkArgs = [
    ...(profile ? ['--profile', profile] : []),
    ...(config && CLONE_ROOT !== undefined ? ['-c', `config=${config}`] : []),
  ];
  const doctorArgs = [
    ...(profile ? ['--profile', profile] : []),
    ...(region ? ['--region', region] : []),
    ...(config ? ['--config', config] : []),
  ];
  const all = environments.length > 0 ? ['--all'] : [];
  const steps: Step[] = [
    { name: 'install', command: 'npm install', program: 'npm', args: ['install'] },
    {
      name: 'bootstrap',
      command: cdkCommand('bootstrap', own, environments),
      note: 'once per account and region',
      program: 'npx',
      args: ['cdk', 'bootstrap', ...environments, ...cdkArgs],
    },
    {
      name: 'deploy',
      command: deployCommand(own, all),
      program: 'npx',
      args: ['cdk', 'deploy', ...all, ...cdkArgs],
    },
    {
      name: 'doctor',
      command: commandLine('doctor', own),
      program: 'npx',
      args: ['runpod-ecr', 'doctor', ...doctorArgs],
    },
  ];
  const needless = [...(installs ? [] : ['install']), ...(isBootstrapped ? ['bootstrap'] : [])];
  return steps.filter(({ name }) => !needless.includes(name));
}

/**
 * Runs a command at the person's terminal. With `--json`, and for npm, what it prints goes to standard error.
 *
 * @returns the exit code of `doctor`; another command that fails throws
 */
async function runStep(output: Output, folder: string, step: Step): Promise<number> {
  const { name, command, program, args } = step;
  output.line();
  output.line(`${output.colors.dim('running')} ${command}`);
  const onWindows = process.platform === 'win32';
  const quiet = output.json || name === 'install';
  const child = spawn(
    program,
    onWindows ? args.map((word) => (/\s/.test(word) ? `"${word}"` : word)) : args,
    {
      cwd: folder,
      stdio: quiet ? ['ignore', process.stderr, process.stderr] : 'inherit',
      // On Windows npm and npx are scripts.
      shell: onWindows,
    },
  );
  // Ctrl-C at a terminal reaches the command by itself.
  let interrupted = false;
  const onInterrupt = () => {
    interrupted = true;
  };
  const outcome = await whileInterruptible(
    onInterrupt,
    () =>
      new Promise<{ code: number; why: string }>((resolve) => {
        child.once('error', ({ message }) => resolve({ code: EXIT.broken, why: message }));
        child.once('close', (code, signal) =>
          resolve(
            signal
              ? { code: 128 + constants.signals[signal], why: `ended by ${signal}` }
              : { code: code ?? EXIT.broken, why: `exit code ${code}` },
          ),
        );
      }),
  );
  if (interrupted || outcome.code === EXIT.interrupted) {
    throw new CliError(`${command} was interrupted. What was stored and written stays.`, {
      exitCode: EXIT.interrupted,
    });
  }
  if (outcome.code !== 0 && name !== 'doctor') {
    throw new CliError(`${command} failed (${outcome.why}). What was stored and written stays.`, {
      fix: 'Correct what it says, then run the commands that are left.',
    });
  }
  return outcome.code;
}

/** Shows the commands that are left. */
function showSteps(output: Output, folder: string, steps: readonly Step[], before: readonly string[]): void {
  output.line();
  output.line(`Next${whereToGo(folder)}:`);
  for (const command of before) output.line(`  ${command}`);
  for (const { command, note } of steps) output.line(`  ${command}${note ? `   ${note}` : ''}`);
}

/** Names the folder of the app, unless the person is there. */
function whereToGo(folder: string): string {
  const way = relative(process.cwd(), folder);
  if (way === '') return '';
  return ` (in ${way.startsWith('..') ? folder : way})`;
}
