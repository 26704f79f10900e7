import { type ReportedMetric, readLines } from './lambda-output';
import { type LambdaError, LambdaProcess, type LambdaRuntimeOptions } from './lambda-process';

export type { LambdaError, LambdaRuntimeOptions } from './lambda-process';

/** The output of an invocation and its duration. */
export interface InvocationReport {
  /** The whole output, both streams in order of arrival. */
  readonly output: string;
  /** Lines on standard output. */
  readonly stdout: readonly string[];
  /** Lines on standard error. */
  readonly stderr: readonly string[];
  /** Log entries: the lines that are JSON objects but not metrics. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** The last value of each metric, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The metrics with namespace, dimensions and every value. */
  readonly reportedMetrics: readonly ReportedMetric[];
  /** Milliseconds from the call to the outcome, including the start of a process. */
  readonly durationMs: number;
  /** Milliseconds to import the bundle; undefined when the process was warm. */
  readonly coldStartMs?: number;
}

/** One invocation, with its result after a round trip through JSON, or its error. */
export type Invocation<Result> = InvocationReport &
  (
    | { readonly ok: true; readonly result: Result; readonly error?: undefined }
    | { readonly ok: false; readonly error: LambdaError; readonly result?: undefined }
  );

/** Runs a function's asset in a separate process as Lambda does: a cold start, then warm, one event at a time. */
export class LambdaRuntime {
  readonly #options: LambdaRuntimeOptions;
  #process: LambdaProcess | undefined;
  /** Resolves when the previous invocation has ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LambdaRuntimeOptions) {
    this.#options = options;
  }

  /**
   * Invokes the handler after all earlier invocations have ended.
   *
   * As in Lambda, the import of a cold start does not count towards the timeout. A timeout ends the process, and the
   * next invocation is cold.
   *
   * @param timeoutMs - in milliseconds; five minutes by default
   */
  invoke<Result = unknown>(event: unknown, timeoutMs = 300_000): Promise<Invocation<Result>> {
    const invocation = this.#turn.then(() => this.#invoke<Result>(event, timeoutMs));
    this.#turn = invocation.catch(() => undefined);
    return invocation;
  }

  /** Ends the process; the next invocation is cold. */
  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  async #invoke<Result>(event: unknown, timeoutMs: number): Promise<Invocation<Result>> {
    const startedMs = performance.now();
    const warm = this.#process?.hasEnded ? undefined : this.#process;
    const process = warm ?? new LambdaProcess(this.#options);
    this.#process = process;
    const { result, error, lines } = await process.invoke(event, timeoutMs);
    const { logs, metrics } = readLines(lines);
    const printedTo = (wanted: 'stdout' | 'stderr') =>
      lines.filter(({ stream }) => stream === wanted).map(({ text }) => text);
    return {
      ...(error ? { ok: false, error } : { ok: true, result: result as Result }),
      output: lines.map(({ text }) => text).join('\n'),
      stdout: printedTo('stdout'),
      stderr: printedTo('stderr'),
      logs,
      metrics: Object.fromEntries(
        metrics.flatMap(({ name, values }) => values.map((value) => [name, value])),
      ),
      reportedMetrics: metrics,
      durationMs: performance.now() - startedMs,
      ...(!warm && process.importMs !== undefined && { coldStartMs: process.importMs }),
    };
  }
}
