import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

/** How to run a function's asset. */
export interface LambdaRuntimeOptions {
  /** Folder with `index.mjs`. */
  readonly assetDirectory: string;
  /** The function's environment. Nothing of this process's own environment gets in. */
  readonly environment: Readonly<Record<string, string>>;
  /** @default - the node that runs this */
  readonly nodePath?: string;
}

/** An error as Lambda reports it. */
export interface LambdaError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** What became of one invocation. */
export interface Invocation<Result> {
  /** What the handler returned, as JSON carries it; undefined when it failed. */
  readonly result?: Result;
  readonly error?: LambdaError;
  /** Everything that it printed, as it was printed. */
  readonly output: string;
  /** Its log lines. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** Its metrics, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly durationMs: number;
  /** Time to import the bundle; undefined when the process was warm. */
  readonly coldStartMs?: number;
}

interface Message {
  readonly kind: 'ready' | 'init-error' | 'done';
  readonly importMs?: number;
  readonly requestId?: string;
  readonly result?: unknown;
  readonly error?: LambdaError;
}

/** Runs a function's asset in a process of its own, as Lambda does: cold once, then warm, one event at a time. */
export class LambdaRuntime {
  readonly #options: LambdaRuntimeOptions;
  #process: LambdaProcess | undefined;

  constructor(options: LambdaRuntimeOptions) {
    this.#options = options;
  }

  /** Invokes the handler. A time-out ends the process, and the next invocation is cold. @param timeoutMs - five minutes by default */
  async invoke<Result = unknown>(event: unknown, timeoutMs = 300_000): Promise<Invocation<Result>> {
    const cold = this.#process === undefined;
    this.#process ??= new LambdaProcess(this.#options);
    const startedMs = performance.now();
    const { message, output } = await this.#process.run(event, timeoutMs);
    const { error, result, importMs } = message;
    if (message.kind !== 'done') await this.stop();
    const lines = output.split('\n').flatMap(parseLine);
    return {
      ...(error ? { error } : { result: result as Result }),
      output,
      logs: lines.filter((line) => !('_aws' in line)),
      metrics: Object.assign({}, ...lines.filter((line) => '_aws' in line).map(numbersOf)),
      durationMs: performance.now() - startedMs,
      ...(cold && importMs !== undefined && { coldStartMs: importMs }),
    };
  }

  /** Ends the process; the next invocation is cold. */
  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }
}

/** One process: what Lambda calls an execution environment. */
class LambdaProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<Message>;
  #importMs: number | undefined;
  #output = '';

  constructor({ assetDirectory, environment, nodePath }: LambdaRuntimeOptions) {
    this.#child = fork(join(__dirname, 'lambda-bootstrap.mjs'), [join(assetDirectory, 'index.mjs')], {
      env: {
        PATH: process.env.PATH ?? '',
        LAMBDA_TASK_ROOT: assetDirectory,
        AWS_LAMBDA_FUNCTION_NAME: 'refresher',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        TZ: ':UTC',
        ...environment,
      },
      execArgv: [],
      execPath: nodePath ?? process.execPath,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) =>
        resolve(failed('Runtime.ExitError', `Runtime exited with ${signal ?? `code ${code}`}`)),
      );
      this.#child.on('message', (message: Message) => {
        if (message.kind === 'ready') this.#importMs = message.importMs;
        if (message.kind === 'init-error') resolve(message);
      });
    });
  }

  async run(event: unknown, timeoutMs: number): Promise<{ message: Message; output: string }> {
    const requestId = randomUUID();
    this.#output = '';
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<Message>((resolve) => {
      const seconds = (timeoutMs / 1_000).toFixed(2);
      timer = setTimeout(
        () => resolve(failed('Sandbox.Timedout', `Task timed out after ${seconds} seconds`)),
        timeoutMs,
      );
    });
    const done = this.#done(requestId);
    this.#child.send({ event, requestId, deadlineMs: Date.now() + timeoutMs }, () => undefined);
    const message = await Promise.race([done, this.#exited, timedOut]);
    clearTimeout(timer);
    if (message.kind === 'done') await this.#outputEndsWith(requestId);
    const output = withoutNoise(this.#output.replaceAll(requestId, ''));
    return {
      message: { ...message, ...(this.#importMs !== undefined && { importMs: this.#importMs }) },
      output,
    };
  }

  #done(requestId: string): Promise<Message> {
    return new Promise((resolve) => {
      const listen = (message: Message) => {
        if (message.kind !== 'done' || message.requestId !== requestId) return;
        this.#child.off('message', listen);
        resolve(message);
      };
      this.#child.on('message', listen);
    });
  }

  /** Both pipes end an invocation with its id; the outcome may overtake them. */
  async #outputEndsWith(requestId: string): Promise<void> {
    while (this.#output.split(`\n${requestId}\n`).length < 3 && this.#child.connected) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}

function failed(errorType: string, errorMessage: string): Message {
  return { kind: 'init-error', error: { errorType, errorMessage, trace: [] } };
}

/** The AWS SDK warns of Node 20 in several lines; the function runs on Node 24 where it counts. */
function withoutNoise(output: string): string {
  return output
    .replace(
      /\(node:\d+\) (Warning: )?NodeVersionSupportWarning[\s\S]*?\(Use `node --trace-warnings[^\n]*\n/g,
      '',
    )
    .trim();
}

function parseLine(line: string): Record<string, unknown>[] {
  if (!line.startsWith('{')) return [];
  try {
    return [JSON.parse(line) as Record<string, unknown>];
  } catch {
    return [];
  }
}

function numbersOf(line: Record<string, unknown>): Record<string, number> {
  const entries = Object.entries(line).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return Object.fromEntries(entries);
}
