import type { Cloud } from './cloud';
import type { AsyncInvoker } from './lambda-async';
import type { SqsQueue } from './sqs-queue';
import type { RuleResource, RuleTarget } from './template';

/** A rule's target with its function and dead-letter queue. */
export interface TargetConnection {
  readonly target: RuleTarget;
  readonly invoker: AsyncInvoker;
  readonly deadLetterQueue: SqsQueue | undefined;
}

/** The first delay before a retry. EventBridge documents exponential backoff with jitter, but not where it starts. */
const FIRST_BACKOFF_MS = 30_000;

/** A schedule. It delivers each event to its targets. */
export class ScheduleRule {
  readonly #rule: RuleResource;
  readonly #connections: readonly TargetConnection[];
  readonly #cloud: Cloud;

  constructor(rule: RuleResource, connections: readonly TargetConnection[], cloud: Cloud) {
    this.#rule = rule;
    this.#connections = connections;
    this.#cloud = cloud;
  }

  /** Starts to fire, unless the template disables the rule. */
  start(firstTickMs: number): void {
    if (this.#rule.enabled) this.#tickAt(firstTickMs);
  }

  #tickAt(scheduledMs: number): void {
    const { events, faults, timings } = this.#cloud;
    events.at(scheduledMs, () => {
      this.#tickAt(scheduledMs + this.#rule.intervalMs);
      if (faults.isScheduleSilent(scheduledMs)) return;
      events.at(scheduledMs + timings.ruleDelayMs(), () => this.#fire());
    });
  }

  #fire(): void {
    const { events, newId } = this.#cloud;
    for (const connection of this.#connections) {
      const event = connection.target.input ?? scheduledEvent(this.#rule.id, newId(), events.nowMs);
      this.#deliver(connection, event, events.nowMs, 0);
    }
  }

  /** Without permission the event goes to the dead-letter queue at once. EventBridge retries other failures. */
  #deliver(connection: TargetConnection, event: unknown, firedMs: number, failures: number): void {
    const { events, faults } = this.#cloud;
    const fault = faults.deliveryFault(events.nowMs);
    if (!fault) {
      this.#count('Invocations');
      connection.invoker.send(event);
      const afterMs = faults.secondDeliveryAfterMs(events.nowMs);
      if (afterMs !== undefined) events.at(events.nowMs + afterMs, () => connection.invoker.send(event));
      return;
    }
    const { maxRetries, maxEventAgeMs } = connection.target;
    const retryMs = events.nowMs + FIRST_BACKOFF_MS * 2 ** failures;
    if (fault === 'denied' || failures >= maxRetries || retryMs > firedMs + maxEventAgeMs) {
      this.#giveUp(connection, event);
      return;
    }
    events.at(retryMs, () => this.#deliver(connection, event, firedMs, failures + 1));
  }

  #giveUp({ deadLetterQueue }: TargetConnection, event: unknown): void {
    this.#cloud.log(this.#rule.id, 'could not invoke its target');
    this.#count('Invocations');
    this.#count('FailedInvocations');
    if (!deadLetterQueue) return;
    this.#count('InvocationsSentToDlq');
    deadLetterQueue.send(JSON.stringify(event));
  }

  #count(name: string): void {
    const metric = { namespace: 'AWS/Events', name, dimensions: { RuleName: this.#rule.id } };
    this.#cloud.metrics.put(metric, this.#cloud.events.nowMs, 1);
  }
}

function scheduledEvent(ruleId: string, id: string, nowMs: number): Record<string, unknown> {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '123456789012',
    time: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
    region: 'us-east-1',
    resources: [`arn:aws:events:us-east-1:123456789012:rule/${ruleId}`],
    detail: {},
  };
}
