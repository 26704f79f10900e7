import type { Cloud } from './cloud';
import type { QueueResource } from './template';

/** A message in a queue. */
export interface QueuedMessage {
  readonly messageId: string;
  readonly body: string;
  /** When it was first sent. A move to a dead-letter queue does not change it. */
  readonly sentMs: number;
  /** When it arrived in this queue. */
  readonly arrivedMs: number;
  /** How often it was received from this queue. */
  readonly receiveCount: number;
}

interface Held extends QueuedMessage {
  receiveCount: number;
  visibleFromMs: number;
  inFlight: boolean;
}

/** SQS sends no metrics of a queue that was empty and unused for about six hours. */
const INACTIVE_AFTER_MS = 6 * 3_600_000;

/**
 * A standard queue with delay, visibility timeout, redrive and retention.
 *
 * Its metric is ApproximateNumberOfMessagesVisible, without delayed and received messages. SQS samples it every minute
 * while the queue is active: while it holds a message or is polled, and up to six hours longer. Zero is a sample like any
 * other. An inactive queue sends nothing, and its first sample may come 15 minutes late.
 * Source: SQS Developer Guide, "Available CloudWatch metrics".
 */
export class SqsQueue {
  readonly resource: QueueResource;
  readonly #cloud: Cloud;
  readonly #findQueue: (id: string) => SqsQueue;
  /** Called when a message becomes visible. Set when an event source mapping polls this queue. */
  onVisible: (() => void) | undefined;
  readonly #held = new Map<string, Held>();
  #active = false;
  #firstSampleMs = Number.NEGATIVE_INFINITY;
  #lastUsedMs = Number.NEGATIVE_INFINITY;

  constructor(resource: QueueResource, cloud: Cloud, findQueue: (id: string) => SqsQueue) {
    this.resource = resource;
    this.#cloud = cloud;
    this.#findQueue = findQueue;
  }

  /** Every message in the queue. */
  get messages(): readonly QueuedMessage[] {
    return [...this.#held.values()];
  }

  /** Number of messages that can be received now. */
  get visible(): number {
    return this.#visible().length;
  }

  /** Number of messages that were received and are not yet deleted or visible again. */
  get inFlight(): number {
    return [...this.#held.values()].filter(({ inFlight }) => inFlight).length;
  }

  /** Number of messages whose delay is not over. */
  get delayed(): number {
    return this.#held.size - this.visible - this.inFlight;
  }

  /** Starts to poll. A polled queue is always active. */
  poll(onVisible: () => void): void {
    this.onVisible = onVisible;
    this.#active = true;
    this.#sampleDepth();
  }

  /** Sends a message. It becomes visible after the queue's delay. */
  send(body: string): void {
    const { nowMs } = this.#cloud.events;
    this.#hold(
      { messageId: this.#cloud.newId(), body, sentMs: nowMs, arrivedMs: nowMs, receiveCount: 0 },
      nowMs + this.resource.delayMs,
    );
    this.#cloud.log(this.resource.id, 'message sent');
  }

  /** Receives messages. One that has reached the maximum receive count moves to the dead-letter queue instead. */
  receive(limit: number): readonly QueuedMessage[] {
    const received: QueuedMessage[] = [];
    for (const held of this.#visible()) {
      if (received.length === limit) break;
      if (this.#redrive(held)) continue;
      held.receiveCount++;
      held.inFlight = true;
      this.#showLater(held, this.#cloud.events.nowMs + this.resource.visibilityTimeoutMs);
      received.push({ ...held });
    }
    this.#sampleDepth();
    return received;
  }

  /** Deletes a message. */
  delete(messageId: string): void {
    this.#held.delete(messageId);
    this.#sampleDepth();
  }

  /** Deletes all messages. */
  purge(): void {
    this.#held.clear();
    this.#sampleDepth();
  }

  #redrive(held: Held): boolean {
    const { redrive } = this.resource;
    if (!redrive || held.receiveCount < redrive.maxReceiveCount) return false;
    this.#held.delete(held.messageId);
    this.#cloud.log(this.resource.id, `message moved to ${redrive.queueId}`);
    this.#findQueue(redrive.queueId).#takeOver(held);
    return true;
  }

  #takeOver({ messageId, body, sentMs }: QueuedMessage): void {
    const arrivedMs = this.#cloud.events.nowMs;
    this.#hold({ messageId, body, sentMs, arrivedMs, receiveCount: 0 }, arrivedMs);
  }

  #hold(message: QueuedMessage, visibleFromMs: number): void {
    const held: Held = { ...message, visibleFromMs, inFlight: false };
    this.#held.set(message.messageId, held);
    this.#showLater(held, visibleFromMs);
    // A standard queue counts retention from the time a message was first sent, also in a dead-letter queue.
    this.#cloud.events.at(message.sentMs + this.resource.retentionMs, () => {
      if (this.#held.get(message.messageId) !== held) return;
      this.#cloud.log(this.resource.id, 'message lost: older than the retention period');
      this.delete(message.messageId);
    });
  }

  #showLater(held: Held, atMs: number): void {
    held.visibleFromMs = atMs;
    this.#cloud.events.at(atMs, () => {
      if (this.#held.get(held.messageId) !== held || held.visibleFromMs !== atMs) return;
      held.inFlight = false;
      this.#sampleDepth();
      this.onVisible?.();
    });
  }

  #visible(): readonly Held[] {
    const { nowMs } = this.#cloud.events;
    return [...this.#held.values()].filter(
      ({ inFlight, visibleFromMs }) => !inFlight && visibleFromMs <= nowMs,
    );
  }

  #sampleDepth(): void {
    const { events, timings } = this.#cloud;
    if (!this.#active) this.#firstSampleMs = events.nowMs + timings.queueActivationMs;
    this.#active = true;
    this.#lastUsedMs = events.nowMs;
    if (this.#firstSampleMs <= events.nowMs) this.#publish(this.visible);
    else events.at(this.#firstSampleMs, () => this.#publish(this.visible));
    if (this.#held.size === 0 && !this.onVisible) this.#deactivateLater(events.nowMs);
  }

  #deactivateLater(emptySinceMs: number): void {
    this.#cloud.events.at(emptySinceMs + INACTIVE_AFTER_MS, () => {
      if (this.#lastUsedMs !== emptySinceMs) return;
      this.#active = false;
      this.#publish(undefined);
    });
  }

  #publish(depth: number | undefined): void {
    const dimensions = { QueueName: this.resource.id };
    const metric = { namespace: 'AWS/SQS', name: 'ApproximateNumberOfMessagesVisible', dimensions };
    this.#cloud.metrics.level(metric, this.#cloud.events.nowMs, depth);
  }
}
