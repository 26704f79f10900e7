/** What on-call looks at, in reading order. */

import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { MetricName } from '../lambda/core/contract';
import type { Alarms } from './alarms';
import { LAST_FAILURES } from './log-queries';
import { type MetricView, refresherMetric } from './metrics';

/** Properties of `RefresherDashboard`. */
export interface RefresherDashboardProps {
  /** The `service` of the function's metrics. */
  readonly service: string;
  readonly function: IFunction;
  readonly logGroup: ILogGroup;
  readonly retryQueue: IQueue;
  readonly deadLetterQueue: IQueue;
  readonly undeliveredQueue: IQueue;
  readonly alarms: Alarms;
  /** Time from one refresh to the next. */
  readonly interval: Duration;
}

const WIDE = 24;
const HALF = 12;

/** One dashboard: CloudWatch gives three for nothing. */
export class RefresherDashboard extends Construct {
  readonly dashboard: Dashboard;
  readonly #props: RefresherDashboardProps;

  constructor(scope: Construct, id: string, props: RefresherDashboardProps) {
    super(scope, id);
    this.#props = props;
    const { stackName, region } = Stack.of(this);
    this.dashboard = new Dashboard(this, 'Dashboard', {
      // Names of dashboards are shared by all regions of an account.
      dashboardName: `${stackName}-${region}`,
      defaultInterval: Duration.days(2),
      widgets: [
        [this.#health(), this.#lifeLeft()],
        [this.#runs(), this.#failures()],
        [this.#retriesWaiting(), this.#duration()],
        [this.#alarmStates()],
        [this.#lastFailures()],
      ],
    });
  }

  #health(): IWidget {
    return new SingleValueWidget({
      title: 'Is it healthy? Full runs that succeeded, per interval',
      width: HALF,
      metrics: [
        this.#metric('RunSucceeded', {
          statistic: 'Sum',
          period: this.#props.interval,
          label: 'successful runs',
        }),
      ],
    });
  }

  #lifeLeft(): IWidget {
    return new SingleValueWidget({
      title: 'Minutes of life that the least fresh credential had when it was written',
      width: HALF,
      metrics: [
        this.#metric('CredentialMinutesLeft', {
          statistic: 'Minimum',
          period: this.#props.interval,
          label: 'minutes',
        }),
      ],
    });
  }

  #runs(): IWidget {
    return graph('Runs', [
      this.#count('TargetsRefreshed', 'targets refreshed'),
      this.#count('FallbackRoute', 'of these over another API than the first'),
      this.#props.function.metricInvocations({ period: HOUR, label: 'invocations' }),
    ]);
  }

  #failures(): IWidget {
    return graph('Failures by kind', [
      this.#count('TargetsFailed', 'targets failed'),
      this.#count('OperatorActionNeeded', 'of these: a person must act'),
      this.#props.function.metricErrors({ period: HOUR, label: 'failed invocations' }),
    ]);
  }

  #retriesWaiting(): IWidget {
    const { retryQueue, deadLetterQueue, undeliveredQueue } = this.#props;
    const view = { statistic: 'Maximum', period: Duration.minutes(5) };
    return graph('Runs that wait', [
      retryQueue.metricApproximateNumberOfMessagesDelayed({ ...view, label: 'for their first retry' }),
      retryQueue.metricApproximateNumberOfMessagesNotVisible({ ...view, label: 'for their next retry' }),
      deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...view, label: 'given up' }),
      undeliveredQueue.metricApproximateNumberOfMessagesVisible({ ...view, label: 'never delivered' }),
    ]);
  }

  #duration(): IWidget {
    return graph(
      'Duration, and age of the Runpod key in days (right)',
      [
        this.#props.function.metricDuration({
          statistic: 'Maximum',
          period: HOUR,
          label: 'longest run, in ms',
        }),
      ],
      [this.#metric('ApiKeyAgeDays', { statistic: 'Maximum', period: HOUR, label: 'days' })],
    );
  }

  #alarmStates(): IWidget {
    return new AlarmStatusWidget({
      title: 'Alarms',
      width: WIDE,
      height: 4,
      // By name, so that the dashboard neither waits for the alarms nor is rolled back with one.
      alarms: this.#props.alarms.all.map(({ node, givenName }) =>
        Alarm.fromAlarmName(this, node.id, givenName),
      ),
    });
  }

  #lastFailures(): IWidget {
    return new LogQueryWidget({
      title: 'Last failures',
      width: WIDE,
      height: 8,
      view: LogQueryVisualizationType.TABLE,
      logGroupNames: [this.#props.logGroup.logGroupName],
      queryLines: [...LAST_FAILURES],
    });
  }

  #count(name: MetricName, label: string): IMetric {
    return this.#metric(name, { statistic: 'Sum', period: HOUR, label });
  }

  #metric(name: MetricName, view: MetricView): IMetric {
    return refresherMetric(this.#props.service, name, view);
  }
}

const HOUR = Duration.hours(1);

function graph(title: string, left: IMetric[], right: IMetric[] = []): IWidget {
  return new GraphWidget({ title, width: HALF, height: 6, left, right, leftYAxis: { min: 0 } });
}
