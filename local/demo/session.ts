/** The processes of a demo: a sub-shell or one command, in which the command line reaches the embedded cloud. */

import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { pathToFileURL } from 'node:url';
import { REGISTRY_HOST_MODULE } from '../registry-host';
import { breakLink, ControlServer } from './control';
import { DemoWorld } from './demo-world';

/** Variables that could lead to a real account. */
const OF_ACCOUNTS = '^(AWS|CDK|RUNPOD)_';

/** How to start a demo. */
export interface SessionOptions {
  /** Path of the command line, as Node starts it. */
  readonly launcher: string;
  /** Names of the variables from which the command line knows the demo. */
  readonly names: {
    /** Of the folder with the configuration. */
    readonly folder: string;
    /** Of the address of the `ControlServer`. */
    readonly address: string;
  };
  /** Name of what is broken at the start. @default - nothing */
  readonly broken?: string | undefined;
}

/** A demo that runs. */
export interface DemoSession {
  /** Temporary folder with the configuration. */
  readonly directory: string;
  /** What was broken at the start, and how to fix it. */
  readonly lines: readonly string[];
  /** Runs one command of the command line. @returns its exit code */
  runCommand(words: readonly string[]): Promise<number>;
  /** Runs a shell until the person leaves it. @returns 0, or 128 plus the number of the signal that ended the demo */
  runShell(): Promise<number>;
  /** Stops everything and removes every file. */
  stop(): Promise<void>;
}

/** Starts a world, and prepares its folder so that the command line reaches it. */
export async function startDemoSession(options: SessionOptions): Promise<DemoSession> {
  const world = await DemoWorld.start();
  try {
    return await startSession(world, options);
  } catch (error) {
    await world.stop();
    throw error;
  }
}

async function startSession(
  world: DemoWorld,
  { launcher, names, broken }: SessionOptions,
): Promise<DemoSession> {
  const { directory } = world;
  const control = new ControlServer(world);
  await control.listen();
  // The folder also goes when the process ends in another way.
  const removeFolder = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const variables = {
    ...variablesOf(world),
    [names.folder]: directory,
    [names.address]: control.address,
  };
  const bin = writePrograms(directory, launcher, variables);
  const env = environmentOf(process.env, variables, bin);
  const { lines } = broken === undefined ? { lines: [] } : await breakLink(world, [broken]);
  return {
    directory,
    lines,
    runCommand: async (words) => {
      const { code } = await runChild(process.execPath, [join(bin, 'runpod-ecr.mjs'), ...words], {
        directory,
        env,
      });
      return code;
    },
    runShell: async () => {
      const { file, args, shellEnv } = shellOf(env, directory, bin);
      const { code, signalled } = await runChild(file, args, {
        directory,
        env: { ...env, ...shellEnv },
        isShell: true,
      });
      return signalled ? code : 0;
    },
    stop: async () => {
      process.off('exit', removeFolder);
      await control.close();
      await world.stop();
    },
  };
}

/** Returns the variables with which the command line, and any tool of AWS, reaches the embedded cloud only. */
function variablesOf({ cloud, directory }: DemoWorld): Record<string, string> {
  const { restV2Url, restV1Url, graphqlUrl } = cloud.runpod.settings();
  // Profiles of the person would lead to a real account.
  const [configFile, credentialsFile] = [join(directory, '.aws-config'), join(directory, '.aws-credentials')];
  for (const file of [configFile, credentialsFile]) writeFileSync(file, '');
  return {
    ...cloud.operatorEnvironment(),
    AWS_CONFIG_FILE: configFile,
    AWS_SHARED_CREDENTIALS_FILE: credentialsFile,
    AWS_EC2_METADATA_DISABLED: 'true',
    RUNPOD_REST_V2_URL: restV2Url,
    RUNPOD_REST_V1_URL: restV1Url,
    RUNPOD_GRAPHQL_URL: graphqlUrl,
  };
}

function environmentOf(
  own: NodeJS.ProcessEnv,
  variables: Readonly<Record<string, string>>,
  bin: string,
): NodeJS.ProcessEnv {
  const kept = Object.entries(own).filter(([name]) => !new RegExp(OF_ACCOUNTS, 'i').test(name));
  const env: NodeJS.ProcessEnv = Object.fromEntries(kept);
  // Windows writes it as Path.
  const path = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const proxy = [env.NO_PROXY ?? env.no_proxy, '127.0.0.1', 'localhost'].filter(Boolean).join(',');
  return {
    ...env,
    ...variables,
    [path]: `${bin}${delimiter}${env[path] ?? ''}`,
    NO_PROXY: proxy,
    no_proxy: proxy,
  };
}

/**
 * Writes the programs that are found first in the sub-shell: `runpod-ecr`, `demo`, `npx runpod-ecr`, `npx cdk` and `aws`.
 *
 * @returns their folder
 */
function writePrograms(
  directory: string,
  launcher: string,
  variables: Readonly<Record<string, string>>,
): string {
  const bin = join(directory, '.bin');
  mkdirSync(bin);
  const program = join(bin, 'runpod-ecr.mjs');
  // A shell's own startup files may set variables again, so this program sets them once more.
  writeFileSync(
    program,
    `for (const name of Object.keys(process.env)) if (/${OF_ACCOUNTS}/i.test(name)) delete process.env[name];
Object.assign(process.env, ${JSON.stringify(variables, null, 2)});
await import(${JSON.stringify(pathToFileURL(REGISTRY_HOST_MODULE).href)});
await import(${JSON.stringify(pathToFileURL(launcher).href)});
`,
  );
  const start = `${quoted(process.execPath)} ${quoted(program)}`;
  const write = (folder: string, name: string, lines: readonly string[]) =>
    writeFileSync(join(folder, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
  write(bin, 'runpod-ecr', [`exec ${start} "$@"`]);
  write(bin, 'demo', [`exec ${start} demo "$@"`]);
  write(bin, 'aws', [`exec ${start} demo aws -- "$@"`]);
  write(bin, 'npx', [
    'case "$1" in',
    `  runpod-ecr) shift; exec ${start} "$@" ;;`,
    `  cdk) shift; exec ${start} demo cdk -- "$@" ;;`,
    'esac',
    '# Anything else is for the real npx.',
    `PATH=$(printf '%s' "$PATH" | tr ':' '\\n' | grep -Fvx ${quoted(bin)} | paste -sd: -)`,
    'exec npx "$@"',
  ]);
  if (process.platform === 'win32') {
    const line = `@"${process.execPath}" "${program}"`;
    writeFileSync(join(bin, 'runpod-ecr.cmd'), `${line} %*\r\n`);
    writeFileSync(join(bin, 'demo.cmd'), `${line} demo %*\r\n`);
    writeFileSync(join(bin, 'aws.cmd'), `${line} demo aws -- %*\r\n`);
  }
  // The real npx looks here, if a startup file of the shell has put it first.
  const local = join(directory, 'node_modules', '.bin');
  mkdirSync(local, { recursive: true });
  write(local, 'runpod-ecr', [`exec ${start} "$@"`]);
  write(local, 'cdk', [`exec ${start} demo cdk -- "$@"`]);
  if (process.platform === 'win32') {
    writeFileSync(join(local, 'runpod-ecr.cmd'), `@"${process.execPath}" "${program}" %*\r\n`);
    writeFileSync(join(local, 'cdk.cmd'), `@"${process.execPath}" "${program}" demo cdk -- %*\r\n`);
  }
  return bin;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

interface Shell {
  readonly file: string;
  readonly args: readonly string[];
  readonly shellEnv: NodeJS.ProcessEnv;
}

/** Returns how to start the person's shell, with a prompt that says where they are. */
function shellOf(env: NodeJS.ProcessEnv, directory: string, bin: string): Shell {
  const file = process.platform === 'win32' ? (env.ComSpec ?? 'cmd.exe') : env.SHELL?.trim() || '/bin/sh';
  const path = `export PATH=${quoted(bin)}:"$PATH"`;
  switch (basename(file)) {
    case 'bash': {
      const rc = join(directory, '.demo-bashrc');
      writeFileSync(rc, `[ -f ~/.bashrc ] && . ~/.bashrc\n${path}\nPS1="(demo) $PS1"\n`);
      return { file, args: isatty(0) ? ['--rcfile', rc, '-i'] : [], shellEnv: {} };
    }
    case 'zsh': {
      const own = join(directory, '.demo-zsh');
      mkdirSync(own);
      const home = `ZDOTDIR=${quoted(env.ZDOTDIR ?? env.HOME ?? directory)}`;
      const theirs = `${quoted(env.ZDOTDIR ?? env.HOME ?? directory)}/.zshenv`;
      writeFileSync(join(own, '.zshenv'), `[ -f ${theirs} ] && . ${theirs}\n`);
      writeFileSync(
        join(own, '.zshrc'),
        `${home}\n[ -f "$ZDOTDIR/.zshrc" ] && . "$ZDOTDIR/.zshrc"\n${path}\nPROMPT="(demo) $PROMPT"\n`,
      );
      return { file, args: [], shellEnv: { ZDOTDIR: own } };
    }
    case 'fish':
      return { file, args: ['-C', `set -gx PATH ${quoted(bin)} $PATH`], shellEnv: {} };
    default:
      return { file, args: [], shellEnv: { PS1: '(demo) $ ' } };
  }
}

interface ChildOptions {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly isShell?: boolean;
}

/** How long a child may take to end after a signal, in milliseconds. */
const END_TIMEOUT_MS = 3_000;

/** Runs a child that has this process's terminal. The signals of this process are for the child. */
function runChild(
  file: string,
  args: readonly string[],
  { directory, env, isShell = false }: ChildOptions,
): Promise<{ readonly code: number; readonly signalled: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], { cwd: directory, env, stdio: 'inherit' });
    let ending: NodeJS.Signals | undefined;
    let timer: NodeJS.Timeout | undefined;
    const forward = (signal: NodeJS.Signals) => {
      // Ctrl-C at a terminal reaches the child by itself.
      if (signal === 'SIGINT') {
        if (!isatty(0)) child.kill(signal);
        return;
      }
      ending = signal;
      // An interactive shell ignores SIGTERM.
      child.kill(isShell ? 'SIGHUP' : signal);
      timer ??= setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, forward);
    const end = () => {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, forward);
    };
    child.once('error', (error) => {
      end();
      reject(new Error(`${file} cannot be started: ${error.message}`));
    });
    child.once('exit', (code, signal) => {
      end();
      const by = ending ?? signal ?? undefined;
      resolve(
        by ? { code: 128 + constants.signals[by], signalled: true } : { code: code ?? 1, signalled: false },
      );
    });
  });
}
