import { type ReportedMetric, readLines } from './lambda-output';
import { type LambdaError, LambdaProcess, type LambdaRuntimeOptions } from './lambda-process';

export type { LambdaError, LambdaRuntimeOptions } from './lambda-process';

/** What an invocation printed and how long it took. */
export interface InvocationReport {
  /** Everything that it printed, as it was printed. */
  readonly output: string;
  /** Lines that it printed, by stream. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Its log lines: those that are JSON objects and no metrics. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** The last value of each of its metrics, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Its metrics as they were reported, with namespace, dimensions and every value. */
  readonly reportedMetrics: readonly ReportedMetric[];
  /** From the call to the outcome, including the start of a process. */
  readonly durationMs: number;
  /** Time to import the bundle; undefined when the process was warm. */
  readonly coldStartMs?: number;
}

/** What became of one invocation: a result as JSON carries it, or an error. */
export type Invocation<Result> = InvocationReport &
  (
    | { readonly ok: true; readonly result: Result; readonly error?: undefined }
    | { readonly ok: false; readonly error: LambdaError; readonly result?: undefined }
  );

/** Runs a function's asset in a process of its own, as Lambda does: cold once, then warm, one event at a time. */
export class LambdaRuntime {
  readonly #options: LambdaRuntimeOptions;
  #process: LambdaProcess | undefined;
  /** Resolves when the invocation before has ended. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LambdaRuntimeOptions) {
    this.#options = options;
  }

  /**
   * Invokes the handler, after the invocations that were asked for before. Like Lambda, it does not count the
   * import of a cold start towards the time-out; a time-out ends the process, and the next invocation is cold.
   *
   * @param timeoutMs - five minutes by default
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
    const warm = this.#process?.isGone ? undefined : this.#process;
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
