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
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IRule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { MetricName } from '../lambda/core/contract';
import type { Alarms } from './alarms';
import type { DashboardAddress } from './dashboard-address';
import { LAST_FAILURES, PULL_PROBLEMS } from './log-queries';
import { type MetricView, refresherMetric } from './metrics';
import type { PullWatch } from './pull-watch';
import { runbookFor } from './runbook';

/** Properties of `RefresherDashboard`. */
export interface RefresherDashboardProps {
  /** Value of the dimension `service` of the function's metrics. */
  readonly service: string;
  readonly function: IFunction;
  /** The rule that invokes the function on schedule. */
  readonly rule: IRule;
  readonly logGroup: ILogGroup;
  /** Failed runs that will be retried. */
  readonly retryQueue: IQueue;
  /** Runs that failed and are no longer retried. */
  readonly deadLetterQueue: IQueue;
  /** Events that could not be delivered to the function. */
  readonly undeliveredQueue: IQueue;
  readonly alarms: Alarms;
  /** Time from one scheduled refresh to the next. */
  readonly interval: Duration;
  /** @default - there is no watch */
  readonly watch?: Pick<PullWatch, 'function' | 'logGroup'> | undefined;
  readonly address: DashboardAddress;
  /** Whether the alarms link to this dashboard for the runbook. */
  readonly hasRunbook: boolean;
}

const FULL_WIDTH = 24;
const HALF_WIDTH = 12;
const HOUR = Duration.hours(1);

/**
 * The dashboard of one refresher, with the most important question first.
 *
 * It costs nothing as long as the account has at most three dashboards (CloudWatch pricing, free tier).
 */
export class RefresherDashboard extends Construct {
  readonly dashboard: Dashboard;
  readonly #props: RefresherDashboardProps;

  constructor(scope: Construct, id: string, props: RefresherDashboardProps) {
    super(scope, id);
    this.#props = props;
    const [introduction, ...sections] = (props.hasRunbook ? this.#runbook() : []).map(textOf);
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: props.address.dashboardName,
      defaultInterval: Duration.days(2),
      widgets: [
        ...(introduction ? [[introduction]] : []),
        [this.#health(), this.#credentialLifetime()],
        [this.#runs(), this.#failures()],
        [this.#queues(), this.#duration()],
        [this.#alarmStates()],
        [this.#lastFailures()],
        ...(props.watch ? [[this.#pulls()], [this.#pullProblems(props.watch.logGroup)]] : []),
        ...sections.map((section) => [section]),
      ],
    });
  }

  /** Returns the runbook with the names of this refresher: the introduction, and then each section. */
  #runbook(): string[] {
    const { service, alarms, address, watch } = this.#props;
    const { stackName, region } = Stack.of(this);
    return runbookFor({
      stackName,
      service,
      region,
      alarms: alarms.all.map(({ id }) => id),
      outputs: {
        FunctionName: this.#props.function.functionName,
        LogGroupName: this.#props.logGroup.logGroupName,
        RuleName: this.#props.rule.ruleName,
        RetryQueueUrl: this.#props.retryQueue.queueUrl,
        DeadLetterQueueUrl: this.#props.deadLetterQueue.queueUrl,
        UndeliveredQueueUrl: this.#props.undeliveredQueue.queueUrl,
        DashboardUrl: address.url,
        ...(watch && {
          WatchFunctionName: watch.function.functionName,
          WatchLogGroupName: watch.logGroup.logGroupName,
        }),
      },
    });
  }

  #health(): IWidget {
    return new SingleValueWidget({
      title: 'Is it healthy? Successful full runs, per interval',
      width: HALF_WIDTH,
      metrics: [
        this.#metric('RunSucceeded', {
          statistic: 'Sum',
          period: this.#props.interval,
          label: 'successful runs',
        }),
      ],
    });
  }

  #credentialLifetime(): IWidget {
    return new SingleValueWidget({
      title: 'Least remaining lifetime of a credential when it was written, in minutes',
      width: HALF_WIDTH,
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
      this.#count('FallbackRoute', 'of these, over another API than the preferred one'),
      this.#props.function.metricInvocations({ period: HOUR, label: 'invocations' }),
    ]);
  }

  #failures(): IWidget {
    return graph('Failures by kind', [
      this.#count('TargetsFailed', 'targets failed'),
      this.#count('OperatorActionNeeded', 'of these, a person must act'),
      this.#props.function.metricErrors({ period: HOUR, label: 'failed invocations' }),
    ]);
  }

  #queues(): IWidget {
    const { retryQueue, deadLetterQueue, undeliveredQueue } = this.#props;
    const view = { statistic: 'Maximum', period: Duration.minutes(5) };
    return graph('Failed runs in the queues', [
      retryQueue.metricApproximateNumberOfMessagesDelayed({ ...view, label: 'waiting for the first retry' }),
      retryQueue.metricApproximateNumberOfMessagesNotVisible({
        ...view,
        label: 'waiting for the next retry',
      }),
      deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...view, label: 'no longer retried' }),
      undeliveredQueue.metricApproximateNumberOfMessagesVisible({ ...view, label: 'never delivered' }),
    ]);
  }

  #duration(): IWidget {
    return graph(
      'Duration of runs (left), age of the Runpod API key in days (right)',
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
      width: FULL_WIDTH,
      height: 4,
      // The alarms are imported by name. With references, the dashboard would wait for them and be rolled back with them.
      alarms: this.#props.alarms.all.map(({ node, givenName }) =>
        Alarm.fromAlarmName(this, node.id, givenName),
      ),
    });
  }

  #lastFailures(): IWidget {
    return new LogQueryWidget({
      title: 'Last failures',
      width: FULL_WIDTH,
      height: 8,
      view: LogQueryVisualizationType.TABLE,
      logGroupNames: [this.#props.logGroup.logGroupName],
      queryLines: [...LAST_FAILURES],
    });
  }

  #pulls(): IWidget {
    const view = { statistic: 'Maximum', period: HOUR } as const;
    return new GraphWidget({
      title: 'Workloads with problems that two looks in a row found',
      width: FULL_WIDTH,
      height: 6,
      left: [
        this.#metric('PullsFailing', { ...view, label: 'their own log says that a pull failed' }),
        this.#metric('ImagesUnpullable', { ...view, label: 'the next worker could not pull' }),
      ],
      leftYAxis: { min: 0 },
    });
  }

  #pullProblems(logGroup: ILogGroup): IWidget {
    return new LogQueryWidget({
      title: 'What the watch found, and what it may not look at',
      width: FULL_WIDTH,
      height: 8,
      view: LogQueryVisualizationType.TABLE,
      logGroupNames: [logGroup.logGroupName],
      queryLines: [...PULL_PROBLEMS],
    });
  }

  #count(name: MetricName, label: string): IMetric {
    return this.#metric(name, { statistic: 'Sum', period: HOUR, label });
  }

  #metric(name: MetricName, view: MetricView): IMetric {
    return refresherMetric(this.#props.service, name, view);
  }
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): IWidget {
  return new GraphWidget({ title, width: HALF_WIDTH, height: 6, left, right, leftYAxis: { min: 0 } });
}

/** Returns a widget that shows a text without scrolling: two lines of text are about one unit of the grid. */
function textOf(markdown: string): IWidget {
  const lines = markdown.split('\n').length;
  return new TextWidget({ markdown, width: FULL_WIDTH, height: 2 + Math.ceil(lines / 2) });
}
