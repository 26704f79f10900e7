/** Runs the deployed function now. */

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { RefreshReport } from '../../lambda/core/model';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { type LogLine, parseLog } from './history';

/** A little more than the function's own time-out of five minutes. */
const PATIENCE_MS = 330_000;

/** What became of an invocation. */
export interface InvocationOutcome {
  /** Present when every target was refreshed. */
  readonly report?: RefreshReport;
  /** Present when the function threw. */
  readonly error?: { readonly type: string; readonly message: string };
  /** The end of its log: at most 4 KB. */
  readonly lines: readonly LogLine[];
}

/** Invokes the function and waits for its answer. It is asked once: a repetition would be another run. */
export async function invokeFunction(
  functionName: string,
  event: { readonly targets?: readonly string[]; readonly dryRun?: boolean },
): Promise<InvocationOutcome> {
  const client = new LambdaClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: PATIENCE_MS },
  });
  const { FunctionError, LogResult, Payload } = await client.send(
    new InvokeCommand({ FunctionName: functionName, LogType: 'Tail', Payload: JSON.stringify(event) }),
  );
  const payload: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8') || 'null');
  const lines = parseLog(Buffer.from(LogResult ?? '', 'base64').toString('utf8'));
  if (FunctionError === undefined) return { report: payload as RefreshReport, lines };
  const error = isJsonObject(payload) ? payload : {};
  return {
    error: { type: String(error.errorType ?? FunctionError), message: String(error.errorMessage ?? '') },
    lines,
  };
}
