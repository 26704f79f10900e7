import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';

/** A queue for events that are no longer retried: encrypted, TLS only, 14 days of retention (the maximum of SQS). */
export class DeadLetterQueue extends Queue {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(this, {
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'This is a dead-letter queue. Its messages wait for a person, and nothing consumes them.',
    });
  }
}
