/** What the function's log tells of its last runs. */

import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { isJsonObject, type JsonObject } from '../../lambda/core/runpod/api';
import type { Operator } from '../operator';

/** A line of the function's log that says what became of a target, or of a run. */
export interface LogLine {
  readonly at: Date;
  readonly message: 'target refreshed' | 'target would be refreshed' | 'target failed' | 'run finished';
  readonly requestId: string;
  readonly fields: JsonObject;
}

const MESSAGES: readonly string[] = [
  'target refreshed',
  'target would be refreshed',
  'target failed',
  'run finished',
] satisfies LogLine['message'][];

const PATTERN = `{ ${MESSAGES.map((message) => `$.message = "${message}"`).join(' || ')} }`;

/** Pages of one search; 10,000 lines each at the most. */
const MAX_PAGES = 50;

/** The lines since a moment, oldest first. @throws AWS's own error */
export async function readHistory(operator: Operator, logGroupName: string, since: Date): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await operator.logs.send(
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

/** The lines of a piece of log that tell of targets and runs. */
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
  return [
    {
      at: new Date(String(fields.timestamp)),
      message: fields.message,
      requestId: String(fields.function_request_id ?? ''),
      fields,
    },
  ];
}

function isMessage(value: unknown): value is LogLine['message'] {
  return typeof value === 'string' && MESSAGES.includes(value);
}

/** The last time that a target was refreshed. */
export interface LastSuccess {
  readonly at: Date;
  readonly registryAuthId: string;
  readonly route: string;
  /** When what Runpod holds dies; absent where it does not die by the clock. */
  readonly expiresAt?: Date;
}

/** The last success of each target, by name. */
export function lastSuccesses(lines: readonly LogLine[]): Map<string, LastSuccess> {
  const successes = lines.filter(({ message }) => message === 'target refreshed');
  return new Map(
    successes.map(({ at, fields }) => [
      String(fields.target),
      {
        at,
        registryAuthId: String(fields.registryAuthId),
        route: String(fields.route),
        ...(typeof fields.expiresAt === 'string' && { expiresAt: new Date(fields.expiresAt) }),
      },
    ]),
  );
}
