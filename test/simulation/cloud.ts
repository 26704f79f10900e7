import type { EventQueue } from './event-queue';
import type { Faults } from './faults';
import type { MetricStore } from './metric-store';

/** One line of what happened, for a person who debugs a scenario. */
export interface LogEntry {
  readonly atMs: number;
  /** Logical id of the resource. */
  readonly resource: string;
  readonly what: string;
}

/** What the simulated services share. */
export interface Cloud {
  readonly events: EventQueue;
  readonly metrics: MetricStore;
  readonly faults: Faults;
  readonly timings: ServiceTimings;
  readonly log: (resource: string, what: string) => void;
  /** A new id, the same in every run of the same simulation. */
  readonly newId: () => string;
}

/** What AWS does not promise and a caller may vary, in milliseconds. */
export interface ServiceTimings {
  /** From a queue's message becoming visible to the poller's receiving it. */
  readonly pollLatencyMs: number;
  /**
   * From an inactive queue's first message to its first metric. SQS: "there is a delay of up to 15 minutes in
   * CloudWatch metrics when a queue is activated from an inactive state".
   */
  readonly queueActivationMs: number;
  /** From the time of a schedule to the event. EventBridge keeps to the minute, not to the second. */
  readonly ruleDelayMs: () => number;
}
