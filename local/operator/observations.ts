import { AwsError, type JsonInput } from '../aws/protocol';

/** An alarm of a deployed stack. */
export interface ObservedAlarm {
  state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  /** Whether the alarm's actions are disabled. */
  muted: boolean;
  readonly topicArns: readonly string[];
}

/** An attempt of an alarm to notify a topic. */
export interface AlarmAction {
  readonly alarmName: string;
  readonly topicArn: string;
  readonly at: Date;
  /** Why it failed, in AWS's words. @default - it worked */
  readonly error?: string;
}

/** CloudWatch's alarms, metrics and logs, SQS's queues and EventBridge's rules, as far as the command line asks. */
export class Observations {
  /** Alarms by name. */
  readonly alarms = new Map<string, ObservedAlarm>();
  /** The history of the alarms' actions, in any order. */
  readonly actions: AlarmAction[] = [];
  /** Number of visible messages, by queue URL. */
  readonly queues = new Map<string, number>();
  /** State of each rule, by name. */
  readonly rules = new Map<string, 'ENABLED' | 'DISABLED'>();
  /** The schedule of each rule that has one, by name. */
  readonly schedules = new Map<string, string>();
  /** ARNs of what each rule invokes, by the rule's name. */
  readonly ruleTargets = new Map<string, readonly string[]>();
  /** Times at which each rule fired, by name. */
  readonly fired = new Map<string, Date[]>();
  readonly #logs = new Map<string, { readonly timestamp: number; readonly message: string }[]>();

  /** Appends a line to a log group. */
  log(group: string, at: Date, message: string): void {
    this.#logs.set(group, [...(this.#logs.get(group) ?? []), { timestamp: at.getTime(), message }]);
  }

  /** Empties a log group, as if its retention period were over. */
  forget(group: string): void {
    this.#logs.set(group, []);
  }

  /** Sets the alarms to OK that a successful run ends. RunningSlow, ApiKeyOld and those of the watch stay as they are. */
  resolveAlarms(): void {
    for (const [name, alarm] of this.alarms) {
      if (!NOT_ENDED_BY_A_RUN.test(name)) alarm.state = 'OK';
    }
  }

  /**
   * Answers `FilterLogEvents` with at most 100 lines a page.
   *
   * Of filter patterns it understands only alternatives of `$.message = "…"`.
   */
  filterLogEvents({ logGroupName, startTime, filterPattern, nextToken }: JsonInput): object {
    const lines = this.#logs.get(String(logGroupName));
    if (!lines) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    const wanted = [...String(filterPattern ?? '').matchAll(/\$\.message = "([^"]*)"/g)].map(
      ([, text]) => text,
    );
    const matching = lines.filter(
      ({ timestamp, message }) =>
        timestamp >= Number(startTime ?? 0) &&
        (wanted.length === 0 || wanted.some((text) => message.includes(`"message":"${text}"`))),
    );
    const from = Number(nextToken ?? 0);
    const more = from + PAGE_SIZE < matching.length;
    return {
      events: matching.slice(from, from + PAGE_SIZE),
      ...(more && { nextToken: String(from + PAGE_SIZE) }),
    };
  }

  /** Answers `DescribeAlarms` by prefix. */
  describeAlarms({ AlarmNamePrefix }: JsonInput): object {
    const names = [...this.alarms].filter(([name]) => name.startsWith(String(AlarmNamePrefix ?? '')));
    return {
      MetricAlarms: names.map(([AlarmName, { state, topicArns, muted }]) => ({
        AlarmName,
        StateValue: state,
        ActionsEnabled: !muted,
        AlarmActions: topicArns,
      })),
    };
  }

  /** Answers `DescribeAlarmHistory` for the actions of one alarm, newest first. */
  alarmHistory({ AlarmName }: JsonInput): object {
    const own = this.actions.filter(({ alarmName }) => alarmName === AlarmName);
    const newestFirst = own.sort((a, b) => b.at.getTime() - a.at.getTime());
    return {
      AlarmHistoryItems: newestFirst.map(({ at, topicArn, error }) => ({
        AlarmName,
        AlarmType: 'MetricAlarm',
        Timestamp: at.getTime() / 1_000,
        HistoryItemType: 'Action',
        HistorySummary: `${error === undefined ? 'Successfully executed' : 'Failed to execute'} action ${topicArn}`,
        HistoryData: JSON.stringify({
          actionState: error === undefined ? 'Succeeded' : 'Failed',
          notificationResource: topicArn,
          error: error ?? null,
        }),
      })),
    };
  }

  /** Answers `GetMetricStatistics` for `TriggeredRules`, the only metric that is kept here. */
  metricStatistics({ Dimensions, StartTime }: JsonInput): object {
    const [dimension] = Array.isArray(Dimensions) ? (Dimensions as { Value?: string }[]) : [];
    const times = this.fired.get(dimension?.Value ?? '') ?? [];
    const recent = times.filter((time) => time.getTime() >= Number(StartTime) * 1_000);
    const minuteOf = (time: Date) => Math.floor(time.getTime() / 60_000) * 60;
    return { Datapoints: recent.map((time) => ({ Timestamp: minuteOf(time), Sum: 1, Unit: 'Count' })) };
  }

  /** Answers `GetQueueAttributes`. */
  queueAttributes({ QueueUrl }: JsonInput): object {
    const waiting = this.queues.get(String(QueueUrl));
    if (waiting === undefined) {
      throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
    }
    return {
      Attributes: {
        ApproximateNumberOfMessages: String(waiting),
        ApproximateNumberOfMessagesNotVisible: '0',
        ApproximateNumberOfMessagesDelayed: '0',
      },
    };
  }

  /** Answers `DescribeRule`. */
  describeRule({ Name }: JsonInput): object {
    const State = this.rules.get(String(Name));
    if (!State) throw new AwsError('ResourceNotFoundException', `Rule ${Name} does not exist.`);
    const ScheduleExpression = this.schedules.get(String(Name));
    return { Name, State, ...(ScheduleExpression && { ScheduleExpression }) };
  }

  /** Answers `ListRuleNamesByTarget` on one page. */
  rulesByTarget({ TargetArn }: JsonInput): object {
    const names = [...this.ruleTargets].filter(([, targets]) => targets.includes(String(TargetArn)));
    return { RuleNames: names.map(([name]) => name) };
  }
}

const PAGE_SIZE = 100;

const NOT_ENDED_BY_A_RUN = /-(RunningSlow|ApiKeyOld|PullsFailing|ImagesUnpullable|WatchSilent)$/;
