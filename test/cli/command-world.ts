import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OperatorCloud, startOperatorCloud } from '../../local/operator/operator-cloud';
import { OperatorWorld } from '../../local/operator/operator-world';
import type { RunpodUser } from '../../local/runpod/accounts';
import { built } from '../support/built-once';
import { programIn } from '../support/bundled-programs';
import { findLeaks, type Leak } from '../support/find-leaks';

/** What a person starts. */
const LAUNCHER = join(__dirname, '../../bin/runpod-ecr.mjs');

/** The same command line in one file: it starts in a third of the time. */
const BUNDLED_LAUNCHER = programIn(built('programs'), 'runpod-ecr');

/** The host of the ECR registry in image names at Runpod. */
export const ECR_HOST = '123456789012.dkr.ecr.us-east-1.amazonaws.com';

/** The result of a process. */
export interface CommandRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of one run of a command. */
export interface CommandOptions {
  readonly stdin?: string;
  /** Variables to add to the environment. `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Names the configuration file with `--config`. @default true */
  readonly config?: boolean;
  /** Starts `bin/runpod-ecr.mjs`, as a person does. By default the same sources in one file are started. */
  readonly launcher?: boolean;
  /** Called with the process when it has started. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** The embedded cloud and a configuration file. Runs the command line against them as a separate process. */
export class CommandWorld extends OperatorWorld {
  readonly user: RunpodUser;
  /** Every Runpod key that was made in this world. */
  readonly keys: string[] = [];
  authId = '';
  /** The program that `run` starts, unless it starts the launcher. */
  program: string = BUNDLED_LAUNCHER;
  #output = '';

  private constructor(cloud: OperatorCloud) {
    super(cloud, { folder: 'command-', config: 'refresher.json' });
    this.user = cloud.runpod.addUser(this.newKey());
  }

  static async start(): Promise<CommandWorld> {
    return new CommandWorld(await startOperatorCloud());
  }

  /** Makes an API key that is not yet known to Runpod. */
  newKey(): string {
    const key = `rpa_${randomBytes(20).toString('hex')}`;
    this.keys.push(key);
    return key;
  }

  /** The newest key. */
  get key(): string {
    return this.keys.at(-1) ?? '';
  }

  /** Deploys and refreshes a world in which doctor finds no problem. */
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
    await this.lookAtPulls();
  }

  /**
   * Invokes the deployed watch as its schedule does. Its output goes into its log group.
   *
   * @param minutesAgo - for which moment the schedule sent the event
   */
  async lookAtPulls(minutesAgo = 0): Promise<void> {
    await this.invokeOnSchedule('watch', new Date(Date.now() - minutesAgo * 60_000));
  }

  /** Name of the log group of the deployed watch. */
  get watchLogGroup(): string {
    const { outputs } = this.cloud.operatorAws.stacks.stacks.get('EcrCredentialRefresher') ?? {};
    return outputs?.WatchLogGroupName ?? '';
  }

  /**
   * Writes the configuration.
   *
   * @param target - fields that replace those of the only target
   * @param rest - top-level fields that replace the defaults
   */
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

  /** Returns the environment in which the command line finds this world. */
  environment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.directory,
      TMPDIR: this.directory,
      ...this.cloud.operatorEnvironment(),
    };
  }

  /** Returns the words of a command line that uses this world's configuration. */
  commandLine(args: readonly string[], launcher = false): string[] {
    const program = launcher ? LAUNCHER : this.program;
    return [process.execPath, program, ...args, '--config', this.configPath];
  }

  /** Runs the command line as a separate process. */
  run(
    args: readonly string[],
    { launcher, config = true, ...options }: CommandOptions = {},
  ): Promise<CommandRun> {
    const words = this.commandLine(args, launcher);
    const [node = '', ...rest] = config ? words : words.slice(0, -2);
    return this.start(node, rest, { stdin: '', ...options });
  }

  /** Runs any process in this world. `leaks` searches its output too. */
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

  /** Adds output that did not come from a process of this world to what `leaks` searches. */
  note(output: string): void {
    this.#output += output;
  }

  /** Finds keys and passwords in all output and in this world's files, except in the CDK's output. */
  leaks(): Leak[] {
    const files = readdirSync(this.directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(join(this.directory, name), 'utf8'));
    const keys = this.keys.map((key, index) => [`key ${index}`, key] as const);
    // A search for the start of each password is much faster and finds the same leaks.
    const passwords = this.cloud.aws.ecr.issued.map(
      ({ password }, index) => [`password ${index}`, password.slice(0, 16)] as const,
    );
    return findLeaks([this.#output, ...files].join('\n'), Object.fromEntries([...keys, ...passwords]));
  }
}
