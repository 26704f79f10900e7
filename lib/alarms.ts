/** Every alarm: when it rings, whom, and what it says. */

import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { IRule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { MetricName } from '../lambda/core/contract';
import { type MetricView, refresherMetric } from './metrics';
import type { Notifications } from './notifications';
import { type AlarmRouting, RefresherAlarm } from './refresher-alarm';

/** Properties of `Alarms`. */
export interface AlarmsProps {
  /** The `service` of the function's metrics. */
  readonly service: string;
  readonly function: IFunction;
  /** How long one run may last. */
  readonly timeout: Duration;
  readonly rule: IRule;
  /** Time from one refresh to the next, in whole hours. */
  readonly interval: Duration;
  /** From the beginning of one retry to the next. */
  readonly retryPause: Duration;
  readonly deadLetterQueue: IQueue;
  /** Age of the Runpod API key from which on to warn, in days. */
  readonly apiKeyMaxAgeDays: number;
  readonly notifications: Notifications;
  /** Page or file with one heading per alarm. */
  readonly runbook: string;
}

/** Short periods: CloudWatch looks a few periods further back than an alarm says, which delays a page by as much. */
const FINE = Duration.minutes(5);

/** The alarms, pages first. Construct ids are alarm names and runbook headings. */
export class Alarms extends Construct {
  /** All alarms, in the order in which a person reads them. */
  readonly all: readonly RefresherAlarm[];
  readonly refreshSilent: RefresherAlarm;
  readonly #props: AlarmsProps;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#props = props;
    const { notifications, runbook } = props;
    const page = { channel: notifications.pages, tellsRecovery: true, runbook };
    const warning = { channel: notifications.warnings, tellsRecovery: false, runbook };
    this.refreshSilent = this.#refreshSilent(page);
    this.all = [
      this.refreshSilent,
      this.#refreshFailing(page),
      this.#operatorActionNeeded(page),
      this.#retriesExhausted(page),
      this.#scheduleBroken(page),
      this.#runningSlow(warning),
      this.#fallbackRoute(warning),
      this.#apiKeyOld(warning),
    ];
  }

  #refreshSilent(routing: AlarmRouting): RefresherAlarm {
    return new RefresherAlarm(this, 'RefreshSilent', {
      whatHappened: 'No run has refreshed every target for one interval and an hour.',
      whatToDo: 'Find out whether runs fail or nothing runs at all, and refresh by hand.',
      metric: this.#metric('RunSucceeded', { statistic: 'Sum', period: FINE }),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      periods: this.#intervalAndAnHour() / FINE.toSeconds(),
      missingData: { as: TreatMissingData.BREACHING, because: 'silence is the failure.' },
      routing,
    });
  }

  /**
   * A retry begins a pause after the last one and reports when it ends, so that every window as long as a pause, a
   * run and a minute for the queue's polling has a report. Five windows, not four: were they aligned to the clock,
   * the first and the last could be cut short, and the three between them are an hour. The least of a window rather
   * than the sum, so that one success closes the incident, which the failures before it would open again.
   */
  #refreshFailing(routing: AlarmRouting): RefresherAlarm {
    const period = this.#props.retryPause.plus(this.#props.timeout).plus(Duration.minutes(1));
    return new RefresherAlarm(this, 'RefreshFailing', {
      whatHappened: 'Targets have failed for more than an hour in spite of the retries.',
      whatToDo: 'See in the log which ones and why; if it is an outage, the retries will mend it.',
      metric: this.#metric('TargetsFailed', { statistic: 'Minimum', period }),
      periods: 5,
      missingData: {
        as: TreatMissingData.NOT_BREACHING,
        because: 'between two runs of the schedule nothing is sent and nothing is wrong.',
      },
      routing,
    });
  }

  /** The last five minutes rather than one: a metric that arrives late would fall into a minute nobody looks at. */
  #operatorActionNeeded(routing: AlarmRouting): RefresherAlarm {
    return new RefresherAlarm(this, 'OperatorActionNeeded', {
      whatHappened: 'A target failed in a way that no retry can mend.',
      whatToDo: 'Look up its reason in the log and mend that; the next retry then succeeds by itself.',
      metric: this.#metric('OperatorActionNeeded', { statistic: 'Sum', period: Duration.minutes(1) }),
      periods: 5,
      periodsToAlarm: 1,
      missingData: {
        as: TreatMissingData.IGNORE,
        because: 'only a run can tell that it is mended, so between two runs the state stays.',
      },
      routing,
    });
  }

  /** Five minutes, so that a message which a person is just looking at does not count as gone. */
  #retriesExhausted(routing: AlarmRouting): RefresherAlarm {
    return new RefresherAlarm(this, 'RetriesExhausted', {
      whatHappened: 'A failed run was retried for a whole interval and now rests in the dead-letter queue.',
      whatToDo: 'See whether a later run has succeeded, mend the cause, and empty the queue.',
      metric: this.#props.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        statistic: 'Maximum',
        period: FINE,
      }),
      missingData: {
        as: TreatMissingData.NOT_BREACHING,
        because: 'SQS sends nothing about a queue that has been empty for hours.',
      },
      routing,
    });
  }

  /**
   * One failed invocation rings at once and keeps ringing until the next one is due. The metric rather than the
   * depth of the undelivered queue: SQS may take 15 minutes to send the first figures of a queue that was idle.
   */
  #scheduleBroken(routing: AlarmRouting): RefresherAlarm {
    return new RefresherAlarm(this, 'ScheduleBroken', {
      whatHappened: 'The rule could not invoke the function.',
      whatToDo: 'Refresh by hand now, then read the undelivered event and put the permission right.',
      metric: new Metric({
        namespace: 'AWS/Events',
        metricName: 'FailedInvocations',
        dimensionsMap: { RuleName: this.#props.rule.ruleName },
        statistic: 'Sum',
        period: FINE,
      }),
      periods: this.#intervalAndAnHour() / FINE.toSeconds(),
      periodsToAlarm: 1,
      missingData: {
        as: TreatMissingData.NOT_BREACHING,
        because: 'EventBridge sends this metric only when an invocation has failed.',
      },
      routing,
    });
  }

  #runningSlow(routing: AlarmRouting): RefresherAlarm {
    return new RefresherAlarm(this, 'RunningSlow', {
      whatHappened: 'A run took more than 80 % of its time-out.',
      whatToDo: 'See in the log what it waited for; nothing has failed yet.',
      metric: this.#props.function.metricDuration({ statistic: 'Maximum', period: Duration.hours(1) }),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0.8 * this.#props.timeout.toMilliseconds(),
      periods: 24,
      periodsToAlarm: 1,
      missingData: {
        as: TreatMissingData.NOT_BREACHING,
        because: 'without a run nothing is slow, and whether anything runs is for other alarms.',
      },
      routing,
    });
  }

  /** A period an interval, so that each has the run of the schedule; as many as make at least a day. */
  #fallbackRoute(routing: AlarmRouting): RefresherAlarm {
    const { interval } = this.#props;
    return new RefresherAlarm(this, 'FallbackRoute', {
      whatHappened: 'For a day credentials have been written over another of Runpod’s APIs than the first.',
      whatToDo:
        'See in the log which API works and what the first one answers, before that one is retired too.',
      metric: this.#metric('FallbackRoute', { statistic: 'Sum', period: interval }),
      periods: Math.ceil(Duration.days(1).toHours() / interval.toHours()),
      missingData: {
        as: TreatMissingData.IGNORE,
        because: 'a run that comes a little early or late leaves a period empty and proves nothing.',
      },
      routing,
    });
  }

  #apiKeyOld(routing: AlarmRouting): RefresherAlarm {
    const { apiKeyMaxAgeDays: threshold } = this.#props;
    return new RefresherAlarm(this, 'ApiKeyOld', {
      whatHappened: `A Runpod API key is older than ${threshold} days.`,
      whatToDo: 'Make a new key, store it in the secret, and delete the old one.',
      metric: this.#metric('ApiKeyAgeDays', { statistic: 'Maximum', period: Duration.hours(1) }),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold,
      missingData: { as: TreatMissingData.IGNORE, because: 'a key grows no younger between two runs.' },
      routing,
    });
  }

  #metric(name: MetricName, view: MetricView): IMetric {
    return refresherMetric(this.#props.service, name, view);
  }

  #intervalAndAnHour(): number {
    return this.#props.interval.toSeconds() + Duration.hours(1).toSeconds();
  }
}
