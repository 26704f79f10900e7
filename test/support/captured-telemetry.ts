import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { Logger } from '@aws-lambda-powertools/logger';
import { embeddedMetricLine, type PublishMetrics } from '../../lambda/refresh-credentials/telemetry';

/** The real logger and the real metrics document, whose lines a test can read. */
export interface CapturedTelemetry {
  readonly logger: Logger;
  readonly publishMetrics: PublishMetrics;
  /** All that was written, as it was written. */
  output(): string;
  /** The log lines, parsed. */
  logLines(): Record<string, unknown>[];
  /** The metrics by name, as the last published document has them. Undefined where nothing was published. */
  published(): Record<string, unknown> | undefined;
}

/** Makes a logger and metrics that write to memory. */
export function captureTelemetry(service = 'EcrCredentialRefresher'): CapturedTelemetry {
  const written: string[] = [];
  const memory = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString('utf8'));
      done();
    },
  });
  const output = () => written.join('');
  const documents = () =>
    output()
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Record<string, unknown> => JSON.parse(line));
  return {
    // Powertools writes to a console of its own, which it keeps in this field.
    logger: Object.defineProperty(new Logger({ serviceName: service }), 'console', {
      value: new Console({ stdout: memory, stderr: memory }),
    }),
    publishMetrics: (metrics, nowMs) => {
      memory.write(`${embeddedMetricLine(service, metrics, nowMs)}\n`);
    },
    output,
    logLines: () => documents().filter((document) => !('_aws' in document)),
    published: () => documents().findLast((document) => '_aws' in document),
  };
}
