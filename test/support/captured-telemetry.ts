import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { Logger } from '@aws-lambda-powertools/logger';
import { embeddedMetricLine, type PublishMetrics } from '../../lambda/core/metrics';

/** The real logger and the real metrics document, with an output that a test can read. */
export interface CapturedTelemetry {
  readonly logger: Logger;
  readonly publishMetrics: PublishMetrics;
  /** Everything that was written. */
  output(): string;
  /** The log lines, parsed. */
  logLines(): Record<string, unknown>[];
  /** The metrics of the last published document, by name; undefined when none was published. */
  published(): Record<string, unknown> | undefined;
}

/** A console that writes to memory. */
export function captureConsole(): { memory: Writable; console: Console; output: () => string } {
  const written: string[] = [];
  const memory = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString('utf8'));
      done();
    },
  });
  return {
    memory,
    console: new Console({ stdout: memory, stderr: memory }),
    output: () => written.join(''),
  };
}

/** Makes a logger and metrics that write to memory. */
export function captureTelemetry(service = 'EcrCredentialRefresher'): CapturedTelemetry {
  const { memory, console, output } = captureConsole();
  const documents = () =>
    output()
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Record<string, unknown> => JSON.parse(line));
  return {
    // Powertools writes to its own console, which it keeps in this field.
    logger: Object.defineProperty(new Logger({ serviceName: service }), 'console', {
      value: console,
    }),
    publishMetrics: (metrics, nowMs) => {
      memory.write(`${embeddedMetricLine(service, metrics, nowMs)}\n`);
    },
    output,
    logLines: () => documents().filter((document) => !('_aws' in document)),
    published: () => documents().findLast((document) => '_aws' in document),
  };
}
