import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { LambdaOutput, type PrintedLine } from './lambda-output';
import type { StandInClock } from './stand-in-clock';

/** How to run a function's asset. */
export interface LambdaRuntimeOptions {
  /** Folder with `index.mjs`. */
  readonly assetDirectory: string;
  /** The function's environment. From this process's own environment it gets only PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** @default - the Node binary of this process */
  readonly nodePath?: string;
  /** The function's time of day. Each invocation sets it anew. @default - the machine's clock */
  readonly clock?: StandInClock;
}

/** An error as Lambda reports it. */
export interface LambdaError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** The outcome of one invocation. */
export interface LambdaOutcome {
  /** Undefined when the invocation failed. */
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

/** One process that runs a function. Lambda calls it an execution environment. */
export class LambdaProcess {
  readonly #child: ChildProcess;
  readonly #clock: StandInClock | undefined;
  readonly #output = new LambdaOutput();
  readonly #ready: Promise<undefined>;
  /** Resolves with the reason when the process has ended. */
  readonly #ended: Promise<LambdaError>;
  #importMs: number | undefined;
  #hasEnded = false;

  constructor({ assetDirectory, environment, nodePath, clock }: LambdaRuntimeOptions) {
    this.#clock = clock;
    const ofClock = clock && { EMBEDDED_CLOCK: 'true' };
    this.#child = fork(join(__dirname, 'lambda-bootstrap.mjs'), [join(assetDirectory, 'index.mjs')], {
      env: { ...lambdaEnvironment(assetDirectory), ...environment, ...ofClock },
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
    this.#ended = this.#watch();
  }

  /** Whether the process has ended and takes no more events. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Time to import the asset, in milliseconds; undefined until it is imported. */
  get importMs(): number | undefined {
    return this.#importMs;
  }

  /** Invokes the handler and waits for the outcome. A timeout ends the process. */
  async invoke(event: unknown, timeoutMs: number): Promise<LambdaOutcome> {
    const initError = await this.#inTime(this.#ready, timeoutMs);
    if (initError) return { error: initError, lines: this.#output.take() };
    const [requestId, endMark] = [randomUUID(), randomUUID()];
    const done = Promise.all([this.#message('done', requestId), this.#output.until(endMark)]);
    // An error of `send` needs no handling: the process has ended, which is reported below.
    const aheadMs = this.#clock ? this.#clock.now().getTime() - Date.now() : 0;
    const deadlineMs = Date.now() + timeoutMs;
    this.#child.send({ event, requestId, endMark, deadlineMs, aheadMs }, () => undefined);
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
    this.#hasEnded = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Returns what was awaited, or an error when the process ended or the time was over. */
  async #inTime<Value>(awaited: Promise<Value>, timeoutMs: number): Promise<Value | LambdaError> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    const first = await Promise.race([awaited, this.#ended, late]);
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
      const end = (error: LambdaError) => {
        this.#hasEnded = true;
        resolve(error);
      };
      this.#child.once('error', (error) => end(errorOf('Runtime.InvalidEntrypoint', error.message)));
      this.#child.once('exit', () => {
        this.#hasEnded = true;
      });
      // `close` comes after `exit`, when all output has arrived.
      this.#child.once('close', (code, signal) =>
        end(initError ?? errorOf('Runtime.ExitError', `Runtime exited with ${signal ?? `code ${code}`}`)),
      );
    });
  }
}

function errorOf(errorType: string, errorMessage: string): LambdaError {
  return { errorType, errorMessage, trace: [] };
}

/** Returns the environment variables that Lambda sets in every function. */
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
    // Lambda does not set this. It keeps the SDK's warning about this machine's older Node out of the output.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}
