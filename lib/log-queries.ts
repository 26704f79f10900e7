import { CfnQueryDefinition, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { LOG_MESSAGES } from '../lambda/core/contract';

/** Lines of the Logs Insights query for the newest failures: one row for each failed attempt of a target. */
export const LAST_FAILURES: readonly string[] = [
  'fields @timestamp, target, kind, reason, why, function_request_id',
  filterMessage('targetFailed'),
  'sort @timestamp desc',
  'limit 50',
];

/** Lines of the Logs Insights query for the newest findings of the watch, and for what it may not look at. */
export const PULL_PROBLEMS: readonly string[] = [
  'fields @timestamp, target, workload, problem, confirmed, image, coalesce(detail, reason) as what',
  `filter message in ["${LOG_MESSAGES.pullProblem}", "${LOG_MESSAGES.watchBlind}"]`,
  'sort @timestamp desc',
  'limit 50',
];

interface LogQuery {
  readonly name: string;
  /** Commands of Logs Insights. Their fields are those of the function's log lines. */
  readonly lines: readonly string[];
}

/** The saved queries by their construct id. */
const QUERIES: Readonly<Record<string, LogQuery>> = {
  FailuresByTarget: {
    name: 'failures by target',
    lines: [
      filterMessage('targetFailed'),
      'stats count(*) as failures, latest(reason) as lastReason, latest(why) as lastWhy, latest(@timestamp) as lastAt by target, kind',
      'sort failures desc',
    ],
  },
  OneRun: {
    name: 'one run',
    lines: [
      '# Replace REQUEST_ID with the function_request_id of the run: "last failures" and every log line show it\nfields @timestamp, level, message, target, route, verified, reason, why, durationMs',
      'filter function_request_id = "REQUEST_ID"',
      'sort @timestamp asc',
    ],
  },
  LastFailures: { name: 'last failures', lines: LAST_FAILURES },
  RoutesUsed: {
    name: 'routes used',
    lines: [
      filterMessage('targetRefreshed'),
      'stats count(*) as writes, latest(@timestamp) as lastAt by route, fallback',
      'sort writes desc',
    ],
  },
};

/** Properties of `LogQueries`. */
export interface LogQueriesProps {
  /** Name of the refresher: the folder of the queries. */
  readonly service: string;
  /** The log group that the queries search. */
  readonly logGroup: ILogGroup;
  /** The log of the watch. @default - there is no watch */
  readonly watchLogGroup?: ILogGroup | undefined;
}

/** Saved queries of CloudWatch Logs Insights, in a folder with the refresher's name. */
export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, { service, logGroup, watchLogGroup }: LogQueriesProps) {
    super(scope, id);
    const add = (queryId: string, { name, lines }: LogQuery, searched: ILogGroup) =>
      new CfnQueryDefinition(this, queryId, {
        name: `${service}/${name}`,
        queryString: lines.join('\n| '),
        logGroupNames: [searched.logGroupName],
      });
    for (const [queryId, query] of Object.entries(QUERIES)) add(queryId, query, logGroup);
    if (watchLogGroup) add('PullProblems', { name: 'pull problems', lines: PULL_PROBLEMS }, watchLogGroup);
  }
}

function filterMessage(message: keyof typeof LOG_MESSAGES): string {
  return `filter message = "${LOG_MESSAGES[message]}"`;
}
