import type { EventQueue } from './event-queue';
import type { Faults } from './faults';
import type { MetricStore } from './metric-store';

/** A log entry, for people who debug a scenario. */
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
  /** Returns a new id. The ids are the same in every run of the same simulation. */
  readonly newId: () => string;
}

/** Delays that AWS does not specify, in milliseconds. */
export interface ServiceTimings {
  /** From the time a message becomes visible to the time the poller receives it. */
  readonly pollLatencyMs: number;
  /**
   * From an inactive queue's first message to its first metric. The SQS guide says: "there is a delay of up to 15 minutes in
   * CloudWatch metrics when a queue is activated from an inactive state".
   */
  readonly queueActivationMs: number;
  /** From the scheduled time to the event. EventBridge is exact to the minute, not to the second. */
  readonly ruleDelayMs: () => number;
}
