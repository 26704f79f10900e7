import { AwsError } from '../aws/aws-error';

type Fields = Readonly<Record<string, unknown>>;

/** An alarm as CloudWatch shows it. */
export interface ObservedAlarm {
  state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  muted: boolean;
  readonly topicArns: readonly string[];
}

/** What CloudWatch, its logs, SQS and EventBridge tell of a deployment. */
export class Observations {
  /** By name. */
  readonly alarms = new Map<string, ObservedAlarm>();
  /** Messages waiting, by queue URL. */
  readonly queues = new Map<string, number>();
  /** State by rule name. */
  readonly rules = new Map<string, 'ENABLED' | 'DISABLED'>();
  /** When each rule fired, by rule name. */
  readonly fired = new Map<string, Date[]>();
  readonly #logs = new Map<string, { readonly timestamp: number; readonly message: string }[]>();

  /** Appends a line to a log group. */
  log(group: string, at: Date, message: string): void {
    this.#logs.set(group, [...(this.#logs.get(group) ?? []), { timestamp: at.getTime(), message }]);
  }

  /** Empties a log group, as its retention does in time. */
  forget(group: string): void {
    this.#logs.set(group, []);
  }

  /** Puts the alarms back to OK that a good run ends; what warns of days or of a key's age goes on. */
  calm(): void {
    for (const [name, alarm] of this.alarms) {
      if (!/-(RunningSlow|ApiKeyOld)$/.test(name)) alarm.state = 'OK';
    }
  }

  /** `FilterLogEvents`; of filter patterns it understands alternatives of `$.message = "…"`. Pages hold 100 lines. */
  filterLogEvents({ logGroupName, startTime, filterPattern, nextToken }: Fields): object {
    const lines = this.#logs.get(String(logGroupName));
    if (!lines) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    const wanted = [...String(filterPattern ?? '').matchAll(/\$\.message = "([^"]*)"/g)].map(
      ([, text]) => text,
    );
    const fits = lines.filter(
      ({ timestamp, message }) =>
        timestamp >= Number(startTime ?? 0) &&
        (wanted.length === 0 || wanted.some((text) => message.includes(`"message":"${text}"`))),
    );
    const from = Number(nextToken ?? 0);
    const more = from + PAGE < fits.length;
    return { events: fits.slice(from, from + PAGE), ...(more && { nextToken: String(from + PAGE) }) };
  }

  /** `DescribeAlarms` by prefix. */
  describeAlarms({ AlarmNamePrefix }: Fields): object {
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

  /** `GetMetricStatistics` of `TriggeredRules`, the only metric that is kept here. */
  metricStatistics({ Dimensions, StartTime }: Fields): object {
    const [dimension] = Array.isArray(Dimensions) ? (Dimensions as { Value?: string }[]) : [];
    const times = this.fired.get(dimension?.Value ?? '') ?? [];
    const recent = times.filter((time) => time.getTime() >= Number(StartTime) * 1_000);
    const minuteOf = (time: Date) => Math.floor(time.getTime() / 60_000) * 60;
    return { Datapoints: recent.map((time) => ({ Timestamp: minuteOf(time), Sum: 1, Unit: 'Count' })) };
  }

  /** `GetQueueAttributes`. */
  queueAttributes({ QueueUrl }: Fields): object {
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

  /** `DescribeRule`. */
  describeRule({ Name }: Fields): object {
    const State = this.rules.get(String(Name));
    if (!State) throw new AwsError('ResourceNotFoundException', `Rule ${Name} does not exist.`);
    return { Name, State };
  }
}

const PAGE = 100;
