/** The AWS services around the function, in virtual time, connected as a synthesised template says. */

import { METRIC_NAMESPACE, type MetricName } from '../../lambda/core/contract';
import { AlarmWatch, type EvaluationOptions, type Transition } from './alarm-watch';
import type { Cloud, LogEntry, ServiceTimings } from './cloud';
import { refuseUnknownMetrics, serviceOf } from './emitted-metrics';
import { EventQueue } from './event-queue';
import { connectMapping } from './event-source-mapping';
import { Faults } from './faults';
import { AsyncInvoker } from './lambda-async';
import { type Invoke, SimulatedFunction } from './lambda-function';
import { MetricStore } from './metric-store';
import { ScheduleRule } from './schedule-rule';
import { SqsQueue } from './sqs-queue';
import { firstTickMs, readTemplate, type TemplatePart, type Wiring } from './template';
import type { AlarmResource } from './template-alarm';
import { type CloudFormationTemplate, NotUnderstoodError } from './template-values';

const MINUTE_MS = 60_000;

/** The behaviour of AWS that a simulation may vary. The defaults are rather slow. */
export interface CloudBehaviour extends EvaluationOptions, ServiceTimings {
  /** From the time a value is sent to the time from which alarms see it. */
  readonly metricDelayMs: number;
}

/** The input of a simulation. */
export interface SimulationProps {
  /** As `cdk synth` writes it. */
  readonly template: CloudFormationTemplate;
  /** The part of the template that is simulated. @default 'refresher' */
  readonly part?: TemplatePart;
  readonly invoke: Invoke;
  readonly startMs: number;
  /** The events of all simulations that share one virtual time. @default - it has its own time */
  readonly events?: EventQueue;
  /** When a rate fires for the first time. @default - at the start */
  readonly firstTickMs?: number;
  /**
   * When the alarms are created, in the state INSUFFICIENT_DATA.
   * @default - half an hour after the first event of the schedule, so that the first run's metrics are in a complete period
   */
  readonly alarmsFromMs?: number;
  /** @default - sliding windows, two extra periods, one minute for a metric and one for a notification */
  readonly behaviour?: Partial<CloudBehaviour>;
  /** Returns whether a topic, by logical id or ARN, only warns. @default - true for names that contain `warn` */
  readonly isWarningTopic?: (topic: string) => boolean;
  /** Number of log entries to keep. The oldest are dropped. @default 10 000 */
  readonly logLimit?: number;
}

const DEFAULT_BEHAVIOUR: CloudBehaviour = {
  alignment: 'sliding',
  extraPeriods: 2,
  evaluationDelayMs: MINUTE_MS,
  metricDelayMs: MINUTE_MS,
  pollLatencyMs: 1_000,
  queueActivationMs: 0,
  ruleDelayMs: () => 0,
};

/**
 * Connects the services of a template. Nothing runs before `runUntil`.
 *
 * @throws NotUnderstoodError when the template uses something that is not modelled, or an alarm could never fire
 */
export function createSimulation(props: SimulationProps): Simulation {
  return new Simulation(props);
}

/** A simulated deployment. */
export class Simulation {
  readonly faults = new Faults();
  /** Every transition of every alarm, also those without a notification. */
  readonly transitions: Transition[] = [];
  /** The latest log entries, oldest first. */
  readonly log: LogEntry[] = [];
  readonly #events: EventQueue;
  readonly #queues = new Map<string, SqsQueue>();
  readonly #invokers = new Map<string, AsyncInvoker>();
  readonly #alarms = new Map<string, AlarmWatch>();
  readonly #isWarningTopic: (topic: string) => boolean;
  readonly #deadLetterQueueIds: ReadonlySet<string>;
  readonly #service: string;
  readonly #metrics: MetricStore;

  constructor(props: SimulationProps) {
    const wiring = readTemplate(props.template, props.part);
    const behaviour = { ...DEFAULT_BEHAVIOUR, ...props.behaviour };
    this.#events = props.events ?? new EventQueue(props.startMs);
    this.#isWarningTopic = props.isWarningTopic ?? ((topic) => /warn/i.test(topic));
    this.#deadLetterQueueIds = deadLetterQueues(wiring);
    const cloud = this.#cloud(wiring.alarms, behaviour, props.logLimit ?? 10_000);
    const createdMs = props.firstTickMs ?? props.startMs;
    const [firstMs = createdMs] = wiring.rules.map((rule) => firstTickMs(rule, createdMs));
    this.#watch(wiring.alarms, cloud, behaviour, props.alarmsFromMs ?? firstMs + 30 * MINUTE_MS);
    this.#service = serviceOf(wiring.alarms);
    this.#metrics = cloud.metrics;
    this.#wire(wiring, cloud, props.invoke, createdMs);
  }

  /** The virtual time, in milliseconds since the epoch. */
  get nowMs(): number {
    return this.#events.nowMs;
  }

  /** Notifications to topics that page, including those for OK. */
  get pages(): readonly Transition[] {
    return this.transitions.filter(({ topics }) => topics.some((topic) => !this.#isWarningTopic(topic)));
  }

  /** Notifications to topics that only warn. */
  get warnings(): readonly Transition[] {
    return this.transitions.filter(({ topics }) => topics.length > 0 && topics.every(this.#isWarningTopic));
  }

  /** The queues by logical id. */
  get queues(): ReadonlyMap<
    string,
    Pick<SqsQueue, 'visible' | 'inFlight' | 'delayed' | 'messages' | 'purge'>
  > {
    return this.#queues;
  }

  /** The messages in the dead-letter queues of queues and of rule targets. */
  get deadLetters(): readonly {
    readonly queue: string;
    readonly body: string;
    readonly arrivedMs: number;
  }[] {
    return [...this.#deadLetterQueueIds].flatMap((queue) =>
      (this.#queues.get(queue)?.messages ?? []).map(({ body, arrivedMs }) => ({ queue, body, arrivedMs })),
    );
  }

  /** The alarm states by logical id. */
  get alarmStates(): ReadonlyMap<string, string> {
    return new Map([...this.#alarms].map(([id, alarm]) => [id, alarm.state]));
  }

  /** Runs the simulation until this time. */
  async runUntil(untilMs: number): Promise<void> {
    await this.#events.runUntil(untilMs);
  }

  /** Invokes a function asynchronously, as an operator does who refreshes by hand. */
  send(event: unknown, functionId: string): void {
    this.#invoker(functionId).send(event);
  }

  /** Counts one of the service's metrics at this time, as PutMetricData from elsewhere does. */
  countFromElsewhere(name: MetricName, atMs: number): void {
    const metric = { namespace: METRIC_NAMESPACE, name, dimensions: { service: this.#service } };
    this.#events.at(atMs, () => this.#metrics.put(metric, atMs, 1));
  }

  #cloud(alarms: readonly AlarmResource[], behaviour: CloudBehaviour, logLimit: number): Cloud {
    const events = this.#events;
    const ranges = alarms.map(
      (alarm) => (alarm.evaluationPeriods + behaviour.extraPeriods + 1) * alarm.periodMs,
    );
    const metrics = new MetricStore(
      behaviour.metricDelayMs,
      Math.max(0, ...ranges) + 60 * MINUTE_MS,
      (atMs) => this.faults.isCloudWatchDown(atMs),
    );
    let ids = 0;
    return {
      events,
      metrics,
      faults: this.faults,
      timings: behaviour,
      newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
      log: (resource, what) => {
        if (this.log.length >= 2 * logLimit) this.log.splice(0, this.log.length - logLimit);
        if (logLimit > 0) this.log.push({ atMs: events.nowMs, resource, what });
      },
    };
  }

  #watch(
    alarms: readonly AlarmResource[],
    cloud: Cloud,
    options: EvaluationOptions,
    createdMs: number,
  ): void {
    const { events, metrics } = cloud;
    const onTransition = (transition: Transition) => {
      this.transitions.push(transition);
      cloud.log(transition.alarm, `${transition.from} -> ${transition.state}`);
    };
    for (const alarm of alarms) {
      const watch = new AlarmWatch({
        alarm,
        events,
        metrics,
        options,
        createdMs,
        onTransition,
        backMs: (atMs) => this.faults.cloudWatchBackMs(atMs),
      });
      this.#alarms.set(alarm.id, watch);
      watch.start();
    }
  }

  #wire(wiring: Wiring, cloud: Cloud, invoke: Invoke, createdMs: number): void {
    refuseUnknownMetrics(wiring);
    for (const queue of wiring.queues) {
      this.#queues.set(queue.id, new SqsQueue(queue, cloud, (id) => this.#queue(id)));
    }
    const functions = new Map(
      wiring.functions.map((fn) => [fn.id, new SimulatedFunction(fn, cloud, invoke, this.#service)]),
    );
    for (const [id, fn] of functions) {
      this.#invokers.set(id, new AsyncInvoker(fn, cloud, this.#optionalQueue(fn.resource.onFailureQueueId)));
    }
    for (const mapping of wiring.mappings) {
      const fn = functions.get(mapping.functionId);
      if (!fn) throw new NotUnderstoodError(`${mapping.id}.FunctionName`, 'no function of this template');
      connectMapping(mapping, this.#queue(mapping.queueId), fn, cloud);
    }
    for (const rule of wiring.rules) {
      const connections = rule.targets.map((target) => ({
        target,
        invoker: this.#invoker(target.functionId),
        deadLetterQueue: this.#optionalQueue(target.deadLetterQueueId),
      }));
      new ScheduleRule(rule, connections, cloud).start(firstTickMs(rule, createdMs));
    }
  }

  #optionalQueue(id: string | undefined): SqsQueue | undefined {
    return id === undefined ? undefined : this.#queue(id);
  }

  #queue(id: string): SqsQueue {
    const queue = this.#queues.get(id);
    if (!queue) throw new NotUnderstoodError(id, 'no queue of this template');
    return queue;
  }

  #invoker(functionId: string): AsyncInvoker {
    const invoker = this.#invokers.get(functionId);
    if (!invoker) throw new NotUnderstoodError(functionId, 'no function of this template');
    return invoker;
  }
}

function deadLetterQueues({ queues, rules }: Wiring): ReadonlySet<string> {
  return new Set([
    ...queues.flatMap(({ redrive }) => (redrive ? [redrive.queueId] : [])),
    ...rules.flatMap(({ targets }) => targets.flatMap(({ deadLetterQueueId }) => deadLetterQueueId ?? [])),
  ]);
}
