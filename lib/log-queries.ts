/** Questions to the log that on-call asks again and again. */

import { Stack } from 'aws-cdk-lib';
import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** The newest failures, a line for each target and try. */
export const LAST_FAILURES: readonly string[] = [
  'fields @timestamp, target, kind, reason, why, function_request_id',
  'filter message = "target failed"',
  'sort @timestamp desc',
  'limit 50',
];

interface LogQuery {
  readonly name: string;
  /** As Logs Insights takes them. The fields are those of `telemetry.ts`. */
  readonly lines: readonly string[];
}

const QUERIES: Readonly<Record<string, LogQuery>> = {
  FailuresByTarget: {
    name: 'failures by target',
    lines: [
      'filter message = "target failed"',
      'stats count(*) as failures, latest(reason) as lastReason, latest(why) as lastWhy, latest(@timestamp) as lastAt by target, kind',
      'sort failures desc',
    ],
  },
  OneRun: {
    name: 'one run',
    lines: [
      '# Put in the function_request_id of the run: "last failures" shows it, and so does every line of the log\nfields @timestamp, level, message, target, route, verified, reason, why, durationMs',
      'filter function_request_id = "REQUEST_ID"',
      'sort @timestamp asc',
    ],
  },
  LastFailures: { name: 'last failures', lines: LAST_FAILURES },
  RoutesUsed: {
    name: 'routes used',
    lines: [
      'filter message = "target refreshed"',
      'stats count(*) as writes, latest(@timestamp) as lastAt by route, fallback',
      'sort writes desc',
    ],
  },
};

/** Properties of `LogQueries`. */
export interface LogQueriesProps {
  readonly logGroup: ILogGroup;
}

/** Saved queries, in the console under Logs Insights, in a folder of the stack's name. */
export class LogQueries extends Construct {
  constructor(scope: Construct, queriesId: string, { logGroup }: LogQueriesProps) {
    super(scope, queriesId);
    for (const [id, { name, lines }] of Object.entries(QUERIES)) {
      new CfnQueryDefinition(this, id, {
        name: `${Stack.of(this).stackName}/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames: [logGroup.logGroupName],
      });
    }
  }
}
