import type { Readable } from 'node:stream';

/** A line of a function's output. */
export interface PrintedLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** A metric from a line in CloudWatch's embedded metric format. */
export interface ReportedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly values: readonly number[];
  /** The metric's dimension sets, each as values by name. */
  readonly dimensions: readonly Readonly<Record<string, string>>[];
}

type JsonLine = Readonly<Record<string, unknown>>;

/** Collects a process's output as lines in order of arrival. */
export class LambdaOutput {
  readonly #lines: PrintedLine[] = [];
  readonly #unfinished = { stdout: '', stderr: '' };
  #endMark = '';
  #marksToCome = 0;
  #onEnd: () => void = () => undefined;

  /** Starts to read a stream of the process. */
  follow(stream: PrintedLine['stream'], readable: Readable | null): void {
    readable?.setEncoding('utf8').on('data', (text: string) => this.#add(stream, text));
  }

  /** Resolves when this line has arrived on both streams. */
  async until(endMark: string): Promise<void> {
    this.#endMark = endMark;
    this.#marksToCome = 2;
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** Returns the lines since the last call. */
  take(): PrintedLine[] {
    for (const stream of ['stdout', 'stderr'] as const) this.#add(stream, '\n');
    return this.#lines.splice(0).filter(({ text }) => text !== '');
  }

  #add(stream: PrintedLine['stream'], text: string): void {
    const lines = (this.#unfinished[stream] + text).split('\n');
    this.#unfinished[stream] = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== this.#endMark || line === '') this.#lines.push({ stream, text: line });
      else this.#marksToCome -= 1;
    }
    if (this.#marksToCome === 0) this.#onEnd();
  }
}

/** Parses the lines that are JSON objects, and separates metrics from log entries. Ignores other lines. */
export function readLines(lines: readonly PrintedLine[]): { logs: JsonLine[]; metrics: ReportedMetric[] } {
  const objects = lines.flatMap(({ text }) => parsed(text));
  return {
    logs: objects.filter((line) => !('_aws' in line)),
    metrics: objects.filter((line) => '_aws' in line).flatMap(metricsOf),
  };
}

function parsed(text: string): JsonLine[] {
  if (!text.startsWith('{')) return [];
  try {
    return [JSON.parse(text) as JsonLine];
  } catch {
    return [];
  }
}

/** The fields of the embedded metric format that are read here. */
interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}

function metricsOf(line: JsonLine): ReportedMetric[] {
  const { CloudWatchMetrics } = line._aws as { CloudWatchMetrics: readonly Directive[] };
  return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Metrics.map(({ Name }) => ({
      namespace: Namespace,
      name: Name,
      values: [line[Name]].flat().filter((value) => typeof value === 'number'),
      dimensions: Dimensions.map((names) =>
        Object.fromEntries(names.map((name) => [name, String(line[name])])),
      ),
    })),
  );
}
