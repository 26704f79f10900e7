/** The commands that follow `init`: npm install, cdk bootstrap, cdk deploy, doctor. `init` runs those that are wanted. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { name as PACKAGE_NAME } from '../../package.json';
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
  /** What stands behind it in a list. @default - nothing */
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
}

const CANCELLED = 'Cancelled. What was stored and written stays, and nothing was run.';

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
  if (CLONE_ROOT === undefined && !written.app && !existsSync(join(folder, 'cdk.json'))) {
    output.line();
    output.line(
      `Next: in a CDK app, RefresherStack.fromFile(app, '${basename(operator.configPath)}') of ${PACKAGE_NAME}.`,
    );
    output.line(`To write such an app here: ${commandLine('init --app', operator.options)}`);
    return EXIT.ok;
  }
  const asks = flags.deploy === undefined && mayAsk(operator.options);
  const isBootstrapped =
    (asks || flags.deploy === true) &&
    (await output.withSpinner('looking for the CDK bootstrap', () => hasBootstrap(operator)));
  const steps = stepsOf(operator, { folder, isBootstrapped, installs: written.app });
  const left = new Set(steps);
  const showLeft = () => {
    if (left.size > 0) showSteps(output, operator.options, folder, [...left], written.before);
  };
  let code: number = EXIT.ok;
  try {
    const wanted = asks
      ? await ask(steps, written)
      : steps.filter(({ name }) => isWanted(name, flags, written));
    const lacksCdk = !existsSync(join(folder, 'node_modules', 'aws-cdk'));
    const cannotRun = written.app && lacksCdk && !wanted.some(({ name }) => name === 'install');
    for (const step of cannotRun ? [] : wanted) {
      code = await runStep(output, folder, step);
      left.delete(step);
    }
  } catch (error) {
    if (isOwnError(error)) showLeft();
    throw error;
  }
  showLeft();
  return code;
}

/** Asks which commands to run. A flag may already have decided about `npm install`. */
async function ask(steps: readonly Step[], { install, before }: Written): Promise<Step[]> {
  const open = steps.filter(({ name }) => name !== 'install' || install === undefined);
  const isReady = before.length === 0;
  const names = await askWhich(
    'Run these now? (Space takes one out, Enter runs the rest)',
    open.map(({ name, command, note }) => ({ value: name, label: note ? `${command} (${note})` : command })),
    {
      chosen: open.map(({ name }) => name).filter((name) => isReady || name === 'install'),
      cancelled: CANCELLED,
    },
  );
  return steps.filter(({ name }) => names.includes(name) || (name === 'install' && install));
}

function isWanted(name: Step['name'], { deploy }: InitFlags, { install }: Written): boolean {
  return (name === 'install' ? install : deploy) === true;
}

interface StepsContext {
  /** The folder in which the commands run. */
  readonly folder: string;
  readonly isBootstrapped: boolean;
  readonly installs: boolean;
}

function stepsOf(
  { options, configPath }: Operator,
  { folder, isBootstrapped, installs }: StepsContext,
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
  const steps: Step[] = [
    { name: 'install', command: 'npm install', program: 'npm', args: ['install'] },
    {
      name: 'bootstrap',
      command: cdkCommand('bootstrap', own),
      note: 'once per account and region',
      program: 'npx',
      args: ['cdk', 'bootstrap', ...cdkArgs],
    },
    { name: 'deploy', command: deployCommand(own), program: 'npx', args: ['cdk', 'deploy', ...cdkArgs] },
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

/** Whether account and region are bootstrapped. What cannot be found out counts as no, because a second time is harmless. */
async function hasBootstrap(operator: Operator): Promise<boolean> {
  try {
    const { Stacks = [] } = await operator
      .client(CloudFormationClient)
      .send(new DescribeStacksCommand({ StackName: 'CDKToolkit' }));
    return Stacks.some(({ StackStatus = '' }) =>
      /^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$/.test(StackStatus),
    );
  } catch {
    return false;
  }
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
function showSteps(
  output: Output,
  options: GlobalOptions,
  folder: string,
  steps: readonly Step[],
  before: readonly string[],
): void {
  output.line();
  output.line(`Next${whereToGo(options, folder)}:`);
  for (const command of before) output.line(`  ${command}`);
  for (const { command, note } of steps) output.line(`  ${command}${note ? `   ${note}` : ''}`);
}

/** Names the folder of the app, unless the person is there. */
function whereToGo(options: GlobalOptions, folder: string): string {
  if (folder === process.cwd()) return '';
  return ` (in ${CLONE_ROOT !== undefined && options.config ? folder : relative(process.cwd(), folder)})`;
}
