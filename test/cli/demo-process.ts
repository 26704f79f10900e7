/** Runs demos as processes, with the environment of a person who has real accounts. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { built } from '../support/built-once';
import { programIn } from '../support/bundled-programs';
import type { CommandRun } from './command-world';

const PROGRAM = programIn(built('programs'), 'runpod-ecr');

/** A demo starts, makes a day's history and stops. A busy machine needs its time for that. */
export const DEMO_TIMEOUT_MS = 90_000;

/** What a person has in the environment for real accounts. None of it may reach a command in the demo. */
const OF_REAL_ACCOUNTS = {
  AWS_ACCESS_KEY_ID: 'AKIAREALACCOUNT',
  AWS_SECRET_ACCESS_KEY: 'real-secret-access-key',
  AWS_SESSION_TOKEN: 'real-session-token',
  AWS_PROFILE: 'production',
  AWS_REGION: 'eu-north-1',
  AWS_ENDPOINT_URL_SNS: 'https://sns.invalid',
  AWS_CONFIG_FILE: '/real/config',
  CDK_DEFAULT_ACCOUNT: '999999999999',
  RUNPOD_API_KEY: 'rpa_real_key_of_a_person',
};

/** Keys of the demo, and passwords of ECR in base64. */
const SECRET = /rpa_[0-9A-F]{8}|[A-Za-z0-9+/]{200}/;

/** How to run a demo. */
export interface DemoProcessOptions {
  /** Typed into the shell. @default - nothing */
  readonly stdin?: string;
  /** @default - the command line in one file */
  readonly program?: string;
  /** Called with the process when it has started. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** A folder for demos. They start in it, and put their temporary files there. */
export class DemoProcesses {
  readonly directory = mkdtempSync(join(tmpdir(), 'demos-'));
  #output = '';

  /** Runs the command line as a process. */
  run(args: readonly string[], options: DemoProcessOptions = {}): Promise<CommandRun> {
    const { stdin = '', program = PROGRAM, onStart } = options;
    const { directory } = this;
    const own = { PATH: process.env.PATH, HOME: directory, TMPDIR: directory, SHELL: '/bin/sh' };
    const child = spawn(process.execPath, [program, ...args], {
      cwd: directory,
      env: { ...own, ...OF_REAL_ACCOUNTS },
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
        this.#output += chunk;
      });
    }
    child.stdin.end(stdin);
    onStart?.(child);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...text })));
  }

  /** Returns the folders that demos have left, and the secrets that they have printed. */
  remains(): string[] {
    const folders = readdirSync(this.directory).filter((name) => name.startsWith('runpod-ecr'));
    return [...folders, ...(SECRET.exec(this.#output) ?? [])];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
