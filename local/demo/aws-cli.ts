/** The AWS CLI of a demo: the commands of the runbook and of `doctor`, with the output formats that these use. */

import { LOCAL_ACCOUNT } from '../aws/protocol';
import { LOCAL_REGION } from '../cloud';
import { functionArn } from '../operator/function-api';
import type { DemoWorld } from './demo-world';

/** Returns the value of an option, or an empty text. */
type Option = (name: string) => string;

/** The answer of a command: a text to print, or a value for `--query` and `--output`. Undefined: no such resource. */
type Answer = string | object | undefined;

type AwsCommand = (world: DemoWorld, option: Option) => Answer | Promise<Answer>;

/** The commands of the AWS CLI that a demo has. */
export const AWS_COMMANDS: Readonly<Record<string, AwsCommand>> = {
  'cloudformation delete-stack': ({ cloud }, option) =>
    cloud.operatorAws.stacks.stacks.delete(option('stack-name')) ? 'The stack is deleted.' : undefined,
  'cloudformation describe-stacks': ({ cloud }, option) => {
    const stack = cloud.operatorAws.stacks.stacks.get(option('stack-name'));
    if (!stack) return undefined;
    const outputs = Object.entries(stack.outputs);
    const Outputs = outputs.map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
    return { Stacks: [{ StackName: stack.name, StackStatus: stack.status, Outputs }] };
  },
  'cloudwatch describe-alarm-history': ({ cloud }, option) =>
    cloud.operatorAws.observations.alarmHistory({ AlarmName: option('alarm-name') }),
  'cloudwatch enable-alarm-actions': ({ cloud }, option) => {
    const alarm = cloud.operatorAws.observations.alarms.get(option('alarm-names'));
    if (!alarm) return undefined;
    alarm.muted = false;
    return 'The alarm notifies its topics again.';
  },
  'ecr get-login-password': ({ cloud }) => {
    const caller = { principal: 'operator', arn: `arn:aws:iam::${LOCAL_ACCOUNT}:user/operator` };
    const answer = cloud.aws.ecr.getAuthorizationToken({
      ...caller,
      accountId: LOCAL_ACCOUNT,
      region: LOCAL_REGION,
      service: 'ecr',
    }) as { authorizationData: readonly { authorizationToken: string }[] };
    const token = Buffer.from(answer.authorizationData[0]?.authorizationToken ?? '', 'base64').toString();
    return token.slice(token.indexOf(':') + 1);
  },
  'ecr get-repository-policy': ({ cloud }, option) => {
    const repositoryName = option('repository-name');
    if (!cloud.registry.denied.has(repositoryName)) return undefined;
    const statement = { Sid: 'NoPulls', Effect: 'Deny', Principal: '*', Action: 'ecr:BatchGetImage' };
    const policyText = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    return { registryId: LOCAL_ACCOUNT, repositoryName, policyText };
  },
  'events describe-rule': ({ cloud }, option) => {
    const { observations, stacks } = cloud.operatorAws;
    const rule = [...stacks.stacks.values()].flatMap(({ physicalIds, template }) =>
      [...physicalIds].flatMap(([id, name]) =>
        name === option('name') ? [template.Resources[id]?.Properties?.ScheduleExpression] : [],
      ),
    );
    return { ...observations.describeRule({ Name: option('name') }), ScheduleExpression: rule[0] };
  },
  'events enable-rule': ({ cloud }, option) => {
    const { rules } = cloud.operatorAws.observations;
    if (!rules.has(option('name'))) return undefined;
    rules.set(option('name'), 'ENABLED');
    return 'The rule is enabled.';
  },
  'lambda get-policy': ({ cloud }, option) => {
    const name = option('function-name');
    if (!cloud.functionApi.functions.has(name)) return undefined;
    const { rules, ruleTargets } = cloud.operatorAws.observations;
    const own = [...rules.keys()].filter((rule) => ruleTargets.get(rule)?.includes(functionArn(name)));
    return {
      Policy: JSON.stringify({
        Statement: own.map((rule) => ({
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'lambda:InvokeFunction',
          Condition: {
            ArnLike: { 'AWS:SourceArn': `arn:aws:events:${LOCAL_REGION}:${LOCAL_ACCOUNT}:rule/${rule}` },
          },
        })),
      }),
    };
  },
  'lambda invoke': async ({ cloud }, option) => {
    const found = cloud.functionApi.functions.get(option('function-name'));
    if (!found) return undefined;
    const invocation = await found.runtime.invoke(JSON.parse(option('payload') || '{}'));
    found.onInvoked(invocation);
    const metadata = { StatusCode: 200, ...(invocation.error && { FunctionError: 'Unhandled' }) };
    const payload = JSON.stringify(invocation.error ?? invocation.result ?? null);
    return `${payload}\n${JSON.stringify(metadata, null, 4)}`;
  },
  'logs filter-log-events': ({ cloud }, option) => {
    const filterPattern = option('filter-pattern');
    const { observations } = cloud.operatorAws;
    const events: LogEvent[] = [];
    let nextToken: string | undefined;
    do {
      const page = observations.filterLogEvents({
        logGroupName: option('log-group-name'),
        startTime: Number(option('start-time')),
        filterPattern,
        nextToken,
      }) as { events: LogEvent[]; nextToken?: string };
      events.push(...page.events);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return { events: events.filter(({ message }) => fulfils(message, filterPattern)) };
  },
  'secretsmanager create-secret': ({ cloud }, option) =>
    cloud.aws.secrets.createSecret({ Name: option('name'), SecretString: option('secret-string') }),
  'secretsmanager describe-secret': ({ cloud }, option) =>
    cloud.aws.secrets.describeSecret({ SecretId: option('secret-id') }),
  'secretsmanager put-secret-value': ({ cloud }, option) =>
    cloud.aws.secrets.putSecretValue({
      SecretId: option('secret-id'),
      SecretString: option('secret-string'),
    }),
  'sns subscribe': ({ cloud }, option) => {
    const { topics } = cloud.operatorAws;
    if (!topics.topics.has(option('topic-arn'))) return undefined;
    topics.subscribe(option('topic-arn'), option('protocol'), option('notification-endpoint'));
    topics.confirmAll();
    return 'A mail is on its way. In the demo its link has been followed.';
  },
  'sqs purge-queue': ({ cloud }, option) => {
    const { queues } = cloud.operatorAws.observations;
    if (!queues.has(option('queue-url'))) return undefined;
    queues.set(option('queue-url'), 0);
    return 'The queue is empty.';
  },
  'sqs receive-message': ({ cloud, outputs }, option) => {
    const count = cloud.operatorAws.observations.queues.get(option('queue-url'));
    if (count === undefined) return undefined;
    const Body = JSON.stringify({
      requestContext: {
        functionArn: functionArn(outputs.FunctionName ?? ''),
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      requestPayload: { source: 'aws.events' },
      responsePayload: { errorType: 'RefreshFailed', errorMessage: '1 of 2 targets failed: prod' },
    });
    // The AWS CLI prints nothing when no message is there.
    return count === 0 ? '' : { Messages: [{ MessageId: '1', Body }] };
  },
};

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
}

/** Returns whether a log line fulfils the conditions of a filter pattern besides the one for `$.message`. */
function fulfils(message: string, pattern: string): boolean {
  const fields: Record<string, unknown> = message.startsWith('{') ? JSON.parse(message) : {};
  const above = [...pattern.matchAll(/\$\.(\w+) > (\d+)/g)];
  const flags = [...pattern.matchAll(/\$\.(\w+) IS TRUE/g)];
  return (
    above.every(([, name = '', limit]) => Number(fields[name]) > Number(limit)) &&
    flags.every(([, name = '']) => fields[name] === true)
  );
}

/** The values of `--query` that a demo knows, and what each one selects. */
const QUERIES: readonly (readonly [query: RegExp, select: (answer: never, word: string) => unknown])[] = [
  [
    /^Stacks\[0\]\.Outputs\[\?OutputKey=='(\w+)'\]\.OutputValue$/,
    ({ Stacks: [stack] }: { Stacks: [{ Outputs: { OutputKey: string; OutputValue: string }[] }] }, key) =>
      stack.Outputs.filter(({ OutputKey }) => OutputKey === key).map(({ OutputValue }) => OutputValue),
  ],
  [
    /^events\[\]\.\[message\]$/,
    ({ events }: { events: LogEvent[] }) => events.map(({ message }) => [message]),
  ],
  [
    /^Messages\[\]\.Body$/,
    ({ Messages }: { Messages: { Body: string }[] }) => Messages.map(({ Body }) => Body),
  ],
  [
    /^AlarmHistoryItems\[\]\.\[Timestamp,HistorySummary\]$/,
    (answer: { AlarmHistoryItems: { Timestamp: number; HistorySummary: string }[] }) =>
      answer.AlarmHistoryItems.map(({ Timestamp, HistorySummary }) => [Timestamp, HistorySummary]),
  ],
  [
    /^\[(\w+), (\w+)\]$/,
    (answer: Record<string, unknown>, words) => words.split(' ').map((name) => answer[name] ?? null),
  ],
];

/**
 * Returns what a command prints.
 *
 * @returns undefined when the demo does not know the query
 */
export function printed(answer: string | object, option: Option): string[] | undefined {
  if (typeof answer === 'string') return answer === '' ? [] : answer.split('\n');
  const query = option('query');
  const known = QUERIES.find(([pattern]) => pattern.test(query));
  if (query !== '' && !known) return undefined;
  const words = known?.[0].exec(query)?.slice(1).join(' ') ?? '';
  const selected: unknown = known ? known[1](answer as never, words) : answer;
  if (option('output') !== 'text') return JSON.stringify(selected, null, 4).split('\n');
  const rows = Array.isArray(selected) ? selected : [selected];
  return rows.every((row) => Array.isArray(row)) ? rows.map((row) => row.join('\t')) : [rows.join('\t')];
}
