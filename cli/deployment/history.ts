/** The function's log: what its last runs did. */

import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { LOG_MESSAGES, type LogMessage } from '../../lambda/core/contract';
import { isJsonObject, type JsonObject } from '../../lambda/core/runpod/api';
import type { Operator } from '../operator';

/** A line of the function's log with the result of a target or of a run. */
export interface LogLine {
  readonly at: Date;
  readonly message: LogMessage;
  readonly requestId: string;
  readonly fields: JsonObject;
}

const MESSAGES: readonly string[] = Object.values(LOG_MESSAGES);

const PATTERN = `{ ${MESSAGES.map((message) => `$.message = "${message}"`).join(' || ')} }`;

/** How many pages of one search are read. A page has at most 10,000 lines. */
const MAX_PAGES = 50;

/** Reads the lines since a time, oldest first. @throws the AWS client's error */
export async function readHistory(operator: Operator, logGroupName: string, since: Date): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await operator.client(CloudWatchLogsClient).send(
      new FilterLogEventsCommand({
        logGroupName,
        startTime: since.getTime(),
        filterPattern: PATTERN,
        ...(nextToken && { nextToken }),
      }),
    );
    lines.push(...(answer.events ?? []).flatMap(({ message }) => parseLogLine(message ?? '')));
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  return lines.sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Parses a piece of the log. Lines with other messages are left out. */
export function parseLog(text: string): LogLine[] {
  return text.split('\n').flatMap(parseLogLine);
}

function parseLogLine(text: string): LogLine[] {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return [];
  }
  if (!isJsonObject(fields) || !isMessage(fields.message)) return [];
  const at = dateOf(fields.timestamp);
  if (!at) return [];
  return [
    {
      at,
      message: fields.message,
      requestId: String(fields.function_request_id ?? ''),
      fields,
    },
  ];
}

/** @returns undefined for what is no time */
function dateOf(value: unknown): Date | undefined {
  const date = new Date(typeof value === 'string' ? value : '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isMessage(value: unknown): value is LogMessage {
  return typeof value === 'string' && MESSAGES.includes(value);
}

/** The last successful refresh of a target. */
export interface LastSuccess {
  readonly at: Date;
  readonly registryAuthId: string;
  readonly route: string;
  /** When the credential at Runpod expires. @default - it has no time of expiry */
  readonly expiresAt?: Date;
}

/** Returns the last successful refresh of each target, by target name. @param lines - oldest first */
export function lastSuccesses(lines: readonly LogLine[]): Map<string, LastSuccess> {
  const successes = lines.filter(({ message }) => message === LOG_MESSAGES.targetRefreshed);
  return new Map(
    successes.map(({ at, fields }) => {
      const expiresAt = dateOf(fields.expiresAt);
      const { target, registryAuthId, route } = fields;
      const success = { at, registryAuthId: String(registryAuthId), route: String(route) };
      return [String(target), { ...success, ...(expiresAt && { expiresAt }) }];
    }),
  );
}
