import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LambdaOutput, type PrintedLine } from './lambda-output';

/** How to run a function's asset. */
export interface LambdaRuntimeOptions {
  /** Folder with `index.mjs`. */
  readonly assetDirectory: string;
  /** The function's environment. Nothing of this process's own environment gets in but its PATH. */
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

/** What an invocation came to. */
export interface LambdaOutcome {
  /** Undefined when it failed. */
  readonly result?: unknown;
  readonly error?: LambdaError;
  readonly lines: readonly PrintedLine[];
}

interface Message {
  readonly kind: 'ready' | 'init-error' | 'done';
  readonly importMs?: number;
  readonly requestId?: string;
  readonly result?: unknown;
  readonly error?: LambdaError;
}

/** One process: what Lambda calls an execution environment. */
export class LambdaProcess {
  readonly #child: ChildProcess;
  readonly #output = new LambdaOutput();
  readonly #ready: Promise<undefined>;
  /** Resolves, with the reason, when the process is gone. */
  readonly #gone: Promise<LambdaError>;
  #importMs: number | undefined;
  #isGone = false;

  constructor({ assetDirectory, environment, nodePath }: LambdaRuntimeOptions) {
    this.#child = fork(join(__dirname, 'lambda-bootstrap.mjs'), [join(assetDirectory, 'index.mjs')], {
      env: { ...lambdaEnvironment(assetDirectory), ...environment },
      execArgv: [],
      execPath: nodePath ?? process.execPath,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#output.follow('stdout', this.#child.stdout);
    this.#output.follow('stderr', this.#child.stderr);
    this.#ready = this.#message('ready').then(({ importMs }) => {
      this.#importMs = importMs;
      return undefined;
    });
    this.#gone = this.#watch();
  }

  /** Whether it can take no more events. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** How long the import of the asset took; undefined until it is done. */
  get importMs(): number | undefined {
    return this.#importMs;
  }

  /** Hands it an event and waits for the outcome. A process that took longer than permitted is ended. */
  async invoke(event: unknown, timeoutMs: number): Promise<LambdaOutcome> {
    const initError = await this.#inTime(this.#ready, timeoutMs);
    if (initError) return { error: initError, lines: this.#output.take() };
    const [requestId, endMark] = [randomUUID(), randomUUID()];
    const done = Promise.all([this.#message('done', requestId), this.#output.until(endMark)]);
    // A process that is gone already is reported as such below.
    this.#child.send({ event, requestId, endMark, deadlineMs: Date.now() + timeoutMs }, () => undefined);
    const outcome = await this.#inTime(
      done.then(([message]) => message),
      timeoutMs,
    );
    const lines = this.#output.take();
    if (!('kind' in outcome)) return { error: outcome, lines };
    const { result, error } = outcome;
    return error ? { error, lines } : { result, lines };
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    this.#isGone = true;
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  /** What was waited for, or the error of a process that was gone or slow. */
  async #inTime<Value>(awaited: Promise<Value>, timeoutMs: number): Promise<Value | LambdaError> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    const first = await Promise.race([awaited, this.#gone, late]);
    clearTimeout(timer);
    if (first !== 'late') return first;
    await this.stop();
    const seconds = (timeoutMs / 1_000).toFixed(2);
    return errorOf('Sandbox.Timedout', `Task timed out after ${seconds} seconds`);
  }

  #message(kind: Message['kind'], requestId?: string): Promise<Message> {
    return new Promise((resolve) => {
      const listen = (message: Message) => {
        if (message.kind !== kind || message.requestId !== requestId) return;
        this.#child.off('message', listen);
        resolve(message);
      };
      this.#child.on('message', listen);
    });
  }

  #watch(): Promise<LambdaError> {
    let initError: LambdaError | undefined;
    void this.#message('init-error').then(({ error }) => {
      initError = error;
    });
    return new Promise((resolve) => {
      const leave = (error: LambdaError) => {
        this.#isGone = true;
        resolve(error);
      };
      this.#child.once('error', (error) => leave(errorOf('Runtime.InvalidEntrypoint', error.message)));
      this.#child.once('exit', () => {
        this.#isGone = true;
      });
      // After `exit`, and when all that it printed has arrived.
      this.#child.once('close', (code, signal) =>
        leave(initError ?? errorOf('Runtime.ExitError', `Runtime exited with ${signal ?? `code ${code}`}`)),
      );
    });
  }
}

function errorOf(errorType: string, errorMessage: string): LambdaError {
  return { errorType, errorMessage, trace: [] };
}

/** What Lambda sets in every function. */
export function lambdaEnvironment(assetDirectory: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    _HANDLER: 'index.handler',
    LAMBDA_TASK_ROOT: assetDirectory,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'refresher',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/refresher',
    AWS_LAMBDA_LOG_STREAM_NAME: 'embedded',
    // Lambda does not set this: its Node 24 has nothing to be warned of, and the Node of this machine is not asked.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}
