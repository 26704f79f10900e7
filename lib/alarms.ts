import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type AlarmName, type MetricName, type OtherRefresher, severityOf } from '../lambda/core/contract';
import { PAGE_BUDGET_MINUTES } from '../lambda/core/model';
import { type MetricView, refresherMetric } from './metrics';
import { type AlarmActions, type AlarmDefinition, RefresherAlarm, type Runbook } from './refresher-alarm';

/** Properties of `Alarms`. */
export interface AlarmsProps {
  /** Value of the dimension `service` of the function's metrics. */
  readonly service: string;
  readonly function: IFunction;
  /** Timeout of the function. */
  readonly timeout: Duration;
  /** Time from one scheduled refresh to the next, in whole hours. */
  readonly interval: Duration;
  /** Time from the start of one retry of a failed run to the start of the next. */
  readonly retryInterval: Duration;
  /** In a new stack, the first success is visible in CloudWatch within this time. */
  readonly successWithin: Duration;
  /** The queue of runs that failed and are no longer retried. */
  readonly deadLetterQueue: IQueue;
  /** The queue of events that no rule could deliver to the function. */
  readonly undeliveredQueue: IQueue;
  /** `CredentialShortLived` goes off for a credential that has less life than this when it is written, in minutes. */
  readonly minCredentialMinutes: number;
  /** `ApiKeyOld` goes off for a Runpod API key that is older than this, in days. */
  readonly apiKeyMaxAgeDays: number;
  /** Time from one look of the watch to the next. @default - there is no watch */
  readonly watchInterval?: Duration | undefined;
  /** The refresher of another region for the same targets. @default - there is none */
  readonly other?: OtherRefresher | undefined;
  /** What an alarm of each severity does. */
  readonly actions: AlarmActions;
  readonly runbook: Runbook;
}

/** `test/lib/page-budget.test.ts` checks that it is true. */
const FOUR_HOURS_LEFT = `New workers can pull for at least ${hours(PAGE_BUDGET_MINUTES)}, until the credentials at Runpod expire (npx runpod-ecr status shows when).`;

const CAN_WAIT = 'It can wait until morning: nothing fails yet.';

/** CloudWatch looks back a few periods further than an alarm asks for, so long periods would delay a page. */
const SHORT_PERIOD = Duration.minutes(5);

/**
 * The alarms of one refresher. Pages ask for a person now; warnings can wait until morning.
 *
 * @example
 * const alarms = new Alarms(stack, 'Alarms', props);
 * for (const alarm of alarms.pages) alarm.addAlarmAction(new SnsAction(topic));
 */
export class Alarms extends Construct {
  /** All alarms, pages first. */
  readonly all: readonly RefresherAlarm[];
  /** The alarms of severity `page`. */
  readonly pages: readonly RefresherAlarm[];
  /** The alarms of severity `warning`. */
  readonly warnings: readonly RefresherAlarm[];
  /** No run has succeeded for too long: the alarm that still works when nothing else does. */
  readonly refreshSilent: RefresherAlarm;
  /** No run of this region has succeeded for too long. It exists only when another region refreshes too. */
  readonly regionSilent: RefresherAlarm | undefined;
  readonly #props: AlarmsProps;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#props = props;
    const hasWatch = props.watchInterval !== undefined;
    this.refreshSilent = this.#add('RefreshSilent', this.#refreshSilent());
    this.regionSilent = props.other && this.#add('RegionSilent', this.#regionSilent(props.other));
    const byName: Readonly<Record<AlarmName, RefresherAlarm | undefined>> = {
      RefreshSilent: this.refreshSilent,
      RefreshFailing: this.#add('RefreshFailing', this.#refreshFailing()),
      OperatorActionNeeded: this.#add('OperatorActionNeeded', this.#operatorActionNeeded()),
      RetriesExhausted: this.#add('RetriesExhausted', this.#retriesExhausted()),
      ScheduleBroken: this.#add('ScheduleBroken', this.#scheduleBroken()),
      CredentialShortLived: this.#add('CredentialShortLived', this.#credentialShortLived()),
      PullsFailing: hasWatch ? this.#add('PullsFailing', this.#pullsFailing()) : undefined,
      ImagesUnpullable: hasWatch ? this.#add('ImagesUnpullable', this.#imagesUnpullable()) : undefined,
      RegionSilent: this.regionSilent,
      RunningSlow: this.#add('RunningSlow', this.#runningSlow()),
      FallbackRoute: this.#add('FallbackRoute', this.#fallbackRoute()),
      ApiKeyOld: this.#add('ApiKeyOld', this.#apiKeyOld()),
      WatchSilent: hasWatch ? this.#add('WatchSilent', this.#watchSilent()) : undefined,
    };
    this.all = Object.values(byName).flatMap((alarm) => alarm ?? []);
    this.pages = this.all.filter(({ severity }) => severity === 'page');
    this.warnings = this.all.filter(({ severity }) => severity === 'warning');
  }

  #add(id: AlarmName, definition: AlarmDefinition): RefresherAlarm {
    const { service, actions, runbook, other } = this.#props;
    const severity = severityOf(id, other?.side);
    const isMilder = severity !== severityOf(id);
    return new RefresherAlarm(this, id, {
      ...definition,
      ...(isMilder && other && { timeLeft: goesOn(other) }),
      service,
      severity,
      actions,
      runbook,
      other,
    });
  }

  #refreshSilent(): AlarmDefinition {
    const { other } = this.#props;
    return {
      whatHappened: other
        ? `Neither this refresher nor the one in ${other.region} has refreshed every target for one interval and an hour.`
        : 'No run has refreshed every target for one interval and an hour.',
      timeLeft: FOUR_HOURS_LEFT,
      whatToDo: 'Find out whether runs fail or nothing runs at all, and refresh by hand.',
      ...this.#silence('RunSucceeded'),
    };
  }

  #regionSilent(other: OtherRefresher): AlarmDefinition {
    return {
      whatHappened: 'No run of this region has refreshed every target for one interval and an hour.',
      timeLeft: goesOn(other),
      whatToDo: 'Find out whether runs fail or nothing runs at all; an outage of the region ends by itself.',
      ...this.#silence('RegionSucceeded'),
    };
  }

  /** No success was counted for one interval and an hour. */
  #silence(
    name: MetricName,
  ): Pick<AlarmDefinition, 'metric' | 'comparison' | 'periods' | 'missingData' | 'warmUp'> {
    return {
      metric: this.#metric(name, { statistic: 'Sum', period: SHORT_PERIOD }),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      periods: this.#intervalAndAnHour() / SHORT_PERIOD.toSeconds(),
      missingData: { treatAs: TreatMissingData.BREACHING, reason: 'no data means that no run has finished.' },
      // In a new stack nothing has succeeded yet, and missing data would set the alarm off at once.
      warmUp: this.#props.successWithin,
    };
  }

  /**
   * The period is one retry interval, one run, and a minute for the queue's polling. While retries go on, each such
   * period has at least one report, because a run reports when it ends.
   *
   * Periods may be aligned to the clock, and then the first and the last of the five are cut short. The three
   * between them still cover an hour.
   *
   * The statistic is Minimum, so one success ends the alarm. With Sum, failures earlier in the period would keep it on.
   */
  #refreshFailing(): AlarmDefinition {
    const period = this.#props.retryInterval.plus(this.#props.timeout).plus(Duration.minutes(1));
    return {
      whatHappened: 'Targets have failed for more than an hour, although the run was retried.',
      timeLeft: FOUR_HOURS_LEFT,
      whatToDo:
        'See with npx runpod-ecr status which targets fail and why; after an outage a retry succeeds by itself.',
      metric: this.#metric('TargetsFailed', { statistic: 'Minimum', period }),
      periods: 5,
      missingData: {
        treatAs: TreatMissingData.NOT_BREACHING,
        reason: 'between two scheduled runs nothing is sent and nothing is wrong.',
      },
    };
  }

  /** Five periods are evaluated rather than one, because a metric can arrive after its own minute was evaluated. */
  #operatorActionNeeded(): AlarmDefinition {
    return {
      whatHappened: 'A target failed in a way that no retry can fix.',
      timeLeft: FOUR_HOURS_LEFT,
      whatToDo: 'Take the fix that doctor names; the next retry then succeeds by itself.',
      metric: this.#metric('OperatorActionNeeded', { statistic: 'Sum', period: Duration.minutes(1) }),
      periods: 5,
      periodsToAlarm: 1,
      missingData: {
        treatAs: TreatMissingData.IGNORE,
        reason: 'only a run can show that it is fixed, so the state stays until the next run.',
      },
    };
  }

  #retriesExhausted(): AlarmDefinition {
    return {
      whatHappened: 'A failed run was retried for a whole interval and is now in the dead-letter queue.',
      timeLeft: 'The credentials at Runpod may have expired already.',
      whatToDo: 'Check whether a later run has succeeded, fix the cause, and empty the queue.',
      ...isNotEmpty(this.#props.deadLetterQueue),
    };
  }

  /**
   * All rules share the queue: the schedule's and those of changed secrets.
   *
   * The alarm does not use EventBridge's `FailedInvocations`: AWS's pages disagree about whether it counts an event that
   * went to a dead-letter queue. SQS may take 15 minutes to send the first metrics of a queue that was idle.
   */
  #scheduleBroken(): AlarmDefinition {
    return {
      whatHappened: 'A rule could not invoke the function, on schedule or for a changed secret.',
      timeLeft: FOUR_HOURS_LEFT,
      whatToDo: 'Refresh by hand now, read the undelivered event, fix the permission, and empty the queue.',
      ...isNotEmpty(this.#props.undeliveredQueue),
    };
  }

  /** As with `OperatorActionNeeded`, any of five minutes is enough. Credentials that do not expire send no data. */
  #credentialShortLived(): AlarmDefinition {
    const { minCredentialMinutes: threshold } = this.#props;
    return {
      whatHappened: `A credential was written that expires within ${threshold} minutes.`,
      timeLeft: `New workers can pull for less than ${hours(threshold)}.`,
      whatToDo: 'Refresh again now, and find out why the registry issues credentials with so little life.',
      metric: this.#metric('CredentialMinutesLeft', { statistic: 'Minimum', period: Duration.minutes(1) }),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold,
      periods: 5,
      periodsToAlarm: 1,
      missingData: {
        treatAs: TreatMissingData.IGNORE,
        reason: 'only a run can write a credential that lives longer.',
      },
    };
  }

  #pullsFailing(): AlarmDefinition {
    return {
      whatHappened: 'In two looks in a row, the log of a worker said that it could not pull its image.',
      timeLeft: 'New workers of these workloads do not start.',
      whatToDo: 'Read in the log of the watch which workload and why; npx runpod-ecr doctor looks again.',
      ...this.#sinceLastLook('PullsFailing'),
    };
  }

  #imagesUnpullable(): AlarmDefinition {
    return {
      whatHappened: 'In two looks in a row, the next worker of a workload could not have pulled its image.',
      timeLeft: 'Running workers are not affected, and the next one does not start.',
      whatToDo: 'Read in the log of the watch which workload and why; npx runpod-ecr doctor looks again.',
      ...this.#sinceLastLook('ImagesUnpullable'),
    };
  }

  /** The function counts what two looks in a row found. As with `OperatorActionNeeded`, any of five minutes is enough. */
  #sinceLastLook(
    name: MetricName,
  ): Pick<AlarmDefinition, 'metric' | 'periods' | 'periodsToAlarm' | 'missingData'> {
    return {
      metric: this.#metric(name, { statistic: 'Maximum', period: Duration.minutes(1) }),
      periods: 5,
      periodsToAlarm: 1,
      missingData: {
        treatAs: TreatMissingData.IGNORE,
        reason: 'only a look can show that it is fixed, so the state stays until the next look.',
      },
    };
  }

  #watchSilent(): AlarmDefinition {
    return {
      whatHappened: 'The watch has not reported for a day whether workers can pull.',
      timeLeft: CAN_WAIT,
      whatToDo: 'Read in its log why; credentials are still refreshed.',
      metric: this.#metric('PullsFailing', { statistic: 'SampleCount', period: Duration.hours(1) }),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
      periods: 24,
      missingData: {
        treatAs: TreatMissingData.BREACHING,
        reason: 'no data means that no look has reported.',
      },
      // In a new stack there was no look yet.
      warmUp: Duration.days(1),
    };
  }

  #runningSlow(): AlarmDefinition {
    return {
      whatHappened: 'A run took more than 80 % of its timeout.',
      timeLeft: CAN_WAIT,
      whatToDo: 'Read in the log what the run waited for; nothing has failed yet.',
      metric: this.#props.function.metricDuration({ statistic: 'Maximum', period: Duration.hours(1) }),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0.8 * this.#props.timeout.toMilliseconds(),
      periods: 24,
      periodsToAlarm: 1,
      missingData: {
        treatAs: TreatMissingData.NOT_BREACHING,
        reason: 'without a run nothing is slow, and other alarms watch whether anything runs.',
      },
    };
  }

  /** A period is one interval, so that each has one scheduled run. The periods together last at least a day. */
  #fallbackRoute(): AlarmDefinition {
    const { interval } = this.#props;
    return {
      whatHappened:
        'For a day, credentials have been written over another of Runpod’s APIs than the preferred one.',
      timeLeft: CAN_WAIT,
      whatToDo:
        'Read in the log which API works and what the preferred one answers, before the working one is retired too.',
      metric: this.#metric('FallbackRoute', { statistic: 'Sum', period: interval }),
      periods: Math.ceil(Duration.days(1).toHours() / interval.toHours()),
      missingData: {
        treatAs: TreatMissingData.IGNORE,
        reason: 'a run that comes a little early or late leaves a period empty and proves nothing.',
      },
    };
  }

  #apiKeyOld(): AlarmDefinition {
    const { apiKeyMaxAgeDays: threshold } = this.#props;
    return {
      whatHappened: `A Runpod API key is older than ${threshold} days.`,
      timeLeft: CAN_WAIT,
      whatToDo: 'Create a new key, store it in the secret, and delete the old one.',
      metric: this.#metric('ApiKeyAgeDays', { statistic: 'Maximum', period: Duration.hours(1) }),
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold,
      missingData: {
        treatAs: TreatMissingData.IGNORE,
        reason: 'a key does not get younger between two runs.',
      },
    };
  }

  #metric(name: MetricName, view: MetricView): IMetric {
    return refresherMetric(this.#props.service, name, view);
  }

  #intervalAndAnHour(): number {
    return this.#props.interval.toSeconds() + Duration.hours(1).toSeconds();
  }
}

/**
 * Returns the condition that a queue holds a message. It uses the maximum over five minutes, because a message is
 * invisible while a person reads it.
 */
function isNotEmpty(queue: IQueue): Pick<AlarmDefinition, 'metric' | 'missingData'> {
  return {
    metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: SHORT_PERIOD }),
    missingData: {
      treatAs: TreatMissingData.NOT_BREACHING,
      reason: 'SQS sends no metric for a queue that has been empty for hours.',
    },
  };
}

function goesOn({ region }: OtherRefresher): string {
  return `The refresher in ${region} goes on by itself: RefreshSilent pages when both fail.`;
}

function hours(minutes: number): string {
  return `${minutes / 60} hours`;
}
