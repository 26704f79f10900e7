/** Invokes the deployed function. */

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { RefreshReport } from '../../lambda/core/model';
import { isJsonObject } from '../../lambda/core/runpod/api';
import { withPlaceInErrors } from '../aws-clients';
import type { Operator } from '../operator';
import { type LogLine, parseLog } from './history';

/** A little longer than the function's own timeout of five minutes. */
const REQUEST_TIMEOUT_MS = 330_000;

/** The result of an invocation. */
export interface InvocationOutcome {
  /** The function's report. Present if every target was refreshed. */
  readonly report?: RefreshReport;
  /** Present if the function threw. */
  readonly error?: { readonly type: string; readonly message: string };
  /** The lines in the last 4 KB of the function's log. */
  readonly lines: readonly LogLine[];
}

/**
 * Invokes the function and waits for its answer. It is not retried, because that would start another run.
 *
 * @throws the AWS client's error when the function was not invoked
 */
export async function invokeFunction(
  operator: Operator,
  functionName: string,
  event: { readonly targets?: readonly string[]; readonly dryRun?: boolean },
): Promise<InvocationOutcome> {
  const requestHandler = { connectionTimeout: 3_000, requestTimeout: REQUEST_TIMEOUT_MS };
  const region = await operator.region();
  const client = withPlaceInErrors(new LambdaClient({ region, maxAttempts: 1, requestHandler }));
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
