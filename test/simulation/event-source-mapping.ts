import type { Cloud } from './cloud';
import type { SimulatedFunction } from './lambda-function';
import type { QueuedMessage, SqsQueue } from './sqs-queue';
import type { MappingResource } from './template';

/**
 * Connects a queue to a function: Lambda polls the queue and invokes the function with each batch.
 *
 * On success the batch is deleted. After an error or a throttle it becomes visible again when the visibility timeout is
 * over.
 */
export function connectMapping(
  mapping: MappingResource,
  queue: SqsQueue,
  fn: SimulatedFunction,
  cloud: Cloud,
): void {
  const poll = (): Promise<void> | undefined => {
    const batch = queue.receive(mapping.batchSize);
    if (batch.length === 0 || fn.isThrottled()) return undefined;
    return fn.run(
      { Records: batch.map((message) => toRecord(message, queue.resource.id)) },
      cloud.newId(),
      (result) => {
        if (!result.ok) return;
        for (const { messageId } of batch) queue.delete(messageId);
      },
    );
  };
  queue.poll(() => cloud.events.at(cloud.events.nowMs + cloud.timings.pollLatencyMs, poll));
}

function toRecord(message: QueuedMessage, queueId: string): Record<string, unknown> {
  return {
    messageId: message.messageId,
    receiptHandle: `receipt-${message.messageId}-${message.receiveCount}`,
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receiveCount),
      SentTimestamp: String(message.sentMs),
      SenderId: 'AIDAEXAMPLE',
      ApproximateFirstReceiveTimestamp: String(message.arrivedMs),
    },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:us-east-1:123456789012:${queueId}`,
    awsRegion: 'us-east-1',
  };
}
