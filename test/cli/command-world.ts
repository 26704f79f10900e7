import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfigFile } from '../../lib/config/load';
import { OPERATOR_PLACE, type OperatorCloud, startOperatorCloud } from '../../local/operator/operator-cloud';
import type { RunpodUser } from '../../local/runpod/accounts';
import { synthesise } from '../../local/synthesise';
import { findLeaks, type Leak } from '../support/find-leaks';

// The CDK's validation of a template takes longer than all the rest, and tests of the stack have it.
process.env.CDK_VALIDATION = 'false';

const LAUNCHER = join(__dirname, '../../bin/runpod-ecr.mjs');

/** The host of the ECR registry, as images at Runpod name it. */
export const ECR_HOST = '123456789012.dkr.ecr.us-east-1.amazonaws.com';

/** What a process did. */
export interface CommandRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a command. */
export interface CommandOptions {
  readonly stdin?: string;
  /** Beside the embedded cloud's; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** The embedded cloud, a configuration file, and the command line as a process of its own. */
export class CommandWorld {
  readonly cloud: OperatorCloud;
  readonly user: RunpodUser;
  readonly directory = mkdtempSync(join(tmpdir(), 'command-'));
  readonly configPath = join(this.directory, 'refresher.json');
  /** Every Runpod key that this world has had. */
  readonly keys: string[] = [];
  authId = '';
  #output = '';
  #deployments = 0;

  private constructor(cloud: OperatorCloud) {
    this.cloud = cloud;
    this.user = cloud.runpod.addUser(this.newKey());
  }

  static async start(): Promise<CommandWorld> {
    return new CommandWorld(await startOperatorCloud());
  }

  /** An API key that nobody knows yet. */
  newKey(): string {
    const key = `rpa_${randomBytes(20).toString('hex')}`;
    this.keys.push(key);
    return key;
  }

  /** The key that was made last. */
  get key(): string {
    return this.keys.at(-1) ?? '';
  }

  /** Everything in place and refreshed: doctor finds nothing. */
  async settle(): Promise<void> {
    this.cloud.aws.secrets.put('runpod/api-key', this.key);
    this.cloud.registry.addImage('my-worker', '1.0.0');
    this.cloud.registry.addImage('team/batch', '2.0.0');
    this.authId = this.user.create({ name: 'ecr-prod', username: 'AWS', password: 'old' })?.id ?? '';
    this.user.workloads.serverless.push({
      id: 'e1',
      name: 'images',
      image: `${ECR_HOST}/my-worker:1.0.0`,
      registry: this.authId,
    });
    this.writeConfig();
    await this.deploy();
    this.cloud.operatorAws.topics.confirmAll();
    await this.run(['refresh']);
  }

  /** Writes the configuration. @param changes - to the only target, and beside the targets */
  writeConfig(target: object = {}, rest: object = {}): void {
    const config = {
      targets: [
        {
          name: 'prod',
          registryAuthId: this.authId,
          registry: { type: 'ecr', repositories: ['my-worker'] },
          verifyImage: 'my-worker:1.0.0',
          ...target,
        },
      ],
      alarms: { emails: ['oncall@example.com'] },
      runpod: this.cloud.runpod.settings(),
      ...rest,
    };
    writeFileSync(this.configPath, JSON.stringify(config));
  }

  /** What `npx cdk deploy` does, without the first refresh. */
  async deploy(): Promise<Readonly<Record<string, string>>> {
    const config = readConfigFile(this.configPath);
    this.#deployments += 1;
    const outdir = join(this.directory, `cdk-${this.#deployments}`);
    return this.cloud.deploy(config.stackName, synthesise(config, outdir, OPERATOR_PLACE));
  }

  /** Variables with which the command line finds this world. */
  environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.directory,
      TMPDIR: this.directory,
      ...this.cloud.operatorEnvironment(),
    };
  }

  /** The launcher with its arguments and this world's configuration. */
  commandLine(args: readonly string[]): string[] {
    return [process.execPath, LAUNCHER, ...args, '--config', this.configPath];
  }

  /** Runs the command line as a process. */
  run(args: readonly string[], { stdin = '', env = {}, onStart }: CommandOptions = {}): Promise<CommandRun> {
    const [node = '', ...rest] = this.commandLine(args);
    return this.start(node, rest, { env, stdin, ...(onStart && { onStart }) });
  }

  /** Runs a process in this world and keeps what it prints for `leaks`. */
  start(file: string, args: readonly string[], options: CommandOptions): Promise<CommandRun> {
    const child = spawn(file, [...args], {
      env: { ...this.environment(), ...options.env },
      cwd: this.directory,
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
        this.#output += chunk;
      });
    }
    options.onStart?.(child);
    if (options.stdin !== undefined) child.stdin.end(options.stdin);
    return new Promise((resolve) => {
      child.once('close', (code) => resolve({ code, ...text }));
    });
  }

  /** Notes an output that was not made by a process of this world. */
  note(output: string): void {
    this.#output += output;
  }

  /** Keys and passwords in anything that was printed, and in the files of this world but the assemblies. */
  leaks(): Leak[] {
    const files = readdirSync(this.directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(this.directory, name), 'utf8'));
    const keys = this.keys.map((key, index) => [`key ${index}`, key] as const);
    // The beginning of a password gives it away as well as the whole, and is found in a fraction of the time.
    const passwords = this.cloud.aws.ecr.issued.map(
      ({ password }, index) => [`password ${index}`, password.slice(0, 16)] as const,
    );
    return findLeaks([this.#output, ...files].join('\n'), Object.fromEntries([...keys, ...passwords]));
  }

  async stop(): Promise<void> {
    await this.cloud.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
