/** The log level of a function, which decides whether its metrics and its reports reach CloudWatch. */

import type { LoggingConfig } from '@aws-sdk/client-lambda';
import type { Operator } from '../operator';
import { awsCommand } from '../options';
import { type Finding, fail } from './check';

/** Log levels at which Lambda drops the log lines from which CloudWatch reads the metrics. */
const SILENT_LEVELS: readonly string[] = ['WARN', 'ERROR', 'FATAL'];

/**
 * Returns what is wrong with a function's log level; undefined when nothing is.
 *
 * With JSON logs, Lambda drops lines without a level when the log level is above INFO.
 */
export function logLevelProblem(
  operator: Operator,
  functionName: string,
  config: LoggingConfig | undefined,
): Finding | undefined {
  const level = config?.ApplicationLogLevel ?? '';
  if (config?.LogFormat !== 'JSON' || !SILENT_LEVELS.includes(level)) return undefined;
  const update = `lambda update-function-configuration --function-name ${functionName} --logging-config LogFormat=JSON,ApplicationLogLevel=INFO`;
  return fail(
    [`its log level is ${level}: Lambda drops every metric, so no alarm can see a failure`],
    awsCommand(update, operator.options),
  );
}
