/** The stack's queues, as SQS tells. */

import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Operator } from '../operator';

/** How many messages a queue holds, whatever they wait for. @throws AWS's own error */
export async function waitingIn(operator: Operator, queueUrl: string): Promise<number> {
  const names = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateNumberOfMessagesDelayed',
  ] as const;
  const { Attributes } = await operator.queues.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] }),
  );
  return names.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
}
